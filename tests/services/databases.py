"""Databases and accounts of their own for tests, and what stands in them."""

from contextlib import contextmanager

import psycopg
from psycopg import sql

from sealwatch.publish.database import connect

RULES = {"area_change_share": 0.1, "four_eyes": False}
"""Section `review` of the configuration."""


def new_database(cluster, name: str) -> str:
    """Make an empty database; its DSN."""
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template").format(sql.Identifier(name)))
    return cluster.dsn(name)


def rows(settings: dict, query: str, *values) -> list[tuple]:
    """What the owner of the tables reads."""
    with connect(settings) as connection:
        return connection.execute(query, values or None).fetchall()


@contextmanager
def account(settings: dict, name: str, ending: str):
    """DSN of a new account that has the role `sealwatch_{ending}`; the account goes at the end."""
    with psycopg.connect(settings["dsn"], autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN IN ROLE sealwatch_{ending}")
        try:
            yield settings["dsn"].replace("postgres@", f"{name}@")
        finally:
            owner.execute(f"DROP OWNED BY {name} CASCADE")
            owner.execute(f"DROP ROLE {name}")
