"""Small land-cover maps with chosen classes, as the workflow's steps write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sealwatch import hdf5
from sealwatch.composites.maps import NO_CLASS, blocks, create_map
from sealwatch.grid import Window
from sealwatch.keys import LAND_COVER_CLASSES

CLASSES = len(LAND_COVER_CLASSES)
ZONE = Window(32633, 496640, 5120000, 640, 6, 4)


def write_grid(path: Path, window: Window = ZONE, inside: np.ndarray | None = None) -> Path:
    """The grid file of a zone."""
    with hdf5.create(path, "zone_grid", 1, {}) as file:
        file.set_grid(window)
        file.add("inside", ("y", "x"), "uint8", np.ones(window.shape, "u1") if inside is None else inside)
    return path


def write_map(
    path: Path,
    window: Window,
    probability: np.ndarray,
    land_cover: np.ndarray,
    layers: Mapping[str, tuple[str, np.ndarray, str]],
    provenance: Mapping[str, Any],
) -> None:
    """A map from whole arrays; `layers` holds dtype, array (height, width) and description by name."""
    kinds = {name: (dtype, text) for name, (dtype, _, text) in layers.items()}
    with create_map(path, "test", 1, window, kinds, provenance) as target:
        for rows in blocks(window.height):
            values = {"probability": probability[:, rows], "class": land_cover[rows]}
            values |= {name: data[rows].astype(dtype) for name, (dtype, data, _) in layers.items()}
            target.write(rows, land_cover[rows] != NO_CLASS, values)


def shares_of(land_cover: np.ndarray, share: float | np.ndarray = 0.9) -> np.ndarray:
    """Probabilities, float32 (class, height, width): `share` for the class, the rest for the others alike."""
    share = np.broadcast_to(np.asarray(share, "f4"), land_cover.shape)
    probability = np.repeat(((1 - share) / (CLASSES - 1))[None], CLASSES, axis=0).astype("f4")
    np.put_along_axis(probability, np.minimum(land_cover, CLASSES - 1)[None].astype(int), share[None], axis=0)
    probability[:, land_cover == 255] = np.nan
    return probability


def write_tile(
    path: Path,
    window: Window,
    probability: np.ndarray,
    clear: np.ndarray | float = 1.0,
    tile: str = "33TVM",
    day: tuple[str, str] = ("2021-06-14", "S2A"),
) -> Path:
    """Land cover of one tile or date from class probabilities; the class is the most probable one."""
    seen = ~np.isnan(probability[0])
    land_cover = np.where(seen, np.where(seen, probability, 0).argmax(axis=0), 255).astype("u1")
    layer = {"clear_fraction": ("float32", np.broadcast_to(clear, window.shape), "clear")}
    origin = {"tile": tile, "date": day[0], "platform": day[1]}
    write_map(path, window, probability, land_cover, layer, origin)
    return path


def write_classes(
    path: Path,
    window: Window,
    land_cover: np.ndarray,
    weight: np.ndarray | float = 1,
    name: str = "clear_fraction",
    share: float | np.ndarray = 0.9,
    tile: str = "33TVM",
) -> Path:
    """A map from class codes; `name` is `clear_fraction` for a date, `observations` for a month or half-year."""
    land_cover = np.asarray(land_cover, "u1")
    dtype = "float32" if name == "clear_fraction" else "int32"
    layers = {name: (dtype, np.broadcast_to(weight, window.shape), name)}
    if name == "observations":
        seen = land_cover != 255
        layers["confidence"] = ("float32", np.where(seen, share, np.nan), "confidence")
        layers[name] = (dtype, np.where(seen, weight, 0), name)
    provenance = {"tile": tile, "date": "2021-06-14", "platform": "S2A"} if name == "clear_fraction" else {}
    write_map(path, window, shares_of(land_cover, share), land_cover, layers, provenance)
    return path


def read(path: Path, name: str) -> np.ndarray:
    """A variable of a file."""
    with hdf5.read(path) as file:
        return file[name][:]
