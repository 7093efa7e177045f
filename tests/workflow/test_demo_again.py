"""The finished demo, run again and again: what comes and goes, is lost or killed leaves no trace in the products.

Every sequence of events ends where it began, so that the finished demo is what a run from nothing gives. How many there
are: SEALWATCH_DEMO_SEQUENCES. With SEALWATCH_LONG=1 the demo is also made from nothing on a private SLURM cluster and
by the nightly unit under systemd.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import psycopg
import pytest
import yaml

from builders import demo as demo_module
from builders.booted import booted, can_boot
from builders.demo import ROOT, link_checkout
from builders.extra_flight import add_flight
from builders.extra_scene import add_scene
from builders.receivers import MailServer
from builders.slurm_checkout import PARTITIONS
from builders.slurm_cluster import missing_packages, private_cluster
from builders.stac_server import load_items

pytestmark = pytest.mark.timeout(5400)

long = pytest.mark.skipif("SEALWATCH_LONG" not in os.environ, reason="takes long; SEALWATCH_LONG=1 runs it")
SEQUENCES = int(os.environ.get("SEALWATCH_DEMO_SEQUENCES", "1"))
GPU_RULES = ("classify", "train_forest", "segment")


class Place:
    """A working directory of its own for runs on a demo, with Snakemake's records of it."""

    def __init__(self, folder, demo):
        self.folder, self.demo = folder, demo
        link_checkout(folder, ("workflow", "config", "scripts", "envs"))
        shutil.copytree(ROOT / "profiles", folder / "profiles")
        shutil.copytree(ROOT / ".snakemake/metadata", folder / ".snakemake/metadata")

    def start(self, *options, **environment):
        command = [sys.executable, "-m", "snakemake", *options, "--configfile", str(self.demo.config_file)]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.demo.environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *options, **environment):
        process = self.start(*options, **environment)
        said, _ = process.communicate(timeout=5000)
        assert process.returncode == 0, said[-6000:]
        return said

    def refresh(self):
        load_items(self.demo.cluster.dsn("stac"), self.demo.folder / "world")
        self.run("catalogue", "--cores", "1", "--quiet", "rules")

    def contents(self):
        results = self.demo.results
        aside = {"logs", "benchmarks", "catalogue", "withdrawn", "release", "summary.json"}
        return {
            str(path.relative_to(results)): content_of(path)
            for path in results.rglob("*")
            if path.is_file()
            and path.relative_to(results).parts[0] not in aside
            and path.name != "sealwatch.release.json"  # follows the releases that people make
        }


def content_of(path):
    """Bytes of a product; of an archive of GRASS the names in it, for GRASS notes when it made them."""
    if not path.name.endswith(".tar.gz"):
        return path.read_bytes()
    with tarfile.open(path) as archive:
        return sorted(archive.getnames())


@pytest.fixture(scope="module")
def place(demo, tmp_path_factory):
    made = Place(tmp_path_factory.mktemp("again"), demo)
    with demo_module.services(demo):
        made.refresh()
        made.run("--cores", "2", "--quiet", "rules")
        yield made


