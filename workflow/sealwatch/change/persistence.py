"""The persistence rule, compiled. Its definition stands here and nowhere else.

Each period of a cell is 1 (impervious), 0 (other) or 255 (not observed).

1. A run is a sequence of equal observed periods. The other value ends it, and so do more than `max_gap` unobserved
   periods in a row. Unobserved periods never count: a run starts at its first observed period, and its length is its
   number of observed periods.
2. A cell has no state until a run is `first_state` periods long. The value of that run is the first state; taking it
   is no event. So a single odd period at the beginning neither makes a gain nor hides a later one.
3. The state changes in the period in which a run of the other value becomes `persistence` periods long. The change
   starts at the first period of that run and is confirmed in the period that completes it. From 0 to 1 it is a gain,
   from 1 to 0 a reversal; one rule holds for both.
4. A reversal ends the latest gain of the cell. A gain after it is a further event. A reversal without a gain before it
   (land that was impervious when the series began) sets the state and is no event.
5. While the state is 0, a run of 1 that is not ended at the last period is an open run.

Periods are taken in order and each only once, so nothing that comes later can alter a start or a confirmation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

NONE = -1
"""Index that stands for "no such period"."""
NOT_OBSERVED = 255
FIRST_STATE = 2
"""Default of `first_state`."""
NO_TURN, GAIN, REVERSAL, FIRST = 0, 1, 2, 3
"""What a period did to the state, as `advance` returns it."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Confirmed gains and the open run of each cell; indices of periods from 0, -1 = none.

    Attributes:
        start: int16 (event, cell), first period of the n-th confirmed gain.
        confirmed: int16 (event, cell), period that confirmed it.
        reversal: int16 (event, cell), first period of the confirmed reversal that ended it.
        reversal_confirmed: int16 (event, cell), period that confirmed the reversal.
        state: uint8 (cell), state after the last period, 255 without one.
        open_start: int16 (cell), first period of the open run.
        open_length: int16 (cell), its number of observed periods.
    """

    start: np.ndarray
    confirmed: np.ndarray
    reversal: np.ndarray
    reversal_confirmed: np.ndarray
    state: np.ndarray
    open_start: np.ndarray
    open_length: np.ndarray


def max_events(periods: int, persistence: int, first_state: int = FIRST_STATE) -> int:
    """Most gains a series can hold, at least 1: a first state, then a run of 1 for each and one of 0 between two."""
    return max(1, (periods - first_state + persistence) // (2 * persistence))


@nb.njit(cache=True)
def advance(value, t, state, last, length, first, gap, persistence, max_gap, first_state):  # type: ignore[no-untyped-def]
    """One period of the rule for one cell.

    Args:
        value: the period's value.
        t: its index.
        state: state before it, 255 = none; at the beginning 255.
        last: value of the run at hand, 255 = none; at the beginning 255.
        length: its observed periods; at the beginning 0.
        first: its first period; at the beginning -1.
        gap: unobserved periods in a row; at the beginning 0.
        persistence: see the definition.
        max_gap: see the definition.
        first_state: see the definition.

    Returns:
        (state, last, length, first, gap, turn), turn being NO_TURN, GAIN, REVERSAL or FIRST.
    """
    if value == NOT_OBSERVED:
        gap += 1
        if gap > max_gap:
            last, length = NOT_OBSERVED, 0
        return state, last, length, first, gap, NO_TURN
    if value == last:
        length += 1
    else:
        last, length, first = value, 1, t
    turn = NO_TURN
    if state == NOT_OBSERVED:
        if length >= first_state:
            state, turn = last, FIRST
    elif last != state and length >= persistence:
        state = last
        turn = GAIN if last == 1 else REVERSAL
    return state, last, length, first, 0, turn


@nb.njit(cache=True, parallel=True)
def _run(  # type: ignore[no-untyped-def]
    series,
    values,
    persistence,
    max_gap,
    first_state,
    start,
    confirmed,
    reversal,
    reversed_at,
    state,
    open_start,
    open_length,
):
    for cell in nb.prange(series.shape[1]):
        now, last, length, first, gap, event = NOT_OBSERVED, NOT_OBSERVED, 0, NONE, 0, -1
        for t in range(series.shape[0]):
            now, last, length, first, gap, turn = advance(
                values[series[t, cell]], t, now, last, length, first, gap, persistence, max_gap, first_state
            )
            if turn == GAIN:
                event += 1
                start[event, cell] = first
                confirmed[event, cell] = t
            elif turn == REVERSAL and event >= 0:
                reversal[event, cell] = first
                reversed_at[event, cell] = t
        state[cell] = now
        if now == 0 and last == 1:
            open_start[cell] = first
            open_length[cell] = length


def confirm(
    series: np.ndarray,
    persistence: int,
    max_gap: int,
    first_state: int = FIRST_STATE,
    values: np.ndarray | None = None,
) -> Runs:
    """Apply the rule to many cells.

    Args:
        series: uint8 (period, cell) of 1, 0 and 255, or of codes.
        persistence: observed periods in a row that change the state.
        max_gap: unobserved periods in a row that a run may bridge.
        first_state: observed periods in a row that establish the first state.
        values: uint8 (256), the value 1, 0 or 255 of each code; without it codes are values.

    Returns:
        Confirmed gains with their reversals, and open runs.
    """
    periods, cells = series.shape
    events = max_events(periods, persistence, first_state)
    start, confirmed, reversal, reversed_at = (np.full((events, cells), NONE, "i2") for _ in range(4))
    state = np.full(cells, NOT_OBSERVED, "u1")
    open_start, open_length = np.full(cells, NONE, "i2"), np.zeros(cells, "i2")
    _run(
        np.ascontiguousarray(series),
        np.arange(256, dtype="u1") if values is None else values,
        persistence,
        max_gap,
        first_state,
        start,
        confirmed,
        reversal,
        reversed_at,
        state,
        open_start,
        open_length,
    )
    return Runs(start, confirmed, reversal, reversed_at, state, open_start, open_length)
