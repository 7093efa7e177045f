"""Outlines of newly sealed land from segmentations with known content, through GRASS."""

import json
import os
import signal
import subprocess
import sys
import time

import geopandas
import numpy as np
import pytest

from builders.tiny_sheet import EPSG, event, shape_of, write_bands, write_segmentation
from sealwatch.errors import RasterError
from sealwatch.orthophoto.attributes import COLUMNS
from sealwatch.orthophoto.outline import outline_sheet

SETTINGS = {
    "majority_px": 3,
    "min_area_m2": 25,
    "fill_holes_m2": 10,
    "registration_m": 0.5,
    "simplify_m": 0.7,
    "event_buffer_m": 5,
    "reference_min": 1,
    "min_probability": 0.6,
}
CELL = (0, 0, 300, 200)
EVENTS = (event(CELL),)
OLD, NEW, PAVED, FAR = (20, 20, 60, 60), (120, 40, 60, 80), (220, 30, 40, 40), (100, 240, 50, 50)


def iou(one, other):
    return one.intersection(other).area / one.union(other).area


@pytest.fixture
def outlines(tmp_path):
    """A function that outlines sealed blocks now against sealed blocks before."""

    def draw(
        now,
        before=(OLD,),
        name="outline",
        reference=(),
        events=EVENTS,
        unknown=(),
        unknown_before=(),
        unsure=(),
        unsure_before=(),
        as_raster=False,
        **changed,
    ):
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
        segmentation = write_segmentation(tmp_path / "now.h5", now, unknown=unknown, unsure=unsure)
        earlier = None
        if before is not None:
            earlier = write_segmentation(
                tmp_path / "before.h5", before, unknown=unknown_before, unsure=unsure_before
            )
        layer = None
        if reference and as_raster:
            layer, sealed = tmp_path / "reference.tif", np.zeros((1, 300, 300), "u1")
            for row, col, height, width in reference:
                sealed[0, row : row + height, col : col + width] = 1
            write_bands(layer, sealed)
        elif reference:
            layer = tmp_path / "reference.gpkg"
            shapes = [shape_of(block) for block in reference]
            geopandas.GeoDataFrame(geometry=shapes, crs=EPSG).to_crs(3794).to_file(layer, layer="reference")
        target = tmp_path / f"{name}.gpkg"
        settings = {**SETTINGS, **changed}
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
    assert row.earlier_known == 1
    no_flight_before = outlines(now, before=None, reference=[PAVED], as_raster=True)
    assert len(no_flight_before) == 2
    assert set(no_flight_before.earlier_flight_date.fillna("")) == {""}
    assert (no_flight_before.earlier_known == 1).all()


def test_seams_between_flights_are_no_objects_but_extensions_are(outlines):
    strip, wide_seam = (220, 10, 8, 280), (220, 10, 11, 280)
    shifted = (OLD[0], OLD[1], OLD[2], OLD[3] + 1)
    assert outlines([shifted, wide_seam], before=[OLD, strip], registration_m=1.5).empty
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


def test_ids_do_not_depend_on_minimum_area_and_simplification(outlines):
    small, joined = (20, 200, 20, 20), (39, 219, 12, 12)  # two blocks that overlap in one pixel
    now = [OLD, NEW, small, joined]
    first = outlines(now).set_index("polygon_id")
    stairs = outlines(now, min_area_m2=200, simplify_m=0).set_index("polygon_id")
    assert len(first) > len(stairs) == 1
    assert set(stairs.index) < set(first.index)
    assert (stairs.area_m2 > 200).all()


def test_groups_of_events_are_worked_through_apart_with_the_same_result(outlines):
    here, there = event((100, 20, 100, 60), 1), event((100, 200, 100, 60), 2)
    edge = (120, 230, 40, 60)  # reaches out of the second event's cell
    together = outlines([OLD, (120, 30, 40, 40), edge], events=[here, there])
    alone = outlines([OLD, (120, 30, 40, 40), edge], events=[here])
    assert list(together.event_id) == [here["event_id"], there["event_id"]]
    assert together.geometry[0].equals(alone.geometry[0])
    assert together.polygon_id[0] == alone.polygon_id[0]
    within = shape_of((100, 200, 100, 60)).buffer(5, join_style="mitre")
    assert iou(together.geometry[1], shape_of(edge).intersection(within)) > 0.95


def test_land_without_data_is_not_drawn_and_land_without_a_past_says_so(outlines):
    no_past = [(NEW[0], NEW[1], NEW[2], NEW[3] // 2)]
    frame = outlines([OLD, NEW, FAR], unknown=[FAR], unknown_before=no_past)
    assert len(frame) == 1
    assert frame.earlier_known[0] == pytest.approx(0.5, abs=0.02)
    assert iou(frame.geometry[0], shape_of(NEW)) > 0.97


def test_land_that_the_forest_was_not_sure_of_at_either_flight_is_left_out(outlines):
    now, doubts = [OLD, PAVED, NEW], {"unsure": [PAVED], "unsure_before": [NEW]}
    assert len(outlines(now, **doubts, min_probability=0)) == 2
    assert outlines(now, **doubts).empty
    half = (NEW[0], NEW[1], NEW[2], NEW[3] // 2)
    frame = outlines(now, unsure=[PAVED], unsure_before=[half])
    assert len(frame) == 1, "the mean over the object counts"
    assert iou(frame.geometry[0], shape_of(NEW)) > 0.97
    assert len(outlines(now, before=None, reference=[OLD])) == 2


def test_small_holes_are_filled_and_not_drawn_when_they_are_built_on_later(outlines):
    ring = [(120, 40, 60, 25), (120, 95, 60, 25), (120, 40, 15, 80), (165, 40, 15, 80)]
    wide = outlines([OLD, *ring])
    filled = outlines([OLD, *ring], fill_holes_m2=300)
    assert len(wide.geometry[0].interiors) == 1
    assert iou(filled.geometry[0], shape_of(NEW)) > 0.97
    assert outlines([OLD, NEW], before=[OLD, *ring], fill_holes_m2=300).empty
    court = outlines([OLD, NEW], before=[OLD, *ring])
    assert iou(court.geometry[0], shape_of((135, 65, 30, 30))) > 0.9


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


def test_a_killed_run_leaves_nothing_and_is_made_good_to_the_byte(outlines, tmp_path):
    outlines([OLD, NEW, (5, 120, 20, 60)])
    target, whole = tmp_path / "outline.gpkg", tmp_path / "whole.gpkg"
    target.rename(whole)
    code = (
        "import sys; from sealwatch.orthophoto.outline import outline_sheet; "
        "flag, now, before, target = sys.argv[1:]; "
        f"outline_sheet(flag, now, before, None, target, settings={SETTINGS!r})"
    )
    files = [str(tmp_path / name) for name in ("flag.json", "now.h5", "before.h5", "outline.gpkg")]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", code, *files], env=environment, start_new_session=True)
    while not list(scratch.glob("*/database/*/work/cell/fresh")):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not target.exists()
    subprocess.run([sys.executable, "-c", code, *files], env=environment, check=True)
    assert target.read_bytes() == whole.read_bytes()
