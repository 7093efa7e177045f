"""What is sealed on the synthetic orthophotos: reference layer, truth of the change, training polygons."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio import features
from rasterio.transform import from_origin
from scipy import ndimage
from shapely.geometry import Polygon, shape

from sealwatch.grid import Window

from .landscape import CELLS, EPSG, EVENTS, class_at, global_cell
from .materials import BARE, HIGH_VEGETATION, LOW_VEGETATION, SEALED
from .orthophotos import PIXEL_M, SHEET_M, Camera, sheets
from .random_fields import generator
from .sketch import CELL_M, MARGIN_M


def cell_window(row: int, col: int, pixel_m: float) -> Window:
    """A cell of the area with the margin into which its border may wander."""
    left, top = CELLS.x_min + col * CELL_M - MARGIN_M, CELLS.y_max - row * CELL_M + MARGIN_M
    edge = round((CELL_M + 2 * MARGIN_M) / pixel_m)
    return Window(EPSG, left, top, pixel_m, edge, edge)


def polygons_of(mask: NDArray[np.bool_], window: Window) -> list[Polygon]:
    """Exact outlines of a mask's pixels."""
    transform = from_origin(window.x_min, window.y_max, window.cell_size_m, window.cell_size_m)
    found = features.shapes(mask.astype(np.uint8), mask=mask, transform=transform, connectivity=4)
    return [shape(geometry) for geometry, _ in found]


def reference_layer(camera: Camera) -> gpd.GeoDataFrame:
    """Land sealed at the first flight, drawn at 1 m; bare fields are not in it."""
    rows: list[dict[str, object]] = []
    for row in range(CELLS.height):
        for col in range(CELLS.width):
            window = cell_window(row, col, 1.0)
            _, kind, cell = camera.shoot(window, 2021)
            sealed = (kind == SEALED) & (cell == camera.landscape.number(row, col))
            rows += [
                {"source": class_at(row, col), "geometry": polygon}
                for polygon in polygons_of(sealed, window)
                if polygon.area >= 4
            ]
    return gpd.GeoDataFrame(rows, crs=EPSG)


def newly_sealed(camera: Camera) -> gpd.GeoDataFrame:
    """Land of the changed cells sealed at the second flight and not at the first, exact to the pixel."""
    rows: list[dict[str, object]] = []
    for event in EVENTS:
        window = cell_window(event.row, event.col, PIXEL_M)
        before, (after, cell) = camera.shoot(window, 2021)[1], camera.shoot(window, 2024)[1:]
        own = cell == camera.landscape.number(event.row, event.col)
        new = (after == SEALED) & (before != SEALED) & own
        number = global_cell(event.row, event.col)
        rows += [
            {
                "row": number[0],
                "col": number[1],
                "kind": event.kind,
                "from_class": class_at(event.row, event.col),
                "to_class": event.to,
                "start_half": event.start,
                "geometry": polygon,
            }
            for polygon in polygons_of(new, window)
        ]
    return gpd.GeoDataFrame(rows, crs=EPSG)


TRAINING_SHEETS = (("D2106", 2021), ("D2106", 2024), ("D2301", 2024), ("D2303", 2021))
"""Sheets, away from the confirmed changes, on which training polygons lie."""

_TRAINING_CLASSES = {
    "sealed": (SEALED, BARE),
    "low_vegetation": (LOW_VEGETATION,),
    "medium_high_vegetation": (HIGH_VEGETATION,),
}


def training_polygons(camera: Camera, per_class: int = 10) -> gpd.GeoDataFrame:
    """Small octagons, each inside one kind of cover, outside all cells that change."""
    by_name = {sheet.name: sheet for sheet in sheets()}
    changing = [camera.landscape.number(event.row, event.col) for event in EVENTS]
    rows: list[dict[str, object]] = []
    for name, year in TRAINING_SHEETS:
        sheet = by_name[name].window
        window = Window(EPSG, sheet.x_min, sheet.y_max, 1.0, round(SHEET_M), round(SHEET_M))
        _, kind, cell = camera.shoot(window, year)
        usable = ~np.isin(cell, changing)
        for label, kinds in _TRAINING_CLASSES.items():
            rng = generator(camera.landscape.seed, "training", name, year, label)
            distance = ndimage.distance_transform_edt(np.isin(kind, kinds) & usable)
            rows += [
                {"class": label, "sheet": name, "year": year, "geometry": polygon}
                for polygon in _octagons(rng, distance, window, per_class)
            ]
    return gpd.GeoDataFrame(rows, crs=EPSG)


def _octagons(
    rng: np.random.Generator, distance: NDArray[np.float64], window: Window, wanted: int
) -> list[Polygon]:
    """Octagons at random places at least 2 m from any border; `distance` is in metres at 1 m pixels."""
    rows, cols = np.nonzero(distance >= 2.0)
    found: list[Polygon] = []
    turns = np.pi / 8 + np.arange(8) * np.pi / 4
    for pick in rng.permutation(len(rows)):
        y, x = rows[pick], cols[pick]
        radius = min(9.0, 0.85 * float(distance[y, x]))
        centre = (window.x_min + x + 0.5, window.y_max - y - 0.5)
        polygon = Polygon(np.column_stack([np.cos(turns), np.sin(turns)]) * radius + centre)
        if all(polygon.distance(other) > 5 for other in found):
            found.append(polygon)
        if len(found) == wanted:
            break
    return found
