"""Numbered, immutable releases of the accepted polygons: frozen in the database, then written as a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Json

from ..errors import DatabaseError, ReleaseError
from .changelog import changelog, compare
from .database import connect
from .decisions import ReviewError
from .migrate import migrations
from .public import FROZEN, measured_registries, publish_views, published_columns
from .release_folder import write_folders

ABOUT = ("title", "abstract", "contact", "licence")
"""Keys of section `services` that a release keeps as they were when it was made."""

_FREEZE = """
CREATE TEMP TABLE frozen ON COMMIT DROP AS
SELECT s.polygon_id, s.sheet, s.flight_date AS vhr_date,
       coalesce(s.earlier_flight_date::text, '') AS vhr_date_before,
       c.start_half AS period_of_change, c.confirm_half AS period_confirmed,
       half_start(c.start_half) AS change_start, half_end(c.confirm_half) AS change_end,
       c.from_class || ' to ' || c.to_class AS transition, c.from_class, c.to_class, s.area_m2,
       coalesce(e.distances_m, '{}') AS distances, coalesce(e.overlap_shares, '{}') AS overlap_shares,
       coalesce(e.land_use_before, '') AS land_use_before, coalesce(e.municipality, '') AS municipality,
       s.probability, s.event_id, s.event_confidence, s.geom, s.evidence
FROM standing s
CROSS JOIN LATERAL (SELECT coalesce(s.correction->>'start_half', s.start_half) AS start_half,
                           -- A start that a reviewer set later than the confirmation is its own confirmation.
                           greatest(s.confirm_half, s.correction->>'start_half') AS confirm_half,
                           coalesce(s.correction->>'from_class', s.from_class) AS from_class,
                           coalesce(s.correction->>'to_class', s.to_class) AS to_class) c
