"""All tiles of one satellite and date on the zone's grid. Placement only: every tile is a window of that grid."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RasterError
from ..files import file_digest
from ..grid import Window
from ..keys import LAND_COVER_CLASSES
from ..sentinel2.area import read_zone_grid
from .maps import NO_CLASS, MapFile, blocks, create_map, open_map

LAYERS = {"clear_fraction": ("float32", "share of clear pixels of the patch")}
"""Layers of a mosaic beside probability and class."""


def mosaic(
    landcover: Sequence[str | Path],
    zone_grid: str | Path,
    target: str | Path,
    baseline: int,
    day: tuple[str, str] | None = None,
) -> None:
    """Place the tiles' maps on the zone's grid.

    Where tiles overlap the clearer patch wins, and of equally clear ones that of the tile whose name, as its file says,
    comes first: the order of the files does not matter. `clear_fraction` is that of the winner, and where no tile is
    classified the highest.

    Args:
        landcover: land-cover files of the tiles.
        zone_grid: grid file of the zone; cells outside the area of interest stay empty.
        target: HDF5 file to write.
        baseline: the step's baseline number.
        day: date and platform, kept as attributes; None takes those of the tiles.

    Raises:
        RasterError: a tile's map is damaged, does not lie on the zone's lattice, has no name of a tile, or two have the
            same.
    """
    window, inside = read_zone_grid(zone_grid)
    with ExitStack() as stack:
        tiles: dict[str, MapFile] = {}
        for path in landcover:
            tile = stack.enter_context(open_map(path))
            name = tile.text("tile")
            if name in tiles:
                raise RasterError(f"{path}: tile {name} is also that of {tiles[name].path}; leave one out")
            tiles[name] = tile
        ordered = [(tiles[name], _place(tiles[name], window)) for name in sorted(tiles)]
        provenance: dict[str, Any] = {
            "inputs": {name: file_digest(tiles[name].path) for name in sorted(tiles)}
        }
        if day is None and ordered:
            day = ordered[0][0].text("date"), ordered[0][0].text("platform")
        if day is not None:
            provenance |= {"date": day[0], "platform": day[1]}
        writer = stack.enter_context(create_map(target, "mosaic", baseline, window, LAYERS, provenance))
        for rows in blocks(window.height):
            values = _mosaic_rows(ordered, rows, inside[rows])
            writer.write(rows, values["class"] != NO_CLASS, values)


def _place(tile: MapFile, window: Window) -> tuple[int, int]:
    try:
        return tile.window.offset_in(window)
    except ValueError as error:
        raise RasterError(
            f"{tile.path}: does not lie on the zone's grid ({error}); it was made with another "
            "grid.patch_stride: delete it and run again"
        ) from error


def _mosaic_rows(
    tiles: Sequence[tuple[MapFile, tuple[int, int]]], rows: slice, inside: np.ndarray
) -> dict[str, np.ndarray]:
    height, width = inside.shape
    probability = np.full((len(LAND_COVER_CLASSES), height, width), np.nan, "f4")
    land_cover = np.full((height, width), NO_CLASS, "u1")
    rank = np.full((height, width), -1, "f4")
    seen = np.zeros((height, width), "f4")
    for tile, (row, col) in tiles:
        top, bottom = max(row, rows.start), min(row + tile.window.height, rows.stop)
        left, right = max(col, 0), min(col + tile.window.width, width)
        if bottom <= top or right <= left:
            continue
        here = (slice(top - rows.start, bottom - rows.start), slice(left, right))
        there = (slice(top - row, bottom - row), slice(left - col, right - col))
        codes = tile.classes(*there)
        clear = np.nan_to_num(tile.read("clear_fraction", *there))
        np.maximum(seen[here], clear, out=seen[here], where=inside[here])
        own = np.where((codes != NO_CLASS) & inside[here], clear, -1)
        # Strictly clearer: tiles come in the order of their names.
        better = own > rank[here]
        if not better.any():
            continue
        np.copyto(rank[here], own, where=better)
        np.copyto(land_cover[here], codes, where=better)
        np.copyto(probability[:, *here], tile.read("probability", *there), where=better)
    clear_fraction = np.where(land_cover != NO_CLASS, rank, seen)
    return {"probability": probability, "class": land_cover, "clear_fraction": clear_fraction}
