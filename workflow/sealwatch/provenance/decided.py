"""What people decided: polygons, decisions and releases as the database holds them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ..publish.decisions import decisions

_POLYGONS = """
SELECT p.polygon_id, p.sheet, p.year, p.flight_date::text,
       coalesce(p.earlier_flight_date::text, '') AS earlier_flight_date, p.event_id, p.from_class, p.to_class,
       p.start_half, p.confirm_half, p.event_confidence, p.probability, p.area_m2, p.earlier_known, p.withdrawn,
       p.evidence, coalesce(v.state, 'candidate') AS state, coalesce(v.due, '') AS due,
       coalesce(v.cause, '{}') AS cause
FROM polygon p LEFT JOIN verdict v USING (polygon_id)
WHERE p.polygon_id = %(id)s OR p.event_id = %(id)s
   OR p.polygon_id IN (SELECT polygon_id FROM polygon_version WHERE event_id = %(id)s
                       UNION SELECT polygon_id FROM release_polygon WHERE event_id = %(id)s)
ORDER BY p.polygon_id COLLATE "C"
"""


def describe_polygons(connection: psycopg.Connection, identifier: str) -> list[dict[str, Any]]:
    """The polygon of an id, or the polygons that come or once came of an event, in the order of their ids.

    Args:
        connection: to the database, of an account that may read decisions.
        identifier: id of a polygon or of an event.

    Returns:
        For each its attributes, `state` and `due`, `decisions` (oldest first: reviewer, time in UTC, state, reason,
        correction, and the event it was decided on), `releases` that hold it, and `events`: the event it comes of now,
        then others it came of when it was decided on or released.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        polygons = cursor.execute(_POLYGONS, {"id": identifier}).fetchall()
        for polygon in polygons:
            wanted = [polygon["polygon_id"]]
            versions = cursor.execute(
                "SELECT evidence, event_id FROM polygon_version WHERE polygon_id = %s ORDER BY evidence",
                wanted,
            ).fetchall()
            released = cursor.execute(
                "SELECT r.release, r.created_at, p.event_id FROM release_polygon p JOIN release r USING (release) "
                "WHERE p.polygon_id = %s ORDER BY r.release",
                wanted,
            ).fetchall()
            event_of = {version["evidence"]: version["event_id"] for version in versions}
            polygon["decisions"] = [
                {
                    **decision,
                    "decided_at": _utc(decision["decided_at"]),
                    "event_id": event_of.get(decision["evidence"]),
                    "of_this_version": decision["evidence"] == polygon["evidence"],
                }
                for decision in decisions(connection, polygon["polygon_id"])
            ]
            polygon["releases"] = [{**row, "created_at": _utc(row["created_at"])} for row in released]
            earlier = [row["event_id"] for row in (*versions, *released)]
            polygon["events"] = list(dict.fromkeys([polygon["event_id"], *earlier]))
    return polygons


def _utc(moment: datetime) -> str:
    """ISO 8601 to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
