"""Connections to the PostGIS database that `database.dsn_env` names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ..errors import ConfigError, DatabaseError

IDENTIFIER = r"[a-z][a-z0-9_]{0,40}"
"""Names that schemas and registries may have."""

CONNECT_TIMEOUT_S = 10


def dsn_of(settings: Mapping[str, Any]) -> str:
    """The DSN in the environment variable that `database.dsn_env` names.

    Raises:
        DatabaseError: the variable is not set.
    """
    variable = settings["dsn_env"]
    dsn = os.environ.get(variable, "").strip()
    if not dsn:
        raise DatabaseError(
            f"environment variable {variable} (config database.dsn_env) is not set; "
            f"export {variable}=postgresql://user@host:5432/database"
        )
    return dsn


def place_of(dsn: str) -> str:
    """`database "d" at host:port` of a DSN, for messages: no user, no password."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "the database (its DSN is malformed)"
    host = parts.get("host", "the local socket")
    return f'database "{parts.get("dbname", "")}" at {host}:{parts.get("port", 5432)}'


def first_line(error: psycopg.Error) -> str:
    """First line of an error's message, or the error's name; further lines repeat the statement."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def identifier(name: str, key: str) -> str:
    """`name` when it may be used as an SQL name.

    Raises:
        ConfigError: it may not; `key` is the configuration key to mend.
    """
    if not re.fullmatch(IDENTIFIER, name):
        raise ConfigError(f"{key}: {name!r} must match {IDENTIFIER}")
    return name


def open_connection(settings: Mapping[str, Any]) -> psycopg.Connection:
    """A connection in autocommit mode whose search path begins with the schema; its user closes it.

    Args:
        settings: section `database` of the configuration: `dsn_env`, `schema`, `srid`.

    Raises:
        DatabaseError: the variable is unset or the server is out of reach. Messages never hold the DSN, so no
            password reaches a log.
    """
    dsn = dsn_of(settings)
    schema = identifier(settings["schema"], "database.schema")
    try:
        connection = psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
        connection.execute(sql.SQL("SET search_path = {}, public").format(sql.Identifier(schema)))
    except psycopg.Error:
        # The driver's own message may repeat the DSN, so it is not passed on.
        raise DatabaseError(
            f"cannot connect to {place_of(dsn)}; start the server or correct {settings['dsn_env']}"
        ) from None
    return connection


@contextmanager
def connect(settings: Mapping[str, Any]) -> Iterator[psycopg.Connection]:
    """A connection whose search path begins with the schema; each transaction is opened by its user.

    Args:
        settings: section `database` of the configuration: `dsn_env`, `schema`, `srid`.

    Raises:
        DatabaseError: the variable is unset, the server is out of reach or refuses a statement.
    """
    dsn = dsn_of(settings)
    schema = settings["schema"]
    with open_connection(settings) as connection:
        try:
            yield connection
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
            raise DatabaseError(
                f'{place_of(dsn)}: schema "{schema}" has not been loaded; '
                "run snakemake --forcerun load registries"
            ) from error
        except psycopg.Error as error:
            raise DatabaseError(f"{place_of(dsn)}: {first_line(error)}") from error
