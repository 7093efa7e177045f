"""Samples and interpretations in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg
import shapely
from psycopg import errors
from psycopg.rows import dict_row
from psycopg.types.json import Json

from ...errors import SealwatchError
from ...vectors import write_geopackage_layers
from ..database import connect
from ..geometries import copy_rows, ewkb_hex
from ..migrate import migrate
from .draw import Design, Draw, draw, maps_digest
from .strata import MAP_LABELS, STRATA, ZoneMap


class SampleError(SealwatchError):
    """A sample is unknown, closed, or drawn already in another way; or a label does not fit."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample in the database: whether this call drew it, and its strata."""

    new: bool
    strata: list[dict[str, Any]]


def draw_sample(
    settings: Mapping[str, Any], name: str, title: str, zones: Sequence[ZoneMap], design: Design
) -> Drawn:
    """Draw a sample and store it in one transaction: it is there whole or not at all.

    Drawing again under the same name and design from the same maps leaves the sample as it is.

    Args:
        settings: section `database` of the configuration.
        name: lower-case letters, digits and hyphens.
        title: for people; says nothing of strata.
        zones: maps of each zone.
        design: what is drawn.

    Raises:
        SampleError: the name stands for another sample, or is malformed.
        RasterError: the maps cannot be read or do not fit each other.
        ConfigError: the design does not fit the maps.
        DatabaseError: the database is out of reach.
    """
    migrate(settings)
    with connect(settings) as connection:
        if _drawn(connection, name):
            _require_same(connection, name, design, zones)
            return Drawn(False, strata_of(connection, name))
        found = draw(zones, design)
        try:
            with connection.transaction():
                _insert(connection, name, title, design, found, settings["srid"])
        except errors.UniqueViolation:
            _require_same(connection, name, design, zones)  # drawn by another process meanwhile
            return Drawn(False, strata_of(connection, name))
        except errors.CheckViolation as error:
            raise SampleError(
                f"sample {name!r}: a name has lower-case letters, digits and hyphens, at most 41, and a title is "
                "not empty"
            ) from error
        return Drawn(True, strata_of(connection, name))


def _drawn(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM sample WHERE sample = %s", [name]).fetchone() is not None


def _require_same(
    connection: psycopg.Connection, name: str, design: Design, zones: Sequence[ZoneMap]
) -> None:
    row = connection.execute(
        "SELECT map_digest, seed, sizes, buffer_cells, min_rise, period_start, period_end FROM sample "
        "WHERE sample = %s",
        [name],
    ).fetchone()
    assert row is not None
    seed = row[1] if design.seed is None else design.seed
    wanted = (maps_digest(zones), seed, dict(design.sizes), design.buffer_cells, design.min_rise)
    if row[:5] != wanted or (design.period and row[5:] != tuple(design.period)):
        raise SampleError(
            f"sample {name} was drawn with another design or from other maps; choose another name"
        )


def _insert(
    connection: psycopg.Connection, name: str, title: str, design: Design, found: Draw, srid: int
) -> None:
    connection.execute(
        "INSERT INTO sample (sample, title, seed, sizes, buffer_cells, min_rise, period_start, period_end, "
        "cell_size_m, map_digest, outside_cells, unobserved_cells, other_zone_cells) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(name, title, found.seed, Json(dict(design.sizes)), design.buffer_cells, design.min_rise),
            *(*found.period, found.cell_size_m, found.digest, *found.excluded.values()),
        ],
    )
    drawn = found.units["stratum"].value_counts()
    for stratum in STRATA:
        cells = found.cells[stratum]
        connection.execute(
            "INSERT INTO sample_stratum (sample, stratum, map_label, cells, area_m2, units) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            [
                *(name, stratum, MAP_LABELS[stratum], cells, cells * found.cell_size_m**2),
                int(drawn.get(stratum, 0)),
            ],
        )
    units = found.units
    shapes = unit_squares(units, found.cell_size_m, srid)
    rows = [
        [name, number, stratum, MAP_LABELS[stratum], start, zone, row, col, geom]
        for number, (stratum, start, zone, row, col, geom) in enumerate(
            zip(
                *(units[field].tolist() for field in ("stratum", "map_start_half", "zone", "row", "col")),
                ewkb_hex(shapes, srid).tolist(),
                strict=True,
            ),
            start=1,
        )
    ]
    columns = (
        "sample",
        "unit",
        "stratum",
        "map_label",
        "map_start_half",
        "zone",
        "grid_row",
        "grid_col",
        "geom",
    )
    copy_rows(connection, "sample_unit", columns, rows)


