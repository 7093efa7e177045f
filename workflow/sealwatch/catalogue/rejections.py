"""Items that the last refresh of the inventory left out, counted by tile and reason. Used at parse time."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ..keys import WILDCARD_CONSTRAINTS

_TILE = re.compile(f"(?<![A-Za-z0-9])T?({WILDCARD_CONSTRAINTS['tile']})(?![A-Za-z0-9])")


def rejected_by_tile(report: str | Path) -> dict[str, dict[str, int]]:
    """Number of items by tile and kind of reason (`cloudy`, `superseded`, `incomplete`, `outside`).

    Nothing else of the report is used: what was new or unchanged tells of the last refresh, not of the catalogue.

    Args:
        report: `catalogue/report.json`; a missing or damaged one counts nothing.

    Returns:
        Counts in order of tile and reason; the tile is "" where the item's id does not name it.
    """
    try:
        rejected = json.loads(Path(report).read_text(encoding="utf-8"))["rejected"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    counts: dict[str, dict[str, int]] = {}
    for item, reason in sorted(rejected.items()):
        tile = _TILE.search(item)
        place = counts.setdefault(tile[1] if tile else "", {})
        kind = reason.split(":")[0]
        place[kind] = place.get(kind, 0) + 1
    return {tile: dict(sorted(kinds.items())) for tile, kinds in sorted(counts.items())}
