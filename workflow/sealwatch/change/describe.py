"""What changed into what, and how surely: classes and confidence of gains and alerts from class probabilities."""

from __future__ import annotations

import numpy as np

from ..composites.maps import NO_CLASS
from .series import IMPERVIOUS, Block, MapSeries

PERIODS_BEFORE = 3
"""Half-years before a change that say what was there."""


def before_and_during(periods: int, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Periods that describe changes from `start` to `end` (inclusive): bool (period, change) before and during them."""
    index = np.arange(periods)[:, None]
    return (index < start) & (index >= start - PERIODS_BEFORE), (index >= start) & (index <= end)


def class_before(
    maps: MapSeries, block: Block, cell: np.ndarray, start: np.ndarray, before: np.ndarray
) -> np.ndarray:
    """Class of the highest summed probability before changes, uint8 (change), among those that are not impervious.

    Args:
        maps: half-year maps.
        block: block of them.
        cell: places of the changes in the block.
        start: half-years in which they start.
        before: bool (period, change): the half-years that count. Where none of them was observed, all earlier ones do;
            255 where there are none either.
    """
    found = _dominant(maps.probability(block, cell, before, ~IMPERVIOUS), before, ~IMPERVIOUS)
    unknown = np.flatnonzero(found == NO_CLASS)
    if len(unknown):
        earlier = np.arange(len(maps))[:, None] < start[unknown]
        probability = maps.probability(block, cell[unknown], earlier, ~IMPERVIOUS)
        found[unknown] = _dominant(probability, earlier, ~IMPERVIOUS)
    return found


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


def confidence_before(
    maps: MapSeries, block: Block, cell: np.ndarray, start: np.ndarray, before: np.ndarray
) -> np.ndarray:
    """Mean impervious probability before changes, float32 (change); arguments as of `class_before`."""
    code, found = class_and_confidence(maps, block, cell, before)
    unknown = np.flatnonzero(code == NO_CLASS)
    if len(unknown):
        earlier = np.arange(len(maps))[:, None] < start[unknown]
        found[unknown] = class_and_confidence(maps, block, cell[unknown], earlier)[1]
    return found


def _dominant(probability: np.ndarray, wanted: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Class of the highest sum over wanted periods of float32 (period, some classes, change); 255 without any."""
    total = np.where(wanted[:, None], np.nan_to_num(probability), 0).sum(axis=0)
    any_seen = (wanted & ~np.isnan(probability[:, 0])).any(axis=0)
    return np.where(any_seen, np.flatnonzero(classes)[total.argmax(axis=0)], NO_CLASS).astype("u1")
