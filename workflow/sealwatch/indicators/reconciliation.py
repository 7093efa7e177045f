"""Newly sealed land beside an official land-use register: what each of the two counts and the other does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..change.persistence import NOT_OBSERVED
from ..grid import Window
from ..publish.geometries import polygonal
from .apportion import Block, divide_polygons, quarters, rectangles
from .areas import EQUAL_AREA, ellipsoid_per_plane
from .tables import percent

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

BLOCK_CELLS = 8
"""Edge of a block of cells that polygons are cut by at once."""

NO_LAND_USE = "(no land use there)"
"""Land use of outlined land that lies on no object of the register."""


@dataclass(frozen=True, slots=True)
class ZoneState:
    """State of the cells of one zone.

    Attributes:
        window: its cells.
        area: the land it answers for, in its CRS.
        state: uint8 (cell,), 1 sealed, 0 not, 255 unknown, after the last half-year.
    """

    window: Window
    area: BaseGeometry
    state: np.ndarray


def reconcile(
    name: str,
    register: gpd.GeoDataFrame,
    sealed_values: Sequence[str],
    outlines: gpd.GeoDataFrame,
    zones: Sequence[ZoneState],
) -> list[dict[str, Any]]:
    """Rows of the reconciliation with one register.

    Args:
        name: of the register.
        register: its polygons with `value`, the land use.
        sealed_values: land uses that the register counts as built; empty for all.
        outlines: outlined polygons in the equal-area CRS.
        zones: state of the cells of all zones.
    """
    values = sorted(set(register["value"]))
    by_use = _outlines_by_use(register, values, outlines)
    built = set(sealed_values or values)
    counted = sum(size for value, size in by_use.items() if value in built)
    total = sum(by_use.values())
    rows = [_row(name, "outlines_by_land_use", size, total, value) for value, size in sorted(by_use.items())]
    rows += [
        _row(name, "outlines_counted_as_built", counted, total),
        _row(name, "outlines_not_counted_as_built", total - counted, total),
    ]
    observed, on_sealed = _in_cells(register[register["value"].isin(built)], zones)
    return [
        *rows,
        _row(name, "register_built_observed", observed, observed),
        _row(name, "register_built_on_sealed_cells", on_sealed, observed),
        _row(name, "register_built_on_other_cells", observed - on_sealed, observed),
    ]


def _row(name: str, figure: str, size: int, whole: int, land_use: str = "") -> dict[str, Any]:
    return {
        "source": "reconciliation",
        "register": name,
        "figure": figure,
        "land_use": land_use,
        "area_km2": size / 1e6,
        "percent": percent(size, whole),
        "definition": f"reconciliation.{figure}",
    }


def _outlines_by_use(
    register: gpd.GeoDataFrame, values: list[str], outlines: gpd.GeoDataFrame
) -> dict[str, int]:
    """Outlined area by land use, whole square metres; where objects cover each other the first land use has it."""
    frame = register.to_crs(EQUAL_AREA)
    number = np.searchsorted(values, frame["value"].to_numpy(dtype=object).astype(str))
    pieces = divide_polygons(polygonal(outlines.geometry.values), polygonal(frame.geometry.values), number)
    area = (
        np.rint(np.bincount(pieces.place(len(values)), pieces.area_m2, len(values) + 1)).astype("i8").tolist()
    )
    return {use: size for use, size in zip([*values, NO_LAND_USE], area, strict=True) if size}


def _in_cells(built: gpd.GeoDataFrame, zones: Sequence[ZoneState]) -> tuple[int, int]:
    """Built-up land of the register on observed cells, and on sealed ones, whole square metres."""
    observed = sealed = 0.0
    for zone in zones:
        cells, plane = areas_in_cells(zone.window, _clipped(built.to_crs(zone.window.epsg), zone.area))
        row, col = np.divmod(cells, zone.window.width)
        area = plane * ellipsoid_per_plane(zone.window, row, col)
        observed += area[zone.state[cells] != NOT_OBSERVED].sum()
        sealed += area[zone.state[cells] == 1].sum()
    return round(observed), round(sealed)


def _clipped(frame: gpd.GeoDataFrame, area: BaseGeometry) -> np.ndarray:
    """The parts of polygons that lie in `area`."""
    import shapely

    shapes = frame.geometry.to_numpy()
    shapely.prepare(area)
    shapes = shapes[shapely.intersects(area, shapes)]
    across = ~shapely.contains(area, shapes)
    shapes[across] = polygonal(shapely.intersection(area, shapes[across]))
    return shapes[~shapely.is_missing(shapes)]


def areas_in_cells(window: Window, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells under polygons and the area of each that they cover in the plane; what overlaps counts once.

    Args:
        window: cells.
        shapes: valid polygons in its CRS (n,).

    Returns:
        int64 (cell,) row * width + column, and float64 (cell,) square metres.
    """
    found: list[tuple[np.ndarray, np.ndarray]] = []
    _halve(window, (0, window.height, 0, window.width), shapes, found)
    if not found:
        return np.empty(0, "i8"), np.empty(0)
    cells, sizes = (np.concatenate(part) for part in zip(*found, strict=True))
    return cells, sizes


def _halve(
    window: Window,
    block: Block,
    shapes: np.ndarray,
    found: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    """Halve the window, so that no large polygon is cut by many cells; a small block is cut at once."""
    import shapely

    top, bottom, left, right = block
    frame = rectangles(window, block)
    shapes = shapes[shapely.intersects(shapes, frame)]
    across = ~shapely.contains_properly(frame, shapes)
    shapes[across] = shapely.intersection(shapes[across], frame)
    shapes = shapes[shapely.area(shapes) > 0.0]
    if len(shapes) == 0:
        return
    if bottom - top <= BLOCK_CELLS and right - left <= BLOCK_CELLS:
        rows, cols = (index.ravel() for index in np.mgrid[top:bottom, left:right])
        squares = rectangles(window, (rows, rows + 1, cols, cols + 1))
        whole = shapely.union_all(shapes)
        shapely.prepare(whole)
        under = shapely.intersects(whole, squares)
        rows, cols, squares = rows[under], cols[under], squares[under]
        found.append((rows * window.width + cols, shapely.area(shapely.intersection(squares, whole))))
        return
    for quarter in quarters(block):
        _halve(window, quarter, shapes, found)
