"""SDG indicator 11.3.1: land consumption rate, population growth rate and their ratio."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any


def ratio_row(
    sealed_m2: Callable[[int], int], population: Callable[[int], int | None], years: Sequence[int]
) -> dict[str, Any]:
    """The indicator between the first and the last year with a population; null with the reason where undefined.

    Args:
        sealed_m2: sealed land at the end of a year, square metres.
        population: people in a year, None where unknown.
        years: years at whose end the sealed land is known, in order.

    Returns:
        Years, areas (km2), people, rates per year (shares, not percent), `ratio`, `reason` (empty where defined).
    """
    row: dict[str, Any] = dict.fromkeys(
        (
            *("from_year", "to_year", "sealed_from_km2", "sealed_to_km2", "population_from", "population_to"),
            *("land_consumption_rate", "population_growth_rate", "ratio"),
            *("sealed_per_person_from_m2", "sealed_per_person_to_m2"),
        )
    )
    span = f"{years[0]} and {years[-1]}" if years else ""
    known = [year for year in years if population(year) is not None]
    if len(years) < 2:
        return row | {"reason": "sealed land is known at the end of fewer than two years"}
    if len(known) < 2:
        return row | {"reason": f"population is given for fewer than two years between {span}"}
    first, last = known[0], known[-1]
    before, after = sealed_m2(first), sealed_m2(last)
    people = [population(year) or 0 for year in (first, last)]
    row |= {
        "from_year": first,
        "to_year": last,
        "sealed_from_km2": before / 1e6,
        "sealed_to_km2": after / 1e6,
        "population_from": people[0],
        "population_to": people[1],
        "sealed_per_person_from_m2": round(before / people[0], 3) if people[0] else None,
        "sealed_per_person_to_m2": round(after / people[1], 3) if people[1] else None,
    }
    reasons = []
    consumption = (after - before) / before / (last - first) if before > 0 else None
    if consumption is not None:
        row["land_consumption_rate"] = round(consumption, 9)
    else:
        reasons.append(f"no sealed land at the end of {first}, by which growth would be divided")
    if 0 in people:
        reasons.append("nobody lived there in the first or last year: no growth rate")
    else:
        growth = math.log(people[1] / people[0]) / (last - first)
        row["population_growth_rate"] = round(growth, 9)
        if growth == 0:
            reasons.append(
                f"the population of {first} and {last} is the same: the ratio would divide by zero"
            )
        elif consumption is not None:
            row["ratio"] = round(consumption / growth, 6)
    return row | {"reason": "; ".join(reasons)}
