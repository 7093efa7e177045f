"""How many units a sample needs, and how to share them among the strata."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ...errors import ConfigError
from .estimate import Accuracy, Estimate, estimate
from .strata import MAP_LABELS, STRATA

CLASSES = ("change", "no change")
"""Classes of map and reference, in the order of all arrays."""

Interval = Literal["score", "normal"]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is known before the draw.

    Attributes:
        cells: number of cells by stratum.
        change_share: share of a stratum's cells that changed in truth, by stratum: for `change` the expected user's
            accuracy, for the others the expected omission.
    """

    cells: Mapping[str, int]
    change_share: Mapping[str, float]

    def __post_init__(self) -> None:
        for name, share in self.change_share.items():
            if not 0 <= share <= 1:
                raise ConfigError(f"--{name}-share must be a share from 0 to 1")
        if sum(self.cells.values()) == 0:
            raise ConfigError("no stratum has cells; there is nothing to plan")


@dataclass(frozen=True, slots=True)
class Plan:
    """Units by stratum and what they are expected to give."""

    units: dict[str, int]
    accuracy: Accuracy


def sample_size(
    weights: Sequence[float], deviations: Sequence[float], standard_error: float, cells: float = math.inf
) -> int:
    """Units for a wanted standard error of a stratified mean: Olofsson et al. (2014) equation 13, Cochran (1977) 5.25.

    Args:
        weights: share of the area by stratum.
        deviations: standard deviation within each stratum; for overall accuracy sqrt(U (1 - U)) with user's
            accuracy U.
        standard_error: wanted.
        cells: number of cells of all strata; by default the finite population is left out, as in their example.
    """
    w, s = np.asarray(weights, "f8"), np.asarray(deviations, "f8")
    return math.ceil(float(w @ s) ** 2 / (standard_error**2 + float(w @ s**2) / cells) - 1e-9)


def expected(expectation: Expectation, units: Mapping[str, int]) -> Plan:
    """What given units are expected to give: the estimates of a sample that shows just the expected shares.

    Raises:
        EstimateError: a stratum has too few units.
        ConfigError: a stratum has fewer cells than units.
    """
    for name in STRATA:
        if units[name] > expectation.cells[name]:
            raise ConfigError(
                f"--{name}: {units[name]} units, but the stratum has {expectation.cells[name]} cells"
            )
    counts = np.zeros((len(STRATA), 2, 2))
    for h, name in enumerate(STRATA):
        share = expectation.change_share[name]
        counts[h, CLASSES.index(MAP_LABELS[name])] = [units[name] * share, units[name] * (1 - share)]
    accuracy = estimate(counts, [expectation.cells[name] for name in STRATA], STRATA)
    return Plan(dict(units), accuracy)


def half_width(found: Estimate, interval: Interval = "score") -> float:
    """Half the width of the 95 % interval."""
    low, high = (found.score or found.normal) if interval == "score" else found.normal
    return (high - low) / 2


def figures(accuracy: Accuracy) -> dict[str, Estimate | None]:
    """The four figures of change: overall accuracy, user's and producer's accuracy, share of the area."""
    return {
        "overall": accuracy.overall,
        "users": accuracy.users[0],
        "producers": accuracy.producers[0],
        "area": accuracy.area[0],
    }


def plan(
    expectation: Expectation, wanted: Mapping[str, float], minimum: int = 50, interval: Interval = "score"
) -> Plan:
    """The fewest units found that are expected to reach all wanted half-widths.

    Units are added, a fiftieth of the sample at a time, where they narrow the figure most that is farthest from its
    goal; for the normal interval of an area or of overall accuracy that is Neyman's allocation (Cochran 5.26).

    Args:
        expectation: cells and expected shares.
        wanted: half-width of the 95 % interval by name in `figures`, as share (of the whole area for `area`).
        minimum: units in each stratum at least, so that its share is estimated at all (a smaller one is taken whole).
        interval: which interval must be that narrow.

    Raises:
        ConfigError: a number is out of range, or nothing that is expected makes a wanted figure.
    """
    if not wanted or min(wanted.values()) <= 0:
        raise ConfigError("name a wanted half-width above 0")
    if minimum < 2:
        raise ConfigError("--minimum must be at least 2: one unit leaves a stratum's variance undefined")

    def excess(candidate: Plan) -> float:
        found = figures(candidate.accuracy)
        widths = {name: found[name] for name in wanted}
        if None in widths.values():
            raise ConfigError("no cell with change is expected; its accuracy cannot be planned")
        return max(half_width(e, interval) / wanted[n] for n, e in widths.items() if e is not None)

    now = expected(expectation, {name: min(minimum, expectation.cells[name]) for name in STRATA})
    while excess(now) > 1:
        step = max(1, sum(now.units.values()) // 50)
        tried = []
        for name in STRATA:
            more = min(now.units[name] + step, expectation.cells[name])
            if more > now.units[name]:
                tried.append(expected(expectation, now.units | {name: more}))
        now = min(tried, key=excess)
    return now


def mapped_elsewhere(expectation: Expectation) -> Expectation:
    """The same country without a buffer: its cells and their omissions lie in stratum `stable`."""
    cells, share = expectation.cells, expectation.change_share
    joined = cells["buffer"] + cells["stable"]
    omitted = cells["buffer"] * share["buffer"] + cells["stable"] * share["stable"]
    return replace(
        expectation,
        cells={**cells, "buffer": 0, "stable": joined},
        change_share={**share, "buffer": 0.0, "stable": omitted / joined if joined else 0.0},
    )