LEFT JOIN enrichment e USING (polygon_id)
WHERE s.state IN ('accepted', 'corrected') AND s.due = '' AND NOT s.withdrawn
"""


@dataclass(frozen=True, slots=True)
class Release:
    """A numbered release: whether this call made it, its polygons and its folder."""

    number: int
    new: bool
    polygons: int
    folder: Path


def make_release(
    settings: Mapping[str, Any], folder: str | Path, services: Mapping[str, Any] | None = None
) -> Release:
    """Freeze the accepted polygons as the next release, unless the current one already holds exactly them.

    One transaction makes the release, its views and the copies for small scales. A polygon whose evidence changed
    after its decision is left out until it has been looked at again. Then the folders that are missing are made.

    Args:
        settings: section `database` of the configuration.
        folder: folder of all releases; it takes `{number}/` and `current.json`.
        services: section `services` of the configuration, whose texts the release keeps.

    Raises:
        ReviewError: nothing was ever accepted while candidates wait.
        DatabaseError: the database is out of reach or of an earlier version, or a polygon has not been measured.
        ReleaseError: the folder of a release is damaged, or the database lacks a release that has a folder.
    """
    about = {key: (services or {}).get(key) for key in ABOUT}
    with connect(settings) as connection:
        _require_schema(connection)
        # Held until the connection ends, so that no second run writes the same folder.
        connection.execute("SELECT pg_advisory_lock(hashtext('sealwatch.release'))")
        _require_numbers(connection, Path(folder))
        with connection.transaction():
            # What is looked at and what is frozen is one state, whatever a load or a measurement changes meanwhile.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            number, new = _freeze(connection, settings, about)
            publish_views(connection, settings)
        write_folders(connection, Path(folder), settings)
        polygons = _one(connection, "SELECT polygons FROM release WHERE release = %s", number)
    return Release(number, new, polygons, Path(folder) / str(number))


def _require_schema(connection: psycopg.Connection) -> None:
    """A publisher may not migrate, so an earlier schema is named here."""
    found, needed = _one(connection, "SELECT max(version) FROM schema_version"), migrations()[-1][0]
    if found < needed:
        raise DatabaseError(
            f"the database has version {found} of the schema, this Sealwatch needs {needed}; "
            "run snakemake --forcerun load, then release"
        )


def _require_numbers(connection: psycopg.Connection, folder: Path) -> None:
    """A database from before its last release would give the same number to other polygons."""
    known = _one(connection, "SELECT coalesce(max(release), 0) FROM release")
    highest = max((int(path.name) for path in folder.glob("*") if path.name.isdigit()), default=0)
    if highest > known:
        raise ReleaseError(
            f"{folder / str(highest)}: the database has releases up to {known} only, as after an older backup; restore "
            "a later one, or move the folder away to give its number again"
        )


def _freeze(
    connection: psycopg.Connection, settings: Mapping[str, Any], about: Mapping[str, Any]
) -> tuple[int, bool]:
    # Tables without statistics, as after the first load, mislead the planner into loops over all pairs.
    connection.execute("SET LOCAL enable_nestloop = off")
    connection.execute(_FREEZE)
    connection.execute("ANALYZE frozen")
    registries = measured_registries(connection)
    tolerances = sorted(float(value) for value in settings.get("generalise_m", ()))
    _require_measured(connection, tolerances)
    digest, count = connection.execute(
        sql.SQL(
            "SELECT encode(sha256(convert_to(coalesce(string_agg(md5(ROW({})::text), '' ORDER BY polygon_id), ''), "
            "'UTF8')), 'hex'), count(*) FROM frozen"
        ).format(_names(FROZEN))
    ).fetchone() or ("", 0)
    columns = published_columns(registries)
    current = connection.execute(
        "SELECT release, digest, columns, generalise_m FROM release ORDER BY release DESC LIMIT 1"
    ).fetchone()
    if current and current[1:] == (digest, columns, tolerances):
        return current[0], False
    waiting = _one(connection, "SELECT count(*) FROM standing WHERE due <> ''")
    if not current and not count and waiting:
        raise ReviewError(
            f"no polygon is accepted and {waiting} wait for review; decide on them, then release"
        )
    before = current[0] if current else 0
    number = before + 1
    found = compare(connection, before, columns)
    connection.execute(
        "INSERT INTO release (release, digest, polygons, registries, columns, generalise_m, about, changes, changelog)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            number,
            digest,
            count,
            registries,
            columns,
            tolerances,
            Json(dict(about)),
            found.line(),
            changelog(found, number, _one(connection, "SELECT (now() AT TIME ZONE 'UTC')::date::text")),
        ],
    )
    connection.execute(
        sql.SQL("INSERT INTO release_polygon (release, {0}) SELECT %s, {0} FROM frozen").format(
            _names(FROZEN)
        ),
        [number],
    )
    connection.execute(
        "INSERT INTO release_generalised (release, tolerance_m, polygon_id, geom) "
        "SELECT %s, g.tolerance_m, polygon_id, g.geom FROM frozen f JOIN polygon_generalised g "
        "USING (polygon_id, evidence) WHERE g.tolerance_m = ANY(%s)",
        [number, tolerances],
    )
    return number, True


def _require_measured(connection: psycopg.Connection, tolerances: Sequence[float]) -> None:
    """Stop at a polygon that the last run of the workflow has not measured or generalised as it is now."""
    bare = connection.execute(
        # Those of municipalities too: without the distance there is no name either.
        "SELECT polygon_id FROM frozen WHERE NOT distances ?& ARRAY(SELECT registry FROM registry) "
        "ORDER BY polygon_id LIMIT 1"
    ).fetchone()
    if bare:
        raise DatabaseError(
            f"polygon {bare[0]} has no distance to every registry; run snakemake --forcerun enrich, then release"
        )
    bare = connection.execute(
        "SELECT polygon_id, tolerance_m FROM frozen CROSS JOIN unnest(%s::float8[]) t (tolerance_m) "
        "LEFT JOIN polygon_generalised g USING (polygon_id, tolerance_m, evidence) WHERE g.geom IS NULL "
        "ORDER BY 1, 2 LIMIT 1",
        [list(tolerances)],
    ).fetchone()
    if bare:
        raise DatabaseError(
            f"polygon {bare[0]} has no outline generalised by {bare[1]:g} m; run snakemake --forcerun enrich, "
            "then release"
        )


def _names(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _one(connection: psycopg.Connection, query: str, *values: Any) -> Any:
    row = connection.execute(query.encode(), values or None).fetchone()
    return row[0] if row else None
