"""An accuracy statement as Markdown and as a table of figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

_NAMES = {
    "users_accuracy": "user's accuracy",
    "producers_accuracy": "producer's accuracy",
}


def markdown(statement: dict[str, Any]) -> str:
    """The statement for people."""
    first, last = statement["period"]
    lines = [
        f"# Accuracy statement: {statement['title']}",
        "",
        f"Sample `{statement['sample']}` of the changes that began from {first} to {last}; "
        f"{statement['area_km2']:.2f} km2, maps {statement['map_digest']}.",
        f"{statement['unobserved_km2']:.2f} km2 of the area were observed too rarely to have a "
        "state; nothing is said of them.",
        "",
        "| figure | class | value | 95 % interval | normal interval |",
        "|---|---|---:|---:|---:|",
    ]
    for figure, name, unit, entry in _rows(statement):
        if entry is None:
            lines.append(f"| {figure} | {name} | not defined: no unit has the class | - | - |")
            continue
        value, low, high, *normal = (
            _text(v, unit) for v in (entry["value"], entry["low"], entry["high"], *entry["normal"])
        )
        lines.append(f"| {figure} | {name} | {value} | {low} to {high} | {normal[0]} to {normal[1]} |")
    mapped = ", ".join(f"{name} {e['mapped']:.2f} km2" for name, e in statement["areas_km2"].items())
    lines += [
        "",
        f"The map itself has {mapped}. Estimates are those of Olofsson et al. (2014) for strata that are not the map's "
        "classes (Stehman 2014). The 95 % interval is made of score limits, which hold for rare classes; the normal "
        "one is value -+ 1.96 standard errors.",
        "",
        *_strata(statement),
        "",
        *_matrices(statement),
    ]
    others = statement["change_km2_if_all_others"]
    if others:
        lines += [
            "",
            f"If all units without a label had changed, the area of change would be {others['change']:.2f} km2; "
            f"if none had, {others['no change']:.2f} km2.",
        ]
    if statement["agreement"]:
        lines.append("")
    for pair in statement["agreement"]:
        lines.append(
            f"- {pair['reviewer_a']} and {pair['reviewer_b']}: the same label for {pair['agreed']} of {pair['units']} "
            "units"
        )
    if statement["warnings"]:
        lines += ["", "## To be doubted", "", *(f"- {text}" for text in statement["warnings"])]
    return "\n".join(lines) + "\n"


def csv_text(statement: dict[str, Any]) -> str:
    """One row for each figure: figure, class, value, low, high, standard_error, normal_low, normal_high, unit."""
    target = io.StringIO()
    table = csv.writer(target, lineterminator="\n")
    table.writerow(
        ["figure", "class", "value", "low", "high", "standard_error", "normal_low", "normal_high", "unit"]
    )
    for figure, name, unit, entry in _rows(statement):
        numbers = [""] * 6
        if entry is not None:
            numbers = [entry[k] for k in ("value", "low", "high", "standard_error")] + entry["normal"]
        table.writerow([figure, name, *numbers, unit])
    return target.getvalue()


def _rows(statement: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any] | None]]:
    """Figure, class, unit and limits."""
    for name, entry in statement["areas_km2"].items():
        yield "area", name, "km2", entry
    yield "overall accuracy", "all", "share", statement["overall_accuracy"]
    for key, words in _NAMES.items():
        for name, entry in statement[key].items():
            yield words, name, "share", entry


def _text(value: float, unit: str) -> str:
    return f"{value:.2f} km2" if unit == "km2" else f"{value:.2%}"


def _strata(statement: dict[str, Any]) -> Iterator[str]:
    yield "| stratum | the map says | km2 | units | change | no change | unsure | disputed | unanswered |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for s in statement["strata"]:
        numbers = " | ".join(str(s[k]) for k in ("change", "no change", "unsure", "disputed", "unanswered"))
        yield f"| {s['stratum']} | {s['map_label']} | {s['area_km2']:.2f} | {s['units']} | {numbers} |"


def _matrices(statement: dict[str, Any]) -> Iterator[str]:
    classes = statement["classes"]
    columns = [f"{name}, units" for name in classes] + [f"{name}, share of the area" for name in classes]
    yield "| map \\ truth | " + " | ".join(columns) + " |"
    yield "|---|" + "---:|" * len(columns)
    for name, units, shares in zip(
        classes, statement["matrix_units"], statement["matrix_shares"], strict=True
    ):
        yield f"| {name} | " + " | ".join([*map(str, units), *(f"{v:.3%}" for v in shares)]) + " |"
