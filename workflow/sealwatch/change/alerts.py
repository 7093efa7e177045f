"""Provisional alerts from monthly maps, compiled. Their definition stands here and nowhere else.

Months are 1 (impervious), 0 (other) or not observed, like half-years; runs of months are those of `persistence` with
`alert_max_gap` in place of `max_gap`. Time passes month by month, and at the end of each half-year the rule of
`persistence` takes that half-year's map.

1. An alert is raised in the month in which a run of 1 becomes `alert_months` observed months long, if the state of the
   cell (of the half-years before) is 0 and the cell has no open alert. It begins at the first month of the run.
2. At the end of a half-year that is over and whose map is 1, an alert is raised if the state is still 0, no alert is
   open and the months at hand are no run of 0 of `alert_months` or more: an open run of half-years in which no months
   agreed. It begins with the half-year.
3. An open alert is confirmed when the half-years confirm a gain of its cell.
4. An open alert is withdrawn in the month in which a run of 0 becomes `alert_months` observed months long, or at the
   end of a half-year that is over, later than the one in which the alert begins, and whose map is 0.
5. An alert that is confirmed or withdrawn stays as it is. A later run may raise a new one.

Nothing that comes later can alter when an alert was raised or closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from .persistence import GAIN, NONE, NOT_OBSERVED, advance

OPEN, CONFIRMED, WITHDRAWN_BY_MONTHS, WITHDRAWN_BY_HALF = 0, 1, 2, 3
"""What became of an alert."""
BY_MONTHS, BY_HALF = 0, 1
"""What raised it."""
MONTHS = 6
"""Months of a half-year; months are counted from the first month of the first half-year."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """Alerts in order of cells, then of time; int32 (alert) each. Months are counted from 0.

    Attributes:
        cell: place of the cell.
        first: month in which the alert begins.
        raised: month in which it was raised.
        source: BY_MONTHS or BY_HALF.
        outcome: OPEN, CONFIRMED, WITHDRAWN_BY_MONTHS or WITHDRAWN_BY_HALF.
        closed: month that confirmed or refuted it, -1 while open.
        gain_start: half-year in which the confirmed gain starts, -1 = none.
    """

    cell: np.ndarray
    first: np.ndarray
    raised: np.ndarray
    source: np.ndarray
    outcome: np.ndarray
    closed: np.ndarray
    gain_start: np.ndarray


@nb.njit(cache=True)
def _one_cell(halves, months, over, rule, cell, out):  # type: ignore[no-untyped-def]
    """Number of alerts of one cell; their values go into `out` (alert, 6) where it has rows."""
    persistence, max_gap, first_state, alert_months, alert_max_gap = rule
    fill = out.shape[0] > 0
    state, last, length, first, gap = NOT_OBSERVED, NOT_OBSERVED, 0, NONE, 0
    m_last, m_length, m_first, m_gap = NOT_OBSERVED, 0, NONE, 0
    number, is_open, begins = 0, False, 0
    for h in range(halves.shape[0]):
        for m in range(MONTHS * h, MONTHS * (h + 1)):
            value = months[m, cell]
            _, m_last, m_length, m_first, m_gap, _ = advance(
                value, m, 0, m_last, m_length, m_first, m_gap, alert_months, alert_max_gap, 1
            )
            agreed = value != NOT_OBSERVED and m_length == alert_months
            if agreed and value == 1 and state == 0 and not is_open:
                is_open, begins = True, m_first
                if fill:
                    out[number] = (m_first, m, BY_MONTHS, OPEN, NONE, NONE)
                number += 1
            elif agreed and value == 0 and is_open:
                is_open = False
                if fill:
                    out[number - 1, 3], out[number - 1, 4] = WITHDRAWN_BY_MONTHS, m
        end, value = MONTHS * (h + 1) - 1, halves[h, cell]
        state, last, length, first, gap, turn = advance(
            value, h, state, last, length, first, gap, persistence, max_gap, first_state
        )
        if turn == GAIN:
            if is_open and fill:
                out[number - 1, 3:] = CONFIRMED, end, first
            is_open = False
        elif over[h] and state == 0:
            denied = m_last == 0 and m_length >= alert_months
            if value == 1 and not is_open and not denied:
                is_open, begins = True, MONTHS * h
                if fill:
                    out[number] = (begins, end, BY_HALF, OPEN, NONE, NONE)
                number += 1
            elif value == 0 and is_open and h > begins // MONTHS:
                is_open = False
                if fill:
                    out[number - 1, 3], out[number - 1, 4] = WITHDRAWN_BY_HALF, end
    return number


@nb.njit(cache=True, parallel=True)
def _count(halves, months, over, rule, number):  # type: ignore[no-untyped-def]
    for cell in nb.prange(halves.shape[1]):
        number[cell] = _one_cell(halves, months, over, rule, cell, np.empty((0, 6), np.int32))


@nb.njit(cache=True, parallel=True)
def _fill(halves, months, over, rule, cells, begin, out):  # type: ignore[no-untyped-def]
    for i in nb.prange(len(cells)):
        _one_cell(halves, months, over, rule, cells[i], out[begin[i] : begin[i + 1]])


def find_alerts(
    halves: np.ndarray,
    months: np.ndarray,
    over: np.ndarray,
    persistence: int,
    max_gap: int,
    first_state: int,
    alert_months: int,
    alert_max_gap: int,
) -> Alerts:
    """Apply the definition to many cells.

    Args:
        halves: uint8 (half, cell) of 1, 0 and 255.
        months: uint8 (6 * half, cell), the months of these half-years; 255 where there is no map.
        over: bool (half): whether the half-year's map will get no more scenes.
        persistence: see `persistence`.
        max_gap: see `persistence`.
        first_state: see `persistence`.
        alert_months: observed months in a row that raise or refute an alert.
        alert_max_gap: unobserved months in a row that a run of months may bridge.

    Returns:
        All alerts, whatever became of them.
    """
    rule = (persistence, max_gap, first_state, alert_months, alert_max_gap)
    halves, months = np.ascontiguousarray(halves), np.ascontiguousarray(months)
    number = np.zeros(halves.shape[1], "i4")
    _count(halves, months, over, rule, number)
    cells = np.flatnonzero(number)
    begin = np.concatenate([[0], np.cumsum(number[cells])]).astype("i8")
    out = np.full((begin[-1], 6), NONE, "i4")
    _fill(halves, months, over, rule, cells, begin, out)
    columns = np.ascontiguousarray(out.T)
    return Alerts(np.repeat(cells, number[cells]).astype("i4"), *columns)
