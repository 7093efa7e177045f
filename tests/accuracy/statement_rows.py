"""How often the intervals of the accuracy statement hold the truth, over simulated countries with known changes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.table import write_page
from builders.landscapes import make_landscape, sampled
from sealwatch.publish.sampling.planner import figures

from .table import Figure, share

LANDSCAPES, SIZE, SEED = 1000, 225, 7


@dataclass(frozen=True, slots=True)
class Case:
    """A design and the countries it is tried on.

    Attributes:
        sizes: units by stratum.
        buffer_cells: width of the buffer in cells.
        words: for people.
        shares: least and largest share of a country's cells that change.
    """

    sizes: Mapping[str, int]
    buffer_cells: int
    words: str
    shares: tuple[float, float] = (0.006, 0.02)


CASES = {
    "1300": Case({"change": 150, "buffer": 350, "stable": 800}, 2, "1,300 units, buffer of 2 cells"),
    "1300_no_buffer": Case({"change": 150, "buffer": 0, "stable": 1150}, 0, "1,300 units, no buffer"),
    "600": Case({"change": 100, "buffer": 200, "stable": 300}, 2, "600 units, buffer of 2 cells"),
    "300": Case({"change": 50, "buffer": 100, "stable": 150}, 2, "300 units, buffer of 2 cells"),
    "1300_rare": Case(
        {"change": 150, "buffer": 350, "stable": 800},
        2,
        "1,300 units, buffer of 2 cells, 0.1 to 0.3 % change",
        (0.001, 0.003),
    ),
}
_FIGURES = {
    "area": "area of change",
    "overall": "overall accuracy",
    "users": "user's accuracy of change",
    "producers": "producer's accuracy of change",
}
_INTERVALS = ("score", "normal")


@dataclass(frozen=True, slots=True)
class Coverage:
    """One figure, design and interval over all countries.

    Attributes:
        hits: intervals that hold the truth.
        n: intervals; less than the countries where no unit showed change.
        half_width: mean half-width, as share.
        truth: mean true value, as share.
    """

    hits: int
    n: int
    half_width: float
    truth: float


def measure(
    landscapes: int, size: int, cases: Mapping[str, Case], seed: int
) -> dict[tuple[str, str, str], Coverage]:
    """Draw one sample of each design from each country, estimate, compare with the truth.

    Args:
        landscapes: number of countries.
        size: height and width of a country, cells.
        cases: designs by name.
        seed: of the countries and draws.

    Returns:
        Coverage by design, figure and interval.
    """
    seen: dict[tuple[str, str, str], list[tuple[bool, float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(landscapes):
            made = {
                shares: make_landscape(np.random.default_rng([seed, number]), size, shares)
                for shares in {case.shares for case in cases.values()}
            }
            for name, case in cases.items():
                country = made[case.shares]
                truth = country.figures()
                accuracy = sampled(Path(folder), country, case.sizes, seed + number, case.buffer_cells)
                for figure, found in figures(accuracy).items():
                    for interval in _INTERVALS:
                        limits = None if found is None else getattr(found, interval)
                        if limits is not None:
                            held = limits[0] - 1e-12 <= truth[figure] <= limits[1] + 1e-12
                            half = (limits[1] - limits[0]) / 2
                            seen.setdefault((name, figure, interval), []).append((held, half, truth[figure]))
    return {
        key: Coverage(
            sum(held for held, _, _ in rows),
            len(rows),
            float(np.mean([half for _, half, _ in rows])),
            float(np.mean([true for _, _, true in rows])),
        )
        for key, rows in seen.items()
    }


def _statement() -> list[Figure]:
    found = measure(LANDSCAPES, SIZE, CASES, SEED)
    write_page("area_statement_coverage.md", _HEAD, _lines(found))
    return [
        share(
            f"statement_{name}_{figure}_{interval}",
            coverage.hits,
            coverage.n,
            f"share of simulated countries whose truth lies in the 95 % {interval} interval of {_FIGURES[figure]}; "
            f"{CASES[name].words}; baseline: what it should be",
            0.95,
        )
        for (name, figure, interval), coverage in found.items()
    ]


_HEAD = f"""\
# How often the intervals hold the truth

Made by `make accuracy ONLY=statement`; every share is a row of accuracy.md. {LANDSCAPES:,} simulated countries of
{SIZE} x {SIZE} cells (`tests/builders/landscapes.py`): 0.6 to 2 % of the cells change (0.1 to 0.3 % where said), in
patches; the map blurs their edges, misses whole patches, also far from anything it maps, and invents others. From the
change map of each, units are drawn by the project's own strata and draw, interpreted without error, and estimated
from. *score* is the interval the statement gives, *normal* that of Olofsson et al. (2014), with the finite population.
Goal: 93 to 97 %; what lies outside is bold. Half-widths are means; that of an area is in percent of the country. One
country in {LANDSCAPES:,} is 0.1 %, the standard error of a share of 95 % is 0.7 %.
"""


def _lines(found: Mapping[tuple[str, str, str], Coverage]) -> Iterable[str]:
    yield "| design | figure | mean truth | score holds it | half-width | normal holds it | half-width |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for name, case in CASES.items():
        for figure, words in _FIGURES.items():
            score, normal = (found[(name, figure, interval)] for interval in _INTERVALS)
            yield (
                f"| {case.words} | {words} | {score.truth:.2%} | {_goal(score)} | {score.half_width:.2%} "
                f"| {_goal(normal)} | {normal.half_width:.2%} |"
            )


def _goal(coverage: Coverage) -> str:
    held = coverage.hits / coverage.n
    text = f"{held:.1%}" if coverage.n == LANDSCAPES else f"{held:.1%} of {coverage.n}"
    return text if 0.93 <= round(held, 4) <= 0.97 else f"**{text}**"


GROUPS: dict[tuple[str, ...], Callable[[], list[Figure]]] = {
    tuple(
        f"statement_{name}_{figure}_{interval}"
        for name in CASES
        for figure in _FIGURES
        for interval in _INTERVALS
    ): _statement
}
