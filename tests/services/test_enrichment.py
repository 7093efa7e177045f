"""What the registries say about each polygon, against shapely on the same data."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from databases import rows
from outline_files import EPSG, outlines, squares, write

from sealwatch.errors import VectorError
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.registries import load_registries

NAMES = np.array(["forest", "meadow", "vineyard"])


@pytest.fixture
def frame(database, tmp_path):
    """Loaded outlines, crowded so that many lie on registered objects."""
    frame = outlines("A1", 2024, 60)
    frame.geometry = squares(60, 2, 40.0, extent_m=600.0)
    frame["area_m2"] = frame.area
    load([write(frame, tmp_path, "A1", 2024)], tmp_path / "load.json", database)
    return frame


def land_use(tmp_path, shapes, values):
    layer = gpd.GeoDataFrame({"use": values}, geometry=shapes, crs=EPSG)
    layer.to_file(tmp_path / "land_use.gpkg", layer="lu", driver="GPKG")
    return {"path": str(tmp_path / "land_use.gpkg"), "layer": "lu", "kind": "land_use", "field": "use"}


def test_overlap_and_land_use_before_equal_shapely(database, frame, tmp_path):
    shapes = squares(70, 8, 60.0, extent_m=640.0)
    values = NAMES[np.arange(70) % 3]
    load_registries({"land_use": land_use(tmp_path, shapes, values)}, tmp_path / "registries.json", database)
    enrich(tmp_path / "enrich.json", database)
    found = {
        row[0]: row[1:]
        for row in rows(
            database, "SELECT polygon_id, overlap_shares->'land_use', land_use_before FROM enrichment"
        )
    }
    mine = frame.to_crs(database["srid"]).set_index("polygon_id").geometry
    theirs = gpd.GeoSeries(shapes, crs=EPSG).to_crs(database["srid"]).to_numpy()
    overlapped = 0
    for name, shape in mine.items():
        share = shapely.area(shapely.intersection(shapely.union_all(theirs), shape)) / shape.area
        assert found[name][0] == pytest.approx(share, abs=1e-3)
        common = {
            use: shapely.area(shapely.intersection(shapely.union_all(theirs[values == use]), shape))
            for use in NAMES
        }
        best = max(common, key=common.get)
        assert found[name][1] == (best if common[best] > 0 else "")
        overlapped += share > 0
    assert 20 < overlapped < 60


def test_a_border_of_many_vertices_is_cut_without_a_difference(database, frame, tmp_path):
    centre = shapely.Point(460_250, 5_100_250)
    town = [
        centre.buffer(300, quad_segs=1000),
        centre.buffer(900, quad_segs=1000).difference(centre.buffer(300)),
    ]
    layer = gpd.GeoDataFrame({"code": [61.0, None]}, geometry=town, crs=EPSG)
    layer.to_file(tmp_path / "towns.gpkg", driver="GPKG")
    entry = {"path": str(tmp_path / "towns.gpkg"), "kind": "municipality", "field": "code"}
    load_registries({"towns": entry}, tmp_path / "registries.json", database)
    enrich(tmp_path / "enrich.json", database)
    assert rows(database, "SELECT count(*) > 10 FROM registry_polygon") == [(True,)]
    found = rows(
        database, "SELECT municipality, min((overlap_shares->'towns')::float8) FROM enrichment GROUP BY 1"
    )
    assert dict(found) == {"61": pytest.approx(1, abs=1e-3), "": pytest.approx(1, abs=1e-3)}
    with pytest.raises(VectorError, match=r"registries\.towns: .*lacks field\(s\) name"):
        load_registries({"towns": entry | {"field": "name"}}, tmp_path / "registries.json", database)


def test_another_field_of_the_same_file_is_measured_again(database, frame, tmp_path):
    entry = land_use(tmp_path, squares(70, 8, 60.0, extent_m=640.0), NAMES[np.arange(70) % 3])
    load_registries({"land_use": entry}, tmp_path / "registries.json", database)
    enrich(tmp_path / "enrich.json", database)
    before = (tmp_path / "enrich.json").read_bytes()
    plain = {"path": entry["path"], "layer": entry["layer"]}
    load_registries({"land_use": plain}, tmp_path / "registries.json", database)
    assert rows(database, "SELECT count(*) FROM enrichment") == [(0,)]
    enrich(tmp_path / "enrich.json", database)
    assert (tmp_path / "enrich.json").read_bytes() != before
    assert rows(database, "SELECT DISTINCT land_use_before FROM enrichment") == [("",)]
