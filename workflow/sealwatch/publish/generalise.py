"""Outlines with fewer vertices for small scales, in which neighbours keep their common border."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import psycopg
import shapely

from .geometries import copy_rows, ewkb_hex, polygonal

COLUMNS = ("polygon_id", "tolerance_m", "evidence", "geom")


def generalise(connection: psycopg.Connection, tolerances_m: Sequence[float], srid: int) -> int:
    """Bring table `polygon_generalised` in step with `standing`; return how many outlines were made.

    The outlines of a sheet and year are simplified together, so one that is new or has changed renews its sheet;
    each sheet is one transaction. An outline that a reviewer corrected is generalised as corrected.

    Args:
        connection: connection whose search path begins with the schema.
        tolerances_m: one copy is made for each; those of other tolerances are removed.
        srid: EPSG code of the database, in metres.
    """
    wanted = [float(value) for value in tolerances_m]
    connection.execute("DELETE FROM polygon_generalised WHERE tolerance_m <> ALL(%s::float8[])", [wanted])
    stale = connection.execute(
        "SELECT DISTINCT s.sheet, s.year FROM standing s CROSS JOIN unnest(%s::float8[]) t (tolerance_m) "
        "LEFT JOIN polygon_generalised g USING (polygon_id, tolerance_m) "
        "WHERE NOT s.withdrawn AND g.evidence IS DISTINCT FROM s.evidence ORDER BY 1, 2",
        [wanted],
    ).fetchall()
    made = 0
    for sheet in stale:
        with connection.transaction():
            made += _renew(connection, sheet, wanted, srid)
    return made


def _renew(
    connection: psycopg.Connection, sheet: tuple[str, int], tolerances_m: Sequence[float], srid: int
) -> int:
    # Two runs at once would each bring the same rows; the second waits here and brings them again.
    connection.execute("SELECT 1 FROM sheet_load WHERE (sheet, year) = (%s, %s) FOR UPDATE", sheet)
    rows = connection.execute(
        "SELECT polygon_id, evidence, ST_AsBinary(geom) FROM standing WHERE NOT withdrawn "
        "AND (sheet, year) = (%s, %s) ORDER BY polygon_id",
        sheet,
    ).fetchall()
    shapes = shapely.from_wkb([row[2] for row in rows])
    connection.execute(
        "DELETE FROM polygon_generalised USING polygon "
        "WHERE polygon.polygon_id = polygon_generalised.polygon_id AND (sheet, year) = (%s, %s)",
        sheet,
    )
    for tolerance in tolerances_m:
        texts = ewkb_hex(simplified(shapes, tolerance), srid).tolist()
        copy_rows(
            connection,
            "polygon_generalised",
            COLUMNS,
            ((row[0], tolerance, row[1], text) for row, text in zip(rows, texts, strict=True)),
        )
    return len(rows) * len(tolerances_m)


def simplified(shapes: np.ndarray, tolerance_m: float) -> np.ndarray:
    """Multipolygons with fewer vertices; common borders stay common, so neither gaps nor overlaps arise.

    Coverage simplification of GEOS (Visvalingam-Whyatt on shared edges), the one PostGIS 3.4 calls
    ST_CoverageSimplify; through shapely it serves older PostGIS too. Outlines that overlap others are no part of
    a coverage and are simplified by themselves.

    Args:
        shapes: array of shapely polygons or multipolygons.
        tolerance_m: root of the area of the largest triangle that may be dropped, in metres.

    Returns:
        Array of the same length of shapely MultiPolygon; an outline that would lose its area is kept whole.
    """
    apart = ~shapely.is_empty(shapely.coverage_invalid_edges(shapes))
    result = shapes.copy()
    if not apart.all():
        result[~apart] = shapely.coverage_simplify(shapes[~apart], tolerance_m)
    for index in np.flatnonzero(apart):
        result[index] = shapely.coverage_simplify(shapes[index : index + 1], tolerance_m)[0]
    result = polygonal(result)
    lost = shapely.is_missing(result)
    result[lost] = polygonal(shapes[lost])
    return result
