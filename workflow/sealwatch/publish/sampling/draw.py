"""Stratified random sample of cells: the same maps, seed and sizes give the same units, in any order of the blocks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...errors import ConfigError
from ...files import file_digest, value_digest
from .strata import EXCLUDED, STRATA, Maps, ZoneMap

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_ORDER = 0x5EED
"""Makes the order of presentation independent of the draw."""


@dataclass(frozen=True, slots=True)
class Design:
    """What is drawn.

    Attributes:
        sizes: units per stratum; a stratum with fewer cells is taken whole.
        seed: of the draw, 0 to 2^63 - 1. Who interprets must not know it, since it tells strata apart.
            None: a random one.
        buffer_cells: width of the buffer in cells.
        min_rise: `change.min_rise`.
        period: first and last half-year in which a change starts; None is found from the maps.
        first_state: `change.first_state`, for the period.
        persistence: `change.persistence`, for the period.
    """

    sizes: Mapping[str, int]
    seed: int | None
    buffer_cells: int
    min_rise: float
    period: tuple[str, str] | None
    first_state: int
    persistence: int

    def __post_init__(self) -> None:
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise ConfigError("--seed must be a number from 0 to 2^63 - 1")
        if not 0 <= self.buffer_cells <= 100:
            raise ConfigError("--buffer-cells must be a number of cells from 0 to 100")
        if min(self.sizes.values()) < 0 or sum(self.sizes.values()) == 0:
            raise ConfigError("--change, --buffer and --stable: numbers of units, at least one above 0")


@dataclass(frozen=True, slots=True)
class Draw:
    """A drawn sample.

    Attributes:
        units: in the random order of presentation: `zone`, `row`, `col` (in the zone's grid), `stratum`,
            `map_start_half` (start of the change on the map, or '').
        cells: number of cells of each stratum in the population.
        excluded: number of cells of the maps outside the population, by reason.
        cell_size_m: size of a cell, metres.
        period: first and last half-year in which a change starts.
        digest: of the maps.
        seed: that of the design, or the random one.
    """

    units: pd.DataFrame
    cells: dict[str, int]
    excluded: dict[str, int]
    cell_size_m: float
    period: tuple[str, str]
    digest: str
    seed: int


def draw(zones: Sequence[ZoneMap], design: Design) -> Draw:
    """Draw a sample; memory holds one block of cells, the events and the units.

    Every cell has a random number that depends on the seed and its place alone, and a stratum gives its cells with
    the smallest numbers: a simple random sample without replacement. A larger sample with the same seed holds the
    smaller one.

    Args:
        zones: maps of each zone.
        design: what is drawn.

    Raises:
        RasterError: a map cannot be read or does not fit the others.
        ConfigError: the period is not in the maps, or no cell is in the population.
    """
    digest = maps_digest(zones)
    seed = secrets.randbelow(2**63) if design.seed is None else design.seed
    number = np.zeros(len(STRATA) + len(EXCLUDED), "i8")
    chosen = [_Smallest(design.sizes[name]) for name in STRATA]
    with Maps(zones) as maps:
        period = maps.period(design.period, design.first_state, design.persistence)
        for cells in maps.blocks(period, design.buffer_cells, design.min_rise):
            number += np.bincount(cells.stratum.ravel(), minlength=len(number))
            keys = random_numbers(seed, cells.epsg, cells.row[:, None], cells.col[None, :])
            for code, smallest in enumerate(chosen):
                row, col = np.nonzero((cells.stratum == code) & (keys <= smallest.limit))
                place = [np.full(len(row), cells.epsg), cells.row[row], cells.col[col], cells.start[row, col]]
                smallest.add(keys[row, col], np.stack(place).astype("i8"))
        halves, cell_size_m = maps.halves, maps.cell_size_m
    if number[: len(STRATA)].sum() == 0:
        raise ConfigError("no cell of the area was observed often enough; there is nothing to draw from")
    zone, row, col, start = np.concatenate([smallest.cells for smallest in chosen], axis=1)
    units = pd.DataFrame({"zone": zone, "row": row, "col": col})
    units["stratum"] = np.repeat(np.array(STRATA, dtype=object), [s.cells.shape[1] for s in chosen])
    units["map_start_half"] = np.array([*halves, ""], dtype=object)[start]
    shuffled = np.argsort(random_numbers(seed ^ _ORDER, zone, row, col), kind="stable")
    return Draw(
        units=units.iloc[shuffled].reset_index(drop=True),
        cells=dict(zip(STRATA, number.tolist(), strict=False)),
        excluded=dict(zip(EXCLUDED, number[len(STRATA) :].tolist(), strict=True)),
        cell_size_m=cell_size_m,
        period=period,
        digest=digest,
        seed=seed,
    )


def maps_digest(zones: Sequence[ZoneMap]) -> str:
    """Digest of the files a sample is drawn from."""
    return value_digest({z.change.stem: [file_digest(z.change), file_digest(z.grid)] for z in zones})


class _Smallest:
    """The cells with the `size` smallest numbers among all that were added."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.keys = np.empty(0, "u8")
        self.cells = np.empty((4, 0), "i8")
        self.limit = np.uint64(2**64 - 1)

    def add(self, keys: np.ndarray, cells: np.ndarray) -> None:
        keys = np.concatenate([self.keys, keys])
        order = np.argsort(keys, kind="stable")[: self.size]
        self.keys, self.cells = keys[order], np.concatenate([self.cells, cells], axis=1)[:, order]
        if len(order) == self.size:
            self.limit = self.keys[-1] if self.size else np.uint64(0)


def random_numbers(seed: int, zone: int | np.ndarray, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    """uint64 of each cell of the zones' grids, equally distributed (SplitMix64 of seed, zone, row and column)."""
    state = _mix(np.array([seed], "u8"))
    for part in (zone, row, col):
        state = _mix(state + _GAMMA * (np.atleast_1d(part).astype("u8") + np.uint64(1)))
    return state


def _mix(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
