"""The indicators as tables for the page, whatever their rows hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TITLES = {
    "national": "Whole area",
    "municipalities": "Municipalities",
    "sdg_11_3_1": "SDG 11.3.1: land consumption and population growth",
    "soil": "Soil sealing and land take",
    "reconciliation": "Reconciliation with the land-use register",
}
"""Tables of `indicators.json` in the order of the page, and their headings."""

_UNITS = {"_km2": "km²", "_m2": "m²", "_ha": "ha", "_percent": "%", "_years": "years"}
_LEAST = {"_km2": 4, "_m2": 1, "_ha": 2}


@dataclass(frozen=True, slots=True)
class IndicatorTable:
    """Rows that share their columns: heading, column names and cells of text; numbers are marked."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[tuple[str, bool]]]


def read_indicators(
    path: str | Path | None,
) -> tuple[list[IndicatorTable], list[tuple[str, str]]]:
    """Tables and definitions of an indicators file; both empty without one."""
    if path is None:
        return [], []
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    tables = [table for key, title in TITLES.items() for table in _tables(title, found.get(key) or [])]
    return tables, sorted((str(key), str(text)) for key, text in (found.get("definitions") or {}).items())


def _tables(title: str, rows: Sequence[Mapping[str, Any]]) -> list[IndicatorTable]:
    """One table for each set of columns, for a table with many empty cells cannot be read."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    tables = []
    for names, group in groups.items():
        source = {str(row["source"]) for row in group} if "source" in names else set()
        shown = [name for name in names if not (name == "source" and len(source) == 1)]
        heading = f"{title}, {source.pop()}" if len(source) == 1 else title
        cells = [[_cell(name, row[name]) for name in shown] for row in group]
        tables.append(IndicatorTable(heading, [_heading(name) for name in shown], cells))
    return tables


def _heading(name: str) -> str:
    """`gross_percent_of_area` -> `gross, % of area`; `net_km2` -> `net, km²`."""
    for ending, unit in _UNITS.items():
        if name.endswith(ending):
            return f"{name.removesuffix(ending)}, {unit}".replace("_", " ")
        if f"{ending}_" in name:
            before, after = name.split(f"{ending}_", 1)
            return f"{before}, {unit} {after}".replace("_", " ")
    return name.replace("_", " ")


def _cell(name: str, value: Any) -> tuple[str, bool]:
    if value is None:
        return "not known", False
    if isinstance(value, bool):
        return ("yes" if value else "no"), False
    if isinstance(value, int | float):
        digits = next((n for ending, n in _LEAST.items() if ending in name), 3)
        return (f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"), True
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False), False
    return str(value), False
