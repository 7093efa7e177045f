"""The web application: routes, headers that protect its pages, and errors as one sentence each."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import DatabaseError
from ..publish.decisions import ChangedSinceSeenError, ReviewError, UnknownPolygonError
from . import decide, imagery, plots, polygons, queue, samples, sessions
from .desk import Desk, same_origin
from .outlines import OutlineError

STATIC = Path(__file__).parent / "static"
LIBRARY = ("maplibre-gl.js", "maplibre-gl.css")
MAX_BODY = 64 * 1024
"""Bytes of a request, where an operation does not allow more."""

# MapLibre starts its workers from blobs and draws images that it keeps in blobs.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self' blob:; child-src blob:; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

_TOO_LARGE = b'{"detail":"the request is too large"}'
_LOG = logging.getLogger("sealwatch.desk")


def create_app(config: Mapping[str, Any], *, openapi: bool = False) -> FastAPI:
    """The application of a merged configuration.

    Args:
        config: the whole configuration; sections `database`, `desk`, `period`, `services` and `results` are used.
        openapi: whether to describe the interface under /api/openapi.json, without a sign-in.
    """
    desk = Desk(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.pool.close()

    app = _Application(
        title="Sealwatch review desk",
        openapi_url="/api/openapi.json" if openapi else None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        dependencies=[Depends(same_origin)],
        max_body_size=MAX_BODY,
    )
    app.state.desk = desk
    for part in (sessions, queue, polygons, decide, imagery, plots, samples):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False))
    app.get("/", include_in_schema=False)(page)
    app.get("/lib/{name}", include_in_schema=False)(library)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=desk.hosts, www_redirect=False)
    return app


def page() -> FileResponse:
    """The page; it holds no data."""
    if not (STATIC / "index.html").is_file():
        raise HTTPException(404, "the files of the page are missing; install Sealwatch with them")
    return FileResponse(STATIC / "index.html")


def library(name: str) -> FileResponse:
    """MapLibre's files out of its Python package."""
    found = importlib.util.find_spec("maplibre")
    if name not in LIBRARY or found is None or not found.submodule_search_locations:
        raise HTTPException(404, "there is no such file")
    return FileResponse(
        Path(found.submodule_search_locations[0]) / "srcjs" / name,
        headers={"Cache-Control": "public, max-age=86400"},
    )


class _Application(FastAPI):
    """Its answers, those to failures and to requests that are too large included, carry the headers."""

    def build_middleware_stack(self) -> ASGIApp:
        # Added as middleware it would stand inside of what answers to failures.
        return _Headers(super().build_middleware_stack(), self.state.desk.public_url is not None)


class _Headers:
    """Adds `HEADERS` to every answer; answers of the API are not kept unless they say so."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self.app = app
        self.headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        too_large = False

        async def with_headers(message: Message) -> None:
            nonlocal too_large
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # The limit on bodies answers before any handler of errors, as plain text.
                too_large = message["status"] == 413
                if too_large:
                    headers.update(
                        {"Content-Type": "application/json", "Content-Length": str(len(_TOO_LARGE))}
                    )
                headers.update(self.headers)
                headers.setdefault(
                    "Cache-Control", "no-store" if scope["path"].startswith("/api/") else "no-cache"
                )
            elif too_large:
                message = {**message, "body": _TOO_LARGE}
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def _said(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)


async def _unreadable(_: Request, error: Exception) -> Response:
    """The first value at fault, without the value itself: it may be a password."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return _said(422, f"{place}: {first['msg'].removeprefix('Value error, ')}")


async def _refused(_: Request, error: Exception) -> Response:
    status = 422
    if isinstance(error, UnknownPolygonError):
        status = 404
    elif isinstance(error, ChangedSinceSeenError):
        status = 409
    return _said(status, str(error))


async def _no_database(_: Request, error: Exception) -> Response:
    _LOG.error("%s: %s", type(error).__name__, str(error).splitlines()[0] if str(error) else "")
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return _said(503, "the polygon is being loaded at this moment; try again in a minute")
    return _said(503, "the database is out of reach or busy; try again in a moment")


async def _not_storable(_: Request, error: Exception) -> Response:
    return _said(422, "a value cannot be stored in the database")


async def _failed(_: Request, error: Exception) -> Response:
    return _said(500, "the review desk failed; its log says why")


_HANDLERS = {
    RequestValidationError: _unreadable,
    ReviewError: _refused,
    OutlineError: _refused,
    DatabaseError: _no_database,
    psycopg.OperationalError: _no_database,
    psycopg.DataError: _not_storable,
    Exception: _failed,
}
