"""Strata of the change maps: every observed cell of the area belongs to exactly one, block by block.

| stratum | cells | the map says |
|---|---|---|
| `change` | with an event of status `confirmed` that starts in the sample's period | change |
| `buffer` | with another event (`unsure`, reversed, of another time), or within `buffer_cells` of one | no change |
| `stable` | all others | no change |

Not in the population: cells outside the area, cells without a state (never or too rarely observed), and cells that
another zone answers for (`sealwatch.zones`). Zones have different grids, so places are assigned by the cells' centres
and the seam is as jagged as the cells are large.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ... import hdf5
from ...change.persistence import NOT_OBSERVED
from ...errors import ConfigError, RasterError
from ...grid import Window, row_col
from ...zones import zone_at

STRATA = ("change", "buffer", "stable")
"""Names of the strata; a cell's code is the place in this tuple."""

MAP_LABELS = {"change": "change", "buffer": "no change", "stable": "no change"}
"""What the map says of the cells of a stratum."""

EXCLUDED = ("outside", "unobserved", "other zone")
"""Why a cell of a map is not in the population; its code is the place behind those of the strata."""

_CHANGE, _BUFFER, _STABLE, _OUTSIDE, _UNOBSERVED, _OTHER_ZONE = range(len(STRATA) + len(EXCLUDED))

BLOCK = 512
"""Rows and columns of a block at most; that of the files' chunks."""


@dataclass(frozen=True, slots=True)
class ZoneMap:
    """Files of a zone: `change/{zone}.h5` and `grid/{zone}.h5`."""

    change: Path
    grid: Path


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one block.

    Attributes:
        epsg: zone.
        row: int64 (height,), row in the zone's grid.
        col: int64 (width,), column in the zone's grid.
        stratum: uint8 (height, width), place in `STRATA` followed by `EXCLUDED`.
        start: int32 (height, width), for `change` the place of the start in the half-years, else -1.
    """

    epsg: int
    row: np.ndarray
    col: np.ndarray
    stratum: np.ndarray
    start: np.ndarray


class Maps:
    """Open change maps of all zones; a context manager.

    Attributes:
        halves: half-years of the maps.
        cell_size_m: size of a cell, metres.

    Raises:
        RasterError: a file cannot be read, or maps differ in half-years, cell size or grid.
    """

    def __init__(self, zones: Sequence[ZoneMap]) -> None:
        if not zones:
            raise RasterError("there is no change map to draw from; run the workflow first")
        self._open = ExitStack()
        self._zones: list[tuple[Window, h5py.File, h5py.File]] = []
        with ExitStack() as guard:
            guard.callback(self._open.close)
            for zone in zones:
                self._add(zone)
            window, first, _ = self._zones[0]
            self.halves, self.cell_size_m = _halves(first), window.cell_size_m
            for other, change, _ in self._zones[1:]:
                if _halves(change) != self.halves or other.cell_size_m != self.cell_size_m:
                    raise RasterError(
                        f"{change.filename}: other half-years or cells than {first.filename}; run rule change for both"
                    )
            guard.pop_all()

    def _add(self, zone: ZoneMap) -> None:
        change, grid = (self._open.enter_context(hdf5.read(path)) for path in (zone.change, zone.grid))
        for name in ("start", "reversal", "rise", "state"):
            if name not in change:
                raise RasterError(f"{zone.change}: lacks the variable {name}; delete the file and run again")
        window = hdf5.read_window(change)
        if hdf5.read_window(grid) != window:
            raise RasterError(f"{zone.change}: its grid is not that of {zone.grid}; run rule change again")
        self._zones.append((window, change, grid))

    def __enter__(self) -> Maps:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def period(self, wanted: tuple[str, str] | None, first_state: int, persistence: int) -> tuple[str, str]:
        """First and last half-year in which a change of the sample starts.

        By default those in which the rule can find one: after the half-years that establish the first state, and
        with `persistence` half-years left to confirm it.

        Raises:
            ConfigError: a half-year is not in the maps, or the end lies before the start.
        """
        known = self.halves
        if wanted is None:
            if len(known) < first_state + persistence:
                raise ConfigError(f"{len(known)} half-years are too few for a confirmed change; add scenes")
            return known[first_state], known[len(known) - persistence]
        for half in wanted:
            if half not in known:
                raise ConfigError(
                    f"--period: {half} is not in the change maps; use {known[0]} to {known[-1]}"
                )
        if wanted[0] > wanted[1]:
            raise ConfigError(f"--period: {wanted[0]} lies after {wanted[1]}; exchange the two")
        return wanted

    def blocks(self, period: tuple[str, str], buffer_cells: int, min_rise: float) -> Iterator[Cells]:
        """All cells with their strata; a zone's events are held in memory, its cells only block by block.

        Args:
            period: first and last half-year in which a change of stratum `change` starts.
            buffer_cells: width of the buffer in cells, diagonals counting as one.
            min_rise: `change.min_rise`: a gain with a smaller rise is unsure.
        """
        inside_period = (self.halves.index(period[0]), self.halves.index(period[1]))
        zones = [window.epsg for window, _, _ in self._zones]
        for own, (window, change, grid) in enumerate(self._zones):
            row, col, start = _gains(window, change, inside_period, min_rise)
            for block in _blocks(window):
                state = change["state"][block]
                strata = _strata(block, row, col, start, buffer_cells)
                first_half = np.full(state.shape, -1, "i4")
                here = _within(block, row, col, 0) & (start >= 0)
                first_half[row[here] - block[0].start, col[here] - block[1].start] = start[here]
                strata[state == NOT_OBSERVED] = _UNOBSERVED
                strata[grid["inside"][block] != 1] = _OUTSIDE
                if len(zones) > 1:
                    foreign = _zone_of_cells(window, block, zones) != own
                    strata[foreign & (strata != _OUTSIDE)] = _OTHER_ZONE
                rows, cols = row_col(
                    window,
                    np.arange(block[0].start, block[0].stop, dtype="i8"),
                    np.arange(block[1].start, block[1].stop, dtype="i8"),
                )
                yield Cells(window.epsg, rows, cols, strata, first_half)


def _halves(change: h5py.File) -> list[str]:
    return hdf5.read_text(change.attrs["halves"]).split()


def _blocks(window: Window) -> Iterator[tuple[slice, slice]]:
    for top in range(0, window.height, BLOCK):
        for left in range(0, window.width, BLOCK):
            yield (
                slice(top, min(top + BLOCK, window.height)),
                slice(left, min(left + BLOCK, window.width)),
            )


def _gains(
    window: Window, change: h5py.File, period: tuple[int, int], min_rise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells with an event: row and column in the map, start (place, from 0) of the first confirmed one in the period.

    The start is -1 where no event of the cell is confirmed and in the period.
    """
    found: list[np.ndarray] = [np.empty((3, 0), "i8")]
    for block in _blocks(window):
        start = change["start"][(slice(None), *block)].astype("i4") - 1
        _, row, col = np.nonzero(start >= 0)
        if len(row) == 0:
            continue
        # Rounded as the layer `events` has it, so that both call the same events unsure.
        sure = change["rise"][(slice(None), *block)].astype("f8").round(4) >= min_rise
        sure &= change["reversal"][(slice(None), *block)] == 0
        sure &= (start >= period[0]) & (start <= period[1])
        late = np.iinfo("i4").max
        first = np.where(sure, start, late).min(axis=0)
        row, col = np.unique(np.stack([row, col]), axis=1)
        begin = np.where(first[row, col] == late, -1, first[row, col])
        found.append(np.stack([row + block[0].start, col + block[1].start, begin]))
    row, col, begin = np.concatenate(found, axis=1)
    return row, col, begin


