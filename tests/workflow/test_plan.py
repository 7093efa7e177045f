"""`make plan`: the same list as Snakemake's own, whatever happened to the files, and words that people understand."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
import yaml

from builders import national
from builders.demo import ROOT
from builders.plan_lists import Lister
from builders.plans import finish

pytestmark = pytest.mark.timeout(900)

SEEDS = range(int(os.environ.get("SEALWATCH_PLAN_SEEDS", "2")))
STEPS = 8
SIZE = replace(national.SMALL, passes=12, scenes=18, sheets=8, flagged=3)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A country after a run."""
    country = national.build(tmp_path_factory.mktemp("finished"), size=SIZE)
    finish(country)
    (country.results / "change/32633_alerts.parquet").unlink()  # empty here, and no target
    return country


@pytest.fixture
def country(finished, tmp_path):
    """The finished country, put back afterwards; absolute paths name its folder, so that no copy would do."""
    folder = finished.config_file.parent
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept, symlinks=True)
    yield finished
    shutil.rmtree(folder)
    shutil.copytree(kept, folder, symlinks=True)


@pytest.fixture
def lister(finished):
    made = Lister(finished.config_file.parent)
    yield made
    made.close()


class Disturbed:
    """A finished country to which something happens again and again."""

    def __init__(self, country, seed):
        self.country, self.random = country, random.Random(seed)
        self.folder = country.config_file.parent
        self.said = []

    def step(self):
        names = [name for name in dir(self) if name.startswith("do_")]
        name = self.random.choice(names)
        self.said.append(f"{name}: {getattr(self, name)()}")

    def product(self):
        found = sorted(
            path
            for path in self.country.results.rglob("*")
            if path.is_file() and path.parts[len(self.country.results.parts)] not in ("inventory", "logs")
        )
        return self.random.choice(found)

    def record(self):
        found = sorted(path for path in (self.folder / ".snakemake/metadata").rglob("*") if path.is_file())
        return self.random.choice(found) if found else None

    def do_touch_a_product(self):
        path = self.product()
        os.utime(path)
        return path

    def do_make_a_product_old(self):
        path = self.product()
        os.utime(path, (1e9, 1e9))
        return path

    def do_write_other_bytes(self):
        path = self.product()
        path.write_text(str(time.time()))
        return path

    def do_remove_a_product(self):
        path = self.product()
        path.unlink()
        return path

    def do_remove_a_record(self):
        path = self.record()
        path and path.unlink()
        return path

    def do_change_recorded_params(self):
        path = self.record()
        if path:
            record = json.loads(path.read_text())
            record["params"] = ["99", *record["params"][1:]]
            path.write_text(json.dumps(record))
        return path

    def do_change_recorded_inputs(self):
        path = self.record()
        if path:
            record = json.loads(path.read_text())
            record["input"] = [*record["input"], "gone.h5"]
            path.write_text(json.dumps(record))
        return path

    def do_mark_as_cut_off(self):
        path = self.product()
        folder = self.folder / ".snakemake/incomplete"
        folder.mkdir(exist_ok=True)
        name = urlsafe_b64encode(str(path).encode()).decode()
        if len(name) < 255:
            (folder / name).write_text("{}")
        return path

    def do_reprocess_a_scene(self):
        path = self.random.choice(sorted((self.country.results / "inventory").glob("33*/*.json")))
        path.write_text(path.read_text() + " ")
        return path

    def do_add_a_scene(self):
        return self.country.add_scene()

    def do_withdraw_a_scene(self):
        path = self.random.choice(sorted((self.country.results / "inventory").glob("33*/*.json")))
        path.unlink()
        return path

    def do_change_the_configuration(self):
        config = yaml.safe_load(self.country.config_file.read_text())
        config["orthophoto"]["min_area_m2"] = self.random.randint(100, 900)
        self.country.config_file.write_text(yaml.safe_dump(config))
        return config["orthophoto"]["min_area_m2"]

    def do_withdraw_a_flag(self):
        path = self.random.choice(sorted((self.country.results / "flags").glob("*.json")) or [None])
        path and path.unlink()
        return path

    def do_change_the_index(self):
        os.utime(self.folder / "sheets.gpkg")
        return "mtime only"


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_the_plan_lists_what_snakemake_lists(country, lister, seed):
    disturbed = Disturbed(country, seed)
    for _ in range(STEPS):
        disturbed.step()
        expected, planned = lister.both("--configfile", str(country.config_file))
        if isinstance(expected, str):
            assert isinstance(planned, str), disturbed.said
        else:
            assert planned == expected, disturbed.said


