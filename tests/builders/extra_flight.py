"""One more year of orthophotos for a finished demo world, to see what a new flight costs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import Polygon, box

from .geopackages import write_layer
from .landscape import EPSG, Landscape
from .materials import MATERIALS, SEALED
from .orthophotos import SHEET_PIXEL_M, Camera, sheets, write_flight
from .random_fields import generator

YEAR = 2025
CHANGED, UNCHANGED = "D2205", "D2101"
"""Sheets that are flown again: one under a confirmed change, one without any."""

EVENT_CELL = (3, 7)
"""Cell of the confirmed change on the first of them."""

_YARD_M = 30.0


@dataclass(frozen=True, slots=True)
class Flight:
    """Keys of the two orthophotos."""

    changed: str
    unchanged: str


def add_flight(folder: str | Path) -> Flight:
    """Fly two sheets of a world again: new photographs and new rows at the end of the sheet index.

    Nothing on them has changed since the flight before but one concrete yard in the cell of a confirmed change,
    which is added to `truth.gpkg` as layer `newly_sealed_2025`. A second call does the same again.

    Args:
        folder: a world made by `build_world`.
    """
    folder = Path(folder)
    world = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    camera = Camera(Landscape(world["seed"]))
    by_name = {sheet.name: sheet for sheet in sheets()}
    rows, built = [], Polygon()
    for name in (CHANGED, UNCHANGED):
        sheet = by_name[name]
        image, kind, cell = camera.shoot(sheet.window, YEAR)
        if name == CHANGED:
            free = (kind != SEALED) & (cell == camera.landscape.number(*EVENT_CELL))
            row, col = _build(image, free, world["seed"])
            left, top = sheet.window.x_min + col * SHEET_PIXEL_M, sheet.window.y_max - row * SHEET_PIXEL_M
            built = box(left, top - _YARD_M, left + _YARD_M, top)
        rows.append(write_flight(folder, sheet, YEAR, image))
    index = folder / "sheets.gpkg"
    known = gpd.read_file(index, layer="sheets")
    listed = gpd.GeoDataFrame(rows, crs=EPSG)[known.columns]
    index.unlink()
    before = known[known["year"] < YEAR]
    write_layer(gpd.GeoDataFrame(pd.concat([before, listed], ignore_index=True), crs=EPSG), index, "sheets")
    truth = gpd.GeoDataFrame({"sheet": [CHANGED]}, geometry=[built], crs=EPSG)
    write_layer(truth, folder / "truth.gpkg", f"newly_sealed_{YEAR}")
    return Flight(f"{CHANGED}_{YEAR}", f"{UNCHANGED}_{YEAR}")


def _build(image: NDArray[np.uint8], free: NDArray[np.bool_], seed: int) -> tuple[int, int]:
    """Draw a square yard of concrete where there is most room; its first row and column."""
    edge = round(_YARD_M / SHEET_PIXEL_M)
    room = ndimage.distance_transform_cdt(np.pad(free, 1), "chessboard")[1:-1, 1:-1]
    row, col = np.unravel_index(np.argmax(room), room.shape)
    if room[row, col] < edge // 2:
        raise ValueError(f"there is no free square of {_YARD_M} m in the cell")
    row, col = int(row) - edge // 2, int(col) - edge // 2
    rng = generator(seed, "yard", YEAR)
    grain = 4 * np.rint(0.8 * rng.standard_normal((edge, edge)))
    colour = np.array(MATERIALS["concrete"].summer)[:, None, None]
    image[:, row : row + edge, col : col + edge] = np.clip(colour + grain, 1, 255)
    return row, col
