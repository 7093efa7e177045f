"""Registries (land cadastre, planned land use, land use, ...) from any vector source into PostGIS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import shapely
from psycopg import sql

from ..errors import VectorError
from ..files import value_digest, write_json
from ..vectors import read_vector
from .database import connect, identifier
from .geometries import copy_rows, ewkb_hex, polygonal, source_digest
from .migrate import migrate


def table_of(registry: str) -> str:
    """Partition that holds a registry's polygons."""
    return f"registry_polygon_{identifier(registry, 'registries')}"


def load_registries(
    registries: Mapping[str, Mapping[str, Any]], target: str | Path, settings: Mapping[str, Any]
) -> None:
    """Load every registry whose source or layer changed; drop those no longer configured.

    Each registry is one transaction.

    Args:
        registries: section `registries` of the configuration: name -> `path`, `layer`.
        target: JSON file that takes the digest and number of polygons of every registry.
        settings: section `database` of the configuration.

    Raises:
        ConfigError: a registry's name may not be used as an SQL name.
        VectorError: a source cannot be read, has no CRS or holds no polygon.
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
    digest = value_digest([source_digest(path), layer])
    done = connection.execute("SELECT digest FROM registry WHERE registry = %s", [name]).fetchone()
    if done and done[0] == digest:
        print(f"{name}: unchanged")
        return
    shapes = polygonal(read_vector(path, layer).to_crs(srid).geometry.values)
    shapes = shapes[~shapely.is_missing(shapes)]
    if not len(shapes):
        raise VectorError(f"{path} : layer {layer!r} holds no polygon; distances need at least one")
    connection.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF registry_polygon FOR VALUES IN ({})").format(
            sql.Identifier(table), sql.Literal(name)
        )
    )
    connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(table)))
    copy_rows(connection, table, ("registry", "geom"), ((name, geom) for geom in ewkb_hex(shapes, srid)))
    connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
    connection.execute(
        "INSERT INTO registry (registry, digest, polygons) VALUES (%s, %s, %s) ON CONFLICT (registry) "
        "DO UPDATE SET digest = excluded.digest, polygons = excluded.polygons, loaded_at = now()",
        [name, digest, len(shapes)],
    )
    print(f"{name}: {len(shapes)} polygons", flush=True)


def _drop_others(connection: psycopg.Connection, names: list[str]) -> None:
    gone = connection.execute(
        "DELETE FROM registry WHERE registry <> ALL(%s) RETURNING registry", [names]
    ).fetchall()
    for (name,) in gone:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(table_of(name))))
        print(f"{name}: no longer configured, dropped")
