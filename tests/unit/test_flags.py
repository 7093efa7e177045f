"""Flag files and the sheet index: what is flagged, with which earlier flight, and bad indexes."""

import json

import geopandas
import pytest

from builders.tiny_sheet import EPSG, event, shape_of, write_index
from sealwatch.errors import VectorError
from sealwatch.orthophoto.flags import EVENT_FIELDS, flag_sheets
from sealwatch.orthophoto.sheets import find_sheet, read_index, training_sheets

FLIGHTS = [
    ("A", 2022, "2022-06-01", "a.tif"),
    ("A", 2019, "2019-06-01", "a.tif"),
    ("A", 2016, "2016-05-01", "a.tif"),
]


@pytest.fixture
def index(tmp_path):
    (tmp_path / "a.tif").touch()
    return write_index(tmp_path / "sheets.gpkg", FLIGHTS)


def write_events(path, *statuses, block=(0, 0, 300, 300)):
    rows = [{**{k: event(block, n)[k] for k in EVENT_FIELDS}, "status": s} for n, s in enumerate(statuses)]
    columns = [*EVENT_FIELDS, "status"]
    frame = geopandas.GeoDataFrame(rows, columns=columns, geometry=[shape_of(block)] * len(rows), crs=EPSG)
    frame.to_file(path, layer="events", driver="GPKG")
    return path


def test_the_flight_after_the_change_is_flagged_with_the_one_before(tmp_path, index):
    events = write_events(tmp_path / "change.gpkg", "confirmed", "provisional", "reversed")
    for target in ("one", "two"):
        assert flag_sheets([events], index, tmp_path / target) == ["A_2022"]
    one, two = (tmp_path / t / "A_2022.json" for t in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    flag = json.loads(one.read_text())
    assert flag["earlier"] == {"year": 2019, "flight_date": "2019-06-01", "path": "a.tif"}
    assert [e["event_id"] for e in flag["events"]] == [event((0, 0, 1, 1), 0)["event_id"]]
    assert flag["events"][0]["bounds"] == [500_000.0, 5_099_850.0, 500_150.0, 5_100_000.0]


def test_nothing_is_flagged_by_alerts_or_by_a_cell_beside_the_sheet(tmp_path, index):
    alerts = write_events(tmp_path / "alerts.gpkg", "provisional", "reversed")
    beside = write_events(tmp_path / "beside.gpkg", "confirmed", block=(0, 300, 300, 300))
    assert flag_sheets([alerts, beside], index, tmp_path / "flags") == []
    assert list((tmp_path / "flags").iterdir()) == []


def test_a_bad_index_is_named(tmp_path, index):
    with pytest.raises(VectorError, match="lists no sheet B of year 2022"):
        find_sheet(index, "B", 2022)
    for row, message in (
        (("A_1", 2022, "2022-06-01", "a.tif"), "sheet 'A_1' is not an id"),
        (("A", 2022, "June", "a.tif"), "flight_date 'June' is not a date"),
        (("A", 2022, "2022-06-01", "b.tif"), "path 'b.tif' names no file"),
    ):
        with pytest.raises(VectorError, match=message):
            read_index(write_index(tmp_path / f"{abs(hash(row))}.gpkg", [row]))
    with pytest.raises(VectorError, match="year 2022 is listed twice"):
        read_index(write_index(tmp_path / "twice.gpkg", [FLIGHTS[0], ("A", 2022, "2022-07-01", "a.tif")]))
    with pytest.raises(VectorError, match="no layer training_polygons"):
        training_sheets(index, index)
    with pytest.raises(VectorError, match="no such file"):
        read_index(tmp_path / "none.gpkg")
    (tmp_path / "text.gpkg").write_text("not a database, but long enough to be looked at as one" * 40)
    with pytest.raises(VectorError, match="cannot be read as a GeoPackage"):
        read_index(tmp_path / "text.gpkg")
