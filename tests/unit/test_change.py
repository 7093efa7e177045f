"""Change of a zone: events, sites and alerts with their classes, periods and places; bad input; blocks."""

import geopandas as gpd
import numpy as np
import pytest

from builders.change_series import month_names, months_like, write_period, write_series
from sealwatch import hdf5
from sealwatch.change.events import ChangeRule, detect_change
from sealwatch.change.layers import ALERT_FIELDS, EVENT_FIELDS, SITE_FIELDS
from sealwatch.change.series import reclassify
from sealwatch.errors import RasterError
from sealwatch.grid import Window
from sealwatch.keys import LAND_COVER_CLASSES, half_range

ZONE = Window(32633, 496640, 5120000, 640, 5, 2)
HALVES = half_range("2021-01-01", "2024-12-31")
RULE = ChangeRule(3, 1, 2, 2, 2, 1)
SERIES = {
    (0, 0): "FFRR RRRR",
    (0, 1): "AAII AAAA",
    (0, 2): "PPRR RPPP",
    (0, 3): "FFFF FFFI",
    (0, 4): "AAI. IIAI",
    (1, 0): "RRRR RRRR",
    (1, 1): "FFR. .RRF",
    (1, 2): ".... ....",
    (1, 3): "FAFF FRRR",
    (1, 4): "FRRR RRRR",
}


