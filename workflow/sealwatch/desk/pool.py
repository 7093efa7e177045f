"""A few database connections shared by the desk's threads, with the rights of the desk's role alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from ..errors import DatabaseError
from ..publish.database import open_connection
from ..publish.roles import role

CONNECTIONS = 8
WAIT_S = 5.0
STATEMENT_TIMEOUT_S, LOCK_TIMEOUT_S = 10, 3
"""A load may hold a polygon for long; a reviewer is told so instead of waiting for it."""

_PROBE_AFTER_S = 1.0


class Pool:
    """Connections made when needed and kept; one that broke is replaced at the next use.

    Args:
        settings: section `database` of the configuration.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._idle: list[tuple[psycopg.Connection, float]] = []
        self._places = threading.BoundedSemaphore(CONNECTIONS)

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A connection in autocommit mode, for the block alone.

        Raises:
            DatabaseError: the server is out of reach, all connections are in use, or the account has not the role.
        """
        if not self._places.acquire(timeout=WAIT_S):
            raise DatabaseError("the review desk is busy; try again in a moment")
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
                    connection.close()
                else:
                    self._idle.append((connection, time.monotonic()))
        finally:
            self._places.release()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop()[0].close()

    def _take(self) -> psycopg.Connection:
        while True:
            try:
                connection, since = self._idle.pop()
            except IndexError:
                return self._open()
            if time.monotonic() - since < _PROBE_AFTER_S:
                return connection
            try:
                connection.execute("SELECT 1")
                return connection
            except psycopg.OperationalError:
                connection.close()

    def _open(self) -> psycopg.Connection:
        connection = open_connection(self._settings)
        name = role(self._settings["schema"], "desk")
        try:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(name)))
            connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'")
            connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
        except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege):
            connection.close()
            raise DatabaseError(
                f"the desk's database account may not act as role {name}; run the workflow once, "
                f"then let an administrator GRANT {name} to it"
            ) from None
        return connection
