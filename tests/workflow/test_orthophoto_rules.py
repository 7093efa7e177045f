"""The rules from confirmed change to outlines, run by Snakemake on tiny orthophotos as their index grows."""

import json
import re
import subprocess
import sys

import geopandas as gpd
import pytest
import yaml

from builders.demo import ROOT
from builders.tiny_sheet import EPSG, event, shape_of, write_index, write_photo, write_training
from sealwatch.orthophoto.flags import EVENT_FIELDS

SIZE = 160
OLD, NEW = (20, 34, 30, 40), (90, 60, 50, 60)
TRAINING = {
    "sealed": OLD,
    "low_vegetation": (55, 60, 30, 90),
    "medium_high_vegetation": (5, 4, 150, 24),
}
WEST, EAST, FAR = (0, 0, SIZE, 100), (0, 80, SIZE, 80), (0, 0, 4, 4)
"""Footprints: two overlap below the event, which spares the third."""

RULES = "flag_sheets prepare_sheet label_sheet train_forest segment outline".split()  # noqa: SIM905

pytestmark = pytest.mark.timeout(1200)


class Site:
    """Orthophotos with their index, and a confirmed event in place of the maps before it."""

    def __init__(self, folder):
        self.folder, self.results, self.rows, self.blocks = folder, folder / "results", [], []
        config = yaml.safe_load((ROOT / "config/demo.yaml").read_text().replace("demo/", f"{folder}/"))
        config |= {"results": str(self.results)}
        config["catalogue"]["tiles"] = ["33TVM"]
        forest = {"engine": "cpu", "n_estimators": 5, "samples_per_class": 500}
        config["orthophoto"] |= {"reference": None, "forest": forest}
        (folder / "my.yaml").write_text(yaml.safe_dump(config))
        (folder / "world").mkdir()
        write_training(folder / "world/training_polygons.gpkg", TRAINING, "W", 2019)
        cell = (8, 0, SIZE - 8, SIZE)
        values = {**{name: event(cell)[name] for name in EVENT_FIELDS}, "status": "confirmed"}
        change = self.results / f"change/{EPSG}.gpkg"
        change.parent.mkdir(parents=True)
        gpd.GeoDataFrame([values], geometry=[shape_of(cell)], crs=EPSG).to_file(change, layer="events")

    def fly(self, sheet, year, footprint):
        """One more orthophoto; from 2021 on there is a new roof."""
        roofs = [OLD] if year < 2021 else [OLD, NEW]
        write_photo(self.folder / f"world/{sheet}{year}.tif", roofs, SIZE, seed=len(self.rows))
        self.rows.append((sheet, year, f"{year}-06-01", f"{sheet}{year}.tif"))
        self.blocks.append(footprint)
        write_index(self.folder / "world/sheets.gpkg", self.rows, self.blocks)

    def run(self, *options):
        """Snakemake up to the outlines of the orthophotos flagged so far; returns what it says."""
        outlines = [f"outline/{path.stem}.gpkg" for path in sorted((self.results / "flags").glob("*.json"))]
        targets = [str(self.results / name) for name in ("flags", *outlines)]
        command = [sys.executable, "-m", "snakemake", *targets, "--cores", "1", "--nolock", *options]
        command += ["--configfile", str(self.folder / "my.yaml"), "--allowed-rules", *RULES]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
        text = done.stdout + done.stderr
        assert done.returncode == 0, text
        return text

    def files(self):
        """Time of the last change of all products, by path."""
        found = [path for path in self.results.rglob("*") if path.suffix in (".h5", ".npz", ".gpkg")]
        return {str(path.relative_to(self.results)): path.stat().st_mtime_ns for path in found}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("site"))
    for sheet, year, footprint in (("W", 2019, WEST), ("W", 2022, WEST), ("E", 2022, EAST)):
        made.fly(sheet, year, footprint)
    made.fly("F", 2022, FAR)
    made.run()
    made.run()
    return made


def jobs(text):
    return {name: int(number) for name, number in re.findall(r"^(\w+) +(\d+)$", text, re.M)}


def test_sheets_without_change_are_left_alone_and_overlapping_ones_share_the_roof(site):
    made = {path for path in site.files() if path.startswith(("ortho", "outline"))}
    keys = {"W_2019", "W_2022", "E_2022"}
    assert made == {f"ortho/{key}.h5" for key in keys} | {"outline/W_2022.gpkg", "outline/E_2022.gpkg"}
    drawn = [gpd.read_file(site.results / f"outline/{key}_2022.gpkg") for key in "EW"]
    east, west = (frame.union_all() for frame in drawn)
    assert east.intersection(west).area == pytest.approx(0, abs=1)
    roof = shape_of(NEW)
    assert east.union(west).intersection(roof).area / east.union(west).union(roof).area > 0.9
    # Of the roof's 60 columns 20 are W's alone; E comes first by name.
    assert east.area / west.area == pytest.approx(2, rel=0.25)


def test_new_rows_bring_exactly_their_own_jobs(site):
    before = site.files()
    flags = {path.name: path.read_bytes() for path in (site.results / "flags").iterdir()}
    site.fly("W", 2025, WEST)
    site.fly("F", 2025, FAR)
    site.run("--until", "flag_sheets")
    assert jobs(site.run("-n")) == {"prepare_sheet": 1, "segment": 1, "outline": 1, "total": 3}
    site.run()
    after = site.files()
    own = {f"{stage}/W_2025.h5" for stage in ("ortho", "segmentation")} | {"outline/W_2025.gpkg"}
    assert after.keys() - before.keys() == own
    assert {path: after[path] for path in before} == before
    for name, content in flags.items():
        assert (site.results / "flags" / name).read_bytes() == content
    flag = json.loads((site.results / "flags/W_2025.json").read_text())
    assert flag["earlier"] == {"year": 2022, "flight_date": "2022-06-01", "path": "W2022.tif"}
    assert gpd.read_file(site.results / "outline/W_2025.gpkg").empty
    assert "Nothing to be done" in site.run("-n")


def test_other_bands_of_one_row_make_its_sheet_anew(site):
    bands = [None] * len(site.rows)
    bands[-2] = "nir,green,red"
    write_index(site.folder / "world/sheets.gpkg", site.rows, site.blocks, bands=bands)
    planned = site.run("-n")
    assert set(re.findall(r"ortho/(\w+)\.h5", planned)) == {"W_2025"}
