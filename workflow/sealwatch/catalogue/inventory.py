"""The inventory: which acquisitions, mosaics and months exist. Read at parse time, so light on imports.

`inventory/{tile}/{date}_{platform}.json`  the scene's record
`inventory/{zone}/{date}_{platform}.json`  the tiles of one mosaic
`inventory/{zone}/{month}.json`            the mosaics of one month (none in an empty month)
`inventory/tiles.json`                     the tiles found from the area, where `catalogue.tiles` is `auto`

The sets of mosaics and months make a changed set of scenes visible to Snakemake by their time of modification alone.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..keys import WILDCARD_CONSTRAINTS, half_of, month_of, zone_of_tile

_SCENE_FILE = re.compile("({date})_({platform})\\.json".format(**WILDCARD_CONSTRAINTS))


@dataclass
class Inventory:
    """Scenes within the configured tiles and period.

    Attributes:
        scenes: (tile, date, platform) of every acquisition, sorted.
        tiles_of_mosaic: tiles by (zone, date, platform).
        mosaics_of_month: (date, platform) by (zone, month).
    """

    scenes: list[tuple[str, str, str]] = field(default_factory=list)
    tiles_of_mosaic: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    mosaics_of_month: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)

    @cached_property
    def halves_of_tile(self) -> dict[str, dict[str, list[tuple[str, str, str]]]]:
        """Scenes by tile and half-year."""
        found: dict[str, dict[str, list[tuple[str, str, str]]]] = {}
        for scene in self.scenes:
            found.setdefault(scene[0], {}).setdefault(half_of(scene[1]), []).append(scene)
        return found

    @cached_property
    def newest_half(self) -> str:
        """Half-year of the newest scene, '' without any."""
        return max((half for halves in self.halves_of_tile.values() for half in halves), default="")

    def mosaics(self, zone: str) -> list[tuple[str, str]]:
        """(date, platform) of all mosaics of a zone, sorted."""
        return sorted((d, p) for z, d, p in self.tiles_of_mosaic if z == zone)


def group_scenes(scenes: list[tuple[str, str, str]]) -> Inventory:
    """Group acquisitions (tile, date, platform) into mosaics and months."""
    inventory = Inventory(scenes=sorted(scenes))
    for tile, date, platform in inventory.scenes:
        zone = zone_of_tile(tile)
        inventory.tiles_of_mosaic.setdefault((zone, date, platform), []).append(tile)
    for zone, date, platform in sorted(inventory.tiles_of_mosaic):
        inventory.mosaics_of_month.setdefault((zone, month_of(date)), []).append((date, platform))
    return inventory


def known_tiles(configured: str | list[str], folder: str | Path) -> list[str]:
    """Tiles in order of name; with `auto` those that the last refresh found from the area, none before it."""
    if configured != "auto":
        return sorted(configured)
    try:
        return sorted(json.loads((Path(folder) / "tiles.json").read_text(encoding="utf-8"))["tiles"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def read_inventory(
    folder: str | Path, tiles: list[str], start: str, end: str, exclude_months: Collection[int] = ()
) -> Inventory:
    """List the inventory's scene records by their names; a missing folder is an empty inventory."""
    scenes = []
    for tile in tiles:
        place = Path(folder) / tile
        if not place.is_dir():
            continue
        for name in os.listdir(place):
            found = _SCENE_FILE.fullmatch(name)
            if found and start <= found[1] <= end and int(found[1][5:7]) not in exclude_months:
                scenes.append((tile, found[1], found[2]))
    return group_scenes(scenes)


def configured_inventory(config: Mapping[str, Any]) -> Inventory:
    """The inventory of a merged configuration: its results folder, tiles and period."""
    folder, catalogue, period = Path(config["results"], "inventory"), config["catalogue"], config["period"]
    tiles = known_tiles(catalogue["tiles"], folder)
    return read_inventory(folder, tiles, period["start"], period["end"], catalogue["exclude_months"])
