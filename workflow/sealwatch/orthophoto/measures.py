"""Figures of numbered objects, gathered from their pixels block by block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import hdf5
from ..composites.maps import blocks
from .newly_sealed import Objects


@dataclass(frozen=True, slots=True)
class Measures:
    """By object number; numbers that no object has hold zeros.

    Attributes:
        probability: mean confidence of the class over the object's pixels that have one, 0..1.
        earlier_probability: likewise at the earlier flight, over its pixels that this flight shows; NaN where
            it shows none.
        earlier_known: share of its pixels whose earlier state is known, 0..1.
        place: int64 [number, 2], row and column of the pixel nearest to its centre of mass, the first of
            equals.
    """

    probability: np.ndarray
    earlier_probability: np.ndarray
    earlier_known: np.ndarray
    place: np.ndarray

    def sure(self, least: float) -> np.ndarray:
        """Whether both probabilities are at least `least`, bool by object number; an unknown one is no bar."""
        return (self.probability >= least) & ~(self.earlier_probability < least)


def measure(objects: Objects, segmentation: str | Path, offset: tuple[int, int]) -> Measures:
    """Measure the objects, at least one; `offset` is row and column of their array in the segmentation."""
    number = objects.number
    length = 1 + max(int(number[rows].max()) for rows in blocks(len(number)))
    sums = {
        name: np.zeros(length) for name in ("pixels", "confidence", "earlier", "shown", "known", "row", "col")
    }
    top, left = offset
    with hdf5.read(segmentation) as file:
        for rows in blocks(len(number)):
            row, col = np.nonzero(number[rows] > 0)
            which = number[rows][row, col]
            certainty = file["confidence"][top + rows.start : top + rows.stop, left : left + number.shape[1]]
            earlier = np.full(len(which), np.nan)
            if objects.earlier_confidence is not None:
                earlier = objects.earlier_confidence[rows][row, col]
            shown = ~np.isnan(earlier)
            terms = {
                "pixels": np.ones(len(which)),
                "confidence": certainty[row, col],
                "earlier": np.where(shown, earlier, 0),
                "shown": shown,
                "known": shown | objects.all_known,
                "row": row + rows.start,
                "col": col,
            }
            for name, values in terms.items():
                sums[name] += np.bincount(which, values, length)
    pixels = np.maximum(sums["pixels"], 1)
    place = _nearest(number, sums["row"] / pixels, sums["col"] / pixels)
    earlier_probability = sums["earlier"] / np.where(sums["shown"] > 0, sums["shown"], np.nan)
    return Measures(sums["confidence"] / pixels, earlier_probability, sums["known"] / pixels, place)


def _nearest(number: np.ndarray, centre_row: np.ndarray, centre_col: np.ndarray) -> np.ndarray:
    """Row and column of each object's pixel nearest to a point, the first of equals."""
    best = np.full(len(centre_row), np.inf)
    place = np.zeros((len(centre_row), 2), "i8")
    for rows in blocks(len(number)):
        row, col = np.nonzero(number[rows] > 0)
        which = number[rows][row, col]
        row = row + rows.start
        distance = np.round((row - centre_row[which]) ** 2 + (col - centre_col[which]) ** 2, 6)
        order = np.lexsort((distance, which))  # stable: the first pixel of equals stays first
        found, first = np.unique(which[order], return_index=True)
        first = order[first]
        nearer = distance[first] < best[found]
        found, first = found[nearer], first[nearer]
        best[found] = distance[first]
        place[found] = np.column_stack([row[first], col[first]])
    return place
