"""Drawing aids: objects and strokes of one cell, fields, hedges, houses."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .materials import NAMES
from .painting import SHADE, Canvas, Point

CELL_M, MARGIN_M = 640.0, 40.0
"""Edge of a cell, and how far its drawing reaches beyond it so that borders may wander."""

SIZE_M = CELL_M + 2 * MARGIN_M

Random = np.random.Generator
Quad = NDArray[np.float64]


@dataclass
class Sketch:
    """Objects of one cell (material, brightness, phase in days) and the strokes that place them."""

    objects: list[tuple[int, float, float]] = field(default_factory=list)
    canvas: Canvas = field(default_factory=Canvas)

    def add(self, material: str, brightness: float = 1.0, phase: float = 0.0) -> int:
        """Number of a new object."""
        self.objects.append((NAMES.index(material), brightness, phase))
        if len(self.objects) > 127:
            raise ValueError("a cell has at most 127 objects")
        return len(self.objects) - 1

    def some(self, rng: Random, material: str, n: int, spread: float) -> list[int]:
        """Numbers of `n` new objects of one material, of different brightness."""
        return [self.add(material, float(rng.normal(1.0, spread))) for _ in range(n)]


@dataclass(frozen=True, slots=True)
class Layout:
    """A finished cell: strokes [stroke, 10] and objects as columns."""

    strokes: NDArray[np.float64]
    material: NDArray[np.int16]
    brightness: NDArray[np.float32]
    phase: NDArray[np.float32]


def split(rng: Random, quad: Quad, smallest: float) -> list[Quad]:
    """Cut a convex quadrilateral into pieces until a side is shorter than twice `smallest` metres."""
    sides = [np.hypot(*(quad[(k + 1) % 4] - quad[k])) for k in range(4)]
    first = 0 if min(sides[0], sides[2]) >= min(sides[1], sides[3]) else 1
    if min(sides[first], sides[first + 2]) < 2 * smallest:
        return [quad]
    corners = np.roll(quad, -first, axis=0)
    place, tilt = rng.uniform(0.35, 0.65), rng.uniform(-0.06, 0.06)
    upper = corners[0] + (corners[1] - corners[0]) * (place + tilt)
    lower = corners[3] + (corners[2] - corners[3]) * (place - tilt)
    parts = (
        np.array([corners[0], upper, lower, corners[3]]),
        np.array([upper, corners[1], corners[2], lower]),
    )
    return [piece for part in parts for piece in split(rng, part, smallest)]


def whole() -> Quad:
    """The square of the cell with its margin."""
    return np.array([[0.0, 0.0], [SIZE_M, 0.0], [SIZE_M, SIZE_M], [0.0, SIZE_M]])


def shrunk(quad: Quad, metres: float) -> Quad:
    """A quadrilateral drawn in by about `metres` on every side."""
    middle = quad.mean(axis=0)
    away = quad - middle
    length = np.hypot(away[:, 0], away[:, 1])[:, None]
    return middle + away * np.maximum(0.0, 1 - metres * 1.41 / length)


def scatter(
    rng: Random,
    sketch: Sketch,
    numbers: list[int],
    n: int,
    radius: tuple[float, float],
    box: Quad | None = None,
) -> None:
    """Discs at random places of a box, by default everywhere; `radius` is the lowest and the highest."""
    low, high = ((0.0, 0.0), (SIZE_M, SIZE_M)) if box is None else (box.min(axis=0), box.max(axis=0))
    places = rng.uniform(low, high, (n, 2))
    for (x, y), size, which in zip(
        places, rng.uniform(*radius, n), rng.integers(0, len(numbers), n), strict=True
    ):
        sketch.canvas.disc(numbers[which], (float(x), float(y)), float(size))


def trees_along(
    rng: Random, sketch: Sketch, numbers: list[int], start: Point, end: Point, gap: float
) -> None:
    """A row of trees, one about every `gap` metres."""
    begin, step = np.asarray(start), np.asarray(end) - np.asarray(start)
    for share in np.arange(0.0, 1.0, gap / max(1.0, float(np.hypot(*step)))):
        x, y = begin + step * share + rng.normal(0, 1.5, 2)
        number = numbers[int(rng.integers(len(numbers)))]
        sketch.canvas.disc(number, (float(x), float(y)), float(rng.uniform(1.8, 4.5)))


def house(
    rng: Random, sketch: Sketch, roofs: list[int], centre: Point, size: tuple[float, float], angle: float
) -> None:
    """A building with a gable roof and its shadow; `roofs` are numbers from `roofs_of`."""
    length, width = size
    cos, sin = np.cos(angle), np.sin(angle)
    sketch.canvas.rectangle(0, (centre[0] - 2.2, centre[1] - 2.8), length, width, angle, SHADE)
    number = roofs[int(rng.integers(len(roofs) // 2)) * 2]
    sketch.canvas.rectangle(number, centre, length, width, angle)
    # The other half of a gable roof faces away from the sun.
    half = (centre[0] - sin * width / 4, centre[1] + cos * width / 4)
    sketch.canvas.rectangle(number + 1, half, length, width / 2, angle)


def roofs_of(rng: Random, sketch: Sketch, material: str, n: int, contrast: float) -> list[int]:
    """Pairs of objects: the sunny and the shady half of `n` roofs."""
    numbers = []
    for tone in rng.normal(1.0, 0.08, n):
        numbers += [
            sketch.add(material, float(tone * (1 + contrast))),
            sketch.add(material, float(tone * (1 - contrast))),
        ]
    return numbers
