"""The feed: one entry for each alert and change, the same id while its status changes, valid for other software."""

import json
import subprocess
from datetime import datetime

import geopandas as gpd
import pytest
import shapely
from lxml import etree

from sealwatch.feed.__main__ import main
from sealwatch.feed.entries import read_entries
from sealwatch.feed.write import NOTICE, write_feed
from sealwatch.vectors import write_geopackage_layers

ATOM = "{http://www.w3.org/2005/Atom}"
ABOUT = {
    "project": "testland",
    "title": "Land <sealed> & new",
    "attribution": "Contains modified Copernicus Sentinel data.",
    "licence": "CC-BY-4.0",
    "contact": {"organisation": "Agency", "email": "land@example.org"},
    "url": None,
}


def alert(number, status="open", closed="", event="", reason=""):
    values = {"alert_id": f"32633-1-{number}-2022-07", "zone": "32633", "row": 1, "col": number}
    values |= {
        "first_month": "2022-07",
        "raised_month": "2022-08",
        "source": "months",
        "from_class": "Forest",
    }
    values |= {"to_class": "Residential", "confidence": 0.8, "status": status, "closed_month": closed}
    return values | {"reason": reason, "event_id": event, "geometry": cell(number)}


def event(number, status="confirmed"):
    values = {"event_id": f"32633-1-{number}-2022H2", "site_id": "", "zone": "32633", "row": 1, "col": number}
    values |= {
        "from_class": "Forest",
        "to_class": "Residential",
        "start_half": "2022H2",
        "confirm_half": "2023H2",
    }
    back = ("2024H1", "2025H1") if status == "reversed" else ("", "")
    values |= dict(zip(("reversal_half", "reversal_confirm_half"), back, strict=True))
    return values | {"confidence": 0.91234, "status": status, "geometry": cell(number)}


def cell(number):
    return shapely.box(500_000 + 640 * number, 5_100_000, 500_640 + 640 * number, 5_100_640)


@pytest.fixture
def layers(tmp_path):
    """A function that writes the layers of a zone."""

    def write(alerts, events):
        path = tmp_path / "results/change/32633.gpkg"
        empty = {"alerts": alert(0), "events": event(0)}
        frames = {
            name: gpd.GeoDataFrame(rows or [empty[name]], crs=32633).iloc[: len(rows)]
            for name, rows in (("alerts", alerts), ("events", events))
        }
        write_geopackage_layers(path, {name: (frame, "Polygon") for name, frame in frames.items()})
        return path

    return write


@pytest.fixture
def written(layers, tmp_path):
    """A function that writes the feed; paths by kind."""

    def write(alerts, events, end="2025-12-31", **options):
        names = {"geojson": "a.geojson", "atom": "a.atom", "maproulette": "tasks.geojsonl"}
        targets = {kind: tmp_path / "feed" / name for kind, name in names.items()}
        write_feed([layers(alerts, events)], targets, ABOUT, end, **options)
        return targets

    return write


def statuses(targets):
    features = json.loads(targets["geojson"].read_text())["features"]
    return {
        feature["id"]: (feature["properties"]["status"], feature["properties"]["updated"])
        for feature in features
    }