def unit_squares(units: pd.DataFrame, cell_size_m: float, srid: int) -> np.ndarray:
    """The cell of each unit as polygon in EPSG:`srid`."""
    row, col = units["row"].to_numpy("f8"), units["col"].to_numpy("f8")
    squares = shapely.box(
        col * cell_size_m, row * cell_size_m, (col + 1) * cell_size_m, (row + 1) * cell_size_m
    )
    result = np.empty(len(units), dtype=object)
    for zone in units["zone"].unique():
        here = (units["zone"] == zone).to_numpy()
        result[here] = gpd.GeoSeries(squares[here], crs=int(zone)).to_crs(srid).to_numpy()
    return result


def strata_of(connection: psycopg.Connection, name: str) -> list[dict[str, Any]]:
    """Rows of `sample_stratum` of a sample, in the order of `STRATA`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT stratum, map_label, cells, area_m2, units FROM sample_stratum WHERE sample = %s "
            "ORDER BY array_position(%s, stratum)",
            [name, list(STRATA)],
        ).fetchall()


def samples(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All samples in order of time, with the number of units each reviewer has labelled (`done`, by name)."""
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT s.sample, s.title, s.period_start, s.period_end, s.created_at, c.closed_at, "
            "(SELECT count(*) FROM sample_unit u WHERE u.sample = s.sample) AS units, "
            "(SELECT coalesce(jsonb_object_agg(reviewer, n), '{}') FROM (SELECT reviewer, count(*) AS n "
            " FROM interpretation_latest i WHERE i.sample = s.sample GROUP BY 1) d) AS done "
            "FROM sample s LEFT JOIN sample_closing c USING (sample) ORDER BY s.created_at, s.sample"
        ).fetchall()


def agreement(settings: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Rows of `agreement_of` a sample."""
    with connect(settings) as connection:
        return agreement_of(connection, name)


def agreement_of(connection: psycopg.Connection, name: str) -> list[dict[str, Any]]:
    """For each pair of reviewers the units that both labelled (`units`) and those with the same label (`agreed`)."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT reviewer_a, reviewer_b, units, agreed FROM sample_agreement WHERE sample = %s ORDER BY 1, 2",
            [name],
        ).fetchall()


def close_sample(settings: Mapping[str, Any], name: str, reason: str = "") -> bool:
    """Take no further interpretation; returns whether this call closed it.

    Raises:
        SampleError: there is no such sample.
    """
    with connect(settings) as connection:
        try:
            made = connection.execute(
                "INSERT INTO sample_closing (sample, reason) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [name, reason],
            ).rowcount
        except errors.ForeignKeyViolation as error:
            raise SampleError(f"there is no sample {name}; list shows them") from error
    return made == 1


def export_sample(settings: Mapping[str, Any], name: str, target: str | Path) -> int:
    """Write a GeoPackage: layer `units` (with stratum and map label), tables `strata` and `interpretations`.

    `interpretations` has one row per unit and reviewer, the latest. Returns the number of units.

    Raises:
        SampleError: there is no such sample.
    """
    with connect(settings) as connection:
        if not _drawn(connection, name):
            raise SampleError(f"there is no sample {name}; list shows them")
        units = _frame(
            connection,
            "SELECT unit, stratum, map_label, map_start_half, zone, grid_row, grid_col, ST_AsBinary(geom) AS geom "
            "FROM sample_unit WHERE sample = %s ORDER BY unit",
            name,
        )
        labels = _frame(
            connection,
            "SELECT unit, reviewer, label, start_half, reason, "
            "to_char(interpreted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS interpreted_at "
            "FROM interpretation_latest WHERE sample = %s ORDER BY unit, reviewer",
            name,
        )
        strata = pd.DataFrame(strata_of(connection, name))
    squares = gpd.GeoSeries(shapely.from_wkb(units.pop("geom").to_numpy()), crs=settings["srid"])
    write_geopackage_layers(
        target,
        {
            "units": (gpd.GeoDataFrame(units, geometry=squares), "Polygon"),
            "strata": (strata, None),
            "interpretations": (labels, None),
        },
    )
    return len(units)


def _frame(connection: psycopg.Connection, query: Any, name: str) -> pd.DataFrame:
    cursor = connection.execute(query, [name])
    return pd.DataFrame(cursor.fetchall(), columns=[c.name for c in cursor.description or ()])
