"""The rules from confirmed change to outlines, run by Snakemake on tiny orthophotos as their index grows."""

import json
import re

import geopandas as gpd
import pytest

from builders.sheet_site import FAR, NEW, WEST, SheetSite
from builders.tiny_sheet import shape_of, write_index

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = SheetSite(tmp_path_factory.mktemp("site"))
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
    flags = {path.name: path.read_bytes() for path in (site.results / "flags").glob("*.json")}
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
