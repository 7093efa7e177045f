"""Scoring of the synthetic country: every confirmed cell is right or has one source of error."""

from __future__ import annotations

import numpy as np
import pytest

from accuracy.country import BLIP, GAIN, MONTHS, NOTHING, HalfYears, History
from accuracy.country_score import SOURCES, confirmed_gains, score
from accuracy.country_views import Views

EDGE, HALVES = 10, 12
HECTARES = np.array([5.0, 1.0, 3.0])
START = MONTHS.index("2022-03")
START_HALF = 4


@pytest.fixture
def views():
    """Stride 64 on ten by ten cells: footprint n lies in cell (2, 3n) and is seen from (2, 3n + 1) too."""
    seen, inside = np.full((EDGE, EDGE), -1, "i2"), np.full((EDGE, EDGE), -1, "i2")
    for n in range(3):
        inside[2, 3 * n] = n
        seen[2, 3 * n : 3 * n + 2] = n
    beside = np.zeros((EDGE, EDGE), bool)
    beside[8] = True
    scores = np.zeros((EDGE * EDGE, 10), "f4")
    place = np.arange(EDGE * EDGE, dtype="i4")

    class Small(Views):
        @property
        def edge(self):
            return EDGE

    return Small(64, scores, scores, seen.ravel(), inside.ravel(), beside.ravel(), place)


@pytest.fixture
def history():
    """Two true changes in the first half of 2022 and a blip, in one tile."""
    start = np.full((1, 3), START, "i2")
    return History(np.array([[GAIN, GAIN, BLIP]], "u1"), start, np.full((1, 3), len(MONTHS), "i2"))


def maps(*gains):
    """Forest everywhere, Residential at (row, col) from a half-year on."""
    land_cover = np.ones((HALVES, EDGE, EDGE), "u1")
    impervious = np.full((HALVES, EDGE, EDGE), 0.1, "f4")
    for row, col, half in gains:
        land_cover[half:, row, col] = 7
        impervious[half:, row, col] = 0.9
    return [HalfYears(land_cover.reshape(HALVES, -1), impervious.reshape(HALVES, -1))]


def scored(views, history, *gains):
    return score(confirmed_gains(maps(*gains), 3, 1), views, history, HECTARES)


def test_a_change_found_in_time_is_right(views, history):
    result = scored(views, history, (2, 0, START_HALF))
    assert (result.gains, result.right, result.sites, result.right_sites) == (1, 1, 1, 1)
    assert result.found.tolist() == [True, False]
    assert result.hectares.tolist() == [5.0, 1.0]
    assert result.half_error.tolist() == [0]


@pytest.mark.parametrize(
    ("gain", "source"),
    [
        ((2, 0, START_HALF + 2), "date"),
        ((2, 1, START_HALF), "halo"),
        ((2, 6, START_HALF), "blip"),
        ((8, 5, START_HALF), "sealed"),
        ((5, 5, START_HALF), "flicker"),
    ],
)
def test_a_false_gain_has_its_source(views, history, gain, source):
    result = scored(views, history, gain)
    assert result.right == 0
    assert {name for name in SOURCES if result.false[name]} == {source}
    assert not result.found.any()


def test_a_late_start_is_missed_but_its_error_counts(views, history):
    result = scored(views, history, (2, 0, START_HALF + 3))
    assert result.half_error.tolist() == [3]
    assert scored(views, history, (2, 0, START_HALF + 1)).found.tolist() == [True, False]


def test_neighbouring_cells_are_one_site(views, history):
    result = scored(views, history, (2, 0, START_HALF), (2, 1, START_HALF), (5, 5, 4), (6, 6, 4))
    assert (result.gains, result.right, result.sites, result.right_sites) == (4, 1, 2, 1)


def test_right_and_false_are_all_gains(views, history):
    rng = np.random.default_rng(0)
    places = [(int(r), int(c), int(h)) for r, c, h in rng.integers((0, 0, 3), (10, 10, 9), (60, 3))]
    result = scored(views, history, *places)
    assert result.right + sum(result.false.values()) == result.gains


def test_confidence_is_the_mean_since_the_start():
    gains = confirmed_gains(maps((2, 0, START_HALF)), 3, 1)
    np.testing.assert_allclose(gains.confidence, [0.9], rtol=1e-6)
    np.testing.assert_allclose(gains.rise, [0.8], rtol=1e-6)
    assert gains.start.tolist() == [START_HALF]


def test_a_footprint_without_a_role_changes_nothing(views, history):
    idle = History(np.full((1, 3), NOTHING, "u1"), history.start, history.end)
    result = scored(views, idle, (2, 0, START_HALF))
    assert result.false["flicker"] == 1
    assert len(result.found) == 0
