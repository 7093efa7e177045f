"""The demo world: everything the pipeline reads, made by code, with known truth.

Layout of the folder: `aoi.geojson`, `collection.json`, `items/*.json`, `assets/` (to be served below the
base URL), `sheets.gpkg` and `ortho/`, `reference.gpkg`, `training_polygons.gpkg`, `registries/*.gpkg`,
`patches/`, and, never read by the pipeline, `truth.json`, `truth.gpkg` and `world.json`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
from shapely.geometry import Polygon, mapping

from sealwatch.files import write_json
from sealwatch.progress import track

from .acquisitions import EMPTY_MONTH, PERIOD, schedule
from .geopackages import write_layer
from .landscape import CELLS, EPSG, EVENTS, Landscape, class_at, global_cell, truth
from .orthophotos import FLIGHTS, Camera, write_orthophotos
from .patches import write_patches
from .registries import write_registries
from .sealed_land import TRAINING_SHEETS, newly_sealed, reference_layer, training_polygons
from .sentinel2_scenes import TILE_WINDOWS, CogWriter, SceneMaker
from .stac_items import collection, granules_of, write_granule

VERSION = 5
"""Raise it when the world changes: existing folders are then rebuilt."""

SEED = 20210101


def area_of_interest() -> gpd.GeoDataFrame:
    """A slightly irregular polygon that touches every cell and stays inside their outline."""
    left, bottom, right, top = CELLS.bounds
    ring = [
        (left + 60, top - 140), (left + 2900, top - 40), (right - 1500, top - 190), (right - 90, top - 60),
        (right - 210, bottom + 2600), (right - 50, bottom + 130), (left + 4100, bottom + 50),
        (left + 120, bottom + 210), (left + 30, bottom + 2400),
    ]  # fmt: skip
    return gpd.GeoDataFrame({"name": ["Synthetic area"]}, geometry=[Polygon(ring)], crs=EPSG)


def _write_area(folder: Path) -> list[float]:
    degrees = area_of_interest().to_crs(4326)
    feature = {
        "type": "Feature",
        "properties": {"name": "Synthetic area"},
        "geometry": mapping(degrees.geometry[0]),
    }
    write_json(folder / "aoi.geojson", {"type": "FeatureCollection", "features": [feature]})
    return [round(float(v), 7) for v in degrees.total_bounds]


def _write_scenes(folder: Path, base_url: str, landscape: Landscape) -> int:
    maker, writer, items = SceneMaker(landscape), CogWriter(), 0
    for one in track(list(schedule(landscape.seed)), "scenes drawn"):
        scene = maker.make(one)
        for granule in granules_of(one, list(TILE_WINDOWS)):
            write_granule(granule, scene, folder, base_url, writer)
            items += 1
    writer.close()
    return items


def _write_truth(folder: Path, new: gpd.GeoDataFrame) -> None:
    write_json(
        folder / "truth.json", {**truth(), "flights": {str(year): day for year, day in FLIGHTS.items()}}
    )
    cells = []
    for row in range(CELLS.height):
        for col in range(CELLS.width):
            number = global_cell(row, col)
            left, top = CELLS.x_min + col * CELLS.cell_size_m, CELLS.y_max - row * CELLS.cell_size_m
            size = CELLS.cell_size_m
            square = Polygon([(left, top), (left + size, top), (left + size, top - size), (left, top - size)])
            kinds = [event.kind for event in EVENTS if (event.row, event.col) == (row, col)]
            cells.append({
                "row": number[0], "col": number[1], "class": class_at(row, col),
                "kind": kinds[0] if kinds else "stable", "geometry": square,
            })  # fmt: skip
    path = folder / "truth.gpkg"
    path.unlink(missing_ok=True)
    write_layer(gpd.GeoDataFrame(cells, crs=EPSG), path, "cells")
    write_layer(new, path, "newly_sealed_2024")


def build_world(folder: str | Path, base_url: str, seed: int = SEED) -> None:
    """Write the world to `folder`, unless it is there already, made by this version with these arguments.

    Args:
        folder: where to; an unfinished or older world in it is replaced.
        base_url: address at which `folder/assets` will be served; it goes into the items.
        seed: two worlds with the same seed are equal to the last byte.
    """
    folder = Path(folder)
    stamp = {"builder": "world", "version": VERSION, "seed": seed, "base_url": base_url.rstrip("/")}
    description = folder / "world.json"
    if description.is_file():
        found: dict[str, Any] = json.loads(description.read_text(encoding="utf-8"))
        if {key: found.get(key) for key in stamp} == stamp:
            return
        description.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("items", "assets", "ortho", "patches", "registries"):
        shutil.rmtree(folder / name, ignore_errors=True)
    landscape = Landscape(seed)
    bounds = _write_area(folder)
    write_json(
        folder / "collection.json",
        collection(bounds, PERIOD, "Synthetic scenes built like Sentinel-2 Level-2A products."),
    )
    items = _write_scenes(folder, base_url, landscape)
    camera = Camera(landscape)
    write_orthophotos(camera, folder)
    new = newly_sealed(camera)
    write_layer(reference_layer(camera), folder / "reference.gpkg", "reference")
    write_layer(training_polygons(camera), folder / "training_polygons.gpkg", "training_polygons")
    write_registries(folder / "registries", seed, new)
    write_patches(folder / "patches", seed + 1)
    _write_truth(folder, new)
    write_json(
        description,
        {
            **stamp,
            "staged": False,
            "period": list(PERIOD),
            "tiles": list(TILE_WINDOWS),
            "epsg": EPSG,
            "bounds": list(CELLS.bounds),
            "items": items,
            "empty_month": EMPTY_MONTH,
            "flights": {str(year): day for year, day in FLIGHTS.items()},
            "training_sheets": [f"{sheet}_{year}" for sheet, year in TRAINING_SHEETS],
            "patches": "patches",
        },
    )
