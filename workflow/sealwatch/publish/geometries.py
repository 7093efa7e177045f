"""Geometries on their way into PostGIS: repair, EWKB, COPY, digests of their sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from psycopg import sql

from ..errors import VectorError
from ..files import file_digest


def polygonal(geometries: np.ndarray) -> np.ndarray:
    """Valid multipolygons of `geometries`; what has no area (points, lines, nothing) becomes None.

    Args:
        geometries: array of shapely geometries or None.

    Returns:
        Array of the same length of shapely MultiPolygon or None.
    """
    valid = shapely.make_valid(geometries)
    parts, owner = shapely.get_parts(valid, return_index=True)
    # make_valid may wrap polygons in a collection together with the lines it cut off.
    parts, inner = shapely.get_parts(parts, return_index=True)
    owner = owner[inner]
    keep = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    result = np.full(len(valid), None, dtype=object)
    if keep.any():
        used, first = np.unique(owner[keep], return_index=True)
        for index, group in zip(used, np.split(parts[keep], first[1:]), strict=True):
            result[index] = shapely.MultiPolygon(list(group))
    return result


def ewkb_hex(geometries: np.ndarray, srid: int) -> np.ndarray:
    """Hexadecimal EWKB with `srid`, the text form PostGIS reads; two dimensions."""
    return shapely.to_wkb(shapely.set_srid(shapely.force_2d(geometries), srid), hex=True, include_srid=True)


def copy_rows(
    connection: psycopg.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Send `rows` into `table` with COPY, inside the caller's transaction."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def source_digest(path: Path) -> str:
    """Digest of a vector source with all its files: a folder's, a shapefile's companions, or the one file.

    Raises:
        VectorError: there is no such source.
    """
    if not path.exists():
        raise VectorError(f"{path}: no such vector source; correct the path in the configuration")
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
    elif path.suffix.lower() == ".shp":
        files = sorted(p for p in path.parent.glob(f"{path.stem}.*") if p.is_file())
    else:
        return file_digest(path)
    listing = "\n".join(f"{file.name} {file_digest(file)}" for file in files)
    return "sha256:" + sha256(listing.encode()).hexdigest()
