"""OGC API Features over the public views by tipg: `python -m sealwatch.publish.ogcapi`.

It reads through the services' own account, listens on loopback behind the web server and knows nothing but the
views of the public schema. GeoJSON only: tipg's HTML pages load scripts from elsewhere.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from .ogcapi_catalogue import Catalogue
from .public import LAYER

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

OGC_PATH = "/ogc"
"""Path of the OGC API below the address of the service."""

MOST_FEATURES = 10_000
"""Most features of one answer."""

_LIBPQ = {
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "passfile",
    "sslmode",
    "sslcert",
    "sslkey",
    "sslrootcert",
}
_SESSION = {
    "default_transaction_read_only": "on",
    "statement_timeout": "30000",
    "timezone": "UTC",
    "application_name": "sealwatch ogc api",
}


def create_app(dsn: str, schema: str, url: str) -> FastAPI:
    """The application, to be reached under `url` + `OGC_PATH`.

    Args:
        dsn: libpq connection string of the services' account.
        schema: the public schema.
        url: address under which clients reach the services.
    """
    os.environ |= {"TIPG_MAX_FEATURES_PER_QUERY": str(MOST_FEATURES), "TIPG_DEFAULT_FEATURES_LIMIT": "1000"}
    # tipg reads its settings when it is imported.
    from fastapi import FastAPI
    from starlette.middleware.cors import CORSMiddleware

    from . import ogcapi_rules as rules

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        import asyncpg

        pool = await asyncpg.create_pool(
            _url_of(dsn), min_size=1, max_size=8, init=rules.prepare, server_settings=_SESSION, timeout=10
        )
        app.state.pool = pool
        app.state.catalogue = Catalogue(pool, schema)
        app.state.collection_catalog = await app.state.catalogue.current()
        yield
        await pool.close()

    app = FastAPI(
        title="Newly sealed land", openapi_url="/api", docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.include_router(rules.endpoints().router)
    rules.restrict(app)
    app.add_middleware(_Released)
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET"])
    app.add_middleware(_At, url=url)
    return app


class _At:
    """Answers as if under the public address, whatever the request's Host says."""

    def __init__(self, app: ASGIApp, url: str) -> None:
        self._app = app
        parts = urlsplit(url)
        self._scheme, self._host = parts.scheme, parts.netloc.encode()
        self._root = parts.path + OGC_PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(key, value) for key, value in scope["headers"] if key != b"host"]
            path = scope["path"]
            if path.startswith(OGC_PATH):
                path = path.removeprefix(OGC_PATH) or "/"
            scope = dict(
                scope,
                scheme=self._scheme,
                headers=[*headers, (b"host", self._host)],
                root_path=self._root,
                path=self._root + path,
            )
        await self._app(scope, receive, send)


class _Released:
    """Keeps the catalogue in step with the releases, and all pages of one reading on one release.

    `/collections/newly_sealed/items` is answered as the collection of the current release, so its links lead to
    pages of that release. A page asked for by number cannot be told which release it continues, so it is refused.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.requests import Request
        from starlette.responses import JSONResponse

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        catalogue: Catalogue = scope["app"].state.catalogue
        scope["app"].state.collection_catalog = await catalogue.current()
        items = f"{scope['root_path']}/collections/{LAYER}/items"
        pinned = catalogue.release and f"{LAYER}_{catalogue.release}"
        if scope["path"].rstrip("/") == items and pinned:
            if Request(scope).query_params.get("offset", "0").lstrip("0"):
                text = f"follow the links 'next', or read pages of one release: collections/{pinned}/items?offset="
                await JSONResponse({"detail": text}, 400)(scope, receive, send)
                return
            scope = dict(scope, path=items.replace(f"/{LAYER}/", f"/{pinned}/"))
        await self._app(scope, receive, send)


def _url_of(dsn: str) -> str:
    """The libpq connection string as the URL that asyncpg reads."""
    parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if key in _LIBPQ}
    return "postgresql://?" + urlencode(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    import uvicorn

    parser = argparse.ArgumentParser(prog="sealwatch.publish.ogcapi", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--schema", required=True, help="the public schema")
    parser.add_argument("--url", required=True, help="address under which clients reach the services")
    parser.add_argument("--dsn-env", default="SEALWATCH_READER_DSN", help="environment variable with the DSN")
    given = parser.parse_args(arguments)
    try:
        dsn = os.environ[given.dsn_env]
        conninfo_to_dict(dsn)
    except (KeyError, psycopg.ProgrammingError):
        parser.error(f"environment variable {given.dsn_env} must hold a DSN")
    uvicorn.run(
        create_app(dsn, given.schema, given.url),
        host="127.0.0.1",
        port=given.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=200,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
