"""Accuracy of a map and areas of its classes from a stratified random sample.

Stehman (2014), International Journal of Remote Sensing 35:4923-4939, doi 10.1080/01431161.2014.930207, for strata that
need not be the map's classes (a buffer around mapped change). Where each class is one stratum and the finite
population is left out these are the estimators of Olofsson et al. (2014), Remote Sensing of Environment 148:42-57,
doi 10.1016/j.rse.2014.02.015, and both are the stratified mean and combined ratio of Cochran (1977), Sampling
Techniques, chapters 5 and 6. "S" and "O" below stand for equations of the first two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import SealwatchError
from .intervals import Limits, Z, part_limits, score_limits, sum_limits


class EstimateError(SealwatchError):
    """The sample cannot carry an estimate: a stratum has too few labelled units."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated share.

    Attributes:
        value: 0 to 1.
        standard_error: square root of the estimated variance.
        normal: value -+ 1.96 standard errors as in Olofsson et al., cut at 0 and 1.
        score: limits that hold for rare classes too (`intervals`); None where strata hold several map classes.
    """

    value: float
    standard_error: float
    normal: tuple[float, float]
    score: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What a sample says; classes in the order they were given.

    Attributes:
        matrix: (classes, classes) estimated shares of the area, rows map, columns reference (O 4, S 16).
        overall: overall accuracy.
        users: by class; None where the map has no such class.
        producers: by class; None where no unit shows the class.
        area: by class, share of the whole area that has the class in truth.
    """

    matrix: np.ndarray
    overall: Estimate
    users: list[Estimate | None]
    producers: list[Estimate | None]
    area: list[Estimate]


def estimate(
    counts: np.ndarray,
    cells: Sequence[float] | np.ndarray,
    strata: Sequence[str],
    finite: bool = True,
    nested: bool = True,
) -> Accuracy:
    """Estimate accuracy and area shares.

    Args:
        counts: (strata, classes, classes) number of units by stratum, map class and reference class; a plan may
            hold expected numbers that are not whole.
        cells: (strata,) number of cells; a stratum with 0 is left out.
        strata: names, for messages.
        finite: units were drawn without replacement, so variances carry 1 - n / N (S 25); Olofsson et al. leave
            it out.
        nested: every stratum lies within one map class; gives the score limits.

    Raises:
        EstimateError: a stratum with cells has no labelled unit, or one of several cells, which leaves its variance
            undefined.
        ValueError: shapes do not fit, or `nested` is not true of the units.
    """
    counts, sizes = np.asarray(counts, "f8"), np.asarray(cells, "f8")
    if counts.ndim != 3 or counts.shape != (len(sizes), counts.shape[1], counts.shape[1]):
        raise ValueError(f"counts {counts.shape} do not fit {len(sizes)} strata")
    units = counts.sum(axis=(1, 2))
    for name, n, size in zip(strata, units, sizes, strict=True):
        if size > 0 and n < min(2, size):
            raise EstimateError(
                f"stratum {name}: {n:g} labelled units of {size:g} cells leave its variance undefined; "
                f"label at least {min(2, size):g}"
            )
        if n > size:
            raise ValueError(f"stratum {name}: {n:g} units of {size:g} cells")
    sample = _Sample(counts[sizes > 0], sizes[sizes > 0], finite)
    k = counts.shape[1]
    map_class = sample.map_class() if nested else None
    every = range(k)
    return Accuracy(
        matrix=np.einsum("h,hij->ij", sample.weight, sample.share),
        overall=sample.share_of(np.eye(k), _overall(sample, map_class)),
        users=[_users(sample, i, map_class) for i in every],
        producers=[_producers(sample, j, map_class) for j in every],
        area=[sample.share_of(_column(k, j), _area(sample, j, map_class)) for j in every],
    )


