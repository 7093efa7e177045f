"""Numbers of units for a wanted half-width."""

import numpy as np
import pytest

from sealwatch.errors import ConfigError
from sealwatch.publish.sampling.planner import (
    Expectation,
    expected,
    figures,
    half_width,
    mapped_elsewhere,
    plan,
    sample_size,
)

COUNTRY = Expectation(
    {"change": 500, "buffer": 8_000, "stable": 41_000}, {"change": 0.8, "buffer": 0.01, "stable": 0.0005}
)
CELLS = 49_500


def test_the_sample_size_is_that_of_olofsson_2014_section_5():
    """Published: W 0.020, 0.015, 0.320, 0.645, user's accuracy 0.70, 0.60, 0.90, 0.95, S(O) 0.01 give n = 641."""
    users = np.array([0.70, 0.60, 0.90, 0.95])
    weights = [0.020, 0.015, 0.320, 0.645]
    deviations = np.sqrt(users * (1 - users))
    assert sample_size(weights, deviations, 0.01) == 641
    assert sample_size(weights, deviations, 0.01, cells=10_000_000) == 641
    assert sample_size(weights, deviations, 0.01, cells=1_000) < 450


@pytest.mark.parametrize("interval", ["score", "normal"])
def test_the_plan_reaches_the_half_width_and_no_smaller_one_does(interval):
    wanted = 0.004
    found = plan(COUNTRY, {"area": wanted}, 50, interval)
    reached = half_width(found.accuracy.area[0], interval)
    assert reached <= wanted
    assert min(found.units.values()) >= 50
    fewer = {name: max(50, int(n * 0.97) - 1) for name, n in found.units.items()}
    assert half_width(expected(COUNTRY, fewer).accuracy.area[0], interval) > wanted
    # That of overall accuracy is much the same: with two classes a cell is wrong or right by its truth alone.
    assert half_width(found.accuracy.overall, interval) == pytest.approx(reached, rel=0.03)
    # No other split of as many units is clearly better.
    for giver, taker in (("stable", "buffer"), ("buffer", "stable"), ("stable", "change")):
        moved = found.units | {giver: found.units[giver] - 10, taker: found.units[taker] + 10}
        if min(moved.values()) >= 50:
            other = half_width(expected(COUNTRY, moved).accuracy.area[0], interval)
            assert other > reached * 0.99


def test_normal_plans_share_units_as_neyman_did():
    """Units in proportion to cells times standard deviation, less where a stratum is small."""
    wide = Expectation(
        {"change": 100_000, "buffer": 400_000, "stable": 500_000},
        {"change": 0.7, "buffer": 0.1, "stable": 0.02},
    )
    found = plan(wide, {"area": 0.01}, 2, "normal")
    spread = {n: wide.cells[n] * np.sqrt(p * (1 - p)) for n, p in wide.change_share.items()}
    for name, number in found.units.items():
        share = number / sum(found.units.values())
        assert share == pytest.approx(spread[name] / sum(spread.values()), abs=0.015)
    weights = [c / 1e6 for c in wide.cells.values()]
    deviations = [np.sqrt(p * (1 - p)) for p in wide.change_share.values()]
    n = sample_size(weights, deviations, 0.01 / 1.96, 1e6)
    assert sum(found.units.values()) == pytest.approx(n, rel=0.02)


def test_a_buffer_that_holds_the_omissions_saves_units():
    for interval, wanted, share in (("normal", 0.003, 0.7), ("score", 0.002, 0.95)):
        with_buffer = plan(COUNTRY, {"area": wanted}, 50, interval)
        without = plan(mapped_elsewhere(COUNTRY), {"area": wanted}, 50, interval)
        assert without.units["buffer"] == 0
        assert sum(with_buffer.units.values()) < share * sum(without.units.values())
        assert without.accuracy.area[0].value == pytest.approx(with_buffer.accuracy.area[0].value)


def test_every_wanted_figure_is_reached():
    wanted = {"overall": 0.01, "users": 0.05, "producers": 0.2}
    found = figures(plan(COUNTRY, wanted).accuracy)
    assert all(half_width(found[name]) <= wide for name, wide in wanted.items())
    assert half_width(found["users"]) > 0.045


def test_a_small_stratum_is_taken_whole_and_an_impossible_wish_ends():
    tiny = Expectation(
        {"change": 30, "buffer": 0, "stable": 200}, {"change": 0.9, "buffer": 0, "stable": 0.01}
    )
    found = plan(tiny, {"area": 1e-9}, 50)
    assert found.units == {"change": 30, "buffer": 0, "stable": 200}
    with pytest.raises(ConfigError, match="--stable: 201 units, but the stratum has 200 cells"):
        expected(tiny, {"change": 30, "buffer": 0, "stable": 201})
    for wanted, minimum in (({"area": 0}, 50), ({}, 50), ({"area": 0.1}, 1)):
        with pytest.raises(ConfigError):
            plan(tiny, wanted, minimum)
    nothing = Expectation(tiny.cells, dict.fromkeys(tiny.cells, 0))
    with pytest.raises(ConfigError, match="no cell with change is expected"):
        plan(nothing, {"producers": 0.1})
    with pytest.raises(ConfigError, match="--buffer-share"):
        Expectation(tiny.cells, tiny.change_share | {"buffer": 1.2})