def _within(block: tuple[slice, slice], row: np.ndarray, col: np.ndarray, margin: int) -> np.ndarray:
    inside = (row >= block[0].start - margin) & (row < block[0].stop + margin)
    return inside & (col >= block[1].start - margin) & (col < block[1].stop + margin)


def _strata(
    block: tuple[slice, slice], row: np.ndarray, col: np.ndarray, start: np.ndarray, buffer_cells: int
) -> np.ndarray:
    """Strata of a block from the cells with an event in and around it."""
    from scipy.ndimage import maximum_filter

    shape = (block[0].stop - block[0].start, block[1].stop - block[1].start)
    here = _within(block, row, col, buffer_cells)
    if not here.any():
        return np.full(shape, _STABLE, "u1")
    n = buffer_cells
    event = np.zeros((shape[0] + 2 * n, shape[1] + 2 * n), "u1")
    place = row[here] - block[0].start + n, col[here] - block[1].start + n
    event[place] = 1
    near = maximum_filter(event, size=2 * n + 1, mode="constant") == 1
    result = np.where(near, _BUFFER, _STABLE).astype("u1")
    sure = start[here] >= 0
    result[place[0][sure], place[1][sure]] = _CHANGE
    return result[n : n + shape[0], n : n + shape[1]]


def _zone_of_cells(window: Window, block: tuple[slice, slice], zones: Sequence[int]) -> np.ndarray:
    """Place in `zones` of the zone that answers for each cell of a block, (height, width)."""
    from pyproj import Transformer

    size = window.cell_size_m
    x = window.x_min + size * (np.arange(block[1].start, block[1].stop) + 0.5)
    y = window.y_max - size * (np.arange(block[0].start, block[0].stop) + 0.5)
    to_degrees = Transformer.from_crs(window.epsg, 4326, always_xy=True)

    def owner(xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
        return zone_at(*to_degrees.transform(xs, ys), zones)

    # Along a row longitude only grows, so where both ends of all rows have one owner, all cells between have.
    ends = owner(np.repeat(x[[0, -1]], len(y)), np.tile(y, 2))
    if (ends == ends[0]).all():
        return np.full((len(y), len(x)), ends[0])
    grid = np.meshgrid(x, y)
    return owner(grid[0].ravel(), grid[1].ravel()).reshape(len(y), len(x))
