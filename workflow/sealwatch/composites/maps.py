"""The land-cover map file that mosaics, months and half-years share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import hdf5
from ..grid import Window
from ..keys import LAND_COVER_CLASSES

NO_CLASS = 255
"""Class code of a cell without observation."""


@dataclass(frozen=True, slots=True)
class LandCoverMap:
    """Class probabilities of one moment or period.

    Attributes:
        window: cell grid.
        probability: float32 (class, height, width), NaN without observation.
        land_cover: uint8 (height, width), class code, 255 without observation.
        weight: float32 (height, width), clear fraction of a mosaic or number of observations of a composite, 0 without.
    """

    window: Window
    probability: np.ndarray
    land_cover: np.ndarray
    weight: np.ndarray


def read_map(path: str | Path, weight: str) -> LandCoverMap:
    """Read a map; `weight` names the variable used as weight (`clear_fraction` or `observations`)."""
    with hdf5.read(path) as file:
        values = np.nan_to_num(file[weight][:].astype("f4"))
        return LandCoverMap(hdf5.read_window(file), file["probability"][:], file["class"][:], values)


def write_map(
    path: str | Path,
    step: str,
    baseline: int,
    window: Window,
    probability: np.ndarray,
    land_cover: np.ndarray,
    layers: Mapping[str, tuple[str, np.ndarray, str]],
    provenance: Mapping[str, Any],
) -> None:
    """Write a map with further layers.

    Args:
        path: target.
        step: rule that writes it.
        baseline: its baseline number.
        window: cell grid.
        probability: float32 (class, height, width).
        land_cover: uint8 (height, width).
        layers: dtype, array (height, width) and description by name.
        provenance: root attributes.
    """
    with hdf5.create(path, step, baseline, provenance) as file:
        file.set_grid(window)
        file.add_axis("class_code", LAND_COVER_CLASSES, long_name="land-cover class")
        file.add(
            "probability", ("class_code", "y", "x"), "float32", probability, long_name="class probability"
        )
        file.add(
            "class",
            ("y", "x"),
            "uint8",
            land_cover,
            long_name="land-cover class",
            flag_values=np.arange(len(LAND_COVER_CLASSES), dtype="u1"),
            flag_meanings=" ".join(LAND_COVER_CLASSES),
        )
        for name, (dtype, values, text) in layers.items():
            file.add(name, ("y", "x"), dtype, values.astype(dtype), long_name=text)
