"""Registries (land cadastre, planned land use, land use, ...) from any vector source into PostGIS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from psycopg import sql

from ..errors import VectorError
from ..files import value_digest, write_json
from ..vectors import field_as_text, read_vector
from .database import connect, identifier
from .geometries import copy_rows, ewkb_hex, polygonal, source_digest
from .migrate import migrate


def table_of(registry: str) -> str:
    """Partition that holds a registry's polygons."""
    return f"registry_polygon_{identifier(registry, 'registries')}"


def load_registries(
    registries: Mapping[str, Mapping[str, Any]], target: str | Path, settings: Mapping[str, Any]
) -> None:
    """Load every registry whose source or entry in the configuration changed; drop those no longer configured.

    Each registry is one transaction.

    Args:
        registries: section `registries` of the configuration: name -> `path`, and where wanted `layer`,
            `kind` (`objects`, `land_use`, `municipality`) and `field`, whose value is kept with each object.
        target: JSON file that takes the digest and number of polygons of every registry.
        settings: section `database` of the configuration.

    Raises:
        ConfigError: a registry's name may not be used as an SQL name.
        VectorError: a source cannot be read, has no CRS, lacks its field or holds no polygon.
        DatabaseError: the database is out of reach.
    """
    migrate(settings)
    with connect(settings) as connection:
        for name, source in sorted(registries.items()):
            with connection.transaction():
                try:
                    _load_registry(connection, name, source, settings["srid"])
                except VectorError as error:
                    raise VectorError(f"registries.{name}: {error}") from error
        with connection.transaction():
            _drop_others(connection, list(registries))
        rows = connection.execute(
            "SELECT registry, digest, polygons FROM registry ORDER BY registry"
        ).fetchall()
    write_json(target, {name: {"digest": digest, "polygons": count} for name, digest, count in rows})


def _load_registry(connection: psycopg.Connection, name: str, source: Mapping[str, Any], srid: int) -> None:
    path, layer, table = Path(source["path"]), source.get("layer"), table_of(name)
    kind, field = source.get("kind", "objects"), source.get("field") or ""
    digest = value_digest([source_digest(path), layer, kind, field])
    done = connection.execute("SELECT digest FROM registry WHERE registry = %s", [name]).fetchone()
    if done and done[0] == digest:
        print(f"{name}: unchanged")
        return
    frame = read_vector(path, layer, [field] if field else [])
    shapes = polygonal(frame.to_crs(srid).geometry.values)
    there = ~shapely.is_missing(shapes)
    if not there.any():
        raise VectorError(f"{path}: layer {layer or '(first)'} holds no polygon; distances need at least one")
    values = field_as_text(frame, field) if field else np.full(len(frame), "")
    connection.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF registry_polygon FOR VALUES IN ({})").format(
            sql.Identifier(table), sql.Literal(name)
        )
    )
    connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(table)))
    connection.execute("CREATE TEMP TABLE whole (attribute text, geom geometry) ON COMMIT DROP")
    copy_rows(
        connection,
        "whole",
        ("attribute", "geom"),
        zip(values[there].tolist(), ewkb_hex(shapes[there], srid).tolist(), strict=True),
    )
    # A municipality's border has 10,000s of vertices: pieces keep index searches and intersections short.
    connection.execute(
        sql.SQL(
            "INSERT INTO {} (registry, attribute, geom) SELECT {}, attribute, ST_Subdivide(geom, 256) FROM whole"
        ).format(sql.Identifier(table), sql.Literal(name))
    )
    connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
    connection.execute(
        "INSERT INTO registry (registry, digest, polygons, kind, field) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (registry) DO UPDATE SET digest = excluded.digest, polygons = excluded.polygons, "
        "kind = excluded.kind, field = excluded.field, loaded_at = now()",
        [name, digest, int(there.sum()), kind, field],
    )
    print(f"{name}: {there.sum()} polygons", flush=True)


def _drop_others(connection: psycopg.Connection, names: list[str]) -> None:
    gone = connection.execute(
        "DELETE FROM registry WHERE registry <> ALL(%s) RETURNING registry", [names]
    ).fetchall()
    for (name,) in gone:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(table_of(name))))
        print(f"{name}: no longer configured, dropped")
