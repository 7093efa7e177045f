"""The persistence rule, compiled.

A cell's series holds 1 (impervious), 0 (other) or 255 (not observed). A run is a sequence of equal observed values;
unobserved periods neither lengthen nor end it as long as no more than `max_gap` of them follow each other. The first
observed value is the cell's first state. The state changes when a run of the other value reaches `persistence`
observed periods; the change starts at the first period of that run and is confirmed at the period that completes it.
A gain (0 to 1) and the reversal that ends it (1 to 0) follow the same rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

NONE = -1
"""Index that stands for "no such period"."""
NOT_OBSERVED = 255


@dataclass(frozen=True, slots=True)
class Runs:
    """Confirmed gains and the open run of each cell; indices of periods from 0, -1 = none.

    Attributes:
        start: int16 (event, cell), first period of the n-th confirmed gain.
        confirmed: int16 (event, cell), period that confirmed it.
        reversal: int16 (event, cell), first period of the confirmed reversal that ended it.
        state: uint8 (cell), state after the last period, 255 if never observed.
        open_start: int16 (cell), first period of an unconfirmed run of 1 in state 0 that lasts to the end.
        open_length: int16 (cell), its number of observed periods.
    """

    start: np.ndarray
    confirmed: np.ndarray
    reversal: np.ndarray
    state: np.ndarray
    open_start: np.ndarray
    open_length: np.ndarray


def max_events(periods: int, persistence: int) -> int:
    """Most gains a series can hold: each but the last needs a run of 1 and a run of 0 after the first period."""
    return max(1, (periods - 1 + persistence) // (2 * persistence))


@nb.njit(cache=True, parallel=True)
def _run(series, persistence, max_gap, start, confirmed, reversal, state, open_start, open_length):  # type: ignore[no-untyped-def]
    for cell in nb.prange(series.shape[1]):
        now, last, length, first, gap, event = 255, 255, 0, -1, 0, -1
        for t in range(series.shape[0]):
            value = series[t, cell]
            if value == 255:
                gap += 1
                if gap > max_gap:
                    last, length = 255, 0
                continue
            gap = 0
            if value == last:
                length += 1
            else:
                last, length, first = value, 1, t
            if now == 255:
                now = last
            elif last != now and length >= persistence:
                now = last
                if now == 1:
                    event += 1
                    start[event, cell] = first
                    confirmed[event, cell] = t
                elif event >= 0:
                    reversal[event, cell] = first
        state[cell] = now
        if now == 0 and last == 1:
            open_start[cell] = first
            open_length[cell] = length


def confirm(series: np.ndarray, persistence: int, max_gap: int) -> Runs:
    """Apply the rule to many cells.

    Args:
        series: uint8 (period, cell) of 1, 0 and 255.
        persistence: observed periods that confirm a state.
        max_gap: unobserved periods in a row that a run may bridge.

    Returns:
        Confirmed gains with their reversals, and open runs.
    """
    periods, cells = series.shape
    events = max_events(periods, persistence)
    start, confirmed, reversal = (np.full((events, cells), NONE, "i2") for _ in range(3))
    state = np.full(cells, NOT_OBSERVED, "u1")
    open_start, open_length = np.full(cells, NONE, "i2"), np.zeros(cells, "i2")
    _run(
        np.ascontiguousarray(series),
        persistence,
        max_gap,
        start,
        confirmed,
        reversal,
        state,
        open_start,
        open_length,
    )
    return Runs(start, confirmed, reversal, state, open_start, open_length)
