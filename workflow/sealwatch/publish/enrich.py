"""Distance of every polygon to the nearest polygon of each registry, measured in PostGIS."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ..files import write_json
from .database import connect
from .registries import table_of


def enrich(target: str | Path, settings: Mapping[str, Any]) -> None:
    """Measure the distances that are missing or were measured on another outline or registry version.

    Args:
        target: JSON file that takes the number of polygons and the digests of registries and distances.
        settings: section `database` of the configuration.

    Raises:
        DatabaseError: the database is out of reach or has not been loaded.
    """
    with connect(settings) as connection:
        registries = connection.execute("SELECT registry, digest FROM registry ORDER BY registry").fetchall()
        for name, _ in registries:
            with connection.transaction():
                print(f"{name}: {measure(connection, name)} distances measured", flush=True)
        polygons = connection.execute("SELECT count(*) FROM polygon WHERE NOT withdrawn").fetchone()
        digest = sha256()
        for row in connection.execute(
            "SELECT polygon_id, registry, round(distance_m::numeric, 2) FROM registry_distance "
            "JOIN polygon USING (polygon_id) WHERE NOT withdrawn ORDER BY polygon_id, registry"
        ):
            digest.update(f"{row[0]} {row[1]} {row[2]}\n".encode())
    write_json(
        target,
        {
            "polygons": polygons[0] if polygons else 0,
            "registries": dict(registries),
            "distances": f"sha256:{digest.hexdigest()}",
        },
    )


def measure(connection: psycopg.Connection, registry: str) -> int:
    """Bring the distances to one registry up to date; return how many were measured.

    The distance is planar, in metres, in the CRS of the database, and 0 where the two touch. The operator
    `<->` walks the registry's GiST index in order of distance (PostGIS manual, nearest-neighbour searching).
    """
    statement = sql.SQL(
        "INSERT INTO registry_distance (polygon_id, registry, distance_m, evidence, digest) "
        "SELECT p.polygon_id, r.registry, nearest.distance_m, p.evidence, r.digest "
        "FROM standing p JOIN registry r ON r.registry = {name} "
        "LEFT JOIN registry_distance old ON old.polygon_id = p.polygon_id AND old.registry = r.registry "
        "CROSS JOIN LATERAL (SELECT ST_Distance(p.geom, g.geom) AS distance_m FROM {table} g "
        "                    ORDER BY g.geom <-> p.geom LIMIT 1) nearest "
        "WHERE NOT p.withdrawn AND (old.evidence, old.digest) IS DISTINCT FROM (p.evidence, r.digest) "
        "ON CONFLICT (polygon_id, registry) DO UPDATE SET distance_m = excluded.distance_m, "
        "evidence = excluded.evidence, digest = excluded.digest"
    ).format(name=sql.Literal(registry), table=sql.Identifier(table_of(registry)))
    return connection.execute(statement).rowcount
