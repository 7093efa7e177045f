"""How maps of one grid are combined: mean probability or most frequent class, and a majority prior over space.

Compiled and bounded: sums are kept for one block of rows, whatever the number of maps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from ..keys import LAND_COVER_CLASSES
from .maps import NO_CLASS

OWN_SHARE = 0.5
"""What a cell's own evidence weighs against its neighbourhood's where the majority prior is on."""


@dataclass(frozen=True, slots=True)
class Combined:
    """The result of combining maps.

    Attributes:
        probability: float32 (class, height, width), mean probability or share of votes, NaN without observation.
        land_cover: uint8 (height, width), class of the highest value, of equals the lower code, 255 if unobserved.
        confidence: float32 (height, width), the class's value, NaN without observation.
        observations: int32 (height, width), observations that counted.
    """

    probability: np.ndarray
    land_cover: np.ndarray
    confidence: np.ndarray
    observations: np.ndarray


class Combination:
    """Sums over maps of one block of cells.

    With method `probability` a class's value is the mean of its probabilities weighted by each map's weight; with
    `mode` the share of maps that have this class. The tie rule, the lower code, is that of GRASS r.series and
    t.rast.aggregate, method mode.

    Args:
        method: `probability` or `mode`.
        shape: (height, width) of the block.
        min_confidence: a map's cell counts only when the probability of its class reaches it; 0 takes all.
    """

    def __init__(self, method: str, shape: tuple[int, int], min_confidence: float = 0.0) -> None:
        self._method = method
        self._least = min_confidence
        # Double precision: the product of two float32 is exact, so the mean of one map is that map.
        self._total = np.zeros((len(LAND_COVER_CLASSES), *shape), "f8")
        self._weight = np.zeros(shape, "f8")
        self._observations = np.zeros(shape, "i4")

    @property
    def needs_probability(self) -> bool:
        """Whether `add` uses the maps' probabilities."""
        return self._method == "probability" or self._least > 0

    def add(
        self,
        land_cover: np.ndarray,
        probability: np.ndarray | None,
        weight: np.ndarray | None,
        observations: np.ndarray | None,
    ) -> None:
        """Add a map.

        Args:
            land_cover: uint8 (height, width), 255 = not observed.
            probability: float32 (class, height, width), or None where it is not needed.
            weight: float32 (height, width); a cell without weight does not count. None weighs all cells alike.
            observations: int32 (height, width), what a cell adds to the count; None adds 1.
        """
        counts = land_cover != NO_CLASS
        if self._least > 0:
            assert probability is not None
            chosen = np.where(counts, land_cover, 0)[None].astype("i8")
            # The limit is met in the precision of the stored probability.
            counts &= np.take_along_axis(probability, chosen, axis=0)[0] >= np.float32(self._least)
        if self._method == "probability":
            assert probability is not None
            share = np.where(counts, 1.0 if weight is None else weight, 0).astype("f4")
            counts = share > 0
            _add_probability(self._total, self._weight, probability, share)
        else:
            _add_vote(self._total, self._weight, land_cover, counts)
        self._observations += np.where(counts, 1 if observations is None else observations, 0).astype("i4")

    def result(self, majority_px: int = 1) -> Combined:
        """The values, class and confidence of the maps added so far.

        With `majority_px` of 3 and more the neighbourhood is a prior: a class's value becomes `OWN_SHARE` of the cell's
        own value and the rest the mean over the observed cells of the square window of that edge around it, itself
        included. This is a linear opinion pool (Stone 1961, The opinion pool, Annals of Mathematical Statistics 32) of
        the cell and its surroundings: a cell of clear evidence keeps its class, a doubtful one follows the
        majority around it. Cells without observation stay empty.

        Args:
            majority_px: edge of the window in cells, odd; 1 leaves each cell to itself.
        """
        _divide(self._total, self._weight)
        mean = self._total
        if majority_px > 1:
            mean = np.empty_like(self._total)
            _pool(self._total, self._weight, majority_px // 2, OWN_SHARE, mean)
        shape = self._weight.shape
        probability = np.empty(mean.shape, "f4")
        land_cover, confidence = np.empty(shape, "u1"), np.empty(shape, "f4")
        _choose(mean, self._weight, probability, land_cover, confidence)
        return Combined(probability, land_cover, confidence, self._observations)


@nb.njit(cache=True, nogil=True)
def _add_probability(total, weight, probability, share):  # type: ignore[no-untyped-def]
    classes, height, width = total.shape
    for r in range(height):
        for k in range(classes):
            for c in range(width):
                if share[r, c] > 0:
                    total[k, r, c] += np.float64(probability[k, r, c]) * np.float64(share[r, c])
        for c in range(width):
            weight[r, c] += share[r, c]


@nb.njit(cache=True, nogil=True)
def _add_vote(total, weight, land_cover, counts):  # type: ignore[no-untyped-def]
    for r in range(weight.shape[0]):
        for c in range(weight.shape[1]):
            if counts[r, c]:
                total[land_cover[r, c], r, c] += 1
                weight[r, c] += 1


@nb.njit(cache=True, nogil=True)
def _divide(total, weight):  # type: ignore[no-untyped-def]
    for k in range(total.shape[0]):
        for r in range(total.shape[1]):
            for c in range(total.shape[2]):
                if weight[r, c] > 0:
                    total[k, r, c] /= weight[r, c]


@nb.njit(cache=True, nogil=True)
def _pool(mean, weight, reach, own, pooled):  # type: ignore[no-untyped-def]
    classes, height, width = mean.shape
    around = np.zeros(classes)
    for r in range(height):
        for c in range(width):
            if weight[r, c] == 0:
                continue
            around[:] = 0
            seen = 0
            for i in range(max(r - reach, 0), min(r + reach + 1, height)):
                for j in range(max(c - reach, 0), min(c + reach + 1, width)):
                    if weight[i, j] > 0:
                        seen += 1
                        for k in range(classes):
                            around[k] += mean[k, i, j]
            for k in range(classes):
                pooled[k, r, c] = own * mean[k, r, c] + (1 - own) * around[k] / seen


@nb.njit(cache=True, nogil=True)
def _choose(mean, weight, probability, land_cover, confidence):  # type: ignore[no-untyped-def]
    classes, height, width = mean.shape
    for r in range(height):
        for c in range(width):
            land_cover[r, c] = 0 if weight[r, c] > 0 else 255
        for k in range(classes):
            for c in range(width):
                probability[k, r, c] = mean[k, r, c] if weight[r, c] > 0 else np.nan
                if weight[r, c] > 0 and mean[k, r, c] > mean[land_cover[r, c], r, c]:
                    land_cover[r, c] = k
        for c in range(width):
            confidence[r, c] = mean[land_cover[r, c], r, c] if weight[r, c] > 0 else np.nan
