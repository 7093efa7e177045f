"""Signing in and out: sessions in the database, and a limit on attempts that all processes share."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from typing import Annotated

import psycopg
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, HTTPException, Request, Response
from psycopg import sql
from pydantic import BaseModel, Field

from .accounts import MAX_PASSWORD, NAME, hash_password, verify
from .desk import ERRORS, Desk, SignedIn, TheDesk, csrf_of, token_digest

WINDOW_S = 900
ATTEMPTS_PER_NAME, ATTEMPTS_PER_ADDRESS = 5, 20
"""Failed sign-ins within the window, after which a name or an address has to wait."""

AT_ONCE = 2
"""Passwords compared at the same time: each takes 64 MiB and a processor."""

_SIGNING_IN = CapacityLimiter(AT_ONCE)
_LOG = logging.getLogger("sealwatch.desk")
_NOBODY = hash_password(secrets.token_urlsafe())
"""Compared with where there is no such account, so that both answers take the same time."""

router = APIRouter(prefix="/api/session", tags=["session"], responses=ERRORS)


class Credentials(BaseModel):
    """What a person signs in with."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD)]


class Session(BaseModel):
    """Who is signed in."""

    name: str
    role: str
    csrf: str


@router.post("", max_body_size=8192)
async def sign_in(credentials: Credentials, request: Request, response: Response, desk: TheDesk) -> Session:
    """Begin a session; its token is new and stands in the cookie alone."""
    address = request.client.host if request.client else ""
    before = request.cookies.get(desk.cookie, "")
    session, token = await to_thread.run_sync(
        _sign_in, desk, credentials, address, before, limiter=_SIGNING_IN
    )
    response.set_cookie(
        desk.cookie,
        token,
        max_age=int(desk.config["desk"]["session_hours"] * 3600),
        secure=desk.public_url is not None,
        httponly=True,
        samesite="strict",
    )
    return session


@router.get("")
def current(account: SignedIn) -> Session:
    """Who is signed in."""
    return Session(**account._asdict())


@router.delete("", status_code=204)
def sign_out(account: SignedIn, request: Request, response: Response, desk: TheDesk) -> None:
    """End the session, in the database too."""
    with desk.pool.connection() as connection:
        connection.execute(
            "DELETE FROM desk_session WHERE token_sha256 = %s",
            [token_digest(request.cookies.get(desk.cookie, ""))],
        )
    response.delete_cookie(desk.cookie, secure=desk.public_url is not None, httponly=True, samesite="strict")
    _LOG.info("%s signed out", account.name)


def _sign_in(desk: Desk, credentials: Credentials, address: str, before: str) -> tuple[Session, str]:
    """A new session and its token; `before` is the token of the browser's last one, which ends."""
    name = credentials.name.strip().lower()
    with desk.pool.connection() as connection:
        _count_attempt(connection, name, address)
        found = connection.execute(
            "SELECT password_hash FROM desk_account WHERE account = %s AND NOT locked",
            [name if re.fullmatch(NAME, name) else ""],
        ).fetchone()
    # Without a connection in hand: hashing takes long.
    right = verify(found[0] if found else _NOBODY, credentials.password)
    token = secrets.token_urlsafe(32)
    role = _begin(desk, name, found[0], token) if found and right else None
    if role is None:
        _LOG.warning("sign-in refused from %s", address)
        raise HTTPException(401, "name or password is wrong")
    with desk.pool.connection() as connection:
        connection.execute(
            "DELETE FROM desk_attempt WHERE name_sha256 = %s AND address = %s", [_name_digest(name), address]
        )
        connection.execute(
            "DELETE FROM desk_session WHERE token_sha256 = %s OR expires_at < now()",
            [token_digest(before)],
        )
    _LOG.info("%s signed in from %s", name, address)
    return Session(name=name, role=role, csrf=csrf_of(token)), token


def _begin(desk: Desk, name: str, password_hash: str, token: str) -> str | None:
    """Role of the account whose session begins; None where lock or password changed during the sign-in."""
    with desk.pool.connection() as connection:
        found = connection.execute(
            "WITH a AS (SELECT account, role FROM desk_account WHERE account = %s AND password_hash = %s "
            "           AND NOT locked), "
            "s AS (INSERT INTO desk_session (token_sha256, account, expires_at) "
            "      SELECT %s, account, now() + make_interval(secs => %s) FROM a) SELECT role FROM a",
            [name, password_hash, token_digest(token), desk.config["desk"]["session_hours"] * 3600],
        ).fetchone()
    return found[0] if found else None


def _name_digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "replace")).digest()


def _count_attempt(connection: psycopg.Connection, name: str, address: str) -> None:
    """Count an attempt before it is tried, so that attempts at the same moment see each other.

    Raises:
        HTTPException: 429 after too many of this name or address.
    """
    connection.execute(
        "DELETE FROM desk_attempt WHERE attempted_at < now() - make_interval(secs => %s)", [WINDOW_S]
    )
    digest = _name_digest(name)
    row = connection.execute(
        "INSERT INTO desk_attempt (name_sha256, address) VALUES (%s, %s) RETURNING attempt_id",
        [digest, address],
    ).fetchone()
    for column, value, allowed in (
        ("name_sha256", digest, ATTEMPTS_PER_NAME),
        ("address", address, ATTEMPTS_PER_ADDRESS),
    ):
        found = connection.execute(
            sql.SQL(
                "SELECT extract(epoch FROM attempted_at - now()) FROM desk_attempt WHERE {} = %s "
                "ORDER BY attempted_at DESC OFFSET %s LIMIT 1"
            ).format(sql.Identifier(column)),
            [value, allowed],
        ).fetchone()
        if found is not None:
            connection.execute("DELETE FROM desk_attempt WHERE attempt_id = %s", row)
            wait = max(1, int(WINDOW_S + found[0]) + 1)
            _LOG.warning("too many sign-ins from %s", address)
            raise HTTPException(
                429,
                f"too many attempts to sign in; wait {wait // 60 + 1} minutes",
                {"Retry-After": str(wait)},
            )
