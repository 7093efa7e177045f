"""The public schema: views of the releases, all that web services can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from .database import identifier
from .roles import share_views

LAYER = "newly_sealed"
"""Layer of the current release."""

_FRONT = (
    "polygon_id",
    "sheet",
    "vhr_date",
    "vhr_date_before",
    "period_of_change",
    "period_confirmed",
    "change_start",
    "change_end",
    "transition",
    "from_class",
    "to_class",
    "area_m2",
)
_BACK = ("land_use_before", "municipality", "probability", "event_id", "event_confidence", "release")

DATES = ("vhr_date", "change_start", "change_end")
"""Published columns that are dates."""

ATTRIBUTES = (*_FRONT[1:], *_BACK[:-1])
"""Attributes that every polygon of a release has, besides its id and those measured against registries."""

FROZEN = (*_FRONT, "distances", "overlap_shares", *_BACK[:-1], "geom")
"""Columns of `release_polygon` besides the number of the release; a release's digest follows their order."""


def public_schema(schema: str) -> str:
    """Name of the schema that holds the views, e.g. `sealwatch_public`."""
    return f"{identifier(schema, 'database.schema')}_public"


def distance_column(registry: str) -> str:
    """Published column of the distance to a registry, in metres."""
    return f"distance_{identifier(registry, 'registries')}_m"


def overlap_column(registry: str) -> str:
    """Published column of the share of the polygon under a registry, 0-1."""
    return f"overlap_{identifier(registry, 'registries')}_share"


def published_columns(registries: Sequence[str]) -> list[str]:
    """Attributes of the published layer in order, without the geometry.

    Args:
        registries: those of kind `objects` and `land_use`; a municipality has an attribute of its own.
    """
    names = sorted(registries)
    return [*_FRONT, *map(distance_column, names), *map(overlap_column, names), *_BACK]


def measured_registries(connection: psycopg.Connection) -> list[str]:
    """Loaded registries that have a column of distances and one of overlaps."""
    found = connection.execute("SELECT registry FROM registry WHERE kind <> 'municipality' ORDER BY registry")
    return sorted(row[0] for row in found)


def release_layer(number: int) -> str:
    """Layer of one release, e.g. `newly_sealed_3`."""
    return f"{LAYER}_{number:d}"


def generalised_layer(tolerance_m: float) -> str:
    """Layer of the current release for small scales, e.g. `newly_sealed_generalised_20m`."""
    return f"{LAYER}_generalised_{f'{tolerance_m:g}'.replace('.', '_')}m"


def publish_views(connection: psycopg.Connection, settings: Mapping[str, Any]) -> None:
    """Bring the views of the public schema in step with the releases; belongs inside a transaction.

    `newly_sealed` and its generalised copies show the current release with the columns it was made with; before
    the first release they have those of the loaded registries and no row. They find the current release by
    themselves and are replaced only when their columns change, so a release does not disturb their readers.

    Args:
        connection: connection whose search path begins with the schema.
        settings: section `database` of the configuration.
    """
    schema = settings["schema"]
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('sealwatch.public'))")
    releases = connection.execute(
        "SELECT release, columns, registries, generalise_m FROM release ORDER BY release"
    ).fetchall()
    if releases:
        _, columns, registries, tolerances = releases[-1]
    else:
        registries = measured_registries(connection)
        columns = published_columns(registries)
        tolerances = [float(value) for value in settings.get("generalise_m", ())]
    current = sql.SQL("p.release = (SELECT max(r.release) FROM release r)")
    source = sql.SQL("SELECT {} FROM release_polygon p WHERE {}")
    wanted: dict[str, tuple[list[str], sql.Composable]] = {
        release_layer(number): ([*names, "geom"], source.format(_columns(names, made, "p"), sql.SQL("p.release = {}")
                                                                .format(sql.Literal(number))))
        for number, names, made, _ in releases
    }  # fmt: skip
    wanted[LAYER] = ([*columns, "geom"], source.format(_columns(columns, registries, "p"), current))
    for tolerance in tolerances:
        wanted[generalised_layer(tolerance)] = (
            [*columns, "geom"],
            sql.SQL(
                "SELECT {} FROM release_polygon p JOIN release_generalised g USING (release, polygon_id) "
                "WHERE {} AND g.tolerance_m = {}"
            ).format(_columns(columns, registries, "g"), current, sql.Literal(tolerance)),
        )
    wanted["releases"] = (
        ["release", "date", "polygons", "changes"],
        sql.SQL(
            "SELECT release, (created_at AT TIME ZONE 'UTC')::date AS date, polygons, changes FROM release"
        ),
    )
    _replace(connection, schema, wanted)


def _columns(names: Sequence[str], registries: Sequence[str], outline: str) -> sql.Composable:
    """Columns of a view over `release_polygon p`, and the outline of `p` or `g`."""
    nested = {distance_column(name): ("distances", name) for name in registries}
    nested |= {overlap_column(name): ("overlap_shares", name) for name in registries}
    return sql.SQL(", ").join(
        [
            *(
                sql.SQL("(p.{}->>{})::double precision AS {}").format(
                    sql.Identifier(nested[name][0]), sql.Literal(nested[name][1]), sql.Identifier(name)
                )
                if name in nested
                else sql.Identifier("p", name)
                for name in names
            ),
            sql.Identifier(outline, "geom"),
        ]
    )


def _replace(
    connection: psycopg.Connection, schema: str, wanted: Mapping[str, tuple[list[str], sql.Composable]]
) -> None:
    """Make the views that are missing or have other columns, and drop those nobody wants any more."""
    public = public_schema(schema)
    present: dict[str, list[str]] = dict(
        connection.execute(
            "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            "JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = %s WHERE c.relkind = 'v' GROUP BY 1",
            [public],
        ).fetchall()
    )
    for name in sorted(present.keys() - wanted.keys()):
        connection.execute(sql.SQL("DROP VIEW {}").format(sql.Identifier(public, name)))
    for name, (columns, query) in wanted.items():
        if present.get(name) == columns:
            continue
        view = sql.Identifier(public, name)
        connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
        connection.execute(sql.SQL("CREATE VIEW {} AS {}").format(view, query))
    share_views(connection, schema, public)
