"""Acquisitions within a bound: what is removed and what stays, and a whole run whose folder is watched meanwhile."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64encode
from contextlib import contextmanager

import pytest
import yaml

from builders import bounded_country, national
from builders.bounded_country import SIZE
from builders.demo import ROOT
from builders.plans import dry_run, finish
from sealwatch.catalogue.inventory import read_inventory
from sealwatch.keys import scene_key
from sealwatch.publish.review_scenes import review_scenes

pytestmark = pytest.mark.timeout(900)

SCENE_BYTES = 10**9
"""Of files with a hole: they take no room."""


def storage(config, *arguments):
    command = [sys.executable, "-m", "sealwatch.storage", *arguments, "--configfile", str(config)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    return subprocess.run(
        command, cwd=config.parent, env=environment, capture_output=True, text=True, timeout=300
    )


def listed(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def set_bound(country, gb):
    config = yaml.safe_load(country.config_file.read_text())
    config["storage"] = {"max_acquisitions_gb": gb}
    country.config_file.write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def country(tmp_path_factory):
    """A finished country whose acquisitions have a size, and a bound for half of them."""
    made = national.build(tmp_path_factory.mktemp("country"), size=national.SMALL)
    finish(made)
    for path in made.results.glob("acquisition/*/*.h5"):
        age = path.stat().st_mtime_ns
        os.truncate(path, SCENE_BYTES)
        os.utime(path, ns=(age, age))
    set_bound(made, len(made.scenes) / 2)
    return made


class TestTidyOfACountry:
    def needed(self, country):
        """Scenes of the report's background and of the pictures for reviewers."""
        tiles = sorted({tile for tile, _, _ in country.scenes})
        inventory = read_inventory(country.results / "inventory", tiles, *national.PERIOD, [])
        scenes = {s for tile in tiles for s in [s for s in inventory.scenes if s[0] == tile][-3:]}
        for key in country.flagged:
            flag = json.loads((country.results / f"flags/{key}.json").read_text())
            chosen = review_scenes(flag, inventory)
            scenes.update(chosen["before"], chosen["after"])
        return {country.results / f"acquisition/{scene_key(*scene)}.h5" for scene in scenes}

    def test_nothing_goes_while_a_run_holds_the_lock_or_without_a_bound(self, country):
        before = listed(country.results)
        lock = country.config_file.parent / ".snakemake/locks/0.output.lock"
        lock.parent.mkdir(exist_ok=True)
        lock.touch()
        done = storage(country.config_file, "--tidy")
        lock.unlink()
        assert done.returncode == 1
        assert "snakemake --unlock" in done.stderr
        part_of_the_plan = storage(country.config_file, "flag_sheets", "--tidy")
        assert "targets: not taken here" in part_of_the_plan.stderr
        set_bound(country, None)
        assert "storage.max_acquisitions_gb" in storage(country.config_file, "--tidy").stderr
        set_bound(country, len(country.scenes) / 2)
        assert listed(country.results) == before

    def test_the_oldest_go_and_nothing_that_is_needed(self, country):
        before, needed = listed(country.results), self.needed(country)
        unneeded = sorted(set(before) - needed, key=lambda path: (path.name, str(path)))
        unneeded = [path for path in unneeded if "acquisition" in path.parts and path.suffix == ".h5"]
        assert len(unneeded) > len(country.scenes) / 2
        cut_off, unclassified = unneeded[:2]
        began = country.config_file.parent / ".snakemake/incomplete"
        began.mkdir(exist_ok=True)
        mark = began / urlsafe_b64encode(str(cut_off).encode()).decode()
        mark.write_text("{}")
        landcover = country.results / "landcover" / unclassified.relative_to(country.results / "acquisition")
        aside = landcover.rename(landcover.with_suffix(".aside"))

        done = storage(country.config_file, "--tidy")
        assert done.returncode == 0, done.stderr
        aside.rename(landcover)
        mark.unlink()
        removed = before - listed(country.results)
        assert removed == set(unneeded[2 : 2 + len(country.scenes) // 2])
        assert f"Removed {len(removed)} acquisitions: {len(removed)} GB." in done.stdout
        assert f"take {len(country.scenes) // 2} GB of {len(country.scenes) / 2:g} GB." in done.stdout

    def test_a_finished_country_stays_finished_and_a_new_scene_brings_the_same_jobs(self, country):
        set_bound(country, len(self.needed(country)))
        assert storage(country.config_file, "--tidy").returncode == 0
        left = listed(country.results / "acquisition")
        assert left == self.needed(country)
        assert "Nothing to be done" in dry_run(country).text

        country.add_scene()
        assert dry_run(country).jobs == dict.fromkeys([*national.ONE_SCENE, "all"], 1) | {"total": 13}

        (country.config_file.parent / "model.onnx").write_text("another")
        jobs = dry_run(country).jobs
        assert jobs["ingest"] == len(country.scenes) + 1 - len(left)
        assert jobs["classify"] == len(country.scenes) + 1


@contextmanager
def watched(folder):
    """The most bytes that a folder held meanwhile."""
    most, done = [0], threading.Event()

    def look():
        while not done.wait(0.005):
            found = 0
            for path in folder.rglob("*.h5"):
                try:
                    found += path.stat().st_size
                except FileNotFoundError:
                    continue
            most[0] = max(most[0], found)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


class TestBoundedRun:
    OPTIONS = ("--cores", "2", "--quiet", "all", "--rerun-incomplete", "--keep-going")

    def snakemake(self, folder, *options):
        command = [sys.executable, "-m", "snakemake", *self.OPTIONS, "--configfile", "config.yaml", *options]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=300)

    def expected(self, scenes):
        """Products of a run that keeps everything."""
        found = {f"landcover/T{n % 2}/2024-01-{n + 1:02d}.h5": f"{SIZE}\n".encode() for n in range(scenes)}
        digests = {"summary": bytes(3 * SIZE) + f"{SIZE}\n".encode() * scenes, "review": bytes(2 * SIZE)}
        return found | {
            f"{k}.txt": f"{hashlib.sha256(v).hexdigest()}  -\n".encode() for k, v in digests.items()
        }

    def products(self, folder):
        results = folder / "results"
        found = [*results.glob("landcover/*/*"), *results.glob("*.txt")]
        return {str(path.relative_to(results)): path.read_bytes() for path in found}

    def lines(self, path):
        return sorted(path.read_text().split())

    def test_killed_and_resumed_it_makes_all_and_never_exceeds_the_bound(self, tmp_path):
        folder = tmp_path
        config = bounded_country.build(folder)
        bound = 40_000_000
        bounded_country.set_bound(config, bound / 1e9)
        acquisitions = folder / "results/acquisition"
        refused = folder / "refused/2024-01-05"
        refused.parent.mkdir()
        refused.touch()
        with watched(acquisitions) as most:
            command = [sys.executable, "-m", "sealwatch.storage", *self.OPTIONS, "--configfile", str(config)]
            environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
            killed = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
            )
            while len(self.products(folder)) < 3 or not list(acquisitions.glob("*/.*.part.h5")):
                assert killed.poll() is None
                time.sleep(0.02)
            os.killpg(killed.pid, signal.SIGKILL)
            killed.wait()
            assert "snakemake --unlock" in storage(config, *self.OPTIONS).stderr
            self.snakemake(folder, "--unlock")

            one_fails = storage(config, *self.OPTIONS)
            assert one_fails.returncode == 1
            assert "1 scenes failed" in one_fails.stderr
            assert len(self.products(folder)) == 13
            refused.unlink()
            done = storage(config, *self.OPTIONS)
            assert done.returncode == 0, done.stderr
        assert 0.8 * bound < most[0] <= bound
        assert self.products(folder) == self.expected(14)

        fetched, classified = self.lines(folder / "fetched.txt"), self.lines(folder / "classified.txt")
        bounded_country.add_scene(folder, 14)
        with watched(acquisitions) as most:
            assert storage(config, *self.OPTIONS).returncode == 0
        assert most[0] <= bound
        assert self.lines(folder / "fetched.txt") == sorted([*fetched, "T0/2024-01-15"])
        assert self.lines(folder / "classified.txt") == sorted([*classified, "2024-01-15"])

    def test_a_bound_too_small_names_the_smallest_that_works(self, tmp_path):
        config = bounded_country.build(tmp_path, scenes=6)
        bounded_country.set_bound(config, 0.001)
        self.snakemake(tmp_path, "--until", "ingest", "--", "results/acquisition/T0/2024-01-05.h5")
        asked = []
        with watched(tmp_path / "results/acquisition") as most:
            while (done := storage(config, *self.OPTIONS)).returncode:
                (wanted,) = re.findall(
                    r"^storage.max_acquisitions_gb: \S+ is too small: .* set at least ([\d.]+)$",
                    done.stderr,
                    re.M,
                )
                asked.append(float(wanted))
                bounded_country.set_bound(config, asked[-1])
                assert len(asked) < 4
        # Three scenes for the summary and one more; then also two for reviewers, known only at the end. Each to come
        # counts a tenth more than the largest so far.
        assert [gb * 1e9 for gb in asked] == pytest.approx([4.4 * SIZE, (3 + 2.2 + 1.1) * SIZE], rel=0.01)
        assert most[0] <= asked[-1] * 1e9
        assert self.products(tmp_path) == self.expected(6)
        assert len(self.lines(tmp_path / "classified.txt")) == 6
