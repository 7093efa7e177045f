"""Rows of accuracy figures, their file and the page made of it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.table import merge_rows, write_page

REAL_DATA_DIR = Path(os.environ.get("REAL_DATA_DIR", "../shared/data"))
"""Real imagery and labels for developers; rows that need it say "not run" where it is absent."""

_HEAD = """\
# Accuracy

Made by `make accuracy`; one row again with `make accuracy ONLY=name`. Low and high bound the 95 % confidence interval
where the figure is a share of n independent cases (Wilson score interval); baseline is the figure to compare with,
which is named under data.
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        name: key of the row.
        value: the figure; None where it was not run, and `data` says why.
        low: lower bound of the 95 % confidence interval, or None.
        high: upper bound, or None.
        baseline: figure to compare with, or None.
        n: number of cases behind the figure.
        data: what it was measured on, what the baseline is, what was held out.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    baseline: float | None
    n: int
    data: str


def share(name: str, hits: int, n: int, data: str, baseline: float | None = None) -> Figure:
    """A share of n cases with its Wilson score interval (Wilson 1927), 95 %."""
    z2, p = 1.96**2, hits / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = 1.96 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Figure(name, round(p, 4), round(centre - half, 4), round(centre + half, 4), baseline, n, data)


def not_run(names: Iterable[str], reason: str) -> list[Figure]:
    """Rows that say why they have no figure."""
    return [Figure(name, None, None, None, None, 0, f"not run: {reason}") for name in names]


def save(rows: Iterable[Figure]) -> None:
    """Merge rows into docs/accuracy.json and write docs/accuracy.md from it; a figure outlives a "not run"."""
    table = merge_rows("accuracy.json", [asdict(r) for r in rows], keep=lambda row: row["value"] is None)
    lines = ["| name | value | low | high | baseline | n | data |", "|---|---:|---:|---:|---:|---:|---|"]
    for r in table:
        low, high, baseline = (
            "-" if r[key] is None else f"{r[key]:g}" for key in ("low", "high", "baseline")
        )
        value = "not run" if r["value"] is None else f"**{r['value']:g}**"
        lines.append(f"| `{r['name']}` | {value} | {low} | {high} | {baseline} | {r['n']} | {r['data']} |")
    write_page("accuracy.md", _HEAD, lines)
