"""Bringing the inventory up to date with the catalogue, without losing a scene silently."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CatalogueError
from ..files import write_json_if_changed
from ..keys import month_range, scene_key, zone_of_tile
from .adapters import ADAPTERS, ItemError
from .inventory import group_scenes
from .records import Granule, SceneRecord, read_record
from .search import search_items


@dataclass
class Report:
    """What a refresh changed: scene keys, and items left out with the reason."""

    unchanged: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    reprocessed: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)

    def table(self) -> str:
        """The report for a reader: a line per kind, then a line per item left out."""
        lines = [f"{name:<12}{len(getattr(self, name)):>7}" for name in vars(self)]
        lines += [f"  {kind}: {key}" for kind in ("reprocessed", "withdrawn") for key in getattr(self, kind)]
        lines += [f"  rejected: {item}: {reason}" for item, reason in sorted(self.rejected.items())]
        return "\n".join(lines)


def build_records(
    items: Iterable[dict[str, Any]], provider: str, assets: list[str], max_cloud_cover: float
) -> tuple[list[SceneRecord], dict[str, str]]:
    """Turn STAC items into one record per acquisition.

    Items of one tile, satellite, datatake and sensing time are the same pixels processed several times: the newest
    baseline, then the newest processing, wins. Other sensing times are parts of a split granule and are kept together.

    Args:
        items: STAC items as JSON values.
        provider: key of `ADAPTERS`.
        assets: images that will be read.
        max_cloud_cover: items above this percentage are rejected.

    Returns:
        Records sorted by key, and the reason by item id of every item left out.
    """
    adapter = ADAPTERS[provider]
    best: dict[tuple[str, str, str, str, str], Granule] = {}
    rejected: dict[str, str] = {}
    for item in items:
        try:
            tile, date, platform, granule = adapter(item, assets)
        except ItemError as error:
            rejected[str(item.get("id"))] = str(error)
            continue
        key = (tile, date, platform, granule.datatake_start, granule.sensing_start)
        other = best.get(key)
        if other is None:
            best[key] = granule
            continue
        older, newer = sorted((other, granule), key=lambda g: (g.baseline, g.generated, g.item_id))
        best[key] = newer
        if older.item_id != newer.item_id:
            rejected[older.item_id] = f"superseded by {newer.item_id}"
    scenes: dict[tuple[str, str, str], list[Granule]] = {}
    for (tile, date, platform, _, _), granule in sorted(best.items()):
        if granule.cloud_cover > max_cloud_cover:
            rejected[granule.item_id] = (
                f"cloud cover {granule.cloud_cover:.1f} % is above catalogue.max_cloud_cover {max_cloud_cover:g} %"
            )
        else:
            scenes.setdefault((tile, date, platform), []).append(granule)
    return [SceneRecord(*key, granules=tuple(granules)) for key, granules in sorted(scenes.items())], rejected


def refresh(settings: dict[str, Any], bands: list[str], period: dict[str, str], folder: str | Path) -> Report:
    """Search the catalogue and write what changed.

    Args:
        settings: the configuration's `catalogue`.
        bands: bands that will be read; the scene classification is added.
        period: `start` and `end`, ISO dates.
        folder: results folder; records go to `inventory/`, withdrawn ones to `withdrawn/`.

    Returns:
        What changed. The same is written to `catalogue/report.json` and printed.

    Raises:
        CatalogueError: the API failed, or the search found no item at all; the inventory stays as it was.
    """
    folder = Path(folder)
    start, end, tiles = period["start"], period["end"], list(settings["tiles"])

    def search(tile: str) -> list[dict[str, Any]]:
        found = list(
            search_items(
                settings["url"],
                settings["collection"],
                tile,
                start,
                end,
                settings["timeout_s"],
                settings["max_retries"],
            )
        )
        print(f"catalogue: {tile}: {len(found)} items", file=sys.stderr, flush=True)
        return found

    with ThreadPoolExecutor(4) as pool:
        items = [item for found in pool.map(search, tiles) for item in found]
    if not items:
        raise CatalogueError(
            f"STAC API {settings['url']}: no item in collection {settings['collection']} for tiles "
            f"{', '.join(tiles)} between {start} and {end}; check catalogue.tiles, catalogue.collection and period"
        )
    records, rejected = build_records(
        items, settings["provider"], [*bands, "SCL"], settings["max_cloud_cover"]
    )
    report = Report(rejected=rejected)
    inventory = folder / "inventory"
    for record in records:
        path = inventory / f"{record.key}.json"
        known = path.is_file()
        written = write_json_if_changed(path, record.as_json())
        kind = report.unchanged if not written else report.reprocessed if known else report.new
        kind.append(record.key)
    report.withdrawn = _set_aside(
        inventory, folder / "withdrawn", tiles, start, end, {r.key for r in records}
    )
    _write_sets(inventory, records, tiles, start, end)
    write_json_if_changed(folder / "catalogue" / "report.json", vars(report))
    print(report.table(), flush=True)
    return report


def _set_aside(
    inventory: Path, withdrawn: Path, tiles: list[str], start: str, end: str, current: set[str]
) -> list[str]:
    """Move records the catalogue no longer gives out of the inventory; returns their keys."""
    gone = []
    for tile in tiles:
        for path in sorted((inventory / tile).glob("*_*.json")):
            record = read_record(path)
            if record.key not in current and start <= record.date <= end:
                target = withdrawn / f"{record.key}.json"
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)
                gone.append(record.key)
    return gone


def _write_sets(inventory: Path, records: list[SceneRecord], tiles: list[str], start: str, end: str) -> None:
    """Write the sets of tiles per mosaic and of mosaics per month, and remove those of vanished mosaics."""
    grouped = group_scenes([(r.tile, r.date, r.platform) for r in records])
    kept = set()
    for (zone, date, platform), members in grouped.tiles_of_mosaic.items():
        path = inventory / zone / f"{date}_{platform}.json"
        write_json_if_changed(path, {"scenes": [scene_key(t, date, platform) for t in members]})
        kept.add(path)
    for zone in sorted({zone_of_tile(t) for t in tiles}):
        for month in month_range(start, end):
            mosaics = [f"{d}_{p}" for d, p in grouped.mosaics_of_month.get((zone, month), [])]
            write_json_if_changed(inventory / zone / f"{month}.json", {"mosaics": mosaics})
        for path in (inventory / zone).glob("*_*.json"):
            if path not in kept and start <= path.name[:10] <= end:
                path.unlink()
