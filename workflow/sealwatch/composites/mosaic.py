"""All tiles of one satellite and date on the zone's grid. Placement only: every tile is a window of that grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files import file_digest
from ..keys import LAND_COVER_CLASSES
from ..sentinel2.area import read_zone_grid
from .maps import NO_CLASS, read_map, write_map


def mosaic(landcover: Sequence[str | Path], zone_grid: str | Path, target: str | Path, baseline: int) -> None:
    """Place the tiles' maps on the zone's grid; where tiles overlap the clearer patch wins, then the first tile.

    Args:
        landcover: land-cover files of the tiles, in order of the tiles' names.
        zone_grid: grid file of the zone; cells outside the area of interest stay empty.
        target: HDF5 file to write.
        baseline: the step's baseline number.

    Raises:
        ValueError: a tile's map does not lie on the zone's lattice.
    """
    window, inside = read_zone_grid(zone_grid)
    probability = np.full((len(LAND_COVER_CLASSES), *window.shape), np.nan, "f4")
    land_cover = np.full(window.shape, NO_CLASS, "u1")
    clear = np.zeros(window.shape, "f4")
    classified_clear = np.full(window.shape, -1, "f4")
    for path in landcover:
        tile = read_map(path, "clear_fraction")
        row, col = tile.window.offset_in(window)
        top, left = max(row, 0), max(col, 0)
        bottom = min(row + tile.window.height, window.height)
        right = min(col + tile.window.width, window.width)
        if bottom <= top or right <= left:
            continue
        here = (slice(top, bottom), slice(left, right))
        there = (slice(top - row, bottom - row), slice(left - col, right - col))
        rank = np.where(tile.land_cover[there] != NO_CLASS, tile.weight[there], -1)
        better = (rank > classified_clear[here]) & inside[here]
        probability[:, *here] = np.where(better, tile.probability[:, *there], probability[:, *here])
        land_cover[here] = np.where(better, tile.land_cover[there], land_cover[here])
        classified_clear[here] = np.where(better, rank, classified_clear[here])
        clear[here] = np.where(inside[here], np.maximum(clear[here], tile.weight[there]), clear[here])
    clear = np.where(land_cover != NO_CLASS, classified_clear, clear)
    write_map(
        target,
        "mosaic",
        baseline,
        window,
        probability,
        land_cover,
        {"clear_fraction": ("float32", clear, "share of clear pixels of the patch")},
        {"inputs": {Path(p).parent.name: file_digest(p) for p in landcover}},
    )