def test_an_alert_that_becomes_a_change_and_is_reversed_stays_one_entry(written):
    found = [statuses(written([alert(1)], []))]
    found.append(statuses(written([alert(1, "confirmed", "2023-12", "32633-1-1-2022H2")], [event(1)])))
    found.append(
        statuses(written([alert(1, "confirmed", "2023-12", "32633-1-1-2022H2")], [event(1, "reversed")]))
    )
    (first,) = found[0]
    assert [list(each) for each in found] == [[first]] * 3
    assert [each[first] for each in found] == [
        ("provisional", "2022-08-01T00:00:00Z"),
        ("confirmed", "2023-12-01T00:00:00Z"),
        ("reversed", "2025-06-01T00:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("status", "end", "month"),
    [
        ("confirmed", "2023-09-15", "2023-07"),
        ("confirmed", "2023-12-30", "2023-07"),
        ("confirmed", "2023-12-31", "2023-12"),
        ("reversed", "2025-04-02", "2025-01"),
        ("reversed", "2025-06-30", "2025-06"),
    ],
)
def test_a_half_year_that_is_not_over_gives_no_date_ahead_of_the_data(written, status, end, month):
    confirmed = alert(1, "confirmed", "2023-12", "32633-1-1-2022H2")
    targets = written([confirmed], [event(1, status)], end=end)
    assert list(statuses(targets).values()) == [(status, f"{month}-01T00:00:00Z")]
    (feature,) = json.loads(targets["geojson"].read_text())["features"]
    assert feature["properties"]["final"] is (month[-2:] in ("06", "12"))
    assert etree.parse(targets["atom"]).getroot().findtext(f"{ATOM}updated").startswith(month)


def test_a_confirmation_is_never_dated_before_its_alert(written):
    confirmed = alert(1, "confirmed", "2023-12", "32633-1-1-2022H2") | {"raised_month": "2023-08"}
    (found,) = statuses(written([confirmed], [event(1)], end="2023-09-15")).values()
    assert found == ("confirmed", "2023-08-01T00:00:00Z")


def test_gdal_reads_geojson_and_atom(written):
    targets = written([alert(1), alert(2, "withdrawn", "2023-02")], [event(3)])
    for kind, driver in (("geojson", "GeoJSON"), ("atom", "GeoRSS")):
        said = subprocess.run(
            ["ogrinfo", "-ro", "-al", str(targets[kind])], capture_output=True, text=True, check=True
        ).stdout
        assert f"using driver `{driver}'" in said
        assert "Feature Count: 3\n" in said
        assert said.count("POLYGON ((15.") == 3  # longitude first, whatever the file's order


def test_a_change_without_alert_and_a_withdrawn_alert_have_entries_of_their_own(written):
    targets = written(
        [alert(1), alert(2, "withdrawn", "2023-02", reason="not impervious")], [event(3, "unsure")]
    )
    assert sorted(statuses(targets).values()) == [
        ("provisional", "2022-08-01T00:00:00Z"),
        ("unsure", "2023-12-01T00:00:00Z"),
        ("withdrawn", "2023-02-01T00:00:00Z"),
    ]
    assert len(statuses(targets)) == 3


def test_geojson_is_as_the_standard_wants_it_and_opens_in_gdal(written):
    targets = written([alert(1)], [event(2)])
    collection = json.loads(targets["geojson"].read_text())
    assert collection["notice"] == NOTICE
    assert "crs" not in collection
    for feature in collection["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert shape.exterior.is_ccw
        assert all(len(str(value).split(".")[-1]) <= 7 for value in shapely.get_coordinates(shape).ravel())
        assert feature["properties"]["reviewed"] is False
    read = gpd.read_file(targets["geojson"])
    assert read.crs == "EPSG:4326"
    expected = gpd.GeoSeries([cell(2), cell(1)], crs=32633)
    assert read.geometry.to_crs(32633).hausdorff_distance(expected).max() < 0.05


def test_atom_has_what_readers_need(written):
    targets = written([alert(number) for number in range(5)], [event(7)], limit=4)
    feed = etree.parse(targets["atom"]).getroot()
    assert feed.tag == f"{ATOM}feed"
    # RFC 4287, 4.1.1 and 4.1.2: exactly one each, and an author of the feed for all.
    for element in [feed, *feed.iter(f"{ATOM}entry")]:
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1
        assert datetime.fromisoformat(element.findtext(f"{ATOM}updated")).tzinfo
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Agency"
    assert feed.findtext(f"{ATOM}title").startswith(ABOUT["title"])
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == len({entry.findtext(f"{ATOM}id") for entry in entries}) == 4
    times = [entry.findtext(f"{ATOM}updated") for entry in entries]
    assert times == sorted(times, reverse=True)
    assert feed.findtext(f"{ATOM}updated") == times[0]
    assert all(NOTICE in entry.findtext(f"{ATOM}content") for entry in entries)
    ring = feed.findtext(f"{ATOM}entry/{{http://www.georss.org/georss}}polygon").split()
    assert len(ring) == 10
    assert 45 < float(ring[0]) < 47 < 90  # latitude first


def test_an_empty_feed_is_a_feed(written):
    targets = written([], [])
    assert json.loads(targets["geojson"].read_text())["features"] == []
    assert etree.parse(targets["atom"]).getroot().findtext(f"{ATOM}updated")
    assert targets["maproulette"].read_text() == ""


def test_tasks_are_one_collection_a_line_with_ids_and_only_for_what_stands(written):
    targets = written(
        [alert(1), alert(2, "withdrawn", "2023-02")], [event(3), event(4, "reversed"), event(5, "unsure")]
    )
    text = targets["maproulette"].read_text()
    records = text.split("\x1e")
    assert records[0] == ""
    tasks = [json.loads(record) for record in records[1:]]
    assert [record.count("\n") for record in records[1:]] == [1, 1]
    assert all(task["type"] == "FeatureCollection" and len(task["features"]) == 1 for task in tasks)
    properties = [task["features"][0]["properties"] for task in tasks]
    assert {each["status"] for each in properties} == {"provisional", "confirmed"}
    assert len({each["id"] for each in properties}) == 2
    assert all(each["instruction"] for each in properties)
    assert {(each["notice"], each["licence"]) for each in properties} == {(NOTICE, ABOUT["licence"])}
    assert {each["attribution"] for each in properties} == {ABOUT["attribution"]}


def test_what_is_new_since_a_month_is_printed(layers, tmp_path, capsys, monkeypatch):
    path = layers([alert(1)], [event(2)])
    own = tmp_path / "my.yaml"
    own.write_text(f"results: {path.parents[1]}\n")
    assert main(["--since", "2023-01", "--configfile", "config/demo.yaml", str(own)]) == 0
    (feature,) = json.loads(capsys.readouterr().out)["features"]
    assert feature["properties"]["key"] == event(2)["event_id"]
    assert main(["--since", "last week", "--configfile", "config/demo.yaml", str(own)]) == 2
    assert "--since: 'last week' is no month such as 2025-04" in capsys.readouterr().err
    assert [entry.status for entry in read_entries([path], "2025-12-31")] == ["confirmed", "provisional"]
