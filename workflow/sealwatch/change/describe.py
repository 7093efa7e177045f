"""What changed into what, and how surely: classes and confidence of gains and alerts from class probabilities."""

from __future__ import annotations

import numpy as np

from ..composites.maps import NO_CLASS
from .series import IMPERVIOUS, Block, MapSeries

PERIODS_BEFORE = 3
"""Half-years before a change that say what was there."""


def before_and_during(seen: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Periods that describe changes from `start` to `end` (inclusive): bool (period, change) before and during them.

    Before are the last `PERIODS_BEFORE`; where none of them was observed, all earlier ones.

    Args:
        seen: bool (period, change): whether the change's cell was observed.
        start: index of the first period of each change.
        end: index of its last.
    """
    index = np.arange(len(seen))[:, None]
    earlier = index < start
    near = earlier & (index >= start - PERIODS_BEFORE)
    before = np.where((near & seen).any(axis=0), near, earlier)
    return before, (index >= start) & (index <= end)


def class_before(maps: MapSeries, block: Block, cell: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Class of the highest summed probability before changes, uint8 (change), among those that are not impervious.

    Args:
        maps: half-year maps.
        block: block of them.
        cell: places of the changes in the block.
        before: bool (period, change): the half-years that count; 255 where none of them was observed.
    """
    return _dominant(maps.probability(block, cell, before, ~IMPERVIOUS), before, ~IMPERVIOUS)


def class_and_confidence(
    maps: MapSeries, block: Block, cell: np.ndarray, during: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Impervious class of the highest summed probability, uint8, and mean probability of all three, float32 (change).

    Args:
        maps: half-year or monthly maps.
        block: block of them.
        cell: places of the changes in the block.
        during: bool (period, change): the periods that count; the mean is over those observed, 0 without any.
    """
    probability = maps.probability(block, cell, during, IMPERVIOUS)
    impervious = np.where(during, probability.sum(axis=1), np.nan)
    seen = (~np.isnan(impervious)).sum(axis=0)
    confidence = np.nansum(impervious, axis=0) / np.maximum(seen, 1)
    return _dominant(probability, during, IMPERVIOUS), confidence.astype("f4")


def _dominant(probability: np.ndarray, wanted: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Class of the highest sum over wanted periods of float32 (period, some classes, change); 255 without any."""
    total = np.where(wanted[:, None], np.nan_to_num(probability), 0).sum(axis=0)
    any_seen = (wanted & ~np.isnan(probability[:, 0])).any(axis=0)
    return np.where(any_seen, np.flatnonzero(classes)[total.argmax(axis=0)], NO_CLASS).astype("u1")
