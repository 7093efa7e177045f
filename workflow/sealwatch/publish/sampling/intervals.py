"""Confidence limits that hold where few units show a class: score limits by stratum, combined without a model.

The normal interval of Olofsson et al. (2014) takes a stratum in which no unit shows an omission as known without
error. One such unit more would stand for many cells, so for rare classes the interval is often too short. Here every
stratum has the score limits of its share (Wilson 1927, J. Am. Stat. Assoc. 22:209-212), and strata are combined by
the method of variance estimates recovery (MOVER): for sums Zou, Huang and Zhang (2009), Comput. Stat. Data Anal.
53:1080-1085; for ratios its use of Fieller's theorem (Newcombe, doi 10.1177/0962280213502144).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Z = 1.959963984540054
"""Quantile 0.975 of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Limits:
    """An estimate with its 95 % limits; all three are shares, or numbers of cells.

    Attributes:
        value: the estimate.
        low: lower limit.
        high: upper limit.
    """

    value: float
    low: float
    high: float


def score_limits(share: np.ndarray, units: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score limits of a share in each stratum, drawn without replacement.

    The finite population enters as a larger number of units, n (N - 1) / (N - n), which gives the variance of the
    hypergeometric distribution; where all cells were drawn both limits are the share.

    Args:
        share: (strata,) share of the units.
        units: (strata,) number of units n.
        cells: (strata,) number of cells N; infinite for a draw with replacement.

    Returns:
        Lower and upper limits, (strata,) each.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(np.isinf(cells), 1.0, (cells - units) / (cells - 1))
    inverse = np.where(units >= cells, 0.0, factor / units)
    spread = Z * np.sqrt(share * (1 - share) * inverse + (Z * inverse / 2) ** 2)
    centre, scale = share + Z**2 * inverse / 2, 1 + Z**2 * inverse
    low, high = (centre - spread) / scale, (centre + spread) / scale
    # Rounding must not leave a limit on the wrong side of a share of 0 or 1.
    return np.clip(np.minimum(low, share), 0, 1), np.clip(np.maximum(high, share), 0, 1)


def sum_limits(weights: np.ndarray, share: np.ndarray, low: np.ndarray, high: np.ndarray) -> Limits:
    """Limits of the weighted sum of independent shares (Zou, Huang and Zhang 2009), all (strata,), weights >= 0."""
    value = float(weights @ share)
    below = math.sqrt(float((weights * (share - low)) @ (weights * (share - low))))
    above = math.sqrt(float((weights * (high - share)) @ (weights * (high - share))))
    return Limits(value, max(value - below, 0.0), min(value + above, float(weights.sum())))


def part_limits(part: Limits, rest: Limits) -> Limits | None:
    """Limits of part / (part + rest) for independent quantities that are not negative; None where both are 0.

    They are those at which the limit of part - odds * rest is 0 (Fieller's theorem with recovered variances).
    """
    if part.value + rest.value == 0:
        return None
    product = part.value * rest.value
    # Lower limit: a part as small and a rest as large as their limits allow together.
    a = rest.value**2 - (rest.high - rest.value) ** 2
    c = part.value**2 - (part.value - part.low) ** 2
    below = product + math.sqrt(max(product**2 - a * c, 0.0))
    low = c / (c + below) if c > 0 else 0.0
    # Upper limit, the other way round.
    a = rest.value**2 - (rest.value - rest.low) ** 2
    c = part.value**2 - (part.high - part.value) ** 2
    above = product + math.sqrt(max(product**2 - a * c, 0.0))
    high = above / (above + a) if a > 0 else 1.0
    return Limits(part.value / (part.value + rest.value), low, high)
