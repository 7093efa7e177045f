"""What is made of a zone's changes: sites, evidence, plots, QGIS styles, GeoParquet, the comparison with a truth."""

import re
import sqlite3
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.change_series import month_names, months_like, write_series
from builders.comparison import compare_alerts
from builders.transition_plot import example
from sealwatch.change.events import ChangeRule, detect_change
from sealwatch.change.evidence import EVIDENCE_FIELDS, collect_evidence
from sealwatch.change.geoparquet import write_geoparquet
from sealwatch.change.layers import ALERT_FIELDS, EVENT_FIELDS, SITE_FIELDS
from sealwatch.change.plot import Transition, draw_transitions, transition_svg
from sealwatch.change.sites import group_sites, site_ids
from sealwatch.change.styles import STYLES, write_styles
from sealwatch.errors import RasterError
from sealwatch.grid import Window
from sealwatch.keys import half_range

ZONE = Window(32633, 496640, 5120000, 640, 6, 5)
HALVES = half_range("2021-01-01", "2024-12-31")
SERIES = {
    (0, 0): "FFRR RRRR",
    (1, 1): "FFFR RRRR",  # touches at a corner, one half-year later
    (1, 2): "PPPP RRRR",  # one more half-year later: hangs on by the cell between
    (3, 3): "FFRR RRRR",  # touches nothing
    (3, 5): "FFII IFFF",
    (4, 0): "FFFF FFFF",
}
EVENT = "32633-7999-776-2022H1"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products")
    halves = write_series(folder / "half", ZONE, HALVES, SERIES)
    months = months_like(SERIES)
    months[4, 0] = "F" * 20 + "RRFF" + "F" * 24
    monthly = write_series(folder / "month", ZONE, month_names(HALVES), months)
    detect_change(
        halves, monthly, "32633", ChangeRule(3, 1, 2, 2, 2, 1), folder / "c.h5", folder / "c.gpkg", 1
    )
    return folder, halves, monthly


def read(made, layer):
    return gpd.read_file(made[0] / "c.gpkg", layer=layer)


def test_cells_that_touch_and_change_at_about_the_same_time_are_one_site(made):
    sites = read(made, "sites").set_index("site_id")
    assert sorted(sites.cells) == [1, 1, 3]
    big = sites.loc[EVENT]
    assert (big.cells, big.area_m2, big.from_classes) == (3, 3 * 640.0**2, "Forest 2, Pasture 1")
    assert (big.start_half, big.last_start_half, big.confirm_half) == ("2022H1", "2023H1", "2023H1")
    assert big.geometry.area == big.area_m2
    assert sites.loc["32633-7996-781-2022H1"][["status", "reversed_events"]].tolist() == ["reversed", 1]
    events = read(made, "events")
    assert dict(events.groupby("site_id").size()) == dict(sites.cells)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 5)),
        min_size=1,
        max_size=20,
        unique=True,
    ),
    st.integers(0, 2),
)
def test_sites_equal_a_search_from_neighbour_to_neighbour(events, gap):
    row, col, start = (np.array(v) for v in zip(*events, strict=True))
    found = group_sites(row, col, start, gap)
    left, expected = set(range(len(events))), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            near = (np.abs(row - row[list(edge), None]) <= 1) & (np.abs(col - col[list(edge), None]) <= 1)
            near &= np.abs(start - start[list(edge), None]) <= gap
            edge = set(np.flatnonzero(near.any(axis=0)).tolist()) - group
        expected.append(group)
        left -= group
    assert {frozenset(np.flatnonzero(found == n).tolist()) for n in set(found)} == {
        frozenset(g) for g in expected
    }
    names = np.array([f"{r}-{c}-{s}" for r, c, s in events], dtype=object)
    ids = site_ids(found, start, names)
    for group in expected:
        members = sorted(group, key=lambda i: (start[i], names[i]))
        assert {ids[i] for i in group} == {names[members[0]]}


@pytest.fixture(scope="module")
def evidence(made):
    folder, halves, months = made
    dates = ["2021-02-03_S2A", "2022-01-10_S2B", "2022-09-05_S2A", "2022-09-08_S2B", "2024-12-30_S2A"]
    shown = {(0, 0): "FRI.R", (4, 0): "FFRFF", (3, 5): "F...F"}
    mosaics = write_series(folder / "mosaic", ZONE, dates, shown)
    collect_evidence(folder / "c.gpkg", mosaics, months, halves, folder / "evidence.gpkg")
    return folder / "evidence.gpkg", mosaics


