"""Versioned migrations of the schema: `migrations/NNNN_name.sql`, each applied once and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib import resources
from typing import Any

import psycopg
from psycopg import sql
from pyproj import CRS
from pyproj.exceptions import CRSError

from ..errors import ConfigError, DatabaseError
from .database import connect
from .public import public_schema, publish_views
from .roles import grant_roles


def migrations() -> list[tuple[int, str, str]]:
    """(version, file name, SQL) of every migration, in order."""
    folder = resources.files(__package__) / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name[:4]), name, (folder / name).read_text(encoding="utf-8")) for name in names]


def migrate(settings: Mapping[str, Any]) -> int:
    """Bring the schema, its roles and the public views to the newest version.

    Safe to repeat and to call from several processes at once.

    Args:
        settings: section `database` of the configuration.

    Returns:
        Version of the schema.

    Raises:
        ConfigError: `database.srid` is no projected CRS in metres, or not the one the schema was made with.
        DatabaseError: the database is out of reach, or a migration that was applied has since been changed.
    """
    srid = settings["srid"]
    _check_metric(srid)
    with connect(settings) as connection, connection.transaction():
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('sealwatch.migrate'))")
        connection.execute("CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public")
        public = public_schema(settings["schema"])
        for schema in (settings["schema"], public):
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version int PRIMARY KEY, name text NOT NULL, "
            "digest text NOT NULL, srid int NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        version = _apply_missing(connection, srid)
        grant_roles(connection, settings["schema"], public)
        publish_views(connection, settings)
        return version


def _apply_missing(connection: psycopg.Connection, srid: int) -> int:
    applied = {
        row[0]: row[1:] for row in connection.execute("SELECT version, digest, srid FROM schema_version")
    }
    newest = 0
    for version, name, text in migrations():
        newest = version
        digest = sha256(text.encode()).hexdigest()
        if version in applied:
            if applied[version][0] != digest:
                raise DatabaseError(
                    f"migration {name} differs from the one applied; restore it, add a new one"
                )
            if applied[version][1] != srid:
                raise ConfigError(
                    f"database.srid is {srid}, but the schema holds EPSG:{applied[version][1]}; "
                    "set it back or choose another database.schema"
                )
            continue
        connection.execute(text.replace("{{srid}}", str(int(srid))).encode())
        connection.execute(
            "INSERT INTO schema_version (version, name, digest, srid) VALUES (%s, %s, %s, %s)",
            [version, name, digest, srid],
        )
        print(f"migration {name} applied")
    return newest


def _check_metric(srid: int) -> None:
    try:
        crs = CRS.from_epsg(srid)
    except CRSError:
        raise ConfigError(f"database.srid: EPSG:{srid} is not known; use e.g. 3794 or 32633") from None
    if not crs.is_projected or crs.axis_info[0].unit_name != "metre":
        raise ConfigError(
            f"database.srid: EPSG:{srid} is not a projected CRS in metres; use e.g. 3794 or 32633"
        )
