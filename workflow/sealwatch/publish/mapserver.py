"""The definition of the public service, written from the database: a mapfile and the number of the current release."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ..files import write_json, write_text
from .database import connect
from .mapfile import Published, mapfile
from .migrate import migrate
from .public import LAYER, public_schema


def make_service(target: str | Path, services: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Make the public views ready and write the definition of the service.

    Args:
        target: mapfile; `release_file(target)` is written beside it.
        services: section `services` of the configuration.
        settings: section `database` of the configuration.

    Raises:
        ConfigError: a text or CRS of `services` cannot be used.
        DatabaseError: the database is out of reach.
    """
    migrate(settings)
    write_service(target, services, settings)


def release_file(target: str | Path) -> Path:
    """JSON file beside the mapfile with the current release and the time it was first served: pages follow it."""
    return Path(target).with_suffix(".release.json")


def write_service(target: str | Path, services: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Write mapfile and release file where the database holds something newer; an account that only reads may.

    Returns:
        True when a file changed.

    Raises:
        ConfigError: a text or CRS of `services` cannot be used.
        DatabaseError: the database is out of reach, or its public schema has not been made.
    """
    with connect(settings) as connection:
        found = published(connection, public_schema(settings["schema"]))
    text = mapfile(services, settings, found)
    target, current = Path(target), release_file(target)
    # The mapfile goes first: it must know a release before the release file sends readers there.
    changed = not target.is_file() or target.read_text(encoding="utf-8") != text
    if changed:
        write_text(target, text)
    number = found.releases[-1] if found.releases else None
    before = json.loads(current.read_text(encoding="utf-8")) if current.is_file() else None
    if before is None or before["release"] != number:
        write_json(current, {"release": number, "since": int(time.time()) if before else 0})
        changed = True
    return changed


def public_views(settings: Mapping[str, Any]) -> list[str]:
    """Names of the public views, by name.

    Args:
        settings: section `database` of the configuration; any account that may read the public schema.

    Raises:
        DatabaseError: the database is out of reach.
    """
    with connect(settings) as connection:
        return _views(connection, public_schema(settings["schema"]))


def _views(connection: psycopg.Connection, schema: str) -> list[str]:
    found = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relkind = 'v' ORDER BY 1",
        [schema],
    )
    return [row[0] for row in found]


def published(connection: psycopg.Connection, schema: str) -> Published:
    """What the public schema holds.

    Args:
        connection: connection of any account that may read the public views.
        schema: the public schema.
    """
    views = _views(connection, schema)
    releases = sorted(int(m[1]) for view in views if (m := re.fullmatch(rf"{LAYER}_(\d+)", view)))
    generalised = sorted(
        (float(m[1].replace("_", ".")), view)
        for view in views
        if (m := re.fullmatch(rf"{LAYER}_generalised_([\d_]+)m", view))
    )
    days = connection.execute(
        sql.SQL("SELECT min(vhr_date)::text, max(vhr_date)::text FROM {}").format(
            sql.Identifier(schema, LAYER)
        )
    ).fetchone()
    return Published(tuple(releases), tuple(generalised), days if days and days[0] else None)
