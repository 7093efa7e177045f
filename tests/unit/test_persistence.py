"""The compiled persistence rule against a plain reading of its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealwatch.change.persistence import NONE, confirm, max_events


def by_definition(series, persistence, max_gap):
    """Runs of equal values, gaps bridged up to max_gap; states change when a run is long enough."""
    runs, gap = [], 0
    for t, value in enumerate(series):
        if value == 255:
            gap += 1
            continue
        if runs and runs[-1]["value"] == value and gap <= max_gap:
            runs[-1]["at"].append(t)
        else:
            runs.append({"value": value, "at": [t]})
        gap = 0
    state, gains = None, []
    for run in runs:
        if state is None:
            state = run["value"]
        elif run["value"] != state and len(run["at"]) >= persistence:
            state = run["value"]
            if state == 1:
                gains.append([run["at"][0], run["at"][persistence - 1], NONE])
            elif gains:
                gains[-1][2] = run["at"][0]
    open_run = state == 0 and bool(runs) and runs[-1]["value"] == 1 and gap <= max_gap
    return gains, 255 if state is None else state, (runs[-1]["at"][0] if open_run else NONE)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, 255]), min_size=1, max_size=14),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_rule_equals_its_definition(series, persistence, max_gap):
    runs = confirm(np.array(series, "u1")[:, None], persistence, max_gap)
    gains, state, open_start = by_definition(series, persistence, max_gap)
    found = [
        [int(runs.start[n, 0]), int(runs.confirmed[n, 0]), int(runs.reversal[n, 0])]
        for n in range(runs.start.shape[0])
        if runs.start[n, 0] != NONE
    ]
    assert found == gains
    assert runs.state[0] == state
    assert runs.open_start[0] == open_start


def test_all_series_of_seven_periods_with_the_papers_setting():
    grid = np.array(np.meshgrid(*[[0, 1, 255]] * 7, indexing="ij"), "u1").reshape(7, -1)
    runs = confirm(grid, 3, 1)
    for cell in range(grid.shape[1]):
        gains, _, _ = by_definition(grid[:, cell].tolist(), 3, 1)
        start = [int(s) for s in runs.start[:, cell] if s != NONE]
        assert start == [g[0] for g in gains]


@pytest.mark.parametrize(
    ("periods", "persistence", "expected"), [(8, 3, 1), (10, 3, 2), (12, 3, 2), (3, 1, 1), (1, 3, 1)]
)
def test_most_gains_a_series_can_hold(periods, persistence, expected):
    assert max_events(periods, persistence) == expected
