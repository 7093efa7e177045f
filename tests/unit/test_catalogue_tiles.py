"""Tiles from the naming rules of the grid, against real tiles."""

import json
import os
import re
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from sealwatch.catalogue.inventory import known_tiles
from sealwatch.catalogue.tiles import Tile, tiles_of_area
from sealwatch.errors import CatalogueError, VectorError

REAL = Path(os.environ.get("REAL_DATA_DIR", Path(__file__).resolve().parents[3] / "shared/data"))
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="REAL_DATA_DIR is absent")


def tile_at(name, west, north):
    return Tile(int(name[:2]), name[2] < "N", round(west / 1e5), round(north / 1e5) - 1)


@needs_real
def test_names_and_corners_of_real_tiles():
    seen = {}
    for feature in json.loads((REAL / "vectors/s2_tiles_slovenia.geojson").read_text())["features"]:
        p = feature["properties"]
        seen[p["tile_id"]] = (p["xmin"], p["ymin"] + 109_800)
    for path in (REAL / "stac_items").rglob("*.json"):
        item = json.loads(path.read_text())
        for key in ("B02", "B02_10m", "blue"):
            asset = item.get("assets", {}).get(key, {})
            if "proj:transform" in asset:
                name = re.search(r"_T(\w{5})_|S2._(\w{5})_\d{8}_", asset["href"] + item["id"])
                seen[name[1] or name[2]] = (asset["proj:transform"][2], asset["proj:transform"][5])
    assert len(seen) > 45
    assert {name[2] < "N" for name in seen} == {True, False}
    for name, (west, north) in seen.items():
        tile = tile_at(name, west, north)
        assert (tile.name, tile.bounds[0], tile.bounds[3]) == (name, west, north)
        assert tile.bounds[2] - tile.bounds[0] == tile.bounds[3] - tile.bounds[1] == 109_800


@needs_real
def test_slovenia_needs_seven_tiles():
    known = json.loads((REAL / "vectors/s2_tiles_slovenia.geojson").read_text())["features"]
    shares = {f["properties"]["tile_id"]: f["properties"]["km2_in_slovenia"] for f in known}
    found = tiles_of_area(REAL / "vectors/svn_border.geojson")
    assert set(shares) - set(found) == {"33TWN"}
    assert found == pytest.approx({name: shares[name] for name in found}, rel=2e-3)


def area(tmp_path, *boxes, crs=4326):
    path = tmp_path / "area.gpkg"
    gpd.GeoDataFrame(geometry=[shapely.box(*b) for b in boxes], crs=crs).to_file(path)
    return path


def test_an_area_in_the_overlap_needs_one_tile(tmp_path):
    assert list(tiles_of_area(area(tmp_path, (502_000, 5_195_000, 505_000, 5_199_000), crs=32633))) == [
        "33TWM"
    ]
    # Four squares meet here, but the tile of the north-western one reaches over the others.
    corner = area(tmp_path, (499_000, 5_199_000, 502_000, 5_202_000), crs=32633)
    assert tiles_of_area(corner) == {"33TVN": 9.0}


def test_areas_over_zones_hemispheres_and_the_odd_zones(tmp_path):
    zones = {t[:2] for t in tiles_of_area(area(tmp_path, (11.9, 46.0, 12.1, 46.2)))}
    assert zones == {"32", "33"}
    bands = {t[2] for t in tiles_of_area(area(tmp_path, (9.0, -0.05, 9.1, 0.05)))}
    assert bands == {"M", "N"}
    assert {t[:3] for t in tiles_of_area(area(tmp_path, (5.0, 60.0, 5.5, 60.2)))} == {"32V"}
    assert {t[:3] for t in tiles_of_area(area(tmp_path, (15.0, 78.0, 15.5, 78.2)))} == {"33X"}


def test_wrong_areas_are_named(tmp_path):
    with pytest.raises(VectorError, match="no such file"):
        tiles_of_area(tmp_path / "nowhere.gpkg")
    with pytest.raises(CatalogueError, match="area_of_interest"):
        tiles_of_area(area(tmp_path, (10, 85, 11, 86)))


def test_tiles_are_known_after_the_first_refresh(tmp_path):
    assert known_tiles(["33TWM", "33TVM"], tmp_path) == ["33TVM", "33TWM"]
    assert known_tiles("auto", tmp_path) == []
    (tmp_path / "tiles.json").write_text('{"tiles": {"33TVM": 12.5, "33TUL": 1.0}}')
    assert known_tiles("auto", tmp_path) == ["33TUL", "33TVM"]
