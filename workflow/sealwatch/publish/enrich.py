"""Every polygon against each registry, measured in PostGIS: distance, overlap, attribute."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ..files import write_json
from .database import connect
from .generalise import generalise
from .registries import table_of


def enrich(target: str | Path, settings: Mapping[str, Any]) -> None:
    """Measure what is missing or was measured on another outline or registry version; each registry at once.

    A polygon whose outline a reviewer corrected is measured by that outline.

    Args:
        target: JSON file that takes the number of polygons and the digests of registries and measurements.
        settings: section `database` of the configuration; `generalise_m` are the tolerances of the copies for
            small scales.

    Raises:
        DatabaseError: the database is out of reach or has not been loaded.
    """
    with connect(settings) as connection:
        registries = connection.execute("SELECT registry, digest FROM registry ORDER BY registry").fetchall()
        for name, _ in registries:
            with connection.transaction():
                print(f"{name}: {measure(connection, name)} polygons measured", flush=True)
        copies = generalise(connection, settings.get("generalise_m", ()), settings["srid"])
        print(f"{copies} outlines generalised", flush=True)
        polygons = connection.execute("SELECT count(*) FROM polygon WHERE NOT withdrawn").fetchone()
        digest = sha256()
        for row in connection.execute(
            "SELECT polygon_id, registry, round(distance_m::numeric, 2), round(overlap_share::numeric, 4), "
            "d.attribute FROM registry_distance d JOIN polygon USING (polygon_id) WHERE NOT withdrawn "
            "ORDER BY polygon_id, registry"
        ):
            digest.update(f"{' '.join(map(str, row))}\n".encode())
    write_json(
        target,
        {
            "polygons": polygons[0] if polygons else 0,
            "registries": dict(registries),
            "measurements": f"sha256:{digest.hexdigest()}",
        },
    )


def measure(connection: psycopg.Connection, registry: str) -> int:
    """Bring the measurements against one registry up to date; return how many polygons were measured.

    The distance is planar, in metres, in the CRS of the database, and 0 where the two touch. The operator
    `<->` walks the registry's GiST index in order of distance (PostGIS manual, nearest-neighbour searching).
    The overlap is the share of the polygon under the registry, where objects that cover each other count once;
    the attribute is the one with the largest common area, the first by name among equals.
    """
    statement = sql.SQL(
        "INSERT INTO registry_distance AS d "
        "(polygon_id, registry, distance_m, overlap_share, attribute, evidence, digest) "
        "SELECT p.polygon_id, r.registry, nearest.distance_m, least(coalesce(common.share, 0), 1), "
        "       coalesce(common.attribute, ''), p.evidence, r.digest "
        "FROM standing p JOIN registry r ON r.registry = {name} "
        "LEFT JOIN registry_distance old ON old.polygon_id = p.polygon_id AND old.registry = r.registry "
        "CROSS JOIN LATERAL (SELECT ST_Distance(p.geom, g.geom) AS distance_m FROM {table} g "
        "                    ORDER BY g.geom <-> p.geom LIMIT 1) nearest "
        "LEFT JOIN LATERAL ("
        "    SELECT ST_Area(ST_Union(covered)) / ST_Area(p.geom) AS share, "
        "           (array_agg(attribute ORDER BY ST_Area(covered) DESC, attribute))[1] AS attribute "
        "    FROM (SELECT g.attribute, ST_Union(ST_Intersection(g.geom, p.geom)) AS covered FROM {table} g "
        "          WHERE ST_Intersects(g.geom, p.geom) GROUP BY g.attribute) by_attribute "
        "    WHERE ST_Area(covered) > 0"
        ") common ON nearest.distance_m = 0 "
        "WHERE NOT p.withdrawn AND (old.evidence, old.digest) IS DISTINCT FROM (p.evidence, r.digest) "
        "ON CONFLICT (polygon_id, registry) DO UPDATE SET distance_m = excluded.distance_m, "
        "overlap_share = excluded.overlap_share, attribute = excluded.attribute, "
        "evidence = excluded.evidence, digest = excluded.digest"
    ).format(name=sql.Literal(registry), table=sql.Identifier(table_of(registry)))
    return connection.execute(statement).rowcount
