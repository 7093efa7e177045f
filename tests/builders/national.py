"""A country's inventory without its data: records of scenes and an index of orthophotos, for plans at national scale.

Counts of the paper: 7 tiles, 1,532 scenes on 421 dates in 69 of 70 months, 3,257 orthophotos, 200 of them flagged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import yaml
from shapely.geometry import box

from sealwatch.files import write_json, write_json_if_changed
from sealwatch.keys import month_range, scene_key, sheet_key, zone_of_tile

PERIOD = ("2020-01-01", "2025-10-31")
EMPTY_MONTH = "2021-01"
TILES = ("33TUL", "33TUM", "33TVL", "33TVM", "33TWL", "33TWM", "33TXM")
ONE_SCENE = """
    ingest classify mosaic month half change evidence spacetime stac_catalogue check_grass flag_sheets report
""".split()  # noqa: SIM905
"""Rules that one new scene runs once each in a finished country."""

_BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12", "SCL")


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is in each zone."""

    tiles: tuple[str, ...]
    passes: int
    scenes: int
    sheets: int
    flagged: int


PAPER = Size(TILES, passes=421, scenes=1_532, sheets=3_257, flagged=200)
SMALL = Size(TILES[:2], passes=40, scenes=60, sheets=30, flagged=4)


@dataclass(frozen=True, slots=True)
class Country:
    """What a generated country holds: configuration file, (tile, date, platform) of its scenes, orthophotos."""

    config_file: Path
    results: Path
    scenes: Sequence[tuple[str, str, str]]
    sheets: int
    flagged: Sequence[str]

    @property
    def dates(self) -> int:
        """Number of dates."""
        return len({day for _, day, _ in self.scenes})

    def write_flags(self) -> None:
        """Flag the orthophotos as if change had been found on them."""
        zone = zone_of_tile(self.scenes[0][0])
        for key in self.flagged:
            sheet, year = key.split("_")
            event = {
                "event_id": f"{zone}-{key}",
                "start_half": "2022H1",
                "confirm_half": "2023H1",
                "bounds": [500_000, 5_100_000, 500_640, 5_100_640],
                "epsg": int(zone),
            }
            flag = {"sheet": sheet, "year": int(year), "earlier": None, "events": [event]}
            write_json(self.results / f"flags/{key}.json", flag)
            write_json(self.results / f"flags/{key}.shown", [])
        (self.results / "flags/flagged.txt").write_text("".join(f"{key}\n" for key in self.flagged))

    def add_scene(self) -> tuple[str, str, str]:
        """Add one scene of the first tile on a day of its own to the inventory; returns its key."""
        taken = {day for _, day, _ in self.scenes}
        last = date.fromisoformat(PERIOD[1])
        days = ((last - timedelta(n)).isoformat() for n in range(len(taken) + 1))
        scene = (self.scenes[0][0], next(day for day in days if day not in taken), "S2C")
        _write_scenes(self.results / "inventory", [scene])
        _write_sets(self.results / "inventory", [*self.scenes, scene])
        return scene


def build(folder: Path, zones: int = 1, size: Size = PAPER) -> Country:
    """Write configuration, inventory and index of a country.

    Args:
        folder: new folder; everything lies below it.
        zones: number of UTM zones.
        size: of each zone.
    """
    results = folder / "results"
    tiles = [f"{(32 + zone) % 60 + 1:02d}{tile[2:]}" for zone in range(zones) for tile in size.tiles]
    days = _days(size.passes)
    scenes = [(tile, *days[i]) for n, tile in enumerate(tiles) for i in _passes(n % len(size.tiles), size)]
    _write_scenes(results / "inventory", scenes)
    _write_sets(results / "inventory", scenes)
    index = _sheets(folder / "sheets.gpkg", size.sheets * zones)
    _polygons(folder, index["sheet"][0])
    config_file = folder / "config.yaml"
    config_file.write_text(yaml.safe_dump(_config(folder, tiles)))
    flagged = [sheet_key(index["sheet"][i], int(index["year"][i])) for i in range(size.flagged * zones)]
    return Country(config_file, results, scenes, len(index), flagged)


def _days(passes: int) -> list[tuple[str, str]]:
    """The passes: a day and the satellite that flew, none in one winter month."""
    first, last = map(date.fromisoformat, PERIOD)
    every = [first + timedelta(n) for n in range((last - first).days + 1)]
    usable = [d.isoformat() for d in every if d.isoformat()[:7] != EMPTY_MONTH]
    chosen = [usable[i] for i in np.linspace(0, len(usable) - 1, passes).round().astype(int)]
    return [(day, ("S2A", "S2B")[n % 2]) for n, day in enumerate(chosen)]


