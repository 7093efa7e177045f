"""Flag files: what is flagged, with which earlier flight, and which sheet draws where sheets overlap."""

import json

import geopandas
import pytest
import shapely

from builders.tiny_sheet import EPSG, event, shape_of, write_index
from sealwatch.errors import VectorError
from sealwatch.orthophoto.flags import EVENT_FIELDS, flag_sheets

FLIGHTS = [
    ("A", 2022, "2022-06-01", "a22.tif"),
    ("A", 2019, "2019-06-01", "a19.tif"),
    ("A", 2016, "2016-05-01", "a16.tif"),
]
LEFT, RIGHT = (0, 0, 300, 200), (0, 100, 300, 200)


@pytest.fixture
def index(tmp_path):
    """A function that writes the index of some flights; their rasters are there, but no images."""

    def write(flights=FLIGHTS, blocks=None, **options):
        for flight in flights:
            (tmp_path / flight[3]).touch()
        return write_index(tmp_path / "sheets.gpkg", flights, blocks, **options)

    return write


@pytest.fixture
def events(tmp_path):
    """A function that writes events of one status each below a block, and returns the file in a list."""

    def write(*statuses, block=(0, 0, 300, 300), name="change"):
        rows = [
            {**{k: event(block, n)[k] for k in EVENT_FIELDS}, "status": s} for n, s in enumerate(statuses)
        ]
        columns = [*EVENT_FIELDS, "status"]
        shapes = [shape_of(block)] * len(rows)
        frame = geopandas.GeoDataFrame(rows, columns=columns, geometry=shapes, crs=EPSG)
        frame.to_file(tmp_path / f"{name}.gpkg", layer="events", driver="GPKG")
        return [tmp_path / f"{name}.gpkg"]

    return write


def areas(folder):
    """The parts of an event that the flagged orthophotos may draw, by key."""
    flags = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {key: shapely.from_wkt(flag["events"][0]["area"]) for key, flag in flags.items()}


