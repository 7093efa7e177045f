"""Painting of quads and discs on a small raster of object numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

QUAD, DISC, SHADE = 0.0, 1.0, 2.0

SHADE_BIT = 0x80
"""Set in an object number where a building's shadow falls."""

Point = tuple[float, float]


class Canvas:
    """Collects strokes in metres (x to the right, y downwards), painted later at any pixel size."""

    def __init__(self) -> None:
        self.strokes: list[tuple[float, ...]] = []

    def quad(self, number: int, corners: NDArray[np.floating] | list[Point], kind: float = QUAD) -> None:
        """A convex quadrilateral of object `number`."""
        self.strokes.append((kind, float(number), *np.asarray(corners, dtype=float).ravel().tolist()))

    def rectangle(
        self, number: int, centre: Point, length: float, width: float, angle: float = 0.0, kind: float = QUAD
    ) -> None:
        """A rectangle turned by `angle` radians."""
        x, y = centre
        ax, ay = math.cos(angle) * length / 2, math.sin(angle) * length / 2
        bx, by = -math.sin(angle) * width / 2, math.cos(angle) * width / 2
        corners = (x - ax - bx, y - ay - by, x + ax - bx, y + ay - by)
        self.strokes.append(
            (kind, float(number), *corners, x + ax + bx, y + ay + by, x - ax + bx, y - ay + by)
        )

    def line(self, number: int, points: list[Point] | NDArray[np.floating], width: float) -> None:
        """A band of constant width along points, with round joints."""
        nodes = np.asarray(points, dtype=float)
        for start, end in itertools.pairwise(nodes):
            step = end - start
            self.rectangle(
                number,
                tuple((start + end) / 2),
                float(np.hypot(*step)),
                width,
                float(np.arctan2(step[1], step[0])),
            )
        for x, y in nodes[1:-1]:
            self.disc(number, (float(x), float(y)), width / 2)

    def disc(self, number: int, centre: Point, radius: float) -> None:
        """A filled circle."""
        self.strokes.append((DISC, float(number), centre[0], centre[1], radius, 0.0, 0.0, 0.0, 0.0, 0.0))

    def array(self, turned: bool = False) -> NDArray[np.float64]:
        """All strokes [stroke, 10]; `turned` swaps x and y."""
        strokes = np.array(self.strokes, dtype=np.float64).reshape(-1, 10)
        if turned:
            quads = strokes[:, 0] != DISC
            strokes[quads, 2:] = strokes[quads][:, [3, 2, 5, 4, 7, 6, 9, 8]]
            discs = ~quads
            strokes[discs, 2:4] = strokes[discs][:, [3, 2]]
        return strokes


@njit(cache=True)
def _paint(raster: NDArray[np.uint8], strokes: NDArray[np.float64], pixel: float) -> None:
    height, width = raster.shape
    for i in range(strokes.shape[0]):
        kind, number = strokes[i, 0], np.uint8(strokes[i, 1])
        if kind == 1.0:
            cx, cy, radius = strokes[i, 2], strokes[i, 3], strokes[i, 4]
            x_low, x_high, y_low, y_high = cx - radius, cx + radius, cy - radius, cy + radius
        else:
            x_low = min(strokes[i, 2], strokes[i, 4], strokes[i, 6], strokes[i, 8])
            x_high = max(strokes[i, 2], strokes[i, 4], strokes[i, 6], strokes[i, 8])
            y_low = min(strokes[i, 3], strokes[i, 5], strokes[i, 7], strokes[i, 9])
            y_high = max(strokes[i, 3], strokes[i, 5], strokes[i, 7], strokes[i, 9])
        first_row, last_row = max(0, int(y_low / pixel)), min(height, int(y_high / pixel) + 1)
        first_col, last_col = max(0, int(x_low / pixel)), min(width, int(x_high / pixel) + 1)
        for row in range(first_row, last_row):
            y = (row + 0.5) * pixel
            for col in range(first_col, last_col):
                x = (col + 0.5) * pixel
                if kind == 1.0:
                    inside = (x - cx) ** 2 + (y - cy) ** 2 <= radius * radius
                else:
                    positive, negative = False, False
                    for k in range(4):
                        ax, ay = strokes[i, 2 + 2 * k], strokes[i, 3 + 2 * k]
                        bx, by = strokes[i, 2 + 2 * ((k + 1) % 4)], strokes[i, 3 + 2 * ((k + 1) % 4)]
                        side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
                        positive = positive or side > 0
                        negative = negative or side < 0
                    inside = not (positive and negative)
                if inside:
                    if kind == 2.0:
                        raster[row, col] = raster[row, col] | np.uint8(SHADE_BIT)
                    else:
                        raster[row, col] = number


def paint(strokes: NDArray[np.float64], size_m: float, pixel_m: float) -> NDArray[np.uint8]:
    """Square raster of object numbers of `size_m` metres; object 0 is the ground."""
    edge = round(size_m / pixel_m)
    raster = np.zeros((edge, edge), dtype=np.uint8)
    _paint(raster, strokes, pixel_m)
    return raster