def _passes(tile: int, size: Size) -> list[int]:
    """Which of the passes saw a tile: the zone's scenes shared evenly, each pass seen by one tile at least."""
    share = size.scenes // len(size.tiles) + (tile < size.scenes % len(size.tiles))
    own = set(range(tile, size.passes, len(size.tiles)))
    others = np.random.default_rng(tile).permutation([i for i in range(size.passes) if i not in own])
    return sorted(own | set(others[: share - len(own)].tolist()))


def _record(tile: str, day: str, platform: str) -> dict[str, Any]:
    name = f"{platform}_MSIL2A_{day.replace('-', '')}T100031_R122_T{tile}_{day.replace('-', '')}T161207"
    return {
        "date": day,
        "digest": "sha256:" + "0" * 64,
        "granules": [
            {
                "assets": {band: f"https://example.com/{name}/{band}.tif" for band in _BANDS},
                "baseline": "05.00",
                "cloud_cover": 1.0,
                "datatake_start": day.replace("-", "") + "T100031",
                "generated": f"{day}T16:12:07.0Z",
                "item_id": name,
                "offset_dn": -1000,
                "offset_rule": "baseline",
                "sensing_start": day.replace("-", "") + "T100742",
            }
        ],
        "platform": platform,
        "tile": tile,
    }


def _write_scenes(inventory: Path, scenes: Sequence[tuple[str, str, str]]) -> None:
    for scene in scenes:
        write_json(inventory / f"{scene_key(*scene)}.json", _record(*scene))


def _write_sets(inventory: Path, scenes: Sequence[tuple[str, str, str]]) -> None:
    members: dict[tuple[str, str], list[str]] = {}
    for tile, day, platform in scenes:
        members.setdefault((zone_of_tile(tile), f"{day}_{platform}"), []).append(
            scene_key(tile, day, platform)
        )
    for (zone, name), keys in members.items():
        write_json_if_changed(inventory / zone / f"{name}.json", {"scenes": sorted(keys)})
    for zone in {zone for zone, _ in members}:
        for month in month_range(*PERIOD):
            found = sorted(name for z, name in members if z == zone and name.startswith(month))
            write_json_if_changed(inventory / zone / f"{month}.json", {"mosaics": found})


def _sheets(path: Path, count: int) -> gpd.GeoDataFrame:
    number = np.arange(count)
    frame = gpd.GeoDataFrame(
        {
            "sheet": [f"S{i:06d}" for i in number],
            "year": np.full(count, 2024, "i8"),
            "flight_date": ["2024-06-01"] * count,
            "path": [f"orthophotos/S{i:06d}.tif" for i in number],
        },
        geometry=[
            box(x, y, x + 2250, y + 3000)
            for x, y in zip(number % 60 * 2250, number // 60 * 3000, strict=True)
        ],
        crs=3794,
    )
    frame.to_file(path, layer="sheets")
    folder = path.parent / "orthophotos"
    folder.mkdir()
    for name in frame["path"]:
        (path.parent / name).touch()
    return frame


def _polygons(folder: Path, sheet: str) -> None:
    """Training polygons on one sheet, and an area of interest."""
    names = ["sealed", "low_vegetation", "medium_high_vegetation"]
    shapes = [box(100 * i, 0, 100 * i + 50, 50) for i in range(3)]
    gpd.GeoDataFrame(
        {"class": names, "sheet": [sheet] * 3, "year": [2024] * 3}, geometry=shapes, crs=3794
    ).to_file(folder / "training_polygons.gpkg", layer="training_polygons")
    (folder / "model.onnx").touch()
    area = {
        "type": "Feature",
        "properties": {},
        "geometry": json.loads(gpd.GeoSeries([box(13, 45, 16, 47)]).to_json()),
    }
    (folder / "area.geojson").write_text(json.dumps(area))


def _config(folder: Path, tiles: list[str]) -> dict[str, Any]:
    return {
        "project": "national",
        "results": str(folder / "results"),
        "area_of_interest": str(folder / "area.geojson"),
        "period": {"start": PERIOD[0], "end": PERIOD[1]},
        "catalogue": {"tiles": tiles},
        "classifier": {"model": str(folder / "model.onnx")},
        "orthophoto": {
            "sheets": str(folder / "sheets.gpkg"),
            "training_polygons": str(folder / "training_polygons.gpkg"),
        },
    }
