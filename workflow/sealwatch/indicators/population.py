"""The population table: municipality (empty for the whole area), year, population."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from ..errors import VectorError

COLUMNS = ("municipality", "year", "population")

WHOLE = ""
"""Municipality of the rows for the whole area of interest."""

Population = dict[tuple[str, int], int]
"""People by municipality and year."""


def read_population(path: str | Path, municipalities: Sequence[str]) -> Population:
    """Read and check the table.

    Args:
        path: CSV file, UTF-8, comma-separated, with the columns `COLUMNS`.
        municipalities: names in the register; others are refused.

    Raises:
        VectorError: the file cannot be read, lacks a column, or a row is wrong; the message names it.
    """
    found: Population = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream, strict=True)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise VectorError(
                    f"indicators.population: {path}: lacks column(s) {', '.join(missing)}; "
                    f"the first line must name {', '.join(COLUMNS)}, separated by commas"
                )
            for row in rows:
                place = f"indicators.population: {path}: line {rows.line_num}"
                _add(found, row, municipalities, place)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VectorError(
            f"indicators.population: {path}: cannot be read ({error}); save it as CSV in UTF-8"
        ) from error
    return found


def _add(found: Population, row: dict[str, str], municipalities: Sequence[str], place: str) -> None:
    name = (row["municipality"] or "").strip()
    numbers = {}
    for column in ("year", "population"):
        text = (row[column] or "").strip()
        if not (text.isascii() and text.isdigit()):
            raise VectorError(f"{place}: {column} {text!r} is not a whole number of 0 or more; correct it")
        numbers[column] = int(text)
    year = numbers["year"]
    if not 1900 <= year <= 2200:
        raise VectorError(f"{place}: year {year} is not between 1900 and 2200; correct it")
    if name != WHOLE and name not in municipalities:
        where = "the register of municipalities" if municipalities else "a register, for none is configured"
        raise VectorError(
            f"{place}: municipality {name!r} is not in {where}; write it as there, or leave it empty for the whole area"
        )
    if (name, year) in found:
        raise VectorError(f"{place}: a second number for {name or 'the whole area'} in {year}; remove one")
    found[name, year] = numbers["population"]


def people(table: Population, name: str, year: int, municipalities: Sequence[str]) -> int | None:
    """Population of a place, None where unknown.

    Of the whole area it is its own row, or else the sum of all municipalities where each has one.
    """
    if (name, year) in table or name != WHOLE:
        return table.get((name, year))
    each = [table.get((municipality, year)) for municipality in municipalities]
    return None if not each or None in each else sum(n for n in each if n is not None)
