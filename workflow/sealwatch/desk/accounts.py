"""Accounts of the desk, made and changed on the command line by whoever owns the tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import psycopg
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ..errors import SealwatchError
from ..publish.database import connect

ROLES = ("reader", "reviewer", "publisher")
"""A reader looks, a reviewer decides; a publisher does both and is meant for who makes releases."""

NAME = r"[a-z][a-z0-9._-]{0,39}"
"""Names of accounts; in small letters, so that nobody is two reviewers by spelling."""

MIN_PASSWORD, MAX_PASSWORD = 12, 1024

_HASHER = PasswordHasher()


class AccountError(SealwatchError):
    """An account is unknown or exists already, or its name, role or password may not be."""


def hash_password(password: str) -> str:
    """Argon2id hash of a password, with salt and costs.

    Raises:
        AccountError: the password is too short or too long.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters; choose another one")
    return _HASHER.hash(_bytes(password))


def verify(password_hash: str, password: str) -> bool:
    """Whether `password` is the one of the hash."""
    try:
        return _HASHER.verify(password_hash, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False


def _bytes(password: str) -> bytes:
    """The same bytes on every keyboard: accented letters come composed from some and in parts from others."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def add(settings: Mapping[str, Any], name: str, role: str, password: str) -> None:
    """Make an account.

    Args:
        settings: section `database` of the configuration, with the account that owns the tables.
        name: of the account, as it will stand in the history of decisions.
        role: one of `ROLES`.
        password: kept as a hash alone.

    Raises:
        AccountError: the name is taken or not allowed, the role is unknown, or the password is too short.
        DatabaseError: the database is out of reach or this account may not.
    """
    if not re.fullmatch(NAME, name):
        raise AccountError(
            f"account {name!r}: a name begins with a small letter and goes on with small letters, digits, '.', '_' "
            "or '-', 40 at most"
        )
    password_hash = hash_password(password)
    with connect(settings) as connection:
        try:
            connection.execute(
                "INSERT INTO desk_account (account, role, password_hash) VALUES (%s, %s, %s)",
                [name, _known(role), password_hash],
            )
        except psycopg.errors.UniqueViolation:
            raise AccountError(
                f"account {name} exists already; change its role, lock or password instead"
            ) from None


def set_role(settings: Mapping[str, Any], name: str, role: str) -> None:
    """Give an account another role; it holds from its next request on. Errors as of `add`."""
    _change(
        settings, name, "UPDATE desk_account SET role = %s WHERE account = %s", _known(role), sessions=False
    )


def set_locked(settings: Mapping[str, Any], name: str, locked: bool) -> None:
    """Lock an account and end its sessions, or unlock it. Errors as of `add`."""
    _change(settings, name, "UPDATE desk_account SET locked = %s WHERE account = %s", locked, sessions=locked)


def set_password(settings: Mapping[str, Any], name: str, password: str) -> None:
    """Give an account another password and end its sessions. Errors as of `add`."""
    value = hash_password(password)
    _change(
        settings, name, "UPDATE desk_account SET password_hash = %s WHERE account = %s", value, sessions=True
    )


def listed(settings: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """(name, role, locked) of all accounts, by name."""
    with connect(settings) as connection:
        return connection.execute(
            "SELECT account, role, locked FROM desk_account ORDER BY account"
        ).fetchall()


def _known(role: str) -> str:
    if role not in ROLES:
        raise AccountError(f"unknown role {role!r}; use one of {', '.join(ROLES)}")
    return role


def _change(settings: Mapping[str, Any], name: str, statement: str, value: Any, *, sessions: bool) -> None:
    with connect(settings) as connection, connection.transaction():
        if not connection.execute(statement.encode(), [value, name]).rowcount:
            raise AccountError(f"unknown account {name}; list the accounts to see their names")
        if sessions:
            connection.execute("DELETE FROM desk_session WHERE account = %s", [name])