@pytest.mark.parametrize("target", ["registries", "flag_sheets", "change/32633.gpkg"])
def test_a_single_target_is_planned_as_well(country, lister, target):
    asked = str(country.results / target) if "/" in target else target
    (country.results / "publish/registries.json").unlink()
    expected, planned = lister.both(asked, "--configfile", str(country.config_file))
    assert planned == expected


def plan_text(country, *arguments):
    command = [sys.executable, "-m", "sealwatch.plan", "--configfile", str(country.config_file), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    return subprocess.run(
        command, cwd=country.config_file.parent, env=environment, capture_output=True, text=True, timeout=120
    )


def test_people_read_why_and_how_long(country):
    done = plan_text(country)
    assert re.fullmatch(r"Nothing to be done: all \d+ jobs are up to date.\n", done.stdout), done.stderr

    benchmarks = country.results / "benchmarks/ingest"
    benchmarks.mkdir(parents=True)
    tile, day, platform = country.scenes[0]
    measured = benchmarks / f"{tile}_{day}_{platform}.tsv"
    measured.write_text("s\tcpu_time\n7200\t3600\n")
    os.utime(measured, (2e9, 2e9))
    tile, day, platform = country.add_scene()
    scene = f"{tile} {day} {platform}"
    text = plan_text(country).stdout
    assert re.search(r"^13 of \d+ jobs will run\.", text)
    assert re.search(r"^ingest +1 +1\.00 +new scene$", text, re.M)
    assert re.search(r"^month +1 +\? +new scene$", text, re.M)
    assert f"New scenes: 1 ({scene})" in text
    assert "flag_sheets runs before what lies below it is known" in text

    config = yaml.safe_load(country.config_file.read_text())
    config["change"] = {"persistence": 2}
    country.config_file.write_text(yaml.safe_dump(config))
    listed = plan_text(country, "--jobs").stdout.splitlines()
    assert len(listed) == 13
    assert f"ingest {day} {platform} {tile}\tnew scene" in listed


def test_a_raised_baseline_and_a_changed_key_are_named(country):
    record = country.config_file.parent / ".snakemake/metadata"
    for key, old, new in (
        ("change/32633.h5", "2", "1"),
        ("month/32633/2020-01.h5", "'mode'", "'probability'"),
    ):
        name = urlsafe_b64encode(str(country.results / key).encode()).decode()
        path = record / name if len(name) < 255 else record / f"@{name[:254]}" / name[254:]
        entry = json.loads(path.read_text())
        assert old in entry["params"] or new in entry["params"]
        entry["params"] = [
            new if value == old else old if value == new else value for value in entry["params"]
        ]
        path.write_text(json.dumps(entry))
    text = plan_text(country).stdout
    assert re.search(r"^change .*raised baseline", text, re.M)
    assert re.search(r"^month .*changed setting month method", text, re.M)


def test_a_wrong_configuration_is_one_message(finished, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("projekt: x\n")
    done = plan_text(finished, "--configfile", str(wrong))
    assert done.returncode == 1
    assert "projekt" in done.stderr
    assert "Traceback" not in done.stderr
    refused = plan_text(finished, "--forceall")
    assert refused.returncode == 1
    assert "use snakemake -n" in refused.stderr
