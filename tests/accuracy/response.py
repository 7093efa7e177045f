"""How much of a patch must be sealed before a network says so: pieces of held-out patches pasted into others."""

from __future__ import annotations

import numpy as np

from sealwatch.classifier.patches import PatchSet
from sealwatch.grid import PATCH_PX

from .country_land import IMPERVIOUS, WATER, lowest_ndvi, turned
from .country_networks import Network

SIZES_HA = (0.4, 1, 2, 5, 10, 20, 40)
POSITIONS = ("middle", "corner")
PAIRS = 150
"""Pairs of a patch without sealed land and a Highway, Industrial or Residential patch, all held out."""


def response(
    network: Network, patches: PatchSet, held_out: np.ndarray, seed: int
) -> dict[tuple[str, float], np.ndarray]:
    """Answers for pasted squares of sealed land.

    The square shows the piece of the sealed patch with the lowest mean NDVI. In the middle it is centred on the
    patch, and so on the cell; in the corner it touches two borders, and covers most of the central 16 pixels only above
    12 ha.

    Args:
        network: that is asked.
        patches: labelled patches.
        held_out: bool [n], those to use.
        seed: of the pairs.

    Returns:
        Class probabilities, float32 [pair, 10], by position and size in hectares; size 0 without the piece.
    """
    rng = np.random.default_rng(seed)
    sealed = IMPERVIOUS[patches.labels]
    ground = rng.choice(np.flatnonzero(held_out & ~sealed & ~WATER[patches.labels]), PAIRS)
    # The three classes equally often, whatever their number of patches.
    classes = np.resize(np.flatnonzero(IMPERVIOUS), PAIRS)
    pasted = [rng.choice(np.flatnonzero(held_out & (patches.labels == code))) for code in classes]
    pieces = [turned(patches.reflectance[n], int(rng.integers(8))) for n in pasted]
    plain = patches.reflectance[ground]
    answers = {(position, 0.0): network.classify(plain) for position in POSITIONS[:1]}
    for hectares in SIZES_HA:
        edge = min(round(np.sqrt(hectares * 100)), PATCH_PX)
        for position in POSITIONS:
            first = (PATCH_PX - edge) // 2 if position == "middle" else 0
            here = slice(first, first + edge)
            images = plain.copy()
            for image, piece in zip(images, pieces, strict=True):
                image[:, here, here] = lowest_ndvi(piece, edge, edge)
            answers[position, hectares] = network.classify(images)
    return answers


def seen_share(probability: np.ndarray) -> tuple[int, int]:
    """(number whose most probable class is impervious, number of all)."""
    return int(IMPERVIOUS[probability.argmax(axis=1)].sum()), len(probability)
