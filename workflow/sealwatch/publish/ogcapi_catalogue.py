"""The collections of the OGC API: what the public schema holds, read anew when a release was made."""

from __future__ import annotations

import asyncio
import datetime
import re
import time
from typing import Any

from .public import LAYER, release_layer

_COLUMNS = """
SELECT c.relname AS view, a.attname AS name, format_type(a.atttypid, NULL) AS type,
       CASE WHEN format_type(a.atttypid, NULL) = 'geometry' THEN postgis_typmod_srid(a.atttypmod) END AS srid,
       CASE WHEN format_type(a.atttypid, NULL) = 'geometry' THEN postgis_typmod_type(a.atttypmod) END AS shape
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = $1 AND c.relkind = 'v' AND has_table_privilege(c.oid, 'SELECT')
ORDER BY c.relname, a.attnum
"""
_EXTENT = """
SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e), first, last FROM (
    SELECT ST_Transform(ST_SetSRID(ST_Extent(geom)::geometry, {srid}), 4326) e,
           min(vhr_date) AS first, max(vhr_date) AS last FROM "{schema}"."{view}") x
"""


class Catalogue:
    """tipg's catalogue of the views of a schema.

    Args:
        pool: asyncpg pool of the services' account.
        schema: the public schema.
    """

    CHECK_S = 1.0
    """Seconds for which the number of the current release is taken as it was."""

    def __init__(self, pool: Any, schema: str) -> None:
        self._pool, self._schema = pool, schema
        self._lock = asyncio.Lock()
        self._checked = float("-inf")
        self._catalog: Any = None
        self._extents: dict[str, Any] = {}
        self.release: int | None = None

    async def current(self) -> Any:
        """The catalogue, never older than `CHECK_S` behind the last release."""
        if time.monotonic() - self._checked > self.CHECK_S:
            async with self._lock:
                if time.monotonic() - self._checked > self.CHECK_S:
                    await self._refresh()
        return self._catalog

    async def _refresh(self) -> None:
        async with self._pool.acquire() as connection:
            found = await connection.fetchval(f'SELECT max(release) FROM "{self._schema}".releases')
            if self._catalog is None or found != self.release:
                rows = await connection.fetch(_COLUMNS, self._schema)
                views: dict[str, list[Any]] = {}
                for row in rows:
                    views.setdefault(row["view"], []).append(row)
                offered = [view for view in views if re.fullmatch(rf"{LAYER}(_\d+)?|releases", view)]
                collections = [
                    await self._collection(connection, view, views[view], found) for view in offered
                ]
                self._catalog = {
                    "collections": {c.id: c for c in collections},
                    "last_updated": datetime.datetime.now(),
                }
                self.release = found
        self._checked = time.monotonic()

    async def _collection(self, connection: Any, view: str, columns: list[Any], current: int | None) -> Any:
        from tipg.collections import PgCollection

        west, south, east, north, first, last = await self._extent(connection, view, columns, current)
        described = []
        for row in columns:
            column = {
                "name": row["name"],
                "type": "float8" if row["type"] == "double precision" else row["type"],
            }
            if row["srid"] is not None:
                column |= {
                    "srid": row["srid"],
                    "geometry_type": row["shape"],
                    "bounds": [west, south, east, north],
                }
            if row["name"] == "vhr_date" and first is not None:
                column |= {"mindt": f"{first}T00:00:00Z", "maxdt": f"{last}T00:00:00Z"}
            described.append(column)
        by_name = {column["name"]: column for column in described}
        number = re.search(r"_(\d+)$", view)
        title = (
            "Releases"
            if view == "releases"
            else "Newly sealed land" + (f", release {number[1]}" if number else "")
        )
        return PgCollection.model_validate(
            {
                "type": "Table",
                "id": view,
                "table": view,
                "schema": self._schema,
                "title": title,
                "table_columns": described,
                "properties": described,
                "id_column": by_name.get("polygon_id", by_name.get("release")),
                "geometry_column": by_name.get("geom"),
                "datetime_column": by_name.get("vhr_date", by_name.get("date")),
            }
        )

    async def _extent(self, connection: Any, view: str, columns: list[Any], current: int | None) -> Any:
        """Bounds in EPSG:4326 and first and last day; kept for releases, which never change."""
        srid = next((row["srid"] for row in columns if row["srid"] is not None), None)
        if srid is None:
            return -180.0, -90.0, 180.0, 90.0, None, None
        source = release_layer(current) if view == LAYER and current else view
        if source not in self._extents:
            query = _EXTENT.format(srid=int(srid), schema=self._schema, view=source)
            found = await connection.fetchrow(query)
            extent = (
                tuple(found) if found and found[0] is not None else (-180.0, -90.0, 180.0, 90.0, None, None)
            )
            if source == LAYER:
                return extent
            self._extents[source] = extent
        return self._extents[source]