class Events:
    """Things that happen to a demo, each with the way back."""

    def __init__(self, place, seed):
        self.place, self.random = place, random.Random(seed)
        self.world = place.demo.folder / "world"
        self.happened = []

    def run(self):
        """A run; now and then it is killed, files are touched or records lost before."""
        what = self.random.choice(["whole", "killed", "killed", "touched", "lost records"])
        self.happened.append(what)
        if what == "touched":
            for path in self.random.sample(sorted(p for p in self.place.demo.results.rglob("*.h5")), 5):
                os.utime(path)
        elif what == "lost records":
            shutil.rmtree(self.place.folder / ".snakemake")
        elif what == "killed":
            process = self.place.start("--cores", "2", "--quiet", "rules")
            time.sleep(self.random.uniform(4, 25))
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            self.place.run("--unlock")
        self.place.run("--cores", "2", "--quiet", "rules")

    def there_and_back(self):
        name = self.random.choice(["scene", "reprocessed", "withdrawn", "registry", "orthophoto"])
        self.happened.append(name)
        getattr(self, f"do_{name}")()

    def do_scene(self):
        item = add_scene(
            self.world,
            self.place.demo.images.url,
            f"2024-{self.random.randint(2, 11):02d}-{self.random.randint(1, 28):02d}",
            self.random.choice(["33TVM", "33TWM"]),
            "S2C",
        )
        self.place.refresh()
        self.run()
        (self.world / f"items/{item['id']}.json").unlink()
        self._take(item["id"])
        self.run()

    def do_reprocessed(self):
        path = self._item()
        before = path.read_text()
        item = json.loads(before)
        item["properties"]["s2:generation_time"] = "2025-01-01T00:00:00.0Z"
        path.write_text(json.dumps(item))
        self.place.refresh()
        self.run()
        path.write_text(before)
        self.place.refresh()
        self.run()

    def do_withdrawn(self):
        path = self._item()
        before = path.read_text()
        path.unlink()
        self._take(path.stem)
        self.run()
        path.write_text(before)
        self.place.refresh()
        self.run()

    def do_registry(self):
        path = self.world / "registries/cadastre.gpkg"
        other = self.world / "registries/planned_land_use.gpkg"
        before = path.read_bytes()
        path.write_bytes(other.read_bytes())
        self.run()
        path.write_bytes(before)
        self.run()

    def do_orthophoto(self):
        path = self.world / "sheets.gpkg"
        before = path.read_bytes()
        add_flight(self.world)
        self.run()
        path.write_bytes(before)
        self.run()

    def _item(self):
        return self.random.choice(sorted((self.world / "items").glob("*.json")))

    def _take(self, name):
        with psycopg.connect(self.place.demo.cluster.dsn("stac")) as database:
            database.execute("SET search_path TO pgstac, public")
            database.execute("SELECT delete_item(%s)", [name])
        self.place.refresh()


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_what_comes_and_goes_leaves_the_products_of_a_run_from_nothing(place, seed):
    expected = place.contents()
    events = Events(place, seed)
    events.there_and_back()
    assert "Nothing to be done" in place.run("-n"), events.happened
    made = place.contents()
    assert {name for name in expected if made.get(name) != expected[name]} == set(), events.happened


def empty(place):
    """Take away all products but what refreshing the catalogue and releasing left: neither is done again."""
    shutil.rmtree(place.folder / ".snakemake")
    for folder in place.demo.results.iterdir():
        if folder.is_dir() and folder.name not in ("inventory", "catalogue", "release"):
            shutil.rmtree(folder)


@long
@pytest.mark.skipif(bool(missing_packages()), reason="SLURM is not installed")
def test_the_whole_demo_on_a_cluster_gives_the_same_bytes(place):
    expected = place.contents()
    with private_cluster() as cluster:
        (place.folder / "profiles/slurm/partitions.yaml").write_text(
            yaml.safe_dump({"partitions": PARTITIONS})
        )
        empty(place)
        asks = [f"{rule}:gpu=1" for rule in GPU_RULES]
        quick = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10")
        place.run("--profile", "profiles/slurm", "--set-resources", *asks, *quick, **cluster.environment)
        for rule in GPU_RULES:
            given = {(job["Partition"], job.get("TresPerJob")) for job in cluster.jobs_of(rule)}
            assert given == {("gpu", "gres:gpu:1")}, rule
        for rule in ("ingest", "mosaic", "month", "half", "change", "flag_sheets", "outline", "load"):
            given = {(job["Partition"], job.get("TresPerJob")) for job in cluster.jobs_of(rule)}
            assert given == {("cpu", None)}, rule
        assert {job["JobState"] for job in cluster.jobs()} == {"COMPLETED"}
    made = place.contents()
    assert {name for name in expected if made.get(name) != expected[name]} == set()


@long
@pytest.mark.skipif(not can_boot(), reason="no systemd-nspawn, or not root")
def test_the_whole_demo_as_the_nightly_unit_gives_the_same_bytes(place):
    """As a user without rights, who may write the results and nothing else, with what the unit forbids."""
    expected = place.contents()
    empty(place)
    demo, unit = place.demo, "sealwatch-run.service"
    with MailServer() as mail, booted({demo.folder: demo.folder}) as system:
        dsn, smtp = demo.cluster.dsn(), f"smtp://127.0.0.1:{mail.port}"
        system.install_run(demo.config, SEALWATCH_DSN=dsn, SEALWATCH_SMTP_URL=smtp)
        # The demo lies below /tmp, which the unit does not see.
        system.change(unit, f"[Service]\nBindPaths={demo.folder}\nReadWritePaths={demo.results}\n")
        system.call("chown", "--recursive", "sealwatch:", str(demo.results))
        try:
            system.start(unit)
        finally:
            system.call("chown", "--recursive", "root:", str(demo.results))
        (message,) = mail.mails
        assert message["Subject"] == "Sealwatch demo: 2 new alerts, 12 confirmed, 5 withdrawn"
    made = place.contents()
    assert {name for name in expected if made.get(name) != expected[name]} == set()
