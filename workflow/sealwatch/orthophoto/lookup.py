"""Exact look-up of classes by colour, for forests that see nothing but a pixel's own three bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from .features import OF_PIXEL
from .gpu import Engine

BANDS = ("nir", "red", "green")
"""Features that are the pixel's bytes; together they name its colour."""

_UNKNOWN = 255


def sees_only_the_pixel(features: Sequence[str]) -> bool:
    """Whether all `features` follow from the pixel's own bytes and name its colour, so a table can stand for them."""
    return set(BANDS) <= set(features) <= set(OF_PIXEL)


class ColourTable:
    """Label and confidence by colour, filled with what the engine says of each colour when it is first seen.

    A table of all 2^24 colours costs the prediction of 17 million pixels, more than half an orthophoto of 4500 x
    6000; the colours that occur are a small part of them. So nothing is computed in vain, no table has to be kept
    beside the model, and results are those of the engine by construction. Memory: 80 MiB.

    Args:
        engine: predicts the colours not yet known; of fewer than 255 classes.
        features: names of the columns of its input; see `sees_only_the_pixel`.
    """

    def __init__(self, engine: Engine, features: Sequence[str]) -> None:
        self._engine = engine
        self._columns = [list(features).index(band) for band in BANDS]
        self._label = np.full(1 << 24, _UNKNOWN, "u1")
        self._confidence = np.zeros(1 << 24, "f4")

    def predict(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidences of uint8 [pixel, feature], as the engine gives them."""
        nir, red, green = (np.ascontiguousarray(values[:, column]) for column in self._columns)
        first = _first_of_unknown(nir, red, green, self._label)
        if len(first):
            label, confidence = self._engine(values[first])
            colours = _colour(nir[first], red[first], green[first])
            self._label[colours], self._confidence[colours] = label, confidence
        return _look_up(nir, red, green, self._label, self._confidence)


def _colour(nir: np.ndarray, red: np.ndarray, green: np.ndarray) -> np.ndarray:
    return nir.astype("i4") << 16 | red.astype("i4") << 8 | green


@numba.njit(cache=True)
def _first_of_unknown(nir, red, green, label):  # type: ignore[no-untyped-def]
    """Positions of the first pixel of each colour that has no label yet; marks their labels with 254."""
    first = np.empty(len(nir), np.int64)
    found = 0
    for i in range(len(nir)):
        colour = (np.uint32(nir[i]) << 16) | (np.uint32(red[i]) << 8) | np.uint32(green[i])
        if label[colour] == _UNKNOWN:
            label[colour] = _UNKNOWN - 1
            first[found] = i
            found += 1
    return first[:found].copy()


@numba.njit(cache=True, parallel=True)
def _look_up(nir, red, green, label, confidence):  # type: ignore[no-untyped-def]
    labels, confidences = np.empty(len(nir), np.uint8), np.empty(len(nir), np.float32)
    for i in numba.prange(len(nir)):
        colour = (np.uint32(nir[i]) << 16) | (np.uint32(red[i]) << 8) | np.uint32(green[i])
        labels[i], confidences[i] = label[colour], confidence[colour]
    return labels, confidences
