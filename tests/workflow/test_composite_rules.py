"""The rules from mosaics to the catalogue, run by Snakemake on small land-cover files in place of classified scenes."""

import json
import re
import shutil
import subprocess
import sys
import zlib

import geopandas as gpd
import h5py
import numpy as np
import pystac
import pytest
import shapely
import yaml

from builders.demo import ROOT
from builders.maps import CLASSES, write_tile
from sealwatch.grid import Window
from sealwatch.keys import months_of, zone_of_tile

WINDOW = Window(32633, 496640, 5120000, 640, 8, 6)
RULES = "zone_grid mosaic month half change stac_catalogue check_grass".split()  # noqa: SIM905
SCENES = [("33TVM", "2021-02-03", "S2A"), ("33TWM", "2021-02-03", "S2A"), ("33TVM", "2021-11-05", "S2B")]

pytestmark = pytest.mark.timeout(1200)


class Site:
    """A results folder with an inventory and the land cover of a few scenes, of one year."""

    def __init__(self, folder):
        self.folder, self.results = folder, folder / "results"
        config = yaml.safe_load((ROOT / "config/demo.yaml").read_text().replace("demo/", f"{folder}/"))
        config["results"] = str(self.results)
        config["period"] = {"start": "2021-01-01", "end": "2021-12-31"}
        config["composites"] = {"min_confidence": 0.2, "majority_px": 3}
        (folder / "world").mkdir()
        area = gpd.GeoDataFrame(geometry=[shapely.box(*WINDOW.bounds).buffer(-100)], crs=32633)
        area.to_file(folder / "world/aoi.geojson", driver="GeoJSON")
        (folder / "my.yaml").write_text(yaml.safe_dump(config))
        for month in months_of("2021H1") + months_of("2021H2"):
            self._note(f"32633/{month}.json", {"month": month})
        for scene in SCENES:
            self.add(*scene)

    def _note(self, name, value):
        path = self.results / "inventory" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))

    def add(self, tile, date, platform):
        """One more scene, classified."""
        rng = np.random.default_rng(zlib.crc32(f"{tile} {date}".encode()))
        probability = rng.dirichlet(np.ones(CLASSES), WINDOW.shape).transpose(2, 0, 1).astype("f4")
        write_tile(
            self.results / f"landcover/{tile}/{date}_{platform}.h5",
            WINDOW,
            probability,
            rng.uniform(0.6, 1, WINDOW.shape),
            tile,
            (date, platform),
        )
        self._note(f"{tile}/{date}_{platform}.json", {"tile": tile})
        self._note(f"{zone_of_tile(tile)}/{date}_{platform}.json", {"date": date})
        self._note(f"{zone_of_tile(tile)}/{date[:7]}.json", {"month": date[:7], "changed": date})

    def run(self, *options):
        """Snakemake, up to the catalogue and the check."""
        targets = [str(self.results / name) for name in ("stac/catalog.json", "check/32633.json")]
        command = [sys.executable, "-m", "snakemake", *targets, "--cores", "2", "--nolock", *options]
        command += ["--configfile", str(self.folder / "my.yaml"), "--allowed-rules", *RULES]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("site"))
    done = made.run()
    assert done.returncode == 0, done.stderr[-3000:]
    return made


def test_the_catalogue_lists_every_date_month_half_and_change(site):
    catalogue = pystac.Catalog.from_file(str(site.results / "stac/catalog.json"))
    counts = {child.id: len(list(child.get_items())) for child in catalogue.get_children()}
    assert counts == {"dates": 2, "months": 12, "halves": 2, "change": 1}
    for item in catalogue.get_items(recursive=True):
        observed = item.properties["sealwatch:observed"]
        assert observed == (item.collection_id not in ("months",) or item.id[6:] in ("2021-02", "2021-11"))


def test_the_check_compared_the_newest_month_and_half_year(site):
    report = json.loads((site.results / "check/32633.json").read_text())
    assert set(report["values_compared"]) == {
        "month/32633/2021-11.h5",
        "half/32633/2021H2.h5",
        "change/32633.h5",
    }
    assert report["differences"] == 0


def test_a_second_run_finds_nothing_to_do(site):
    assert "Nothing to be done" in site.run("-n").stdout + site.run("-n").stderr


def test_a_corrupted_cell_stops_the_run_with_file_and_cell(site):
    path = site.results / "half/32633/2021H2.h5"
    shutil.copy2(path, site.folder / "kept.h5")
    try:
        with h5py.File(path, "r+") as file:
            file["class"][2, 3] = (int(file["class"][2, 3]) + 1) % 10
        done = site.run("--forcerun", "check_grass", "--rerun-triggers", "params")
        assert done.returncode != 0
        (line,) = (line for line in done.stderr.splitlines() if line.startswith("sealwatch: error:"))
        assert "half/32633/2021H2.h5: class is not what GRASS computes" in line
        assert "row 2, column 3" in line
    finally:
        shutil.copy2(site.folder / "kept.h5", path)


def test_a_new_scene_remakes_its_month_its_half_year_and_what_lies_above(site):
    site.add("33TWM", "2021-11-05", "S2B")
    shown = site.run("-n")
    text = shown.stdout + shown.stderr
    # The table of jobs is printed before and after the list.
    planned = dict(re.findall(r"^(\w+) +(\d+)$", text, re.M))
    for name in ("mosaic", "month", "half", "change"):
        assert planned.get(name) == "1", text
