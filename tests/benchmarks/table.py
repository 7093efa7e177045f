"""Rows of measurements, their file and the page made of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from sealwatch.files import canonical_json, write_text

DOCS = Path(__file__).parents[2] / "docs"

_HEAD = """\
# Benchmarks

Made by `make bench`; one row again with `make bench ONLY=name`. Both sides of a row are measured in turns in
the same run; figures are medians; ratio is how many times better than the rival.
"""

_Measure = TypeVar("_Measure")


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
    return Row(name, of_three_digits(a), of_three_digits(b), of_three_digits(b / a), unit, note)


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


def merge_rows(
    file: str, rows: Iterable[dict[str, Any]], keep: Callable[[dict[str, Any]], bool] = lambda row: False
) -> list[dict[str, Any]]:
    """Merge rows into a file of docs/ by their names and return all, sorted by name.

    Args:
        file: name of the JSON file.
        rows: new rows.
        keep: True for a new row that must not replace one of the file.
    """
    path = DOCS / file
    known = {r["name"]: r for r in json.loads(path.read_text(encoding="utf-8"))} if path.is_file() else {}
    known |= {r["name"]: r for r in rows if not (keep(r) and r["name"] in known)}
    table = [known[name] for name in sorted(known)]
    write_text(path, canonical_json(table))
    return table


def write_page(file: str, head: str, lines: Iterable[str]) -> None:
    """Write a Markdown page of docs/ from its head and the lines of its table."""
    write_text(DOCS / file, "\n".join([head, *lines]) + "\n")


def save(rows: Iterable[Row]) -> None:
    """Merge rows into docs/benchmarks.json and write docs/benchmarks.md from it."""
    table = merge_rows("benchmarks.json", [asdict(r) for r in rows])
    lines = ["| name | ours | rival | ratio | unit | note |", "|---|---:|---:|---:|---|---|"]
    lines += [
        f"| `{r['name']}` | {r['ours']:g} | {r['rival']:g} | **{r['ratio']:g}** | {r['unit']} | {r['note']} |"
        for r in table
    ]
    write_page("benchmarks.md", _HEAD, lines)


def chosen_groups(groups: Mapping[tuple[str, ...], _Measure], only: str) -> list[_Measure]:
    """Functions of the groups whose rows begin with `only`; a whole name means its own group alone.

    Raises:
        SystemExit: no row begins with it.
    """
    exact = any(only in names for names in groups)
    chosen = [
        measure
        for names, measure in groups.items()
        if (only in names if exact else any(name.startswith(only) for name in names))
    ]
    if not chosen:
        known = ", ".join(sorted(name for names in groups for name in names))
        raise SystemExit(f"no row begins with {only!r}; there are {known}")
    return chosen


def of_three_digits(value: float) -> float:
    """The value, rounded."""
    return float(f"{value:.3g}")
