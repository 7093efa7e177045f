"""Rows of measurements, their file and the page made of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from sealwatch.files import canonical_json, write_text

DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        name: key of the row.
        ours: our figure, a median.
        rival: the rival's, measured in turns with ours.
        ratio: how many times better ours is.
        unit: of both figures.
        note: rival, data, number of runs, processor time.
    """

    name: str
    ours: float
    rival: float
    ratio: float
    unit: str
    note: str


def row(name: str, ours: Iterable[float], rival: Iterable[float], unit: str, note: str) -> Row:
    """A row from repeated figures of which smaller ones are better."""
    a, b = statistics.median(ours), statistics.median(rival)
    return Row(name, _short(a), _short(b), _short(b / a), unit, note)


def in_turns(
    sides: dict[str, Callable[[], dict[str, float]]], runs: int
) -> dict[str, list[dict[str, float]]]:
    """Call all sides one after the other, `runs` times, after one call of each that does not count."""
    for side in sides.values():
        side()
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for _ in range(runs):
        for name, side in sides.items():
            figures[name].append(side())
    return figures


def save(rows: Iterable[Row]) -> None:
    """Merge rows into docs/benchmarks.json and write docs/benchmarks.md from it."""
    path = DOCS / "benchmarks.json"
    known = {r["name"]: r for r in json.loads(path.read_text(encoding="utf-8"))} if path.is_file() else {}
    known |= {r.name: asdict(r) for r in rows}
    table = [known[name] for name in sorted(known)]
    write_text(path, canonical_json(table))
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`; one row again with `make bench ONLY=name`. Both sides of a row are measured in turns in",
        "the same run; figures are medians; ratio is how many times better than the rival.",
        "",
        "| name | ours | rival | ratio | unit | note |",
        "|---|---:|---:|---:|---|---|",
    ]
    lines += [
        f"| `{r['name']}` | {r['ours']:g} | {r['rival']:g} | **{r['ratio']:g}** | {r['unit']} | {r['note']} |"
        for r in table
    ]
    write_text(DOCS / "benchmarks.md", "\n".join(lines) + "\n")


def _short(value: float) -> float:
    return float(f"{value:.3g}")