def test_evidence_says_which_scene_voted_what(made, evidence):
    table = gpd.read_file(evidence[0], layer="evidence")
    assert list(table.columns) == list(EVIDENCE_FIELDS)
    rows = table[table.event_id == EVENT].drop(columns="event_id").to_numpy().tolist()
    assert rows == [
        ["2021-02-03", "S2A", "Forest", 0.06, 0.9, 0, "2021-02", 0, "2021H1", 0],
        ["2022-01-10", "S2B", "Residential", 0.86, 0.9, 1, "2022-01", 1, "2022H1", 1],
        ["2022-09-05", "S2A", "Industrial", 0.86, 0.9, 1, "2022-09", 1, "2022H2", 1],
        ["2024-12-30", "S2A", "Residential", 0.86, 0.9, 1, "2024-12", 1, "2024H2", 1],
    ]
    assert list(table[table.event_id == "32633-7996-781-2022H1"].date) == ["2021-02-03", "2024-12-30"]
    alert = table[table.event_id == "32633-7995-776-2022-09"]
    assert list(alert.vote) == [0, 0, 1, 0, 0]
    subjects = set(read(made, "events").event_id) | {"32633-7995-776-2022-09"}
    assert set(table.event_id) == subjects
    with sqlite3.connect(evidence[0]) as database:
        plan = database.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM evidence WHERE event_id = ?", ("x",)
        ).fetchall()
    assert "USING INDEX evidence_event_id" in str(plan)


def test_evidence_has_the_same_bytes_again_and_an_empty_table_without_changes(made, evidence, tmp_path):
    folder, halves, months = made
    collect_evidence(folder / "c.gpkg", evidence[1], months, halves, tmp_path / "again.gpkg")
    assert (tmp_path / "again.gpkg").read_bytes() == evidence[0].read_bytes()
    still = write_series(tmp_path / "half", ZONE, HALVES, {})
    detect_change(still, [], "32633", ChangeRule(3, 1, 2, 2, 2, 1), tmp_path / "c.h5", tmp_path / "c.gpkg", 1)
    collect_evidence(tmp_path / "c.gpkg", evidence[1], months, still, tmp_path / "none.gpkg")
    nothing = gpd.read_file(tmp_path / "none.gpkg", layer="evidence")
    assert (len(nothing), list(nothing.columns)) == (0, list(EVIDENCE_FIELDS))


def test_evidence_of_another_grid_is_refused(made, evidence, tmp_path):
    folder, halves, months = made
    small = Window(32633, 496640, 5120000, 640, 3, 2)
    other = write_series(tmp_path, small, ["2022-03-01_S2A"], {})
    with pytest.raises(RasterError, match=r"2022-03-01_S2A\.h5: its grid \(3 x 2 cells"):
        collect_evidence(folder / "c.gpkg", [*evidence[1], *other], months, halves, tmp_path / "e.gpkg")
    with pytest.raises(RasterError, match=r"c\.gpkg: its cells do not lie on the grid"):
        collect_evidence(
            folder / "c.gpkg", other, [], write_series(tmp_path, small, ["2021H1"], {}), tmp_path / "e"
        )
    assert not (tmp_path / "e.gpkg").exists()


def test_every_site_has_a_plot_with_its_marks(made, tmp_path):
    folder, halves, months = made
    draw_transitions(folder / "c.gpkg", months, halves, tmp_path / "plots")
    assert {p.stem for p in (tmp_path / "plots").iterdir()} == set(read(made, "sites").site_id)
    text = (tmp_path / "plots/32633-7996-781-2022H1.svg").read_text()
    words = [
        "start 2022H1",
        "confirmed 2023H1",
        "return 2023H2",
        "return confirmed 2024H2",
        "Forest to Industrial",
    ]
    assert all(word in text for word in words)
    before = {p.name: p.read_bytes() for p in (tmp_path / "plots").iterdir()}
    draw_transitions(folder / "c.gpkg", months, halves, tmp_path / "plots")
    assert {p.name: p.read_bytes() for p in (tmp_path / "plots").iterdir()} == before


