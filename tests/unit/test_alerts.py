"""Provisional alerts: the compiled rule against a reading of its definition, and its property of time."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_persistence import by_definition

from sealwatch.change.alerts import find_alerts

CODE = st.sampled_from([0, 1, 255])


def run_at_end(series, max_gap):
    """Value and periods of the run that the last period completes or prolongs; None where it is unobserved."""
    if not series or series[-1] == 255:
        return None, []
    at, t = [], len(series) - 1
    for t in range(len(series) - 1, -1, -1):
        if series[t] == 255:
            if at[-1] - t > max_gap:
                break
        elif series[t] == series[-1]:
            at.append(t)
        else:
            break
    return series[-1], at[::-1]


def alerts_by_definition(halves, months, over, persistence, max_gap, first_state, needed, month_gap):
    """[first, raised, source, outcome, closed, start of the gain] of each alert of one cell."""
    rule, found = (persistence, max_gap, first_state), []

    def is_open():
        return bool(found) and found[-1][3] == 0

    for h in range(len(halves)):
        gains, state, _ = by_definition(halves[:h], *rule)
        for m in range(6 * h, 6 * h + 6):
            value, run = run_at_end(months[: m + 1], month_gap)
            if len(run) == needed and value == 1 and state == 0 and not is_open():
                found.append([run[0], m, 0, 0, -1, -1])
            elif len(run) == needed and value == 0 and is_open():
                found[-1][3:5] = 2, m
        end = 6 * h + 5
        later, state, _ = by_definition(halves[: h + 1], *rule)
        seen = [m for m in range(end + 1) if months[m] != 255]
        value, run = run_at_end(months[: seen[-1] + 1], month_gap) if seen else (None, [])
        denied = value == 0 and len(run) >= needed and end - seen[-1] <= month_gap
        if len(later) > len(gains):
            if is_open():
                found[-1][3:] = 1, end, later[-1][0]
        elif over[h] and state == 0 and halves[h] == 1 and not is_open() and not denied:
            found.append([6 * h, end, 1, 0, -1, -1])
        elif over[h] and state == 0 and halves[h] == 0 and is_open() and h > found[-1][0] // 6:
            found[-1][3:5] = 3, end
    return found


def compiled(halves, months, over, *rule):
    """The same from the compiled rule, for one cell."""
    column = (np.array(v, "u1").reshape(-1, 1) for v in (halves, months))
    a = find_alerts(*column, np.array(over), *rule)
    return np.stack([a.first, a.raised, a.source, a.outcome, a.closed, a.gain_start], axis=1).tolist()


@st.composite
def worlds(draw):
    """Half-years that mostly follow their months."""
    count = draw(st.integers(1, 6))
    halves = draw(st.lists(CODE, min_size=count, max_size=count))
    months = []
    for value in halves:
        months += [value if draw(st.integers(0, 2)) else draw(CODE) for _ in range(6)]
    over = [True] * (count - 1) + [draw(st.booleans())]
    rule = (st.integers(1, 3), st.integers(0, 2), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3))
    return halves, months, over, tuple(draw(r) for r in rule)


@settings(max_examples=600, deadline=None)
@given(worlds())
def test_alerts_equal_their_definition(world):
    halves, months, over, rule = world
    assert compiled(halves, months, over, *rule) == alerts_by_definition(halves, months, over, *rule)


@settings(max_examples=400, deadline=None)
@given(worlds(), st.integers(1, 6))
def test_later_maps_never_touch_what_was_raised_or_closed_before(world, known):
    """A withdrawn alert stays, and nothing disappears."""
    halves, months, over, rule = world
    known = min(known, len(halves))
    over = [True] * len(halves)
    then = compiled(halves[:known], months[: 6 * known], over[:known], *rule)
    now = compiled(halves, months, over, *rule)
    for old, new in itertools.zip_longest(then, now[: len(then)]):
        assert new[:3] == old[:3]
        assert old[3] == 0 or new == old


def half(*months):
    return list(months)


@pytest.mark.parametrize(
    ("halves", "months", "expected"),
    [
        # Two clear months raise it, and the third half-year confirms it.
        ([0, 0, 1, 1, 1], [0] * 15 + [1] * 15, [[15, 16, 0, 1, 29, 2]]),
        # Two clear months to the contrary withdraw it.
        ([0, 0, 0], [0] * 13 + [1, 1, 255, 0, 0], [[13, 14, 0, 2, 17, -1]]),
        # A later half-year to the contrary withdraws it, though months never agreed.
        ([0, 0, 0, 0], [0] * 16 + [1, 1] + [0, 1, 0, 1, 0, 1], [[16, 17, 0, 3, 23, -1]]),
        # A single month is none, a cloudy one between two is bridged.
        ([0, 0, 0], [0] * 12 + [1, 0, 0, 1, 255, 1], [[15, 17, 0, 0, -1, -1]]),
        # Half-years that agree where months alternate.
        ([0, 0, 1], [0] * 12 + [1, 0, 1, 0, 1, 0], [[12, 17, 1, 0, -1, -1]]),
        # No alert on land that was impervious before, or of which nothing is known yet.
        ([1, 1, 1], [1] * 18, []),
        ([0, 1, 1], [0] * 6 + [1] * 12, []),
    ],
)
def test_examples_of_the_definition(halves, months, expected):
    assert compiled(halves, months, [True] * len(halves), 3, 1, 2, 2, 2) == expected
