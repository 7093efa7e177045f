"""Which acquisitions may show a sheet to a reviewer before and after its changes. Used at parse time: no raster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date as day
from functools import lru_cache
from typing import Any

from ..catalogue.inventory import Inventory
from ..catalogue.tiles import tiles_at
from ..keys import half_of, zone_of_tile

DATES = 12
"""Most dates of which the clearest is shown; those nearest to the middle of summer."""

MARGIN_M = 500
"""How far Sentinel-2 pictures reach beyond the sheet."""

Scene = tuple[str, str, str]
"""(tile, date, platform)."""


def review_scenes(flag: Mapping[str, Any], inventory: Inventory) -> dict[str, list[Scene]]:
    """Acquisitions of which the clearest before and after the changes of a flagged sheet are shown.

    `before` are scenes of the two half-years before the earliest start, `after` those of the half-year of the
    latest confirmation and of the one that follows it. Half-years still being filled are left out, so that a new
    scene changes nothing here until the first one of the next half-year arrives. Where that leaves nothing, the
    nearest half-year with scenes serves, which for `after` may be the one still being filled.

    Args:
        flag: content of a flag file (see `orthophoto.flags`).
        inventory: all scenes.

    Returns:
        Lists under `before` and `after`, sorted, of at most `DATES` dates and platforms with all tiles that the
        sheet's events touch; empty where the inventory has no scene on that side of the changes.
    """
    events = flag["events"]
    epsg = events[0]["epsg"]
    zone = [e["bounds"] for e in events if e["epsg"] == epsg]
    bounds = (
        min(b[0] for b in zone) - MARGIN_M,
        min(b[1] for b in zone) - MARGIN_M,
        max(b[2] for b in zone) + MARGIN_M,
        max(b[3] for b in zone) + MARGIN_M,
    )
    known = inventory.halves_of_tile
    tiles = [t for t in tiles_at(epsg, bounds) if t in known] or [
        t for t in known if zone_of_tile(t) == str(epsg)
    ]
    seen = sorted({half for tile in tiles for half in known[tile]})
    start = min(e["start_half"] for e in events)
    earlier = [half for half in seen if half < start]
    near = [half for half in earlier if half >= stepped(start, -2)]
    latest = max(e["start_half"] for e in events), max(e["confirm_half"] for e in events)

    def scenes(halves: list[str]) -> list[Scene]:
        inside = [scene for tile in tiles for half in halves for scene in known[tile].get(half, ())]
        return _nearest_summer(sorted(inside), epsg)

    return {
        "before": scenes(near or earlier[-1:]),
        "after": scenes(_after(*latest, inventory.newest_half, seen)),
    }


def review_halves(flag: Mapping[str, Any], inventory: Inventory) -> list[str]:
    """Half-years on whose scenes it depends what `review_scenes` gives: those it took, and those it might have taken.

    Half-years still being filled are left out unless it took them.
    """
    events = flag["events"]
    start, confirm = min(e["start_half"] for e in events), max(e["confirm_half"] for e in events)
    window = [stepped(start, -2), stepped(start, -1), confirm, stepped(confirm, 1)]
    shown = [half_of(day) for side in review_scenes(flag, inventory).values() for _, day, _ in side]
    return sorted({half for half in window if half < inventory.newest_half} | set(shown))


def _after(start: str, confirm: str, newest: str, seen: list[str]) -> list[str]:
    closed = [half for half in seen if half < newest]
    wanted = [half for half in closed if confirm <= half <= stepped(confirm, 1)]
    # Confirmed just now: the changes stand since they started.
    return wanted or [half for half in closed if half > start][-1:] or [h for h in seen if h >= confirm][:1]


def stepped(half: str, by: int) -> str:
    """The half-year `by` half-years after `half`."""
    number = int(half[:4]) * 2 + int(half[5]) - 1 + by
    return f"{number // 2}H{number % 2 + 1}"


@lru_cache(maxsize=16384)
def days_from_summer(date: str, epsg: int | str) -> int:
    """Days between a date (ISO 8601) and the nearest middle of summer, 15 July or south of the equator 15 January."""
    month = 1 if str(epsg).startswith("327") else 7
    that = day.fromisoformat(date)
    return min(abs((that - day(that.year + n, month, 15)).days) for n in (-1, 0, 1))


def _nearest_summer(scenes: list[Scene], epsg: int) -> list[Scene]:
    dates = sorted({s[1:] for s in scenes}, key=lambda key: (days_from_summer(key[0], epsg), key))
    chosen = set(dates[:DATES])
    return [s for s in scenes if s[1:] in chosen]
