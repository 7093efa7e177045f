"""What every part of the desk shares: settings, connections, and who is signed in."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
from fastapi import Depends, Header, HTTPException, Request
from fastapi import Path as PathParameter

from ..keys import half_range
from .pool import Pool

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["detail"],
                    "properties": {"detail": {"type": "string"}},
                }
            }
        },
    }
    for status, text in {
        400: "the request cannot be read",
        401: "not signed in",
        403: "not allowed",
        404: "unknown",
        409: "changed since it was seen",
        413: "too large",
        422: "a value may not be",
        429: "too many attempts",
        503: "the database is out of reach",
    }.items()
}
"""Answers that every operation may give, for its description: one clear sentence as `detail`."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk's settings and its connections.

    Args:
        config: the merged configuration.
    """

    config: Mapping[str, Any]
    pool: Pool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pool", Pool(self.config["database"]))

    @property
    def results(self) -> Path:
        """Folder of all products."""
        return Path(self.config["results"])

    @property
    def public_url(self) -> str | None:
        """Address that browsers use, where a web server with TLS stands before the desk."""
        return self.config["desk"]["public_url"]

    @property
    def cookie(self) -> str:
        """Name of the session's cookie; with TLS one that browsers tie to this host alone."""
        return "__Host-sealwatch_session" if self.public_url else "sealwatch_session"

    @property
    def hosts(self) -> list[str]:
        """Host names that requests may be addressed to."""
        public = [urlsplit(self.public_url).hostname or ""] if self.public_url else []
        return [*public, self.config["desk"]["host"], "127.0.0.1", "localhost"]

    @property
    def halves(self) -> list[str]:
        """Half-years of the period under watch, in order."""
        return half_range(self.config["period"]["start"], self.config["period"]["end"])


class Account(NamedTuple):
    """Who is signed in, and the token that the session's unsafe requests must carry."""

    name: str
    role: str
    csrf: str


def desk_of(request: Request) -> Desk:
    """The desk that answers this request."""
    return request.app.state.desk


TheDesk = Annotated[Desk, Depends(desk_of)]


def csrf_of(token: str) -> str:
    """The CSRF token of a session; it tells nothing about the session's own token."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def token_digest(token: str) -> bytes:
    """What the database keeps of a session's token."""
    return hashlib.sha256(token.encode()).digest()


def account_of(desk: Desk, request: Request) -> Account:
    """Who is signed in by the cookie of a request.

    Raises:
        HTTPException: 401 without a session that is valid now.
    """
    token = request.cookies.get(desk.cookie, "")
    with desk.pool.connection() as connection:
        found = connection.execute(
            "SELECT account, role, seen_at < now() - interval '1 minute' FROM desk_session "
            "JOIN desk_account USING (account) WHERE token_sha256 = %s AND expires_at > now() "
            "AND seen_at > now() - make_interval(mins => %s) AND NOT locked",
            [token_digest(token), desk.config["desk"]["idle_minutes"]],
        ).fetchone()
        if found is None:
            raise HTTPException(401, "sign in first")
        if found[2]:
            connection.execute(
                "UPDATE desk_session SET seen_at = now() WHERE token_sha256 = %s", [token_digest(token)]
            )
    return Account(found[0], found[1], csrf_of(token))


def signed_in(
    request: Request, desk: TheDesk, x_csrf_token: Annotated[str, Header(max_length=100)] = ""
) -> Account:
    """Who is signed in; an unsafe request must carry the session's CSRF token too.

    Raises:
        HTTPException: 401 without a valid session, 403 without its CSRF token.
    """
    account = account_of(desk, request)
    if request.method not in SAFE_METHODS and not hmac.compare_digest(
        x_csrf_token.encode(), account.csrf.encode()
    ):
        raise HTTPException(403, "the header X-CSRF-Token is not this session's; load the page again")
    return account


SignedIn = Annotated[Account, Depends(signed_in)]


def may_decide(account: SignedIn) -> Account:
    """Who is signed in, when that account may decide.

    Raises:
        HTTPException: 403 for a reader.
    """
    if account.role == "reader":
        raise HTTPException(403, "your account may look, not decide")
    return account


MayDecide = Annotated[Account, Depends(may_decide)]


def same_origin(request: Request, desk: TheDesk) -> None:
    """Refuse an unsafe request that a page of another origin sent.

    Raises:
        HTTPException: 403.
    """
    if request.method in SAFE_METHODS:
        return
    own = desk.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    origin = request.headers.get("origin", own)
    if origin != own or request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise HTTPException(403, "the request comes from a page of another site")


def connected(desk: TheDesk, _: SignedIn) -> Iterator[psycopg.Connection]:
    """A database connection for a request of somebody signed in."""
    with desk.pool.connection() as connection:
        yield connection


Database = Annotated[psycopg.Connection, Depends(connected, scope="function")]

POLYGON_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"

PolygonId = Annotated[str, PathParameter(pattern=POLYGON_ID, description="Id of a polygon.")]
