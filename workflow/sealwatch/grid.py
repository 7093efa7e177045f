"""The one grid of a UTM zone: square cells anchored at the zone's origin (0, 0)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

PIXEL_SIZE_M = 10
"""Size of the finest Sentinel-2 pixel in metres."""

PATCH_PX = 64
"""Edge of a classified patch in 10 m pixels."""


@dataclass(frozen=True, slots=True)
class Window:
    """A north-up raster window: CRS `epsg`, upper-left corner (x_min, y_max) and square pixels, in metres.

    Raises:
        ValueError: an empty window or a size that is not positive.
    """

    epsg: int
    x_min: float
    y_max: float
    cell_size_m: float
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or self.cell_size_m <= 0:
            raise ValueError(f"not a raster window: {self.width} x {self.height} of {self.cell_size_m} m")

    @property
    def x_max(self) -> float:
        """Right edge in metres."""
        return self.x_min + self.width * self.cell_size_m

    @property
    def y_min(self) -> float:
        """Lower edge in metres."""
        return self.y_max - self.height * self.cell_size_m

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max) in metres."""
        return self.x_min, self.y_min, self.x_max, self.y_max

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def geotransform(self) -> tuple[float, float, float, float, float, float]:
        """GDAL order: x_min, pixel width, 0, y_max, 0, -pixel height."""
        return self.x_min, self.cell_size_m, 0.0, self.y_max, 0.0, -self.cell_size_m

    def offset_in(self, other: Window) -> tuple[int, int]:
        """(row, column) of this window's upper-left cell in `other`; negative where it begins outside.

        Raises:
            ValueError: the two windows do not lie on the same lattice.
        """
        if self.epsg != other.epsg or self.cell_size_m != other.cell_size_m:
            raise ValueError("windows of different CRS or cell size cannot be placed in each other")
        col = (self.x_min - other.x_min) / self.cell_size_m
        row = (other.y_max - self.y_max) / self.cell_size_m
        if not (math.isclose(col, round(col), abs_tol=1e-6) and math.isclose(row, round(row), abs_tol=1e-6)):
            raise ValueError(
                f"window at {self.x_min}, {self.y_max} is not aligned with the lattice of the other"
            )
        return round(row), round(col)

    def part(self, rows: slice, cols: slice) -> Window:
        """The window of some rows and columns of this one; both slices have a start and a stop."""
        size = self.cell_size_m
        x_min, y_max = self.x_min + cols.start * size, self.y_max - rows.start * size
        return Window(self.epsg, x_min, y_max, size, cols.stop - cols.start, rows.stop - rows.start)

    def overlap(self, other: Window) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
        """Rows and columns of this window and of `other` where they lie over each other; None where they do not.

        Raises:
            ValueError: the two windows do not lie on the same lattice.
        """
        row, col = self.offset_in(other)
        top, left = max(row, 0), max(col, 0)
        bottom, right = min(row + self.height, other.height), min(col + self.width, other.width)
        if bottom <= top or right <= left:
            return None
        own = slice(top - row, bottom - row), slice(left - col, right - col)
        return own, (slice(top, bottom), slice(left, right))

    def refined(self, cell_size_m: float) -> Window:
        """The same extent with smaller cells that divide it exactly."""
        factor = self.cell_size_m / cell_size_m
        if not math.isclose(factor, round(factor)):
            raise ValueError(f"{cell_size_m} m does not divide cells of {self.cell_size_m} m")
        n = round(factor)
        return Window(self.epsg, self.x_min, self.y_max, cell_size_m, self.width * n, self.height * n)


def cell_window(epsg: int, bounds: tuple[float, float, float, float], cell_size_m: float) -> Window:
    """The zone grid's cells that touch `bounds` (x_min, y_min, x_max, y_max in metres)."""
    left, lower = math.floor(bounds[0] / cell_size_m), math.floor(bounds[1] / cell_size_m)
    right, upper = math.ceil(bounds[2] / cell_size_m), math.ceil(bounds[3] / cell_size_m)
    return Window(epsg, left * cell_size_m, upper * cell_size_m, cell_size_m, right - left, upper - lower)


def cells_inside(epsg: int, bounds: tuple[float, float, float, float], cell_size_m: float) -> Window | None:
    """The zone grid's cells that lie wholly inside `bounds`, or None where there is none."""
    left, lower = math.ceil(bounds[0] / cell_size_m), math.ceil(bounds[1] / cell_size_m)
    right, upper = math.floor(bounds[2] / cell_size_m), math.floor(bounds[3] / cell_size_m)
    if right <= left or upper <= lower:
        return None
    return Window(epsg, left * cell_size_m, upper * cell_size_m, cell_size_m, right - left, upper - lower)


def row_col(window: Window, row: Any, col: Any) -> tuple[Any, Any]:
    """Row and column in the zone's grid of cell (row, col) of a window of it; integers or integer arrays.

    Rows count northwards and columns eastwards from the zone's origin, so they do not depend on the window.
    """
    upper = round(window.y_max / window.cell_size_m)
    left = round(window.x_min / window.cell_size_m)
    return upper - 1 - row, left + col


def in_window(window: Window, row: Any, col: Any) -> tuple[Any, Any]:
    """Row and column in a window of cell (row, col) of the zone's grid, also outside it: the inverse of `row_col`."""
    lowest, left = row_col(window, window.height - 1, 0)
    return window.height - 1 - (row - lowest), col - left
