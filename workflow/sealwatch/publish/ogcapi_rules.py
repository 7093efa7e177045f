"""What the OGC API takes from its clients: formats, filters and their functions, and how errors are told."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import asyncpg
import orjson
from cql2 import Expr
from fastapi import FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse
from tipg import dependencies as tipg
from tipg.collections import Collection
from tipg.errors import DEFAULT_STATUS_CODES
from tipg.factory import OGCFeaturesFactory
from tipg.resources.enums import MediaType

_COMPARED = {
    "and",
    "or",
    "not",
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "between",
    "in",
    "like",
    "isNull",
    "+",
    "-",
    "*",
    "/",
}
_PLACES = ("intersects", "equals", "disjoint", "touches", "within", "overlaps", "crosses", "contains")
_TIMES = ("after", "before", "during", "equals", "intersects")
OPERATORS = frozenset(_COMPARED | {f"s_{name}" for name in _PLACES} | {f"t_{name}" for name in _TIMES})
"""Operators of filters; any other would be called as a function of the database."""

MOST_FILTER_CHARACTERS, MOST_BRACKETS = 8_000, 500
"""Of a filter. The reader of CQL2 goes a level deeper with each bracket and sign, and too deep ends the process."""


class Features(OGCFeaturesFactory):
    """tipg's features without pages of HTML."""

    @property
    def conforms_to(self) -> list[str]:
        """Conformance classes."""
        return [entry for entry in super().conforms_to if not entry.endswith("/html")]


def endpoints() -> Features:
    """Landing page, conformance, collections and items."""
    return Features(title="Newly sealed land", collection_dependency=_collection)


async def prepare(connection: Any) -> None:
    """Make a new connection of the pool read JSON."""
    await connection.set_type_codec("json", encoder=orjson.dumps, decoder=orjson.loads, schema="pg_catalog")


def restrict(app: FastAPI) -> None:
    """Replace what tipg would take from clients by less, and its errors by ones that tell nothing of the database."""

    # tipg links to a page of documentation; FastAPI's own would load scripts from elsewhere.
    @app.get("/api.html", name="swagger_ui_html", include_in_schema=False)
    def documentation(request: Request) -> RedirectResponse:
        return RedirectResponse(request.url_for("openapi"))

    app.dependency_overrides |= {
        tipg.OutputType: _json_only,
        tipg.QueryablesOutputType: _json_only,
        tipg.ItemOutputType: _json_only,
        tipg.ItemsOutputType: _items_format,
        tipg.filter_query: _filter,
        tipg.bbox_query: _bbox,
    }
    for kind, status in DEFAULT_STATUS_CODES.items():
        if kind is not Exception and not issubclass(kind, asyncpg.PostgresError):
            app.add_exception_handler(kind, _told(min(status, 422)))
    app.add_exception_handler(ValueError, _told(400, "a parameter has a value that cannot be read"))
    refused = _told(400, "the database refused these parameters")
    for error in (asyncpg.DataError, asyncpg.SyntaxOrAccessError, asyncpg.exceptions.InternalServerError):
        app.add_exception_handler(error, refused)
    app.add_exception_handler(
        asyncpg.QueryCanceledError, _told(400, "the request takes too long; ask for less")
    )
    app.add_exception_handler(asyncpg.PostgresError, _told(503, "the database does not answer"))
    app.add_exception_handler(OSError, _told(503, "the database does not answer"))


def _told(status: int, text: str | None = None) -> Any:
    def handler(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": text or str(error)}, status)

    return handler


def _collection(request: Request, collectionId: Annotated[str, Path(description="Collection")]) -> Collection:
    found = request.app.state.collection_catalog["collections"].get(collectionId)
    if found is None:
        raise HTTPException(404, f"there is no collection {collectionId[:80]!r}")
    return found


def _json_only(f: Annotated[Literal["json", "geojson", "schemajson"] | None, Query()] = None) -> None:
    """Every answer is JSON."""


def _items_format(f: Annotated[Literal["json", "geojson", "geojsonseq"] | None, Query()] = None) -> MediaType:
    return MediaType.geojsonseq if f == "geojsonseq" else MediaType.geojson


def _bbox(bbox: Annotated[str | None, Query(description="west,south,east,north in degrees")] = None) -> Any:
    if bbox and not re.fullmatch(r"[-+.\deE,]{1,200}", bbox):
        raise HTTPException(400, "bbox must be four numbers: west,south,east,north")
    return tipg.bbox_query(bbox)


def _filter(
    query: Annotated[str | None, Query(alias="filter", description="CQL2 filter")] = None,
    filter_lang: Annotated[Literal["cql2-text", "cql2-json"] | None, Query(alias="filter-lang")] = None,
) -> Expr | None:
    if query is None:
        return None
    if len(query) > MOST_FILTER_CHARACTERS:
        raise HTTPException(400, f"filter is longer than {MOST_FILTER_CHARACTERS} characters")
    if query.count("(") > MOST_BRACKETS or re.search(r"-\s*-", query):
        raise HTTPException(400, f"filter has more than {MOST_BRACKETS} brackets or a sign twice")
    try:
        tree = Expr(query).to_json()
        _check(tree)
        return Expr(tree)
    except HTTPException:
        raise
    except Exception:
        raise HTTPException(400, "filter is no CQL2 that can be read") from None


def _check(node: Any) -> None:
    if isinstance(node, list):
        for part in node:
            _check(part)
    elif isinstance(node, dict):
        operator, name = node.get("op"), node.get("property")
        if operator is not None and operator not in OPERATORS:
            raise HTTPException(400, f"filter may not use {str(operator)[:40]!r}")
        if name is not None and not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)):
            raise HTTPException(400, f"filter names a property that there is not: {str(name)[:40]!r}")
        for part in node.values():
            _check(part)
