"""Bringing the inventory up to date with the catalogue, without losing a scene silently."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CatalogueError
from ..files import write_json_if_changed
from ..keys import scene_key, zone_of_tile
from ..progress import track
from .adapters import ADAPTERS, ItemError
from .addresses import redacted
from .disk import local_items
from .inventory import read_inventory
from .records import SceneRecord, read_record
from .report import Report
from .search import StacApi
from .selection import Selection, build_records, slice_of
from .tiles import tiles_of_area

GIVE_UP_AFTER = 8
"""Failed tile-months in a row after which the rest is not tried: the API is down."""

Slice = tuple[str, str]
"""(tile, month)."""


@dataclass
class Listing:
    """What a search brought: the items, and why a tile-month is missing from them."""

    items: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[Slice, str] = field(default_factory=dict)


def refresh(
    settings: Mapping[str, Any],
    bands: list[str],
    period: Mapping[str, str],
    area: str | Path,
    folder: str | Path,
) -> Report:
    """Search the catalogue and write what changed.

    Every tile and month is listed each time: no catalogue has a date of change that shows withdrawn items, and
    Planetary Computer has none at all. Only what the adapters read is asked for, and only files whose content
    changed are written. A tile-month that cannot be listed keeps its records as they are.

    Args:
        settings: the configuration's `catalogue`.
        bands: bands that will be read; the scene classification is added.
        period: `start` and `end`, ISO dates.
        area: vector file of the area of interest, read where `tiles` is `auto`.
        folder: results folder; records go to `inventory/`, withdrawn ones to `withdrawn/`.

    Returns:
        What changed. The same is written to `catalogue/report.json` and printed.

    Raises:
        CatalogueError: the catalogue is out of reach or holds nothing of the selection, and the inventory stays as
            it was; or some tile-months could not be listed, and all the others have been written.
    """
    folder = Path(folder)
    tiles = _tiles(settings, area, folder)
    selection = Selection(
        tiles, period["start"], period["end"], settings["exclude_months"], settings["max_cloud_cover"]
    )
    listing = _listing(settings, [*bands, "SCL"], selection)
    if not listing.items and not listing.failed:
        raise CatalogueError(
            f"{redacted(settings['url'])}: no item in collection {settings['collection']} for tiles "
            f"{', '.join(tiles)} between {period['start']} and {period['end']}; "
            "check catalogue.tiles, catalogue.collection, catalogue.exclude_months and period"
        )
    records, rejected = build_records(listing.items, settings["provider"], [*bands, "SCL"], selection)
    report = Report(rejected=rejected, failed={"/".join(s): why for s, why in listing.failed.items()})
    certain = [r for r in records if slice_of(r) not in listing.failed]
    for record in certain:
        _write(record, folder, report)
    _set_aside({r.key for r in certain}, listing, selection, folder, report)
    _write_sets(tiles, selection, folder)
    report.without_scenes = [t for t in tiles if not any((folder / "inventory" / t).glob("*_*.json"))]
    write_json_if_changed(folder / "catalogue" / "report.json", report.as_json())
    print(report.table(), flush=True)
    if listing.failed:
        raise CatalogueError(report.failure(len(tiles) * len(selection.months())))
    return report


def _tiles(settings: Mapping[str, Any], area: str | Path, folder: Path) -> list[str]:
    if settings["tiles"] != "auto":
        return sorted(settings["tiles"])
    shares = tiles_of_area(area)
    write_json_if_changed(folder / "inventory" / "tiles.json", {"tiles": shares})
    for tile, share in shares.items():
        print(f"catalogue: {tile} holds {share:g} km2 of the area", file=sys.stderr)
    return list(shares)


def _listing(settings: Mapping[str, Any], bands: list[str], selection: Selection) -> Listing:
    url = str(settings["url"])
    remote = url.startswith(("http://", "https://"))
    if settings["provider"] == "local":
        if remote:
            raise CatalogueError(f"catalogue.url: {redacted(url)} is no folder or file, as local wants")
        return Listing(local_items(url))
    if not remote:
        raise CatalogueError(f"catalogue.url: {url} is no address; for items on disk set provider: local")
    return _search(settings, bands, selection)


def _search(settings: Mapping[str, Any], bands: list[str], selection: Selection) -> Listing:
    """List all tile-months, several at once."""
    api = StacApi(settings, bands)
    adapter = ADAPTERS[settings["provider"]]
    slices = [(tile, month) for tile in selection.tiles or () for month in selection.months()]
    in_a_row = 0

    def readable(item: dict[str, Any]) -> bool:
        try:
            adapter(item, bands)
        except ItemError:
            return False
        return True

    def search(place: Slice) -> list[dict[str, Any]] | str:
        nonlocal in_a_row
        if in_a_row >= GIVE_UP_AFTER:
            return f"not tried after {GIVE_UP_AFTER} failures in a row"
        days = selection.days(place[1])
        try:
            found = api.items(place[0], *days)
            if not all(readable(item) for item in found):
                # An item is rejected only after it was seen whole, never because its listing was shortened.
                found = api.items(place[0], *days, whole=True)
        except CatalogueError as error:
            in_a_row += 1
            print(f"catalogue: {'/'.join(place)}: {error}", file=sys.stderr, flush=True)
            return str(error)
        in_a_row = 0
        return found

    listing = Listing()
    with ThreadPoolExecutor(settings["parallel"]) as pool:
        answers = pool.map(search, slices)
        for place, answer in zip(slices, track(answers, "tile-months", len(slices)), strict=True):
            if isinstance(answer, str):
                listing.failed[place] = answer
            else:
                listing.items += answer
    return listing


def _write(record: SceneRecord, folder: Path, report: Report) -> None:
    path = folder / "inventory" / f"{record.key}.json"
    aside = folder / "withdrawn" / f"{record.key}.json"
    back = aside.is_file() and not path.exists()
    if back:
        # With its old time of modification an unchanged scene is not ingested again.
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(aside, path)
    known = path.is_file()
    if not write_json_if_changed(path, record.as_json()):
        (report.restored if back else report.unchanged).append(record.key)
    else:
        (report.restored if back else report.reprocessed if known else report.new).append(record.key)


def _set_aside(
    current: set[str], listing: Listing, selection: Selection, folder: Path, report: Report
) -> None:
    """Move records that the catalogue no longer gives, or the rules no longer take, out of the inventory."""
    inventory = folder / "inventory"
    listed = read_inventory(
        inventory, list(selection.tiles or ()), selection.start, selection.end, selection.exclude_months
    )
    for tile, date, platform in listed.scenes:
        key = scene_key(tile, date, platform)
        if key in current or (tile, date[:7]) in listing.failed:
            continue
        path, target = inventory / f"{key}.json", folder / "withdrawn" / f"{key}.json"
        try:
            ids = [granule.item_id for granule in read_record(path).granules]
        except CatalogueError:
            ids = []
        reasons = [report.rejected[i] for i in ids if i in report.rejected]
        report.withdrawn[key] = reasons[0] if reasons else "no longer in the catalogue"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)


def _write_sets(tiles: list[str], selection: Selection, folder: Path) -> None:
    """Write the sets of tiles per mosaic and of mosaics per month, and remove those of vanished mosaics."""
    inventory = folder / "inventory"
    start, end = selection.start, selection.end
    grouped = read_inventory(inventory, tiles, start, end, selection.exclude_months)
    kept = set()
    for (zone, date, platform), members in grouped.tiles_of_mosaic.items():
        path = inventory / zone / f"{date}_{platform}.json"
        write_json_if_changed(path, {"scenes": [scene_key(t, date, platform) for t in members]})
        kept.add(path)
    for zone in sorted({zone_of_tile(t) for t in tiles}):
        for month in Selection(start=start, end=end).months():
            mosaics = [f"{d}_{p}" for d, p in grouped.mosaics_of_month.get((zone, month), [])]
            write_json_if_changed(inventory / zone / f"{month}.json", {"mosaics": mosaics})
        for path in (inventory / zone).glob("*_*.json"):
            if path not in kept and start <= path.name[:10] <= end:
                path.unlink()