class _Sample:
    """Shares of the units by stratum and what follows for functions of map and reference class."""

    def __init__(self, counts: np.ndarray, cells: np.ndarray, finite: bool) -> None:
        self.units = counts.sum(axis=(1, 2))
        self.share = counts / self.units[:, None, None]
        self.weight = cells / cells.sum()
        self.cells = cells if finite else np.full_like(cells, np.inf)

    def map_class(self) -> np.ndarray:
        """(strata,) the map class of each stratum."""
        seen = self.share.sum(axis=2) > 0
        if (seen.sum(axis=1) != 1).any():
            raise ValueError("units of a stratum have several map classes")
        return seen.argmax(axis=1)

    def mean(self, value: np.ndarray) -> float:
        """Stratified mean of a value by map and reference class, (classes, classes) (O 3 and 9, S 2 and 3)."""
        return float(self.weight @ np.einsum("hij,ij->h", self.share, value))

    def variance(self, value: np.ndarray) -> float:
        """Variance of `mean` (O 5, 6, 10; S 25 and 26)."""
        first = np.einsum("hij,ij->h", self.share, value)
        within = np.einsum("hij,ij->h", self.share, value**2) - first**2
        with np.errstate(divide="ignore", invalid="ignore"):
            # n / (n - 1) makes the sample variance, another 1 / n that of the mean.
            by_stratum = (1 - self.units / self.cells) * within / (self.units - 1)
        by_stratum = np.where(self.units >= self.cells, 0.0, by_stratum)
        return max(float(self.weight**2 @ by_stratum), 0.0)

    def share_of(self, value: np.ndarray, score: Limits | None) -> Estimate:
        return _estimate(self.mean(value), self.variance(value), score)

    def ratio_of(self, part: np.ndarray, whole: np.ndarray, score: Limits | None) -> Estimate | None:
        """Combined ratio (S 27) and its variance by linearisation (S 28, which O 6 and 7 are cases of)."""
        divisor = self.mean(whole)
        if divisor == 0:
            return None
        ratio = self.mean(part) / divisor
        return _estimate(ratio, self.variance(part - ratio * whole) / divisor**2, score)

    def limits(self, share: np.ndarray, chosen: np.ndarray) -> Limits:
        """Score limits of the weighted sum over the chosen strata of a share by stratum."""
        low, high = score_limits(share[chosen], self.units[chosen], self.cells[chosen])
        return sum_limits(self.weight[chosen], share[chosen], low, high)


def _estimate(value: float, variance: float, score: Limits | None) -> Estimate:
    error = math.sqrt(variance)
    normal = (max(value - Z * error, 0.0), min(value + Z * error, 1.0))
    return Estimate(value, error, normal, None if score is None else (score.low, score.high))


def _column(k: int, j: int) -> np.ndarray:
    value = np.zeros((k, k))
    value[:, j] = 1
    return value


def _cell(k: int, i: int) -> np.ndarray:
    value = np.zeros((k, k))
    value[i, i] = 1
    return value


def _overall(sample: _Sample, map_class: np.ndarray | None) -> Limits | None:
    if map_class is None:
        return None
    right = sample.share[np.arange(len(map_class)), map_class, map_class]
    return sample.limits(right, np.full(len(right), True))


def _area(sample: _Sample, j: int, map_class: np.ndarray | None) -> Limits | None:
    if map_class is None:
        return None
    return sample.limits(sample.share[:, :, j].sum(axis=1), np.full(len(sample.units), True))


def _users(sample: _Sample, i: int, map_class: np.ndarray | None) -> Estimate | None:
    k, score = sample.share.shape[1], None
    if map_class is not None and (map_class == i).any():
        chosen = map_class == i
        mapped = float(sample.weight[chosen].sum())
        found = sample.limits(sample.share[:, i, i], chosen)
        score = Limits(found.value / mapped, found.low / mapped, min(found.high / mapped, 1.0))
    return sample.ratio_of(_cell(k, i), _column(k, i).T, score)


def _producers(sample: _Sample, j: int, map_class: np.ndarray | None) -> Estimate | None:
    k, score = sample.share.shape[1], None
    if map_class is not None:
        truth = sample.share[:, :, j].sum(axis=1)
        found, missed = sample.limits(truth, map_class == j), sample.limits(truth, map_class != j)
        score = part_limits(found, missed)
    return sample.ratio_of(_cell(k, j), _column(k, j), score)
