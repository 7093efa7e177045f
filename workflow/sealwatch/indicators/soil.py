"""The soil sealing and soil removal indicators of Directive (EU) 2025/2360, as far as the data define them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .definitions import NOT_DEFINABLE
from .satellite import Satellite
from .tables import Periods, percent, sealed_at_end


def soil_rows(whole: Satellite, periods: Periods, known_ends: Sequence[int]) -> list[dict[str, Any]]:
    """One row for each indicator and year.

    Args:
        whole: areas of the whole area of interest, each without the axis of places.
        periods: of the run.
        known_ends: years at whose end the sealed land is known.
    """
    area = int(whole.area)
    rows = [
        _row("sealed_soil", f"end of {year}", sealed_at_end(whole, year, periods), area)
        for year in known_ends
    ]
    for name, chosen in periods.spans():
        if not periods.confirmable[chosen].any():
            continue
        gross, reverse = int(whole.gross[chosen].sum()), int(whole.reverse[chosen].sum())
        rows += [
            _row("new_sealing", name, gross, area),
            _row("de_sealing", name, reverse, area),
            _row("net_sealing", name, gross - reverse, area),
        ]
    if periods.confirmable.any():
        halves = int(periods.confirmable.sum())
        net = int((whole.gross - whole.reverse).sum())
        known = [half for half, there in zip(periods.halves, periods.confirmable, strict=True) if there]
        span = f"{known[0]} to {known[-1]}, per year"
        rows.append(_row("average_net_sealing", span, round(net * 2 / halves), area))
    return [*rows, *(_row(name, "", None, area) for name in NOT_DEFINABLE)]


def _row(indicator: str, period: str, value: int | None, area: int) -> dict[str, Any]:
    key = f"soil.{indicator}"
    return {
        "source": "soil",
        "indicator": indicator,
        "period": period,
        "value_km2": None if value is None else value / 1e6,
        "value_percent_of_area": None if value is None else percent(value, area),
        "reason": "" if value is not None else NOT_DEFINABLE[indicator],
        "definition": key,
    }
