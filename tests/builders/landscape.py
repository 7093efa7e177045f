"""The synthetic landscape: which class each cell has from when to when, and its drawing at any pixel size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sealwatch.grid import Window, row_col
from sealwatch.keys import IMPERVIOUS_CLASSES, half_span

from .layouts import make_layout
from .painting import paint
from .random_fields import generator, smooth_field
from .sketch import CELL_M, MARGIN_M, SIZE_M, Layout

EPSG = 32633
CELLS = Window(EPSG, 776 * CELL_M, 8000 * CELL_M, CELL_M, 12, 8)
"""The cells of the area of interest; one more cell lies around them on every side."""

_LETTERS = {
    "A": "AnnualCrop",
    "F": "Forest",
    "H": "HerbaceousVegetation",
    "W": "Highway",
    "I": "Industrial",
    "P": "Pasture",
    "O": "PermanentCrop",
    "R": "Residential",
    "V": "River",
    "S": "SeaLake",
}

CLASS_MAP = (
    "FFOHHPPAAPOO",
    "FFFHSSPARRAO",
    "FFFFSSPARRRA",
    "FHPHPVAAAIIA",
    "FHPAAVAPIIAA",
    "HPAPAVPAAIHF",
    "PPAAOVPPPAWW",
    "PHHOOVFFAHFF",
)
"""Class of each cell at the start, northern row first."""

GAIN, BLIP, REVERSAL, PROVISIONAL = "gain", "blip", "reversal", "provisional"


@dataclass(frozen=True, slots=True)
class Event:
    """From half-year `start` the cell looks like class `to`; from `end` on (if any) like class `back`."""

    kind: str
    row: int
    col: int
    to: str
    start: str
    end: str | None = None
    back: str | None = None
    day: str = "07"
    """Day of the first month on which the new state begins."""


EVENTS = (
    Event(GAIN, 2, 3, "Residential", "2022H1"),
    Event(GAIN, 3, 3, "Residential", "2022H1"),
    Event(GAIN, 3, 7, "Residential", "2022H1"),
    Event(GAIN, 3, 8, "Industrial", "2022H2"),
    Event(GAIN, 6, 7, "Highway", "2022H2"),
    Event(GAIN, 6, 8, "Highway", "2022H1"),
    Event(GAIN, 6, 9, "Highway", "2022H1"),
    Event(GAIN, 0, 8, "Industrial", "2022H1"),
    Event(GAIN, 0, 9, "Industrial", "2023H1"),
    Event(GAIN, 0, 3, "Residential", "2022H2"),
    Event(GAIN, 0, 2, "Residential", "2023H1"),
    Event(BLIP, 5, 3, "Residential", "2022H1", "2022H2"),
    Event(BLIP, 5, 7, "Highway", "2023H1", "2023H2"),
    Event(BLIP, 7, 1, "Industrial", "2022H2", "2023H2"),
    Event(REVERSAL, 4, 11, "Industrial", "2022H1", "2023H2", "HerbaceousVegetation"),
    Event(PROVISIONAL, 1, 10, "Residential", "2024H1"),
    Event(PROVISIONAL, 6, 1, "Industrial", "2024H2", day="20"),
)
"""All changes of the landscape: the truth."""

PLOUGHED = (5, 2)
"""Cell with a field that is bare at the time of the second flight, though nothing was built there."""

_WITH_FARM = ("AnnualCrop", "Pasture", "HerbaceousVegetation", "PermanentCrop")


def class_at(row: int, col: int) -> str:
    """Class of a cell at the start."""
    return _LETTERS[CLASS_MAP[row][col]]


def global_cell(row: int, col: int) -> tuple[int, int]:
    """Row and column in the zone's grid, as in `sealwatch.grid.row_col`."""
    return row_col(CELLS, row, col)


