"""Summary of the scenes of a run: accepted and left out, by tile and by month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..keys import month_of, month_range

REASONS = {
    "cloudy": "more clouds than catalogue.max_cloud_cover",
    "superseded": "a later processing of the same acquisition was taken",
    "incomplete": "the item lacks an image or a field",
    "outside": "another tile, or a day outside the period or in a month left out",
}
"""Why items are left out, by the kind of reason."""


@dataclass(frozen=True, slots=True)
class TileRow:
    """A tile: scenes, by satellite, first and last day, and items left out in the order of `SceneSummary.reasons`."""

    tile: str
    scenes: int
    platforms: str
    first: str
    last: str
    rejected: Sequence[int]


@dataclass(frozen=True, slots=True)
class SceneSummary:
    """Scenes of the run.

    Attributes:
        tiles: a row for each tile.
        reasons: kinds of reasons and their explanation.
        rejected: how many items were left out for each.
        years: year and, of its months in the period, the scenes; None for a month outside the period.
        empty_months: months of the period without a scene.
    """

    tiles: Sequence[TileRow]
    reasons: Sequence[tuple[str, str]]
    rejected: Sequence[int]
    years: Sequence[tuple[str, Sequence[int | None]]]
    empty_months: Sequence[str]


def scene_summary(
    scenes: Sequence[tuple[str, str, str]], rejected: Mapping[str, Mapping[str, int]], period: tuple[str, str]
) -> SceneSummary:
    """Count scenes and items left out.

    Args:
        scenes: (tile, date, platform).
        rejected: items left out by tile and kind of reason; tile "" where the item does not name it.
        period: first and last day.
    """
    kinds = sorted({kind for counts in rejected.values() for kind in counts})
    tiles = []
    for tile in sorted({tile for tile, _, _ in scenes} | set(rejected)):
        own = [(date, platform) for t, date, platform in scenes if t == tile]
        platforms = Counter(platform for _, platform in own)
        tiles.append(
            TileRow(
                tile or "not named",
                len(own),
                ", ".join(f"{name} {count}" for name, count in sorted(platforms.items())),
                min((date for date, _ in own), default=""),
                max((date for date, _ in own), default=""),
                [rejected.get(tile, {}).get(kind, 0) for kind in kinds],
            )
        )
    months = Counter(month_of(date) for _, date, _ in scenes)
    inside = month_range(*period)
    years = [
        (year, [months[m] if (m := f"{year}-{n:02d}") in inside else None for n in range(1, 13)])
        for year in sorted({month[:4] for month in inside})
    ]
    return SceneSummary(
        tiles,
        [(kind, REASONS.get(kind, "")) for kind in kinds],
        [sum(counts.get(kind, 0) for counts in rejected.values()) for kind in kinds],
        years,
        [month for month in inside if not months[month]],
    )
