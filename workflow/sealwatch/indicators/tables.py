"""Rows of the tables: areas by place and period, in km2 and per cent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .outlines import Outlined
from .satellite import Satellite

WHOLE = "all"
"""Place of the rows for the whole area of interest."""

OUTSIDE = "outside any"
"""Place of the rows for what lies in no municipality."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Half-years of the run, and those in which a confirmed change can start.

    Attributes:
        halves: in order of time.
        confirmable: bool (half,).
    """

    halves: tuple[str, ...]
    confirmable: np.ndarray

    @staticmethod
    def of(halves: Sequence[str], first_state: int, persistence: int) -> Periods:
        """By the rule's `change.first_state` and `change.persistence`."""
        place = np.arange(len(halves))
        return Periods(tuple(halves), (place >= first_state) & (place <= len(halves) - persistence))

    @property
    def years(self) -> list[str]:
        """Years that have a half-year."""
        return sorted({half[:4] for half in self.halves})

    def spans(self) -> list[tuple[str, np.ndarray]]:
        """Each year, then the whole period: its name and which half-years it has, bool (half,)."""
        years = [(year, np.array([half[:4] == year for half in self.halves])) for year in self.years]
        whole = f"{self.years[0]}-{self.years[-1]}"
        return [*years, (whole, np.ones(len(self.halves), bool))]

    def after(self, year: int) -> np.ndarray:
        """Which half-years lie after the end of a year, bool (half,)."""
        return np.array([int(half[:4]) > year for half in self.halves])

    def known_ends(self, first_state: int) -> list[int]:
        """Years at whose end the sealed land is known: first states are there, and no change is still unconfirmed."""
        open_still = np.flatnonzero(self.confirmable)
        ends = {half: n for n, half in enumerate(self.halves)}
        last = open_still[-1] if len(open_still) else -1
        known = [int(year) for year in self.years if f"{year}H2" in ends]
        return [year for year in known if first_state - 1 <= ends[f"{year}H2"] <= last]


def percent(part: int, whole: int) -> float | None:
    """`part` of `whole` in per cent, None where there is no whole."""
    return round(100 * part / whole, 6) if whole else None


def area_row(place: str, area: int, observed: int) -> dict[str, Any]:
    """The area of a place, and how much of it is observed."""
    return {
        "source": "area",
        "place": place,
        "period": "",
        "area_km2": area / 1e6,
        "observed_km2": observed / 1e6,
        "observed_percent_of_area": percent(observed, area),
        "not_observed_km2": (area - observed) / 1e6,
        "not_observed_percent_of_area": percent(area - observed, area),
    }


def change_rows(place: str, part: Satellite, periods: Periods) -> list[dict[str, Any]]:
    """Gross, reverse and net change of a place in each year and in all, from the satellite map.

    Args:
        place: its name.
        part: its areas, each without the axis of places.
        periods: of the run.
    """
    area, observed = int(part.area), int(part.observed)
    rows = []
    for name, chosen in periods.spans():
        confirmable = int(periods.confirmable[chosen].sum())
        gross, reverse = int(part.gross[chosen].sum()), int(part.reverse[chosen].sum())
        # A zero would say that nothing changed in a year of which nothing can be known yet.
        unknown = confirmable == 0 and gross == 0 and reverse == 0
        row: dict[str, Any] = {
            "source": "satellite",
            "place": place,
            "period": name,
            "confirmable_halves": confirmable,
        }
        for key, value in (("gross", gross), ("reverse", reverse), ("net", gross - reverse)):
            row[f"{key}_km2"] = None if unknown else value / 1e6
            row[f"{key}_percent_of_observed"] = None if unknown else percent(value, observed)
            row[f"{key}_percent_of_area"] = None if unknown else percent(value, area)
        row["provisional_km2"] = int(part.provisional[chosen].sum()) / 1e6
        row["unsure_km2"] = int(part.unsure[chosen].sum()) / 1e6
        rows.append(row)
    return rows


def outline_rows(
    place: str, area_m2: np.ndarray, polygons: np.ndarray, area: int, observed: int, periods: Periods
) -> list[dict[str, Any]]:
    """Outlined land of a place in each year and in all; `area_m2` and `polygons` are int64 (half,)."""
    rows = []
    for name, chosen in periods.spans():
        gross, confirmable = int(area_m2[chosen].sum()), int(periods.confirmable[chosen].sum())
        unknown = confirmable == 0 and gross == 0
        rows.append(
            {
                "source": "outlines",
                "place": place,
                "period": name,
                "polygons": int(polygons[chosen].sum()),
                "gross_km2": None if unknown else gross / 1e6,
                "gross_percent_of_observed": None if unknown else percent(gross, observed),
                "gross_percent_of_area": None if unknown else percent(gross, area),
            }
        )
    return rows


def stock_rows(place: str, part: Satellite, periods: Periods) -> list[dict[str, Any]]:
    """Sealed land of a place in each half-year's map."""
    area, rows = int(part.area), []
    for n, half in enumerate(periods.halves):
        sealed, seen = int(part.mapped_sealed[n]), int(part.mapped_observed[n])
        rows.append(
            {
                "source": "stock",
                "place": place,
                "period": half,
                "sealed_km2": sealed / 1e6,
                "sealed_percent_of_observed": percent(sealed, seen),
                "sealed_percent_of_area": percent(sealed, area),
                "observed_km2": seen / 1e6,
                "not_observed_percent_of_area": percent(area - seen, area),
            }
        )
    return rows


def place_rows(place: str, part: Satellite, outlined: Outlined, periods: Periods) -> list[dict[str, Any]]:
    """All rows of a place; `part` and `outlined.area_m2`, `outlined.polygons` are without the axis of places."""
    area, observed = int(part.area), int(part.observed)
    return [
        area_row(place, area, observed),
        *change_rows(place, part, periods),
        *outline_rows(place, outlined.area_m2, outlined.polygons, area, observed, periods),
        *stock_rows(place, part, periods),
    ]


def sealed_at_end(part: Satellite, year: int, periods: Periods) -> int:
    """Sealed land of a place at the end of a year, square metres: the last state less the net change since."""
    later = periods.after(year)
    return int(part.sealed) - int((part.gross - part.reverse)[later].sum())
