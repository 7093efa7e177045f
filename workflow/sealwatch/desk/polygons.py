"""All that is known of one polygon."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException
from psycopg import sql
from psycopg.rows import dict_row

from ..keys import sheet_key
from ..publish.decisions import BBOX, COLUMNS, SEEN, decisions
from .desk import ERRORS, Database, PolygonId, TheDesk
from .imagery import image_layers
from .plots import plot_url

router = APIRouter(prefix="/api/polygons", tags=["polygons"], responses=ERRORS)

_DETAIL = sql.SQL("""
SELECT {columns}, {seen} AS evidence, {bbox} AS bbox,
       s.flight_date, s.earlier_flight_date, s.event_id, s.event_confidence, s.withdrawn, s.reviewer, s.reason,
       s.correction, ST_AsGeoJSON(ST_Transform(s.geom, 4326), 8)::json AS geometry,
       coalesce(e.distances_m, '{{}}') AS distances_m, coalesce(e.overlap_shares, '{{}}') AS overlap_shares,
       coalesce(e.land_use_before, '') AS land_use_before, coalesce(e.municipality, '') AS municipality
FROM standing s LEFT JOIN enrichment e USING (polygon_id) WHERE s.polygon_id = %s
""").format(
    columns=sql.SQL(", ").join(sql.SQL("s.{}").format(sql.Identifier(c)) for c in COLUMNS),
    seen=SEEN,
    bbox=BBOX,
)

_DECIDED = """
SELECT ST_AsGeoJSON(ST_Transform(coalesce(r.corrected_geom, o.geom), 4326), 8)::json AS geometry, o.start_half,
       o.from_class, o.to_class, ST_Area(coalesce(r.corrected_geom, o.geom)) AS area_m2
FROM verdict v JOIN review r USING (review_id)
JOIN polygon_version o ON o.polygon_id = r.polygon_id AND o.evidence = r.evidence
WHERE v.polygon_id = %s AND v.due = 're-review'
"""

_FOUND = """
SELECT ST_AsGeoJSON(ST_Transform(p.geom, 4326), 8)::json AS geometry, p.area_m2
FROM polygon p JOIN verdict v USING (polygon_id) JOIN review r USING (review_id)
WHERE p.polygon_id = %s AND r.corrected_geom IS NOT NULL
"""


@router.get("/{polygon_id}")
def polygon(polygon_id: PolygonId, desk: TheDesk, database: Database) -> dict[str, Any]:
    """All that is known of a polygon.

    `geometry` is the outline that stands; where a reviewer drew it, `found` is the one the workflow finds. `decided`
    is the version under a decision that must be looked at again.
    """
    with database.cursor(row_factory=dict_row) as cursor:
        detail = cursor.execute(_DETAIL, [polygon_id]).fetchone()
        if detail is None:
            raise HTTPException(404, f"unknown polygon {polygon_id}; take an id of the queue")
        decided = cursor.execute(_DECIDED, [polygon_id]).fetchone()
        found = cursor.execute(_FOUND, [polygon_id]).fetchone()
    history = [
        {
            key: row[key]
            for key in ("decided_at", "state", "reviewer", "reason", "correction", "redrawn", "undo")
        }
        for row in decisions(database, polygon_id)
    ]
    return detail | {
        "decided": decided,
        "found": found,
        "history": history,
        "images": image_layers(desk.results, sheet_key(detail["sheet"], detail["year"])),
        "plot": plot_url(desk.results, detail["event_id"]),
    }