def test_the_flight_after_the_change_is_flagged_with_the_one_before(tmp_path, index, events):
    changes = events("confirmed", "provisional", "reversed")
    for target in ("one", "two"):
        assert flag_sheets(changes, index(), tmp_path / target) == ["A_2022"]
    one, two = (tmp_path / t / "A_2022.json" for t in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    flag = json.loads(one.read_text())
    assert flag["earlier"] == {"year": 2019, "flight_date": "2019-06-01", "path": "a19.tif"}
    assert [e["event_id"] for e in flag["events"]] == [event((0, 0, 1, 1), 0)["event_id"]]
    assert (flag["events"][0]["start_half"], flag["events"][0]["confirm_half"]) == ("2021H1", "2022H1")
    assert flag["events"][0]["bounds"] == [500_000.0, 5_099_850.0, 500_150.0, 5_100_000.0]
    assert shapely.from_wkt(flag["events"][0]["area"]).equals(shape_of((0, 0, 300, 300)))
    (shown,) = json.loads((tmp_path / "one/A_2022.shown").read_text())
    assert shown == {
        name: flag["events"][0][name] for name in ("start_half", "confirm_half", "bounds", "epsg")
    }


def test_nothing_is_flagged_by_alerts_or_by_a_cell_beside_the_sheet(tmp_path, index, events):
    alerts = events("provisional", "reversed", name="alerts")
    beside = events("confirmed", block=(0, 300, 300, 300), name="beside")
    assert flag_sheets([*alerts, *beside], index(), tmp_path / "flags") == []
    assert [path.name for path in (tmp_path / "flags").iterdir()] == ["flagged.txt"]


def test_a_new_flight_is_flagged_and_leaves_the_other_flags_as_they_are(tmp_path, index, events):
    changes = events("confirmed", block=(0, 0, 300, 500))
    neighbour = ("B", 2022, "2022-06-01", "b22.tif")
    blocks = [(0, 0, 300, 300)] * 3 + [(0, 300, 300, 300)]
    flag_sheets(changes, index([*FLIGHTS, neighbour], blocks), tmp_path / "flags")
    before = {path.name: path.read_bytes() for path in (tmp_path / "flags").glob("*.json")}
    assert sorted(before) == ["A_2022.json", "B_2022.json"]
    later = [("A", 2025, "2025-06-01", "a25.tif"), ("C", 2025, "2025-06-01", "c25.tif")]
    blocks += [(0, 0, 300, 300), (0, 900, 300, 300)]
    keys = flag_sheets(changes, index([*FLIGHTS, neighbour, *later], blocks), tmp_path / "flags")
    assert keys == ["A_2022", "A_2025", "B_2022"]
    assert (tmp_path / "flags/flagged.txt").read_text() == "A_2022\nA_2025\nB_2022\n"
    after = {path.name: path.read_bytes() for path in (tmp_path / "flags").glob("*.json")}
    assert {name: after[name] for name in before} == before
    assert json.loads(after["A_2025.json"])["earlier"]["year"] == 2022


def test_overlapping_sheets_share_an_event_without_common_area(tmp_path, index, events):
    flown = [("A", 2024, "2024-06-01", "a24.tif"), ("B", 2022, "2022-06-01", "b22.tif")]
    flag_sheets(events("confirmed"), index(flown, [LEFT, RIGHT]), tmp_path / "flags")
    parts = areas(tmp_path / "flags")
    assert parts["B_2022"].equals(shape_of(RIGHT))
    assert parts["A_2024"].equals(shape_of((0, 0, 300, 100)))
    # B continues the series of the strip that it began, and A_2024 keeps what it has.
    flown.append(("B", 2025, "2025-06-01", "b25.tif"))
    flag_sheets(events("confirmed"), index(flown, [LEFT, RIGHT, RIGHT], epsg=3794), tmp_path / "flags")
    later = areas(tmp_path / "flags")
    for key, block in (("B_2022", RIGHT), ("B_2025", RIGHT), ("A_2024", (0, 0, 300, 100))):
        assert later[key].symmetric_difference(shape_of(block)).area < 1.0


def test_a_sheet_that_others_cover_is_not_flagged_and_the_first_id_wins_on_one_day(tmp_path, index, events):
    flown = [(name, 2022, "2022-06-01", f"{name}.tif") for name in "CAB"]
    keys = flag_sheets(
        events("confirmed"), index(flown, [(0, 50, 300, 100), LEFT, RIGHT]), tmp_path / "flags"
    )
    assert keys == ["A_2022", "B_2022"]
    assert areas(tmp_path / "flags")["B_2022"].equals(shape_of((0, 200, 300, 100)))


def test_a_missing_raster_is_named_only_where_it_is_needed(tmp_path, index, events):
    sheets = index()
    (tmp_path / "a16.tif").unlink()
    assert flag_sheets(events("confirmed"), sheets, tmp_path / "flags") == ["A_2022"]
    (tmp_path / "a19.tif").unlink()
    with pytest.raises(
        VectorError, match=r"sheet A of year 2019: path 'a19.tif' names no file \(looked for /"
    ):
        flag_sheets(events("confirmed"), sheets, tmp_path / "flags")
    assert [path.name for path in (tmp_path / "flags").glob("*.json")] == ["A_2022.json"]


def test_a_footprint_that_crosses_itself_is_named(tmp_path, index, events):
    sheets = index()
    frame = geopandas.read_file(sheets, layer="sheets")
    frame.loc[1, "geometry"] = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    frame.to_file(sheets, layer="sheets", driver="GPKG")
    with pytest.raises(
        VectorError, match=r"the footprint of A_2019 is invalid \(Self-intersection\[0.5 0.5\]\)"
    ):
        flag_sheets(events("confirmed"), sheets, tmp_path / "flags")
