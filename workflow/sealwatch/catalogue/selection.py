"""Which acquisitions are taken: STAC items become one record per acquisition, or a reason for being left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..keys import days_of_month, month_of, month_range
from .adapters import ADAPTERS, ItemError
from .records import Granule, SceneRecord


@dataclass(frozen=True, slots=True)
class Selection:
    """The rules of the configuration.

    Attributes:
        tiles: tiles to take; None takes all.
        start: first day, ISO 8601.
        end: last day.
        exclude_months: months of the year, 1 to 12, that are left out.
        max_cloud_cover: granules with more cloud, in per cent, are left out.
    """

    tiles: Collection[str] | None = None
    start: str = "0001-01-01"
    end: str = "9999-12-31"
    exclude_months: Collection[int] = ()
    max_cloud_cover: float = 100.0

    def months(self) -> list[str]:
        """Months of the period that are searched."""
        return [m for m in month_range(self.start, self.end) if int(m[5:7]) not in self.exclude_months]

    def days(self, month: str) -> tuple[str, str]:
        """First and last day of a month within the period."""
        first, last = days_of_month(month)
        return max(first, self.start), min(last, self.end)

    def refusal(self, tile: str, date: str, cloud_cover: float) -> str | None:
        """Why a granule is left out; None where it is taken."""
        if self.tiles is not None and tile not in self.tiles:
            return f"outside: tile {tile} is not in catalogue.tiles"
        if not self.start <= date <= self.end:
            return f"outside: {date} is not in the period"
        if int(date[5:7]) in self.exclude_months:
            return f"outside: month of {date} is in catalogue.exclude_months"
        if cloud_cover > self.max_cloud_cover:
            return (
                f"cloudy: {cloud_cover:.1f} % is above catalogue.max_cloud_cover {self.max_cloud_cover:g} %"
            )
        return None


def processing_order(granule: Granule) -> tuple[str, str, str]:
    """Sorts processings of the same pixels, newest last; baseline 99.99 marks tests of the processor."""
    baseline = "00.00" if granule.baseline.startswith("99") else granule.baseline
    return baseline, granule.generated, granule.item_id


def build_records(
    items: Iterable[Mapping[str, Any]], provider: str, bands: list[str], selection: Selection
) -> tuple[list[SceneRecord], dict[str, str]]:
    """Turn STAC items into one record per acquisition.

    Items of one tile, satellite, datatake and sensing time are the same pixels processed several times: the newest
    baseline, then the newest processing, wins. Other sensing times are parts of a split granule and are kept together.

    Args:
        items: STAC items as JSON values, in any order, also several times.
        provider: key of `ADAPTERS`.
        bands: images that will be read, `SCL` among them.
        selection: rules.

    Returns:
        Records sorted by key, and by item id why an item is in none of them: `kind: reason`, where kind is
        incomplete, superseded, outside or cloudy.
    """
    adapter = ADAPTERS[provider]
    processings: dict[tuple[str, str, str, str, str], dict[str, Granule]] = {}
    rejected: dict[str, str] = {}
    for item in items:
        try:
            tile, date, platform, granule = adapter(item, bands)
        except ItemError as error:
            rejected[str(item.get("id"))] = f"incomplete: {error}"
            continue
        key = (tile, date, platform, granule.datatake_start, granule.sensing_start)
        processings.setdefault(key, {})[granule.item_id] = granule
    scenes: dict[tuple[str, str, str], list[Granule]] = {}
    for (tile, date, platform, _, _), found in sorted(processings.items()):
        granule = max(found.values(), key=processing_order)
        for superseded in found.keys() - {granule.item_id}:
            rejected[superseded] = f"superseded: by {granule.item_id}"
        reason = selection.refusal(tile, date, granule.cloud_cover)
        if reason:
            rejected[granule.item_id] = reason
        else:
            rejected.pop(granule.item_id, None)  # an unusable copy of an item does not count
            scenes.setdefault((tile, date, platform), []).append(granule)
    return [SceneRecord(*key, granules=tuple(granules)) for key, granules in sorted(scenes.items())], rejected


def slice_of(record: SceneRecord) -> tuple[str, str]:
    """(tile, month): the part of the search that finds all granules of a scene."""
    return record.tile, month_of(record.date)