class Landscape:
    """Layouts of all cells, with one version per state of a changing cell.

    Pixels are found through a map of cells whose borders wander by up to 38 m, so that objects do not end on
    straight lines. `lattice` gives, for a raster, the cell and the place in its drawing of each pixel.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rows, self.cols = CELLS.height + 2, CELLS.width + 2
        self.layouts: list[Layout] = []
        self.first = np.zeros((self.rows, self.cols), dtype=np.int16)
        self._timeline: list[tuple[str, int, int, int]] = []
        changing = {(event.row, event.col): event for event in EVENTS}
        for r in range(self.rows):
            for c in range(self.cols):
                row, col = min(max(r - 1, 0), CELLS.height - 1), min(max(c - 1, 0), CELLS.width - 1)
                inner = (row, col) == (r - 1, c - 1)
                event = changing.get((row, col)) if inner else None
                self.first[r, c] = self._add(row, col, class_at(row, col), r, c, event)
                if event:
                    self._timeline.append(
                        (
                            f"{half_span(event.start)[0][:8]}{event.day}",
                            r,
                            c,
                            self._add(row, col, event.to, r, c, event),
                        )
                    )
                    if event.end:
                        back = self.first[r, c]
                        if event.back:
                            back = self._add(row, col, event.back, r, c, event)
                        self._timeline.append((half_span(event.end)[0], r, c, int(back)))
        self._timeline.sort()
        counts = [len(layout.material) for layout in self.layouts]
        self.offset = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32)
        self.material = np.concatenate([layout.material for layout in self.layouts])
        self.brightness = np.concatenate([layout.brightness for layout in self.layouts])
        self.phase = np.concatenate([layout.phase for layout in self.layouts])

    def _add(self, row: int, col: int, name: str, r: int, c: int, event: Event | None) -> int:
        at_start = name == class_at(row, col)
        farm = None
        has_farm = generator(self.seed, "has farm", r, c).random() < 0.4
        if class_at(row, col) in _WITH_FARM and (has_farm or (event is not None and event.kind != BLIP)):
            farm = generator(self.seed, "farm", r, c)
        self.layouts.append(
            make_layout(
                name,
                generator(self.seed, "layout", r, c, name),
                farm=farm,
                # Rivers run to the south; a farm keeps its place only when all versions are turned alike.
                turned=name == "River"
                or (event is None and at_start and name not in IMPERVIOUS_CLASSES and (r + c) % 2 == 1),
                calm=event is not None,
                plough=(row, col) == PLOUGHED,
            )
        )
        return len(self.layouts) - 1

    def number(self, row: int, col: int) -> int:
        """Number of a cell of the area among all cells with the ring, row by row."""
        return (row + 1) * self.cols + col + 1

    def versions(self, date: str) -> NDArray[np.int16]:
        """Layout of each cell [rows + 2, cols + 2] on a day."""
        state = self.first.copy()
        for since, r, c, layout in self._timeline:
            if since <= date:
                state[r, c] = layout
        return state

    def drawings(self, pixel_m: float) -> NDArray[np.uint8]:
        """All layouts painted at a pixel size [layout, y, x]."""
        return np.stack([paint(layout.strokes, SIZE_M, pixel_m) for layout in self.layouts])

    @cached_property
    def wander(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Shift of the cells' borders in x and y, metres, on a 10 m lattice over all cells and the ring."""
        shape = (int(self.rows * CELL_M / 10) + 1, int(self.cols * CELL_M / 10) + 1)
        fields = [smooth_field(generator(self.seed, "wander", axis), shape, 20) * 17.0 for axis in "xy"]
        return np.clip(fields[0], -38, 38), np.clip(fields[1], -38, 38)

    @property
    def origin(self) -> tuple[float, float]:
        """Upper left corner of the ring of cells, metres."""
        return CELLS.x_min - CELL_M, CELLS.y_max + CELL_M

    def lattice(self, window: Window) -> tuple[NDArray[np.intp], ...]:
        """(cell row, cell column, y, x in the drawing) of each pixel of a window of 5 m or coarser pixels."""
        x0, y0 = self.origin
        x = window.x_min - x0 + window.cell_size_m * (np.arange(window.width) + 0.5)
        y = y0 - window.y_max + window.cell_size_m * (np.arange(window.height) + 0.5)
        at = np.ix_((y / 10).astype(int), (x / 10).astype(int))
        wx, wy = self.wander[0][at], self.wander[1][at]
        col = np.clip(((x[None, :] + wx) // CELL_M).astype(np.intp), 0, self.cols - 1)
        row = np.clip(((y[:, None] + wy) // CELL_M).astype(np.intp), 0, self.rows - 1)
        edge = round(SIZE_M / window.cell_size_m)
        px = ((x[None, :] - col * CELL_M + MARGIN_M) / window.cell_size_m).astype(np.intp)
        py = ((y[:, None] - row * CELL_M + MARGIN_M) / window.cell_size_m).astype(np.intp)
        return row, col, np.clip(py, 0, edge - 1), np.clip(px, 0, edge - 1)


def truth() -> dict[str, object]:
    """Initial classes and all events, with rows and columns of the zone's grid."""
    cells = []
    for row in range(CELLS.height):
        for col in range(CELLS.width):
            number = global_cell(row, col)
            cells.append({"row": number[0], "col": number[1], "class": class_at(row, col)})
    lists: dict[str, list[dict[str, object]]] = {GAIN: [], BLIP: [], REVERSAL: [], PROVISIONAL: []}
    for event in EVENTS:
        number = global_cell(event.row, event.col)
        lists[event.kind].append(
            {
                "row": number[0],
                "col": number[1],
                "from": class_at(event.row, event.col),
                "to": event.to,
                "start_half": event.start,
                "end_half": event.end or "",
                "back_to": (event.back or class_at(event.row, event.col)) if event.end else "",
            }
        )
    changed = {global_cell(event.row, event.col) for event in EVENTS}
    stable = [cell for cell in cells if (cell["row"], cell["col"]) not in changed]
    return {
        "epsg": EPSG,
        "cell_size_m": CELL_M,
        "cells": cells,
        "gains": lists[GAIN],
        "blips": lists[BLIP],
        "reversals": lists[REVERSAL],
        "provisional": lists[PROVISIONAL],
        "stable_impervious": [c for c in stable if c["class"] in IMPERVIOUS_CLASSES],
        "stable_other": [c for c in stable if c["class"] not in IMPERVIOUS_CLASSES],
    }
