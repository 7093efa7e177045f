"""What changed into what, and how surely: classes and confidence of gains and alerts from class probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..composites.maps import NO_CLASS
from .series import IMPERVIOUS

PERIODS_BEFORE = 3
"""Half-years before a change that say what was there."""


@dataclass(frozen=True, slots=True)
class Description:
    """Attributes of changes, each over (change).

    Attributes:
        from_class: uint8, 255 where nothing was observed before.
        to_class: uint8.
        confidence: float32, 0..1.
    """

    from_class: np.ndarray
    to_class: np.ndarray
    confidence: np.ndarray


def before_and_during(periods: int, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Periods that describe changes from `start` to `end` (inclusive): bool (period, change) before and during them."""
    index = np.arange(periods)[:, None]
    return (index < start) & (index >= start - PERIODS_BEFORE), (index >= start) & (index <= end)


def class_before(probability: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Class of the highest summed probability among those that are not impervious, uint8 (change); 255 without any.

    Args:
        probability: float32 (period, class, change), NaN = not observed.
        wanted: bool (period, change).
    """
    return _dominant(probability, wanted, ~IMPERVIOUS)


def class_and_confidence(probability: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Impervious class of the highest summed probability, uint8, and mean probability of all three, float32 (change).

    Arguments as in `class_before`; the mean is over the observed of the wanted periods.
    """
    impervious = np.where(wanted, probability[:, IMPERVIOUS].sum(axis=1), np.nan)
    seen = (~np.isnan(impervious)).sum(axis=0)
    confidence = np.nansum(impervious, axis=0) / np.maximum(seen, 1)
    return _dominant(probability, wanted, IMPERVIOUS), confidence.astype("f4")


def _dominant(probability: np.ndarray, wanted: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    total = np.where(wanted[:, None], np.nan_to_num(probability), 0).sum(axis=0)
    total[~allowed] = -1
    any_seen = (wanted & ~np.isnan(probability[:, 0])).any(axis=0)
    return np.where(any_seen, total.argmax(axis=0), NO_CLASS).astype("u1")
