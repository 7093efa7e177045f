"""Cells and polygons divided among regions, each piece once, so that the pieces add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..grid import Window
from .areas import ellipsoid_per_plane

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

NOWHERE = -1
"""Number of the region of what lies in none."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Parts of cells or polygons.

    Attributes:
        whole: int64 (piece,), number of the cell (row * width + column) or polygon.
        region: int32 (piece,), number of the region, -1 for none.
        area_m2: float64 (piece,), on the ellipsoid.
    """

    whole: np.ndarray
    region: np.ndarray
    area_m2: np.ndarray

    def place(self, regions: int) -> np.ndarray:
        """int64 (piece,), number of the region; that of none comes after the last of so many."""
        return np.where(self.region == NOWHERE, regions, self.region).astype("i8")


def divide_cells(window: Window, area: BaseGeometry, regions: Sequence[BaseGeometry]) -> Pieces:
    """Divide the cells of a window, as far as they lie in `area`, among regions.

    The window is halved until a part is wholly inside or outside: only cells on a border are cut.

    Args:
        window: cells of a UTM zone.
        area: polygon in its CRS; what is outside belongs to no piece.
        regions: polygons in its CRS; where they cover each other the first has it.
    """
    found: list[tuple[np.ndarray, int, float]] = []
    parts = [(n, shape) for n, shape in enumerate(regions) if not shape.is_empty]
    _halve(window, (0, window.height, 0, window.width), area, parts, found)
    if not found:
        return Pieces(np.empty(0, "i8"), np.empty(0, "i4"), np.empty(0))
    whole = np.concatenate([cells for cells, _, _ in found])
    region = np.concatenate([np.full(len(cells), number, "i4") for cells, number, _ in found])
    plane = np.concatenate([np.full(len(cells), size) for cells, _, size in found])
    order = np.lexsort((region, whole))
    whole, region, plane = whole[order], region[order], plane[order]
    row, col = np.divmod(whole, window.width)
    return Pieces(whole, region, plane * ellipsoid_per_plane(window, row, col))


Part = tuple[int, "BaseGeometry"]
Block = tuple[int, int, int, int]
"""First and last row, first and last column of a window, without the last."""


def _halve(
    window: Window,
    block: Block,
    area: BaseGeometry,
    parts: list[Part],
    found: list[tuple[np.ndarray, int, float]],
) -> None:
    top, bottom, left, right = block
    frame = rectangles(window, block)
    area = area.intersection(frame)
    if area.area == 0.0:
        return
    full = frame.area * (1 - 1e-12)
    parts = [(n, shape.intersection(frame)) for n, shape in parts if shape.intersects(frame)]
    parts = [(n, shape) for n, shape in parts if shape.area > 0.0]
    if area.area >= full and (not parts or parts[0][1].area >= full):
        rows, cols = np.mgrid[top:bottom, left:right]
        number = parts[0][0] if parts else NOWHERE
        found.append(((rows * window.width + cols).ravel().astype("i8"), number, window.cell_size_m**2))
    elif bottom - top == 1 and right - left == 1:
        cell = np.array([top * window.width + left], "i8")
        found.extend((cell, number, piece) for number, piece in _cut(area, parts))
    else:
        for quarter in quarters(block):
            _halve(window, quarter, area, parts, found)


def quarters(block: Block) -> list[Block]:
    """The block halved both ways, as far as it has more than one row and column."""
    top, bottom, left, right = block
    middle_row, middle_col = (top + bottom) // 2, (left + right) // 2
    return [
        (first, last, begin, end)
        for first, last in ((top, middle_row), (middle_row, bottom))
        for begin, end in ((left, middle_col), (middle_col, right))
        if last > first and end > begin
    ]


def rectangles(window: Window, block: tuple[Any, Any, Any, Any]) -> Any:
    """The rectangle of a block of a window, or those of arrays of blocks."""
    import shapely

    top, bottom, left, right = block
    size, x_min, y_max = window.cell_size_m, window.x_min, window.y_max
    return shapely.box(x_min + left * size, y_max - bottom * size, x_min + right * size, y_max - top * size)


def _cut(shape: BaseGeometry, parts: Sequence[Part]) -> list[tuple[int, float]]:
    """Area of `shape` in each region, in order, each place once; what remains lies in none."""
    pieces = []
    for number, region in parts:
        common = shape.intersection(region).area
        if common > 0.0:
            pieces.append((number, common))
            shape = shape.difference(region)
    if shape.area > 0.0:
        pieces.append((NOWHERE, shape.area))
    return pieces


def divide_polygons(polygons: np.ndarray, regions: np.ndarray, number: np.ndarray) -> Pieces:
    """Divide polygons among regions; all in an equal-area CRS.

    Args:
        polygons: shapely polygons (n,).
        regions: shapely polygons (m,), the parts of regions.
        number: int (m,), region of each part; where parts cover each other the lowest number has it.
    """
    import shapely

    tree = shapely.STRtree(regions)
    whole, part = tree.query(polygons, predicate="intersects")
    shapely.prepare(regions)
    rows: list[tuple[int, int, float]] = []
    order = np.lexsort((number[part], whole))
    whole, part = whole[order], part[order]
    begin = np.searchsorted(whole, np.arange(len(polygons)), "left")
    end = np.searchsorted(whole, np.arange(len(polygons)), "right")
    for n, polygon in enumerate(polygons):
        candidates = part[begin[n] : end[n]]
        if len(candidates) and regions[candidates[0]].contains(polygon):
            rows.append((n, int(number[candidates[0]]), polygon.area))
            continue
        cut = _cut(polygon, [(int(number[p]), regions[p]) for p in candidates])
        rows.extend((n, region, size) for region, size in cut)
    table = np.array(rows, dtype="f8").reshape(-1, 3)
    return Pieces(table[:, 0].astype("i8"), table[:, 1].astype("i4"), table[:, 2])
