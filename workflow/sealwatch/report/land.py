"""Tables of outlined newly sealed land by municipality and by what was there before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from ..publish.database import connect
from .chosen import name_of

if TYPE_CHECKING:
    import geopandas as gpd

NOT_NAMED = "not named by the register"
"""Row of polygons of which a register tells nothing."""


@dataclass(frozen=True, slots=True)
class LandTable:
    """Outlined land by one attribute: heading, what the attribute is, and rows of name, polygons, m2 and percent.

    The last row is not part of `rows`: it is `polygons` and `area_m2`, to which the rows add up.
    """

    title: str
    column: str
    note: str
    rows: Sequence[tuple[str, int, float, float]]
    polygons: int
    area_m2: float


def read_enrichment(
    settings: Mapping[str, object], registries: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """`land_use_before` and `municipality` of every polygon, as the last run of `enrich` measured them.

    Args:
        settings: section `database` of the configuration.
        registries: kind by name; without one of those kinds nothing is read.

    Raises:
        DatabaseError: the database is out of reach or has not been loaded.
    """
    if not {"land_use", "municipality"} & set(registries.values()):
        return {}
    with connect(settings) as connection, connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        cursor.execute("SELECT polygon_id, land_use_before, municipality FROM enrichment ORDER BY polygon_id")
        return {row.pop("polygon_id"): row for row in cursor}


def land_tables(
    outlines: gpd.GeoDataFrame | None,
    registries: Mapping[str, str],
    enrichment: Mapping[str, Mapping[str, str]],
) -> list[LandTable]:
    """The tables; those of registers only where a register of their kind is configured.

    Args:
        outlines: all outlines with `polygon_id`, `from_class`, `to_class`, `area_m2`.
        registries: kind by name.
        enrichment: attributes by polygon id.
    """
    if outlines is None:
        return []
    ids, area = [str(key) for key in outlines["polygon_id"]], outlines["area_m2"]
    tables = []
    for kind, key, title, column, note in (
        (
            "municipality",
            "municipality",
            "By municipality",
            "Municipality",
            "A polygon counts in the municipality that most of it lies in.",
        ),
        (
            "land_use",
            "land_use_before",
            "By land use before, from the register",
            "Land use before",
            "The register's land use with the largest common area.",
        ),
    ):
        if kind in registries.values():
            names = [enrichment.get(polygon, {}).get(key, "") or NOT_NAMED for polygon in ids]
            tables.append(_table(title, column, note, names, area))
    for key, title, column, note in (
        (
            "from_class",
            "By land cover before",
            "Land cover before",
            "Class of the Sentinel-2 cell in the half-year before the change; the cell is larger than the polygon.",
        ),
        ("to_class", "By land cover after", "Land cover after", "Class that the cell changed to."),
    ):
        names = [name_of(value) for value in outlines[key]]
        tables.append(_table(title, column, note, names, area))
    return tables


def _table(title: str, column: str, note: str, names: Sequence[str], area: Sequence[float]) -> LandTable:
    sums: dict[str, list[float]] = {}
    for name, square_metres in zip(names, area, strict=True):
        place = sums.setdefault(name, [0, 0.0])
        place[0] += 1
        place[1] += float(square_metres)
    total = sum(square_metres for _, square_metres in sums.values())
    rows = [
        (name, int(count), square_metres, 100 * square_metres / total if total else 0.0)
        for name, (count, square_metres) in sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))
    ]
    return LandTable(title, column, note, rows, sum(row[1] for row in rows), total)
