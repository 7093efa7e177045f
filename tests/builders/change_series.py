"""Half-year and monthly maps of a little zone, written from the classes that each cell shows in each month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sealwatch.composites.maps import NO_CLASS
from sealwatch.grid import Window
from sealwatch.keys import LAND_COVER_CLASSES, months_of

from .maps import write_map

LETTERS = {
    "F": "Forest",
    "A": "AnnualCrop",
    "P": "Pasture",
    "R": "Residential",
    "I": "Industrial",
    "W": "Highway",
}
"""Letters of classes; `.` is a period without observation."""

SURE = 0.82
"""Probability of the class a cell shows; the other nine share the rest."""


def codes(text: str) -> list[int]:
    """Class codes of a series such as `FF.RR`; blanks are left out."""
    return [NO_CLASS if c == "." else LAND_COVER_CLASSES.index(LETTERS[c]) for c in text.replace(" ", "")]


def write_period(path: Path, window: Window, land_cover: np.ndarray, **attributes: str) -> Path:
    """One map file of class codes (height, width)."""
    probability = np.full((10, *window.shape), (1 - SURE) / 9, "f4")
    np.put_along_axis(probability, np.minimum(land_cover, 9)[None].astype(int), SURE, axis=0)
    probability[:, land_cover == NO_CLASS] = np.nan
    layers = {
        "observations": ("int32", (land_cover != NO_CLASS) * 1, "number of clear observations"),
        "clear_fraction": ("float32", (land_cover != NO_CLASS) * 0.9, "share of clear pixels of the patch"),
    }
    write_map(path, window, probability, land_cover, layers, attributes)
    return path


def write_series(
    folder: Path, window: Window, names: Sequence[str], cells: Mapping[tuple[int, int], str], rest: str = "F"
) -> list[Path]:
    """One file per period; cells that are not named show class `rest` throughout."""
    maps = np.full((len(names), *window.shape), codes(rest)[0], "u1")
    for (row, col), text in cells.items():
        series = codes(text)
        if len(series) != len(names):
            raise ValueError(f"cell {row}, {col}: {len(series)} periods instead of {len(names)}")
        maps[:, row, col] = series
    return [write_period(folder / f"{n}.h5", window, m) for n, m in zip(names, maps, strict=True)]


def months_like(cells: Mapping[tuple[int, int], str]) -> dict[tuple[int, int], str]:
    """Monthly series that show in each month what the half-year shows."""
    return {cell: "".join(letter * 6 for letter in text.replace(" ", "")) for cell, text in cells.items()}


def month_names(halves: Sequence[str]) -> list[str]:
    """The months of half-years."""
    return [month for half in halves for month in months_of(half)]