def detect(folder, halves, months=(), rule=RULE):
    detect_change(halves, months, "32633", rule, folder / "32633.h5", folder / "32633.gpkg", 1)
    return {name: gpd.read_file(folder / "32633.gpkg", layer=name) for name in ("events", "sites", "alerts")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("change")


@pytest.fixture(scope="module")
def layers(folder):
    halves = write_series(folder / "half", ZONE, HALVES, SERIES)
    months = months_like(SERIES)
    months[0, 1] = "AAAAAA AAAAAA AAAIII IIIIAA AAAAAA AAAAAA AAAAAA AAAAAA"
    months[0, 3] = "F" * 41 + "I.IIIII"
    return detect(folder, halves, write_series(folder / "month", ZONE, month_names(HALVES), months))


def by_cell(frame, *fields):
    return {(7999 - e.row, e.col - 776): tuple(getattr(e, f) for f in fields) for e in frame.itertuples()}


def test_events_are_those_of_the_series(layers):
    events = layers["events"]
    fields = ("status", "from_class", "to_class", "start_half", "confirm_half", "reversal_half")
    assert by_cell(events, *fields) == {
        (0, 0): ("confirmed", "Forest", "Residential", "2022H1", "2023H1", ""),
        (0, 2): ("reversed", "Pasture", "Residential", "2022H1", "2023H1", "2023H2"),
        (0, 4): ("confirmed", "AnnualCrop", "Industrial", "2022H1", "2023H2", ""),
        (1, 3): ("confirmed", "Forest", "Residential", "2023H2", "2024H2", ""),
    }
    assert list(events.columns) == [*EVENT_FIELDS, "geometry"]
    assert events.crs.to_epsg() == 32633
    first = events[events.event_id == "32633-7999-776-2022H1"].iloc[0]
    assert first.geometry.bounds == (496640, 5119360, 497280, 5120000)
    assert first.confidence == pytest.approx(0.82 + 2 * 0.02, abs=1e-3)
    assert events.final.all()


def test_a_change_whose_probability_rises_too_little_is_unsure_and_makes_no_site(tmp_path):
    series = {(0, 0): "FFFF RRRR", (0, 1): "FFRF RRRR", (1, 1): "FFRF RRRA"}
    paths = write_series(tmp_path / "half", ZONE, HALVES, series)
    found = detect(tmp_path, paths, rule=ChangeRule(3, 1, 2, 2, 2, 1, 0.6))
    sure, before = 0.82 + 2 * 0.02, (0.82 + 2 * 0.02 + 2 * 3 * 0.02) / 3
    events = by_cell(found["events"], "status", "site_id", "rise")
    assert events == {
        (0, 0): ("confirmed", "32633-7999-776-2023H1", pytest.approx(sure - 0.06, abs=1e-3)),
        (0, 1): ("unsure", "", pytest.approx(sure - before, abs=1e-3)),
        (1, 1): ("unsure", "", pytest.approx(sure - before, abs=1e-3)),
    }
    assert found["sites"].cells.tolist() == [1]
    every = detect(tmp_path, paths)
    assert set(every["events"].status) == {"confirmed"}
    assert every["sites"].cells.tolist() == [3]
    with hdf5.read(tmp_path / "32633.h5") as file:
        assert file["rise"][0, 0, 1] == pytest.approx(sure - before, abs=1e-3)
        assert np.isnan(file["rise"][0, 0, 2])


def test_later_attributes_are_named_so(layers):
    latest = by_cell(layers["events"], "before_half", "reversal_confirm_half", "latest_class", "latest_half")
    assert latest[0, 2] == ("2021H2", "2024H2", "Pasture", "2024H2")
    assert latest[0, 4] == ("2021H2", "", "Industrial", "2024H2")


def test_cells_file_says_the_same_with_georeference(folder, layers):
    with hdf5.read(folder / "32633.h5") as file:
        assert hdf5.read_window(file) == ZONE
        halves = hdf5.read_text(file.attrs["halves"]).split()
        assert [halves[file[name][0, 0, 2] - 1] for name in ("start", "confirmed", "reversal")] == [
            "2022H1",
            "2023H1",
            "2023H2",
        ]
        assert file["from_class"][0, 0, 0] == LAND_COVER_CLASSES.index("Forest")
        assert file["to_class"][0, 1, 4] == 255
        assert np.isnan(file["confidence"][0, 1, 4])
        assert file["open_start"][0, 3] == 8
        assert file["state"][:].tolist() == [[1, 0, 0, 0, 1], [1, 0, 255, 1, 1]]


def test_neighbours_of_one_time_are_one_site(layers):
    sites = layers["sites"]
    assert list(sites.columns) == [*SITE_FIELDS, "geometry"]
    assert set(sites.site_id) == {
        f"32633-{r}-{c}-{h}" for r, c, h in ((7999, 776, "2022H1"), (7999, 778, "2022H1"))
    } | {
        "32633-7999-780-2022H1",
        "32633-7998-779-2023H2",
    }
    assert (sites.area_m2 == 640.0**2).all()


def test_alerts_are_a_layer_of_their_own(layers):
    alerts = layers["alerts"]
    assert list(alerts.columns) == [*ALERT_FIELDS, "geometry"]
    fields = (
        "alert_id",
        "first_month",
        "raised_month",
        "status",
        "closed_month",
        "from_class",
        "to_class",
        "event_id",
    )
    found = by_cell(alerts, *fields)
    assert found[0, 0] == (
        *("32633-7999-776-2022-01", "2022-01", "2022-02", "confirmed", "2023-06", "Forest", "Residential"),
        "32633-7999-776-2022H1",
    )
    assert found[0, 1] == (
        *("32633-7999-777-2022-04", "2022-04", "2022-05", "withdrawn", "2022-12", "AnnualCrop", "Industrial"),
        "",
    )
    assert found[0, 3][1:5] == ("2024-06", "2024-08", "open", "")
    assert set(alerts[alerts.status == "withdrawn"].reason) == {"2 clear months in a row are not impervious"}
    assert (1, 0) not in found
    assert (1, 4) not in found


def test_half_years_alone_raise_an_alert_too(tmp_path):
    halves = write_series(tmp_path / "half", ZONE, HALVES[:3], {(0, 0): "AAI", (1, 1): "AAI"})
    turns = {(0, 0): "A" * 12 + "AIAIAI", (1, 1): "A" * 12 + "IAIAAA"}
    months = write_series(tmp_path / "month", ZONE, month_names(HALVES[:3]), turns)
    alerts = detect(tmp_path, halves, months)["alerts"]
    (alert,) = alerts.itertuples()
    assert (alert.alert_id, alert.source, alert.status) == ("32633-7999-776-2022H1", "half-year", "open")
    assert (alert.first_month, alert.raised_month, alert.confidence > 0.8) == ("2022-01", "2022-06", True)


def test_later_half_years_never_change_what_was_published(tmp_path):
    """Attributes up to `final` of an event, and of a closed alert all, whatever comes after."""
    rng = np.random.default_rng(5)
    zone = Window(32633, 496640, 5120000, 640, 30, 20)
    names = half_range("2018-01-01", "2023-12-31")
    turns = (np.cumsum(rng.random((12, *zone.shape)) < 0.25, axis=0) + rng.integers(0, 2, zone.shape)) % 2
    codes = np.where(
        turns == 1, rng.choice([3, 4, 7], turns.shape), rng.choice([0, 1, 5], turns.shape)
    ).astype("u1")
    codes[rng.random(codes.shape) < 0.12] = 255
    months = np.repeat(codes, 6, axis=0)
    noisy = rng.random(months.shape) < 0.25
    months[noisy] = rng.choice([0, 3, 255], noisy.sum())
    halves = [write_period(tmp_path / f"half/{n}.h5", zone, m) for n, m in zip(names, codes, strict=True)]
    monthly = [
        write_period(tmp_path / f"month/{n}.h5", zone, m)
        for n, m in zip(month_names(names), months, strict=True)
    ]
    fixed = list(EVENT_FIELDS)[: list(EVENT_FIELDS).index("final")]
    fixed.remove("site_id")
    raised = list(ALERT_FIELDS)[: list(ALERT_FIELDS).index("status")]
    full = detect(tmp_path, halves, monthly)
    now_events, now_alerts = (
        full[n].set_index(i) for n, i in (("events", "event_id"), ("alerts", "alert_id"))
    )
    assert now_events.index.is_unique
    assert now_alerts.index.is_unique
    for known in (6, 8, 11):
        then = detect(tmp_path, halves[:known], monthly[: 6 * known])
        events, alerts = (then[n].set_index(i) for n, i in (("events", "event_id"), ("alerts", "alert_id")))
        assert len(events) > 20
        assert len(alerts) > 20
        assert events[fixed[1:]].equals(now_events.loc[events.index, fixed[1:]])
        reversed_then = events[events.status == "reversed"]
        back = ["status", "reversal_half", "reversal_confirm_half"]
        assert reversed_then[back].equals(now_events.loc[reversed_then.index, back])
        assert alerts[raised[1:]].equals(now_alerts.loc[alerts.index, raised[1:]])
        closed = alerts[alerts.status != "open"].drop(columns="geometry")
        assert closed.equals(now_alerts.loc[closed.index, closed.columns])


def test_blocks_of_chunks_give_what_one_block_gives(tmp_path):
    """700 x 600 cells lie in four chunks; the little zone's cells stand in each of them and across their borders."""
    zone = Window(32633, 496640, 5120000, 160, 600, 700)
    places = [(0, 0), (511, 20), (100, 510), (511, 509), (698, 595)]
    cells = {(r + top, c + left): text for top, left in places for (r, c), text in SERIES.items()}
    halves = write_series(tmp_path / "half", zone, HALVES, cells)
    events = detect(tmp_path, halves)["events"]
    assert len(events) == 4 * len(places)
    expected = np.zeros(zone.shape, "u2")
    for top, left in places:
        expected[top : top + 2, left : left + 5] = [[3, 0, 3, 0, 3], [0, 0, 0, 6, 0]]
    with hdf5.read(tmp_path / "32633.h5") as file:
        assert file["start"].chunks == (1, 512, 512)
        assert np.array_equal(file["start"][0], expected)
        assert np.count_nonzero(~np.isnan(file["confidence"][0])) == len(events)


def test_same_input_gives_the_same_bytes(folder, layers, tmp_path):
    halves, months = (sorted((folder / n).glob("*.h5")) for n in ("half", "month"))
    detect(tmp_path, halves, months)
    for name in ("32633.h5", "32633.gpkg"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("letter", ["F", "."])
def test_a_zone_without_change_or_observation_gives_empty_but_valid_layers(tmp_path, letter):
    halves = write_series(tmp_path / "half", ZONE, HALVES[:3], {}, letter)
    months = write_series(tmp_path / "month", ZONE, month_names(HALVES[:3]), {}, letter)
    layers = detect(tmp_path, halves, months)
    for name, fields in (("events", EVENT_FIELDS), ("sites", SITE_FIELDS), ("alerts", ALERT_FIELDS)):
        assert list(layers[name].columns) == [*fields, "geometry"]
        assert len(layers[name]) == 0
        assert layers[name].crs.to_epsg() == 32633


def test_a_running_half_year_confirms_but_not_finally(tmp_path):
    halves = write_series(tmp_path / "half", ZONE, HALVES[:5], {(0, 0): "FFRRR"})
    land_cover = np.full(ZONE.shape, LAND_COVER_CLASSES.index("Forest"), "u1")
    land_cover[0, 0] = LAND_COVER_CLASSES.index("Residential")
    write_period(halves[-1], ZONE, land_cover, period_end="2023-04-30")
    (event,) = detect(tmp_path, halves)["events"].itertuples()
    assert (event.confirm_half, event.final) == ("2023H1", False)


def test_bad_files_are_named_with_their_mend(tmp_path):
    halves = write_series(tmp_path / "half", ZONE, HALVES[:3], {})
    with pytest.raises(
        RasterError, match="not every half-year from 2021H1 to 2022H1 in order; run the rule half"
    ):
        detect(tmp_path, [halves[0], halves[2]])
    with pytest.raises(RasterError, match=r"no half-year maps; check period\.start"):
        detect(tmp_path, [])
    whole = halves[1].read_bytes()
    halves[1].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RasterError, match=r"2021H2\.h5: cannot be read as HDF5 .*; delete it and run again"):
        detect(tmp_path, halves)
    other = Window(32633, 496640, 5120000, 320, 5, 2)
    write_period(halves[1], other, np.zeros(other.shape, "u1"))
    with pytest.raises(
        RasterError, match=r"2021H2\.h5: its grid \(5 x 2 cells of 320 m .* is not that of .*2021H1\.h5"
    ):
        detect(tmp_path, halves)
    with hdf5.create(halves[1], "half", 1, {}) as file:
        file.set_grid(ZONE)
    with pytest.raises(RasterError, match=r"2021H2\.h5: lacks the variable class"):
        detect(tmp_path, halves)
    assert not (tmp_path / "32633.h5").exists()


def test_a_chunk_that_cannot_be_decoded_is_named(tmp_path):
    halves = write_series(tmp_path / "half", ZONE, HALVES[:3], {})
    with hdf5.read(halves[2]) as file:
        place = file["class"].id.get_chunk_info(0)
    data = bytearray(halves[2].read_bytes())
    data[place.byte_offset : place.byte_offset + place.size] = b"\x55" * place.size
    halves[2].write_bytes(data)
    with pytest.raises(RasterError, match=r"2022H1\.h5: variable class cannot be read .*; delete the file"):
        detect(tmp_path, halves)


def test_reclassification_is_the_papers():
    codes = np.array([*range(10), 255], "u1")
    expected = [int(n in ("Highway", "Industrial", "Residential")) for n in LAND_COVER_CLASSES] + [255]
    assert reclassify(codes).tolist() == expected