def test_a_plot_shows_each_vote_at_its_time_and_class():
    shown = example()
    root = ElementTree.fromstring(transition_svg(shown))
    tag = "{http://www.w3.org/2000/svg}"
    width = float(root.get("viewBox").split()[2])
    dots = [c for c in root.iter(f"{tag}circle") if c.get("r") == "1.7"]
    assert len(dots) == sum(code != 255 for code in shown.month_classes)
    bars = [b for b in root.iter(f"{tag}line") if b.get("stroke-width") == "6" and float(b.get("x1")) > 112]
    assert len(bars) == sum(code != 255 for code in shown.half_classes)
    heights = {}
    for bar, code in zip(bars, (c for c in shown.half_classes if c != 255), strict=True):
        assert heights.setdefault(code, bar.get("y1")) == bar.get("y1")
    assert len(set(heights.values())) == len(heights)
    for text in root.iter(f"{tag}text"):
        # Letters are at most 0.62 of the size wide on average: nothing may run out of the picture.
        size, x, length = float(text.get("font-size")), float(text.get("x")), len(text.text)
        assert size >= 9
        reach = {"start": (0, 1), "middle": (-0.5, 0.5), "end": (-1, 0)}[text.get("text-anchor")]
        assert all(0 <= x + side * 0.62 * size * length <= width for side in reach), text.text


def test_a_long_series_and_odd_names_still_make_a_plot():
    halves = half_range("2017-01-01", "2031-12-31")
    text = transition_svg(Transition("a < b & c", halves, [255] * 30, [255] * 180, []))
    assert ElementTree.fromstring(text).find("{http://www.w3.org/2000/svg}title").text == "a < b & c"


def test_styles_match_the_layers_and_their_values(made, tmp_path):
    write_styles(tmp_path / "styles")
    fields = {"events": EVENT_FIELDS, "sites": SITE_FIELDS, "alerts": ALERT_FIELDS}
    assert {p.stem for p in (tmp_path / "styles").iterdir()} == set(fields)
    for name, known in fields.items():
        root = ElementTree.parse(tmp_path / f"styles/{name}.qml").getroot()
        renderer = root.find("renderer-v2")
        attribute = renderer.get("attr")
        used = re.findall(r'"(\w+)"', attribute) or [attribute]
        assert set(used) | {root.find("labeling/settings/text-style").get("fieldName")} <= set(known)
        categories = renderer.findall("categories/category")
        symbols = {s.get("name") for s in renderer.findall("symbols/symbol")}
        assert {c.get("symbol") for c in categories} == symbols
        frame = read(made, name)
        shown = (
            frame["to_class"].where(frame["status"] != "reversed", "reversed")
            if name == "events"
            else frame.status
        )
        assert set(shown) <= {c.get("value") for c in categories} == {c[0] for c in STYLES[name].categories}


def test_geoparquet_holds_the_same_features(made, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    targets = {name: tmp_path / f"{name}.parquet" for name in ("events", "sites", "alerts")}
    write_geoparquet(made[0] / "c.gpkg", targets)
    for name, path in targets.items():
        frame = gpd.read_parquet(path)
        assert frame.crs.to_epsg() == 32633
        assert frame.drop(columns="geometry").equals(read(made, name).drop(columns="geometry"))
        assert frame.geometry.geom_equals(read(made, name).geometry).all()
    before = targets["events"].read_bytes()
    write_geoparquet(made[0] / "c.gpkg", targets)
    assert targets["events"].read_bytes() == before


def test_alert_precision_counts_lasting_changes_only():
    def alert(row, month, status):
        return {"row": row, "col": 0, "raised_month": month, "status": status}

    alerts = gpd.GeoDataFrame(
        [
            alert(1, "2022-02", "confirmed"),
            alert(1, "2021-12", "withdrawn"),  # before the change began
            alert(2, "2022-08", "withdrawn"),  # on a blip
            alert(3, "2024-11", "open"),
            alert(4, "2023-01", "open"),  # after the land had turned back
            alert(5, "2023-01", "open"),  # nothing there
        ]
    )
    truth = {
        "gains": [{"row": 1, "col": 0, "start_half": "2022H1", "end_half": ""}],
        "blips": [{"row": 2, "col": 0, "start_half": "2022H2", "end_half": "2023H1"}],
        "provisional": [{"row": 3, "col": 0, "start_half": "2024H2"}],
        "reversals": [{"row": 4, "col": 0, "start_half": "2021H1", "end_half": "2023H1"}],
    }
    figures = compare_alerts(alerts, truth)
    assert figures == {"alerts_raised": 6, "alert_precision": 0.3333, "alert_precision_standing": 0.5}
    assert compare_alerts(alerts[:0], truth)["alert_precision"] is None
