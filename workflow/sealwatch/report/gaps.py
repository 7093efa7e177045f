"""Where and when the area was not seen: clear observations per cell and half-year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import hdf5
from ..composites.maps import NO_CLASS
from ..errors import RasterError
from ..sentinel2.area import read_zone_grid
from .pictures import palette_png

STEPS = ((0, "none"), (1, "1"), (2, "2 to 3"), (4, "4 to 7"), (8, "8 to 15"), (16, "16 and more"))
"""Least number of clear observations of each shade, and its words."""

COLOURS = ((213, 94, 0), (198, 219, 239), (140, 190, 220), (74, 145, 196), (24, 92, 156), (8, 40, 90))
"""Vermilion for none, then blues that grow darker: told apart by lightness alone."""

MISSED_STEPS = ((0, "none"), (1, "1"), (2, "2"), (3, "3 to 4"), (5, "5 and more"))
"""Half-years without observation of each shade, and its words."""

MISSED_COLOURS = ((225, 236, 244), (254, 217, 118), (245, 150, 40), (200, 70, 10), (90, 20, 10))


@dataclass(frozen=True, slots=True)
class HalfCount:
    """A half-year of a zone: map, cells of the area, those not observed, least, median and most observations."""

    half: str
    uri: str
    cells: int
    unseen: int
    least: int
    median: float
    most: int

    @property
    def unseen_percent(self) -> float:
        """Cells not observed, percent of the area's cells."""
        return 100 * self.unseen / self.cells if self.cells else 0.0


@dataclass(frozen=True, slots=True)
class ZoneGaps:
    """A zone: its half-years, map of half-years without observation, and how many cells miss how many."""

    zone: str
    halves: Sequence[HalfCount]
    missed_uri: str
    missed: Sequence[tuple[str, int, float]]


def zone_gaps(grid: str | Path, halves: Sequence[str | Path]) -> ZoneGaps:
    """Count a zone's observations.

    Args:
        grid: grid file of the zone.
        halves: its half-year maps in order of time.

    Raises:
        RasterError: a map cannot be read or lies on another grid.
    """
    window, inside = read_zone_grid(grid)
    missed = np.zeros(window.shape, "i4")
    cells, rows = int(inside.sum()), []
    for path in halves:
        with hdf5.read(path) as file:
            if hdf5.read_window(file) != window:
                raise RasterError(f"{path}: its grid is not that of {grid}; delete the older and run again")
            counts = np.where(file["class"][:] == NO_CLASS, 0, np.maximum(file["observations"][:], 0))
        missed += counts == 0
        seen = counts[inside]
        rows.append(
            HalfCount(
                Path(path).stem,
                _map(counts, inside, STEPS, COLOURS, 200),
                cells,
                int((seen == 0).sum()),
                int(seen.min()) if cells else 0,
                float(np.median(seen)) if cells else 0.0,
                int(seen.max(initial=0)),
            )
        )
    shade = _shade(missed, MISSED_STEPS)[inside]
    table = [
        (words, int((shade == place).sum()), 100 * float((shade == place).mean()) if cells else 0.0)
        for place, (_, words) in enumerate(MISSED_STEPS)
    ]
    return ZoneGaps(Path(grid).stem, rows, _map(missed, inside, MISSED_STEPS, MISSED_COLOURS, 600), table)


def _shade(values: np.ndarray, steps: Sequence[tuple[int, str]]) -> np.ndarray:
    return (np.digitize(values, [least for least, _ in steps]) - 1).astype("u1")


def _map(
    values: np.ndarray,
    inside: np.ndarray,
    steps: Sequence[tuple[int, str]],
    colours: Sequence[tuple[int, int, int]],
    least_px: int,
) -> str:
    return palette_png(np.where(inside, _shade(values, steps), 255).astype("u1"), colours, least_px)
