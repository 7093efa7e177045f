"""Areas of change and of sealed land by place and half-year, from the satellite maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from .. import hdf5
from ..change.persistence import NOT_OBSERVED
from ..change.series import STATE_OF_CLASS
from ..errors import RasterError
from ..grid import Window, in_window
from ..keys import half_of
from ..vectors import read_vector
from .apportion import Pieces


@dataclass(frozen=True, slots=True)
class ZoneFiles:
    """Products of one zone: its grid, change map, its layers, and the half-year maps in order of time."""

    grid: Path
    change: Path
    layers: Path
    halves: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Satellite:
    """Areas in square metres by place; the last place is that of no region. All int64 (place, ...) when counted.

    Attributes:
        area: (place,) of the area of interest.
        observed: (place,) with a state: enough half-years were seen.
        sealed: (place,) whose state after the last half-year is sealed.
        gross: (place, half) of confirmed gains by the half-year in which they start, later reversed ones too.
        reverse: (place, half) of their confirmed reversals by the half-year in which these start.
        unsure: (place, half) of gains whose rise is too small.
        provisional: (place, half) of open alerts by their first month.
        mapped_sealed: (place, half) sealed in the half-year's map.
        mapped_observed: (place, half) seen in the half-year's map.
    """

    area: np.ndarray
    observed: np.ndarray
    sealed: np.ndarray
    gross: np.ndarray
    reverse: np.ndarray
    unsure: np.ndarray
    provisional: np.ndarray
    mapped_sealed: np.ndarray
    mapped_observed: np.ndarray

    def __add__(self, other: Satellite) -> Satellite:
        names = [field.name for field in fields(self)]
        return Satellite(*(getattr(self, name) + getattr(other, name) for name in names))

    def rounded(self) -> Satellite:
        """In whole square metres, so that every sum is exact."""
        return Satellite(*(np.rint(getattr(self, field.name)).astype("i8") for field in fields(self)))


def count_zone(files: ZoneFiles, pieces: Pieces, places: int, min_rise: float) -> Satellite:
    """Sum up the pieces of a zone's cells; float64, not rounded yet.

    Args:
        files: products of the zone.
        pieces: its cells, divided among regions.
        places: number of regions.
        min_rise: `change.min_rise`; a gain with a smaller rise is unsure.

    Raises:
        RasterError: a file cannot be read or lies on another grid.
        VectorError: the layer of alerts cannot be read.
    """
    place = pieces.place(places)
    halves = [path.stem for path in files.halves]
    count = len(halves)

    def by_place(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(place, pieces.area_m2 * chosen, places + 1)

    def by_half(position: np.ndarray) -> np.ndarray:
        """Position of the half-year of each piece, from 1; 0 for none."""
        there = position > 0
        key = place[there] * count + position[there] - 1
        return np.bincount(key, pieces.area_m2[there], (places + 1) * count).reshape(places + 1, count)

    with hdf5.read(files.change) as change:
        window = hdf5.read_window(change)
        if hdf5.read_text(change.attrs["halves"]).split() != halves:
            raise RasterError(f"{files.change}: has other half-years than half/; run rule change again")
        state = change["state"][:].ravel()[pieces.whole]
        gross, reverse, unsure = (np.zeros((places + 1, count)) for _ in range(3))
        for n in range(change["start"].shape[0]):
            start, reversal, rise = (
                change[name][n].ravel()[pieces.whole] for name in ("start", "reversal", "rise")
            )
            # Rounded as the layer `events` has it, so that both call the same events unsure.
            sure = rise.astype("f8").round(4) >= min_rise
            gross += by_half(np.where(sure, start, 0).astype("i8"))
            unsure += by_half(np.where(sure, 0, start).astype("i8"))
            reverse += by_half(np.where(sure, reversal, 0).astype("i8"))
    sealed, seen = [], []
    for path in files.halves:
        with hdf5.read(path) as file:
            if hdf5.read_window(file) != window:
                raise RasterError(f"{path}: its grid is not that of {files.change}; run rule change again")
            mapped = STATE_OF_CLASS[file["class"][:].ravel()[pieces.whole]]
        sealed.append(by_place(mapped == 1))
        seen.append(by_place(mapped != NOT_OBSERVED))
    return Satellite(
        area=by_place(np.ones(len(place))),
        observed=by_place(state != NOT_OBSERVED),
        sealed=by_place(state == 1),
        gross=gross,
        reverse=reverse,
        unsure=unsure,
        provisional=by_half(_open_alerts(files.layers, window, halves)[pieces.whole]),
        mapped_sealed=np.stack(sealed, axis=1),
        mapped_observed=np.stack(seen, axis=1),
    )


def _open_alerts(layers: Path, window: Window, halves: list[str]) -> np.ndarray:
    """Place in the half-years, from 1, of the first month of each cell's open alert; 0 without one, int64 (cell,)."""
    position = np.zeros(window.height * window.width, "i8")
    alerts = read_vector(layers, "alerts", ("row", "col", "first_month", "status"))
    alerts = alerts[alerts["status"] == "open"]
    row, col = in_window(window, alerts["row"].to_numpy("i8"), alerts["col"].to_numpy("i8"))
    position[row * window.width + col] = [halves.index(half_of(m)) + 1 for m in alerts["first_month"]]
    return position
