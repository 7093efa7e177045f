"""The land-cover map file that mosaics, months and half-years share, read and written a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .. import hdf5
from ..errors import RasterError
from ..grid import Window
from ..keys import LAND_COVER_CLASSES

NO_CLASS = 255
"""Class code of a cell without observation."""

BLOCK = 512
"""Edge of a chunk of the files and height of the blocks they are worked through: no chunk is unpacked twice."""

CLASS_COLOURS = (
    *("f0d98c", "1b7837", "a6d96a", "d7191c", "7b3294", "d9f0a3", "e08214", "fb6a4a", "67a9cf", "2166ac"),
)
"""Colour of each class, RRGGBB, in the order of the class codes."""


def blocks(height: int) -> Iterator[slice]:
    """Rows of a map, one row of chunks at a time."""
    for first in range(0, height, BLOCK):
        yield slice(first, min(first + BLOCK, height))


class MapFile:
    """A map opened for reading; made by `open_map`.

    Attributes:
        path: of the file.
        window: cell grid.
    """

    def __init__(self, path: str | Path, file: h5py.File) -> None:
        self.path = path
        self.window = hdf5.read_window(file)
        self._file = file

    def text(self, attribute: str) -> str:
        """A root attribute as text.

        Raises:
            RasterError: the file has no such attribute.
        """
        if attribute not in self._file.attrs:
            raise RasterError(f"{self.path}: attribute {attribute} is missing; delete the file and run again")
        return hdf5.read_text(self._file.attrs[attribute])

    def read(self, variable: str, rows: slice, cols: slice = slice(None)) -> np.ndarray:
        """Rows and columns of a variable, `[..., rows, cols]`.

        Raises:
            RasterError: the variable is missing or damaged.
        """
        try:
            return self._file[variable][..., rows, cols]
        except KeyError as error:
            raise RasterError(
                f"{self.path}: variable {variable} is missing; delete the file and run again"
            ) from error
        except OSError as error:
            raise RasterError(
                f"{self.path}: variable {variable} is damaged ({error}); delete the file and run again"
            ) from error

    def classes(self, rows: slice, cols: slice = slice(None)) -> np.ndarray:
        """Class codes, uint8 [rows, cols], 255 without observation.

        Raises:
            RasterError: there is a code that stands for no class.
        """
        codes = self.read("class", rows, cols)
        wrong = np.argwhere((codes >= len(LAND_COVER_CLASSES)) & (codes != NO_CLASS))
        if len(wrong):
            row, col = wrong[0]
            raise RasterError(
                f"{self.path}: class has code {codes[row, col]} at row {row + rows.start}, column "
                f"{col + (cols.start or 0)}; codes are 0 to {len(LAND_COVER_CLASSES) - 1} and {NO_CLASS}; "
                "delete the file and run again"
            )
        return codes


@contextmanager
def open_map(path: str | Path, window: Window | None = None) -> Iterator[MapFile]:
    """Open a map for reading.

    Args:
        path: HDF5 file.
        window: grid that it must have; None takes any.

    Raises:
        RasterError: the file is no such map, or lies on another grid.
    """
    with hdf5.read(path) as file:
        opened = MapFile(path, file)
        if window is not None and opened.window != window:
            raise RasterError(
                f"{path}: its grid ({describe(opened.window)}) is not the zone's ({describe(window)}); "
                "it was made for another area or grid.patch_stride: delete it and run again"
            )
        yield opened


def describe(window: Window) -> str:
    """Size and place of a grid, for messages."""
    return (
        f"{window.width} x {window.height} cells of {window.cell_size_m:g} m from {window.x_min:.0f}, "
        f"{window.y_max:.0f}, EPSG:{window.epsg}"
    )


class MapWriter:
    """A map opened for writing; made by `create_map`."""

    def __init__(self, variables: Mapping[str, h5py.Dataset]) -> None:
        self._variables = variables

    def write(self, rows: slice, observed: np.ndarray, values: Mapping[str, np.ndarray]) -> None:
        """Write a block of rows.

        Args:
            rows: of the map.
            observed: bool [rows, cols]; parts of a block without any hold no data in the file, and cost nothing.
            values: arrays `[..., rows, cols]` by variable.
        """
        for first in range(0, observed.shape[1], BLOCK):
            cols = slice(first, first + BLOCK)
            seen = observed[:, cols].any()
            for name, data in values.items():
                # Counts and shares are 0, not missing, where nothing was observed.
                if seen or name not in ("probability", "class", "confidence"):
                    self._variables[name][..., rows, cols] = data[..., cols]


@contextmanager
def create_map(
    path: str | Path,
    step: str,
    baseline: int,
    window: Window,
    layers: Mapping[str, tuple[str, str]],
    provenance: Mapping[str, Any],
) -> Iterator[MapWriter]:
    """Open a map for writing: probability, class and further layers, empty until they are written.

    Args:
        path: target; it takes its name when the block ends without an error.
        step: rule that writes it.
        baseline: its baseline number.
        window: cell grid.
        layers: dtype and description by name.
        provenance: root attributes.
    """
    chunk = (min(BLOCK, window.height), min(BLOCK, window.width))
    with hdf5.create(path, step, baseline, provenance) as file:
        file.set_grid(window)
        file.add_axis("class_code", LAND_COVER_CLASSES, long_name="land-cover class")
        variables = {
            "probability": file.add(
                "probability",
                ("class_code", "y", "x"),
                "float32",
                chunks=(1, *chunk),
                # Shares hardly shrink: level 4 takes a fifth to three quarters longer for 1 to 10 % of the size.
                level=1,
                long_name="class probability",
            ),
            "class": file.add(
                "class",
                ("y", "x"),
                "uint8",
                chunks=chunk,
                long_name="land-cover class",
                flag_values=np.arange(len(LAND_COVER_CLASSES), dtype="u1"),
                flag_meanings=" ".join(LAND_COVER_CLASSES),
            ),
        }
        for name, (dtype, text) in layers.items():
            variables[name] = file.add(name, ("y", "x"), dtype, chunks=chunk, long_name=text)
        yield MapWriter(variables)
