"""The indicators as tables for the page, whatever their rows hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..indicators.definitions import definition_of

TITLES = {
    "national": "Whole area",
    "municipalities": "Municipalities",
    "sdg_11_3_1": "SDG 11.3.1: land consumption and population growth",
    "soil": "Soil sealing and land take",
    "reconciliation": "Reconciliation with the land-use register",
}
"""Tables of `indicators.json` in the order of the page, and their headings."""

_SOURCES = {
    "area": "area and what of it was observed",
    "satellite": "change by the satellite map",
    "outlines": "land outlined on orthophotos",
    "stock": "sealed land by the satellite map",
}

_COLUMNS = {
    "area": "place area_km2 observed_km2 observed_percent_of_area not_observed_km2",
    "satellite": "place period gross_km2 gross_percent_of_area gross_percent_of_observed reverse_km2 "
    "reverse_percent_of_area net_km2 net_percent_of_area provisional_km2 unsure_km2",
    "outlines": "place period polygons gross_km2 gross_percent_of_area",
    "stock": "place period sealed_km2 sealed_percent_of_area sealed_percent_of_observed not_observed_percent_of_area",
    "sdg": "place from_year to_year sealed_from_km2 sealed_to_km2 population_from population_to "
    "land_consumption_rate population_growth_rate ratio sealed_per_person_from_m2 sealed_per_person_to_m2 reason",
    "soil": "indicator period value_km2 value_percent_of_area reason",
    "reconciliation": "register figure land_use area_km2 percent",
}
"""Columns of the page by source, in order; the files have all of them."""

_UNITS = {"_km2": "km²", "_m2": "m²", "_percent": "%"}
_DIGITS = {"_km2": 4, "_m2": 1}


@dataclass(frozen=True, slots=True)
class IndicatorTable:
    """Rows that share their columns: heading, column names, cells of text with numbers marked, and what they mean."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[tuple[str, bool]]]
    meanings: Sequence[tuple[str, str]] = ()


def read_indicators(
    path: str | Path | None,
) -> tuple[list[IndicatorTable], list[tuple[str, str]]]:
    """Tables and definitions of an indicators file; both empty without one."""
    if path is None:
        return [], []
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    texts = {str(key): str(text) for key, text in (found.get("definitions") or {}).items()}
    tables = [
        table for key, title in TITLES.items() for table in _tables(key, title, found.get(key) or [], texts)
    ]
    beside = {key for table in tables for key, _ in table.meanings}
    return tables, sorted((key, text) for key, text in texts.items() if key not in beside)


def _tables(
    key: str, title: str, rows: Sequence[Mapping[str, Any]], texts: Mapping[str, str]
) -> list[IndicatorTable]:
    """One table for each source and set of columns, for a table with many empty cells cannot be read."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((str(row.get("source", "")), *row), []).append(row)
    tables = []
    for (source, *names), group in groups.items():
        if key == "municipalities" and source in ("satellite", "outlines", "stock"):
            group = _last_of_each(group)
        known = _COLUMNS.get(source, "").split()
        shown = [name for name in known if name in names] or [name for name in names if name != "source"]
        heading = f"{title}: {_SOURCES[source]}" if source in _SOURCES else title
        cells = [[_cell(name, row[name]) for name in shown] for row in group]
        # Those of municipalities stand under the same figures of the whole area.
        meant = [row["definition"] for row in group if row.get("definition")]
        meant += [definition_of(source, name) for name in shown]
        meanings = [
            (name, texts[name]) for name in dict.fromkeys(meant) if name in texts and key != "municipalities"
        ]
        tables.append(IndicatorTable(heading, [_heading(name) for name in shown], cells, meanings))
    return tables


def _last_of_each(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The row of each place that stands last: the whole period, the latest state. A country has hundreds of places."""
    return list({row["place"]: row for row in rows}.values())


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
        digits = next((n for ending, n in _DIGITS.items() if ending in name), 3)
        return (f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"), True
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False), False
    return str(value), False
