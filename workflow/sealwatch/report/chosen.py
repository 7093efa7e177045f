"""Which events the report shows with pictures, and in words why each was confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

RULE = (
    "Of each transition the confirmed event with the most outlined newly sealed land is shown, then the second of each "
    "transition, and so on, up to {most}. All events are in the table below and in the layers of change."
)
"""How events are chosen, in words."""

SPOKEN = {
    "AnnualCrop": "annual crop",
    "Forest": "forest",
    "HerbaceousVegetation": "herbaceous vegetation",
    "Highway": "highway",
    "Industrial": "industrial",
    "Pasture": "pasture",
    "PermanentCrop": "permanent crop",
    "Residential": "residential",
    "River": "river",
    "SeaLake": "sea or lake",
}
"""Names of land-cover classes in running text."""


@dataclass(frozen=True, slots=True)
class Period:
    """What a half-year said at a cell.

    Attributes:
        half: its name.
        land_cover: class, None where not observed.
        confidence: probability of the class, 0 to 1.
        observations: clear observations.
    """

    half: str
    land_cover: str | None
    confidence: float
    observations: int


def choose_events(events: pd.DataFrame, outlined_m2: Mapping[str, float], most: int) -> pd.DataFrame:
    """Confirmed events to show, in the order of being chosen (see `RULE`); equal ones in order of their ids.

    Args:
        events: columns `event_id`, `status`, `from_class`, `to_class`.
        outlined_m2: outlined land by event id; without any an event counts as 0.
        most: how many at most.
    """
    found = events[events["status"] == "confirmed"].copy()
    found["outlined_m2"] = [float(outlined_m2.get(key, 0.0)) for key in found["event_id"]]
    found = found.sort_values(["outlined_m2", "event_id"], ascending=[False, True])
    found["turn"] = found.groupby(["from_class", "to_class"], dropna=False).cumcount()
    order = found.sort_values(["turn", "outlined_m2", "event_id"], ascending=[True, False, True])
    return order.head(most).reset_index(drop=True)


def name_of(land_cover: str | None) -> str:
    """A class in running text; `unknown` without one."""
    return SPOKEN.get(land_cover, land_cover) if land_cover else "unknown land cover"


def why_confirmed(
    event: Mapping[str, object], periods: Sequence[Period], votes: tuple[int, int], persistence: int
) -> str:
    """One paragraph on why an event counts as confirmed.

    Args:
        event: `before_half`, `start_half`, `confirm_half`, `confidence`.
        periods: half-years at its cell, in order of time.
        votes: scenes since the start that voted for an impervious class, and all that saw the cell.
        persistence: observed half-years in a row that a change must last.
    """
    run = [p for p in periods if str(event["start_half"]) <= p.half <= str(event["confirm_half"])]
    seen = [p for p in run if p.land_cover]
    missing = [p.half for p in run if not p.land_cover]
    before = next((p for p in periods if p.half == event["before_half"]), None)
    series = ", ".join(f"{p.half} {name_of(p.land_cover)} ({_count(p.observations)})" for p in seen)
    parts = [
        f"The rule asks for {persistence} observed half-years in a row of an impervious class; here they are {series}"
    ]
    if before is not None and before.land_cover:
        parts.append(f"after {name_of(before.land_cover)} in {before.half} ({_count(before.observations)})")
    text = ", ".join(parts) + "."
    if missing:
        text += f" Not observed in between: {', '.join(missing)}."
    text += f" Confidence {float(str(event['confidence'])):.2f}."
    if votes[1]:
        text += f" Of {votes[1]} clear scenes since the start, {votes[0]} voted for an impervious class."
    return text


def _count(observations: int) -> str:
    return f"{observations} clear observation{'' if observations == 1 else 's'}"
