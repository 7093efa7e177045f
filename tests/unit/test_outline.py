"""Outlines of newly sealed land from segmentations with known content, through GRASS."""

import json

import geopandas
import pytest

from builders.tiny_sheet import EPSG, event, shape_of, write_segmentation
from sealwatch.errors import RasterError
from sealwatch.orthophoto.attributes import COLUMNS
from sealwatch.orthophoto.outline import outline_sheet

SETTINGS = {"majority_px": 3, "min_area_m2": 25, "fill_holes_m2": 10, "registration_m": 0.5, "simplify_m": 0.7, "event_buffer_m": 5}
CELL = (0, 0, 300, 200)
EVENTS = (event(CELL),)
OLD, NEW, PAVED, FAR = (20, 20, 60, 60), (120, 40, 60, 80), (220, 30, 40, 40), (100, 240, 50, 50)


def iou(one, other):
    return one.intersection(other).area / one.union(other).area


@pytest.fixture
def outlines(tmp_path):
    """A function that outlines sealed blocks now against sealed blocks before."""

    def draw(now, before=(OLD,), name="outline", reference=(), events=EVENTS, settings=SETTINGS):
        flag = {
            "sheet": "A",
            "year": 2022,
            "flight_date": "2022-06-01",
            "path": "a.tif",
            "events": list(events),
        }
        flag["earlier"] = (
            {"year": 2019, "flight_date": "2019-06-01", "path": "b.tif"} if before is not None else None
        )
        (tmp_path / "flag.json").write_text(json.dumps(flag))
        segmentation = write_segmentation(tmp_path / "now.h5", now)
        earlier = write_segmentation(tmp_path / "before.h5", before) if before is not None else None
        layer = None
        if reference:
            layer = tmp_path / "reference.gpkg"
            shapes = [shape_of(block) for block in reference]
            geopandas.GeoDataFrame(geometry=shapes, crs=EPSG).to_crs(3794).to_file(layer, layer="reference")
        target = tmp_path / f"{name}.gpkg"
        count = outline_sheet(tmp_path / "flag.json", segmentation, earlier, layer, target, settings=settings)
        frame = geopandas.read_file(target, layer="newly_sealed")
        assert len(frame) == count
        assert [c for c in frame.columns if c != "geometry"] == list(COLUMNS)
        assert frame.crs.to_epsg() == EPSG
        return frame

    return draw


def test_only_new_land_in_the_event_is_outlined(outlines):
    now = [OLD, PAVED, FAR, NEW, (280, 10, 4, 4)]
    frame = outlines(now, reference=[PAVED])
    assert len(frame) == 1
    row = frame.iloc[0]
    assert iou(row.geometry, shape_of(NEW)) > 0.97
    assert row.area_m2 == pytest.approx(row.geometry.area, abs=0.01)
    assert row.probability == pytest.approx(0.75)
    assert (row.event_id, row.from_class, row.start_half) == (event(CELL)["event_id"], "Pasture", "2021H1")
    assert (row.flight_date, row.earlier_flight_date) == ("2022-06-01", "2019-06-01")
    no_flight_before = outlines(now, before=None, reference=[PAVED])
    assert len(no_flight_before) == 2
    assert set(no_flight_before.earlier_flight_date.fillna("")) == {""}


def test_seams_between_flights_are_no_objects_but_extensions_are(outlines):
    seam = (OLD[0], OLD[1], OLD[2], OLD[3] + 1)
    assert outlines([seam]).empty
    extension = (OLD[0], OLD[1] + OLD[3], OLD[2], 30)
    frame = outlines([OLD, extension])
    assert len(frame) == 1
    assert iou(frame.geometry[0], shape_of(extension)) > 0.97


def test_ids_stay_when_another_object_appears_and_bytes_repeat(outlines, tmp_path):
    first = outlines([OLD, NEW], name="first")
    outlines([OLD, NEW], name="second")
    assert (tmp_path / "first.gpkg").read_bytes() == (tmp_path / "second.gpkg").read_bytes()
    more = outlines([OLD, (5, 120, 20, 60), NEW], name="third")
    assert len(more) == 2
    assert set(first.polygon_id) < set(more.polygon_id)
    assert first.polygon_id.str.match(r"A-2022-\d+-\d+$").all()


def test_the_event_with_the_larger_part_is_named(outlines):
    left, right = event((0, 0, 300, 60), 1), event((0, 60, 300, 140), 2)
    frame = outlines([OLD, NEW], events=[left, right])
    assert list(frame.event_id) == [right["event_id"]]


def test_nothing_new_gives_a_valid_empty_layer(outlines):
    frame = outlines([OLD])
    assert frame.empty
    assert str(frame.dtypes["year"]) in ("int32", "int64")


def test_small_holes_are_filled_and_large_ones_stay(outlines):
    ring = [(120, 40, 60, 25), (120, 95, 60, 25), (120, 40, 15, 80), (165, 40, 15, 80)]
    wide = outlines([OLD, *ring])
    filled = outlines([OLD, *ring], settings={**SETTINGS, "fill_holes_m2": 300})
    assert len(wide.geometry[0].interiors) == 1
    assert iou(filled.geometry[0], shape_of(NEW)) > 0.97


def test_flights_in_different_crs_are_refused(outlines, tmp_path):
    import h5py

    outlines([OLD])
    with h5py.File(tmp_path / "before.h5", "r+") as file:
        file["spatial_ref"].attrs["epsg"] = 3794
    with pytest.raises(RasterError, match=r"before\.h5: is in EPSG:3794"):
        outline_sheet(
            tmp_path / "flag.json",
            tmp_path / "now.h5",
            tmp_path / "before.h5",
            None,
            tmp_path / "o.gpkg",
            settings=SETTINGS,
        )
