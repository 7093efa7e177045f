"""What a network says of every cell of the block, before and after the changes, at one stride."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sealwatch.files import atomic_path, value_digest
from sealwatch.grid import PATCH_PX

from .country_flicker import log_scores
from .country_land import BLOCK_PX, IMPERVIOUS, MARGIN_PX, Land
from .country_networks import Network


@dataclass(frozen=True, slots=True)
class Views:
    """Cells of the block, numbered row by row.

    Attributes:
        stride: edge of a cell in pixels.
        before: float32 [cell, class], centred log probabilities of the patch centred on the cell.
        after: the same with all footprints there; equal to `before` where the patch sees none.
        seen: int16 [cell], footprint that the patch sees, -1 = none.
        inside: int16 [cell], footprint that the cell itself touches, -1 = none.
        beside_sealed: bool [cell], the patch holds land that was sealed from the beginning.
        place: int32 [cell], number of the 640 m square of the block the cell lies in, row by row.
    """

    stride: int
    before: np.ndarray
    after: np.ndarray
    seen: np.ndarray
    inside: np.ndarray
    beside_sealed: np.ndarray
    place: np.ndarray

    @property
    def edge(self) -> int:
        """Cells along an edge of the block."""
        return BLOCK_PX // self.stride


def _any(mask: np.ndarray, first: np.ndarray, length: int) -> np.ndarray:
    # bool [cell]: True in the square of `length` pixels that begins at (first, first) of each cell.
    table = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int64)
    table[1:, 1:] = mask.cumsum(0).cumsum(1)
    low, high = first, first + length
    count = (
        table[np.ix_(high, high)]
        - table[np.ix_(low, high)]
        - table[np.ix_(high, low)]
        + table[np.ix_(low, low)]
    )
    return (count > 0).ravel()


def _touching(land: Land, first: np.ndarray, length: int) -> np.ndarray:
    # int16 [cell]: the footprint in that square of each cell; where there are two, the one with more pixels.
    found = np.full(len(first) ** 2, -1, np.int16)
    most = np.zeros((len(first), len(first)), np.int64)
    grid = found.reshape(most.shape)
    for n, (top, left, bottom, right) in enumerate(land.boxes):
        rows = np.clip(np.minimum(first + length, bottom) - np.maximum(first, top), 0, None)
        cols = np.clip(np.minimum(first + length, right) - np.maximum(first, left), 0, None)
        here = np.ix_(np.flatnonzero(rows), np.flatnonzero(cols))
        pixels = np.outer(rows, cols)[here]
        better = pixels > most[here]
        grid[here] = np.where(better, n, grid[here])
        most[here] = np.maximum(most[here], pixels)
    return found


def _classified(network: Network, image: np.ndarray, stride: int, cells: np.ndarray) -> np.ndarray:
    # Centred log probabilities of the patches of some cells of an image with margin.
    patches = sliding_window_view(image, (PATCH_PX, PATCH_PX), axis=(1, 2))
    patches = patches[:, stride // 2 :: stride, stride // 2 :: stride]
    row, col = np.divmod(cells, BLOCK_PX // stride)
    parts = [
        network.classify(np.ascontiguousarray(patches[:, r, c].swapaxes(0, 1)))
        for r, c in zip(*(np.array_split(v, len(cells) // 4096 + 1) for v in (row, col)), strict=True)
    ]
    return log_scores(np.concatenate(parts))


def view(network: Network, land: Land, land_key: str, stride: int, folder: Path) -> Views:
    """Classify the block's cells, or take the answers from `folder`.

    Args:
        network: that is asked.
        land: the block.
        land_key: what the block was made from.
        stride: edge of a cell in pixels: 64, 32 or 16.
        folder: cache.
    """
    first = np.arange(0, BLOCK_PX, stride)
    reach = first + stride // 2 - PATCH_PX // 2
    seen, inside = _touching(land, reach, PATCH_PX), _touching(land, first, stride)
    sealed = IMPERVIOUS[land.classes]
    beside = _any(sealed, reach + MARGIN_PX, PATCH_PX)
    centre = (first + stride // 2) // PATCH_PX
    place = (centre[:, None] * (BLOCK_PX // PATCH_PX) + centre).ravel()
    key = value_digest([network.checkpoint.name, network.temperature, land_key, stride])[7:19]
    file = folder / f"views_{key}.npz"
    if not file.is_file():
        before = _classified(network, land.before, stride, np.arange(len(seen)))
        after = before.copy()
        changed = np.flatnonzero(seen >= 0)
        after[changed] = _classified(network, land.after, stride, changed)
        with atomic_path(file) as part, part.open("wb") as stream:
            np.savez(stream, before=before, after=after)
    with np.load(file) as answers:
        before, after = answers["before"], answers["after"]
    return Views(stride, before, after, seen, inside, beside, place)
