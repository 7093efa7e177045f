"""A further year of orthophotos sets off its own jobs only, and draws only what is new since the year before.

Uses the finished demo of `test_demo`.
"""

import re

import geopandas as gpd
import pytest

from builders import demo as demo_module
from builders.extra_flight import CHANGED, UNCHANGED, YEAR
from sealwatch.files import file_digest

pytestmark = pytest.mark.timeout(2700)


def test_a_second_orthophoto_year_sets_off_exactly_its_jobs(demo, dry_run, capfd):
    before = {path.name: file_digest(path) for path in (demo.results / "outline").glob("*.gpkg")}
    demo_module.add_orthophoto(demo)
    said = capfd.readouterr().out
    assert f"{CHANGED}_{YEAR}" in said
    flags = {path.stem for path in (demo.results / "flags").glob("*.json")}
    assert flags == {name.removesuffix(".gpkg") for name in before} | {f"{CHANGED}_{YEAR}"}
    text = dry_run()
    counts = {name: int(number) for name, number in re.findall(r"^(\w+) +(\d+)$", text, re.M)}
    chain = "prepare_sheet segment outline review_imagery qgis_project load enrich service report all"
    assert counts == dict.fromkeys(chain.split(), 1) | {"total": 10}
    worked_on = re.findall(r"(?:Preparing|Segmenting|Outlining newly sealed land on) sheet (\w+ \d+)", text)
    assert worked_on == [f"{CHANGED} {YEAR}"] * 3
    assert f"{UNCHANGED}_{YEAR}" not in text
    demo_module.run(demo)
    assert "Nothing to be done" in dry_run()
    assert not list(demo.results.glob(f"*/{UNCHANGED}_{YEAR}.*"))
    after = {path.name: file_digest(path) for path in (demo.results / "outline").glob("*.gpkg")}
    later = f"{CHANGED}_{YEAR}.gpkg"
    assert after.keys() - before.keys() == {later}
    assert {name: after[name] for name in before} == before
    drawn = gpd.read_file(demo.results / "outline" / later)
    earlier = gpd.read_file(demo.results / f"outline/{CHANGED}_2024.gpkg").union_all()
    built = gpd.read_file(demo.folder / "world/truth.gpkg", layer=f"newly_sealed_{YEAR}").geometry[0]
    found = drawn.union_all()
    assert found.intersection(built).area / found.union(built).area > 0.8
    assert found.intersection(earlier).area < 0.01 * earlier.area
    assert set(drawn.earlier_flight_date) == {"2024-08-14"}
