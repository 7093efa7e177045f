"""The account of the public services: it signs in and has role reader, which sees the public views and no more."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ..errors import DatabaseError
from .database import first_line
from .roles import role

OPTIONS = "-c default_transaction_read_only=on -c statement_timeout=30000 -c timezone=UTC"
"""Options of every connection of the services, whatever the account may do."""


def reader_settings(services: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Section `database` with the services' own DSN in place of the workflow's."""
    return {**settings, "dsn_env": services["dsn_env"]}


def make_reader(dsn: str, schema: str) -> str:
    """Make the login account `{schema}_service` that has role `{schema}_reader` alone, for a private cluster.

    It has no password, so it is of use where the server lets local users in without one.

    Args:
        dsn: DSN of an account that may create roles.
        schema: `database.schema`.

    Returns:
        DSN of the new account.

    Raises:
        DatabaseError: the database has not been loaded, or the account may not be made.
    """
    account = f"{schema}_service"
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [account]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(account)))
            connection.execute(
                sql.SQL("GRANT {} TO {}").format(
                    sql.Identifier(role(schema, "reader")), sql.Identifier(account)
                )
            )
    except psycopg.Error as error:
        raise DatabaseError(
            f"account {account} for the services cannot be made: {first_line(error)}"
        ) from None
    return make_conninfo(dsn, user=account, password=None)


def reader_dsn(services: Mapping[str, Any]) -> str:
    """DSN of the services' account, from the environment variable that `services.dsn_env` names.

    Raises:
        DatabaseError: the variable is not set.
    """
    dsn = os.environ.get(services["dsn_env"], "").strip()
    if not dsn:
        raise DatabaseError(
            f"environment variable {services['dsn_env']} (config services.dsn_env) is not set; give the services an "
            "account that has the reader's role only, e.g. postgresql://web@host:5432/database"
        )
    return dsn
