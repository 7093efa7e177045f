"""The compiled persistence rule against a reading of its definition, and its property of time."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealwatch.change.persistence import NONE, confirm, max_events

SERIES = st.lists(st.sampled_from([0, 1, 255]), min_size=1, max_size=16)
SETTINGS = (st.integers(1, 4), st.integers(0, 3), st.integers(1, 4))


def by_definition(series, persistence, max_gap, first_state):
    """(start, confirmed, reversal, reversal confirmed) of each gain, the last state and the open run's start."""
    observed = [t for t, value in enumerate(series) if value != 255]
    runs = []
    for before, t in zip([None, *observed], observed, strict=False):
        same = before is not None and series[t] == series[before] and t - before - 1 <= max_gap
        runs[-1].append(t) if same else runs.append([t])
    state, gains = 255, []
    for run in runs:
        value, needed = series[run[0]], first_state if state == 255 else persistence
        if value != state and len(run) >= needed:
            if state == 0:
                gains.append((run[0], run[needed - 1], NONE, NONE))
            elif state == 1 and gains:
                gains[-1] = (*gains[-1][:2], run[0], run[needed - 1])
            state = value
    is_open = state == 0 and series[runs[-1][0]] == 1 and len(series) - 1 - runs[-1][-1] <= max_gap
    return gains, state, runs[-1][0] if is_open else NONE


def compiled(series, *rule):
    """The same from the compiled rule."""
    runs = confirm(np.array(series, "u1").reshape(len(series), 1), *rule)
    parts = (runs.start, runs.confirmed, runs.reversal, runs.reversal_confirmed)
    gains = [tuple(int(p[n, 0]) for p in parts) for n in range(runs.start.shape[0])]
    return [g for g in gains if g[0] != NONE], int(runs.state[0]), int(runs.open_start[0])


@settings(max_examples=1000, deadline=None)
@given(SERIES, *SETTINGS)
def test_rule_equals_its_definition(series, persistence, max_gap, first_state):
    assert compiled(series, persistence, max_gap, first_state) == by_definition(
        series, persistence, max_gap, first_state
    )


def test_all_series_of_eight_periods_with_every_setting_of_the_papers_persistence():
    every = np.array(list(itertools.product([0, 1, 255], repeat=8)), "u1").T
    for max_gap, first_state in itertools.product(range(4), range(1, 4)):
        runs = confirm(every, 3, max_gap, first_state)
        for cell in range(every.shape[1]):
            gains, state, open_start = by_definition(every[:, cell].tolist(), 3, max_gap, first_state)
            assert [int(s) for s in runs.start[:, cell] if s != NONE] == [g[0] for g in gains]
            assert (runs.state[cell], runs.open_start[cell]) == (state, open_start)


@settings(max_examples=500, deadline=None)
@given(SERIES, SERIES, st.tuples(*SETTINGS))
def test_later_periods_never_touch_what_was_confirmed_before_them(before, later, rule):
    """Adding periods, or having others in their place, keeps every earlier gain and every earlier reversal."""
    then, _, _ = compiled(before, *rule)
    now, _, _ = compiled(before + later, *rule)
    for old, new in zip(then, now, strict=False):
        assert new[:2] == old[:2]
        assert old[2] == NONE or new[2:] == old[2:]
    assert len(now) >= len(then)
    assert all(gain[1] >= len(before) for gain in now[len(then) :])


@pytest.mark.parametrize(
    ("series", "gains"),
    [
        ([0, 1, 1, 1, 1, 1], []),  # one odd period at the beginning is no change
        ([1, 0, 0, 1, 1, 1], [(3, 5)]),  # and hides none
        ([0, 0, 1, 0, 1, 1, 1], [(4, 6)]),  # an interrupted run begins anew
        ([0, 0, 1, 255, 1, 1], [(2, 5)]),  # a gap is bridged and does not count
        ([0, 0, 1, 255, 255, 1, 1], []),  # a longer one ends the run
        (
            [0, 0, 255, 255, 255, 1, 1, 1],
            [(5, 7)],
        ),  # the state lasts over any gap; the start is what was seen
        ([0, 0, 1, 1, 1, 0, 1, 0, 0], [(2, 4)]),  # a short return is no reversal
    ],
)
def test_examples_of_the_definition(series, gains):
    found, _, _ = compiled(series, 3, 1, 2)
    assert [g[:2] for g in found] == gains


@pytest.mark.parametrize(
    ("periods", "persistence", "first_state", "expected"),
    [(8, 3, 2, 1), (11, 3, 2, 2), (10, 3, 1, 2), (12, 3, 2, 2), (4, 1, 1, 2), (1, 3, 2, 1)],
)
def test_most_gains_a_series_can_hold(periods, persistence, first_state, expected):
    assert max_events(periods, persistence, first_state) == expected
    every = (
        np.array(list(itertools.product([0, 1], repeat=periods)), "u1").T
        if periods < 12
        else np.zeros((1, 1), "u1")
    )
    starts = confirm(every, persistence, 0, first_state).start
    assert starts.shape[0] >= (starts != NONE).sum(axis=0).max()
