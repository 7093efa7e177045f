"""Numbered, immutable releases of the accepted polygons, and the view the services publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import psycopg
import shapely
from psycopg import sql

from ..errors import DatabaseError
from ..vectors import write_geopackage
from .database import connect, identifier
from .review import ReviewError
from .roles import grant_published

LAYER = "newly_sealed"

_FRONT = (
    "polygon_id",
    "sheet",
    "vhr_date",
    "vhr_date_before",
    "period_of_change",
    "period_confirmed",
    "transition",
    "from_class",
    "to_class",
    "area_m2",
)
_BACK = ("probability", "event_id", "event_confidence")

_FREEZE = """
CREATE TEMP TABLE frozen ON COMMIT DROP AS
SELECT s.polygon_id, s.sheet, s.flight_date::text AS vhr_date,
       coalesce(s.earlier_flight_date::text, '') AS vhr_date_before,
       c.start_half AS period_of_change, s.confirm_half AS period_confirmed,
       c.from_class || ' to ' || c.to_class AS transition, c.from_class, c.to_class,
       s.area_m2, s.probability, s.event_id, s.event_confidence,
       coalesce((SELECT jsonb_object_agg(d.registry, round(d.distance_m::numeric, 2)) FROM registry_distance d
                 WHERE d.polygon_id = s.polygon_id AND d.evidence = s.evidence), '{}') AS distances,
       s.geom
FROM standing s
CROSS JOIN LATERAL (SELECT coalesce(s.correction->>'start_half', s.start_half) AS start_half,
                           coalesce(s.correction->>'from_class', s.from_class) AS from_class,
                           coalesce(s.correction->>'to_class', s.to_class) AS to_class) c
WHERE s.state IN ('accepted', 'corrected') AND s.due = '' AND NOT s.withdrawn
"""


@dataclass(frozen=True, slots=True)
class Release:
    """A numbered release: whether this call made it, its polygons and its GeoPackage."""

    number: int
    new: bool
    polygons: int
    package: Path


def make_release(settings: Mapping[str, Any], folder: str | Path) -> Release:
    """Freeze the accepted polygons as the next release, unless the current one already holds exactly them.

    A polygon whose evidence changed after its decision is left out until it has been looked at again.

    Args:
        settings: section `database` of the configuration.
        folder: folder that takes `{number}/newly_sealed.gpkg`.

    Raises:
        ReviewError: nothing was ever accepted while candidates wait.
        DatabaseError: the database is out of reach, or a polygon lacks a distance.
    """
    with connect(settings) as connection:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('sealwatch.release'))")
            number, new = _freeze(connection)
        publish_view(connection)
        package = Path(folder) / str(number) / "newly_sealed.gpkg"
        if not package.exists():
            export(connection, package, settings["srid"])
        polygons = _one(connection, "SELECT polygons FROM release WHERE release = %s", number)
    return Release(number, new, polygons, package)


def _freeze(connection: psycopg.Connection) -> tuple[int, bool]:
    connection.execute(_FREEZE)
    registries = [row[0] for row in connection.execute("SELECT registry FROM registry ORDER BY registry")]
    bare = connection.execute(
        "SELECT polygon_id FROM frozen WHERE NOT distances ?& %s ORDER BY polygon_id LIMIT 1", [registries]
    ).fetchone()
    if bare:
        raise DatabaseError(
            f"polygon {bare[0]} has no distance to every registry; run the workflow, then release"
        )
    digest, count = connection.execute(
        "SELECT encode(sha256(convert_to(coalesce(string_agg(md5(f::text), '' ORDER BY polygon_id), ''), "
        "'UTF8')), 'hex'), count(*) FROM frozen f"
    ).fetchone() or ("", 0)
    current = connection.execute(
        "SELECT release, digest, registries FROM release ORDER BY release DESC LIMIT 1"
    ).fetchone()
    if current and current[1:] == (digest, registries):
        return current[0], False
    waiting = _one(connection, "SELECT count(*) FROM standing WHERE due <> ''")
    if not current and not count and waiting:
        raise ReviewError(
            f"no polygon is accepted and {waiting} wait for review; decide on them, then release"
        )
    number = (current[0] if current else 0) + 1
    connection.execute(
        "INSERT INTO release (release, digest, polygons, registries) VALUES (%s, %s, %s, %s)",
        [number, digest, count, registries],
    )
    columns = sql.SQL(", ").join(map(sql.Identifier, (*_FRONT, *_BACK, "distances", "geom")))
    connection.execute(
        sql.SQL("INSERT INTO release_polygon (release, {0}) SELECT %s, {0} FROM frozen").format(columns),
        [number],
    )
    return number, True


def publish_view(connection: psycopg.Connection) -> None:
    """Make view `published` show the current release, with one distance column per registry of that release.

    Before the first release it has the columns of the loaded registries and no row. The view is replaced only
    when its columns change, so a release does not disturb its readers.
    """
    found = connection.execute(
        "SELECT unnest(registries) FROM release WHERE release = (SELECT max(release) FROM release)"
        " UNION ALL SELECT registry FROM registry WHERE NOT EXISTS (SELECT 1 FROM release) ORDER BY 1"
    ).fetchall()
    registries = [row[0] for row in found]
    present = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() "
        "AND table_name = 'published' ORDER BY ordinal_position"
    ).fetchall()
    if [row[0] for row in present] == [*published_columns(registries), "geom"]:
        return
    distances = [
        sql.SQL("(p.distances->>{})::double precision AS {}").format(
            sql.Literal(name), sql.Identifier(distance_column(name))
        )
        for name in registries
    ]
    columns = [
        *(sql.Identifier("p", name) for name in _FRONT),
        *distances,
        *(sql.Identifier("p", name) for name in (*_BACK, "release", "geom")),
    ]
    with connection.transaction():
        connection.execute("DROP VIEW IF EXISTS published")
        connection.execute(
            sql.SQL(
                "CREATE VIEW published AS SELECT {} FROM release_polygon p "
                "WHERE p.release = (SELECT max(release) FROM release)"
            ).format(sql.SQL(", ").join(columns))
        )
        schema = connection.execute("SELECT current_schema()").fetchone()
        assert schema is not None
        grant_published(connection, schema[0])


def distance_column(registry: str) -> str:
    """Published column of the distance to a registry, in metres."""
    return f"distance_{identifier(registry, 'registries')}_m"


def published_columns(registries: Sequence[str]) -> list[str]:
    """Attributes of the published layer in order, without the geometry."""
    return [*_FRONT, *map(distance_column, sorted(registries)), *_BACK, "release"]


def export(connection: psycopg.Connection, target: Path, srid: int) -> None:
    """Write the current release as a GeoPackage with layer `newly_sealed`."""
    cursor = connection.execute("SELECT * FROM published ORDER BY polygon_id")
    names = [column.name for column in cursor.description or ()][:-1]
    rows = cursor.fetchall()
    shapes = shapely.from_wkb([row[-1] for row in rows])
    data = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    frame = gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(shapes, crs=srid), crs=srid)
    write_geopackage(target, frame, LAYER, "MultiPolygon")


def _one(connection: psycopg.Connection, query: str, *values: Any) -> Any:
    row = connection.execute(query.encode(), values or None).fetchone()
    return row[0] if row else None
