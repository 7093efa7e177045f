"""What reviewers look at: options, counts, the queue and the polygons of a part of the map."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Response
from pyproj import CRS, Transformer

from ..keys import LAND_COVER_CLASSES, WILDCARD_CONSTRAINTS
from ..publish.decisions import waiting
from .desk import ERRORS, POLYGON_ID, Database, Desk, TheDesk

router = APIRouter(prefix="/api", tags=["queue"], responses=ERRORS)

Due = Literal["new", "re-review", "second reviewer"]
STATES = ("accepted", "rejected", "corrected")

# What is found inside, by its index, and what was drawn into it from outside.
_INSIDE = """
WITH part AS MATERIALIZED (
    SELECT ST_Transform(ST_Segmentize(ST_MakeEnvelope(b[1], b[2], b[3], b[4], 4326), 0.1), %(srid)s) AS box
    FROM (SELECT %(box)s::float8[]) v (b)
)
SELECT polygon_id, state, due, ST_AsGeoJSON(ST_Transform(geom, 4326), 7) FROM (
    SELECT p.polygon_id, v.state, v.due, coalesce(r.corrected_geom, p.geom) AS geom, p.withdrawn
    FROM polygon p JOIN verdict v USING (polygon_id) LEFT JOIN review r USING (review_id)
    WHERE p.geom && (SELECT box FROM part)
    UNION ALL
    SELECT p.polygon_id, v.state, v.due, r.corrected_geom, p.withdrawn
    FROM review r JOIN verdict v USING (polygon_id, review_id) JOIN polygon p USING (polygon_id)
    WHERE r.corrected_geom && (SELECT box FROM part) AND NOT p.geom && (SELECT box FROM part)
) s
WHERE geom && (SELECT box FROM part) AND NOT (withdrawn AND due = '') LIMIT %(limit)s
"""


@router.get("/options")
def options(desk: TheDesk, database: Database) -> dict[str, Any]:
    """Values that decisions may use, and the bounds of all polygons in degrees."""
    rule = database.execute("SELECT four_eyes FROM review_rule").fetchone()
    return {
        "classes": list(LAND_COVER_CLASSES),
        "halves": desk.halves,
        "four_eyes": bool(rule and rule[0]),
        "title": desk.config["services"]["title"],
        "bounds": bounds(desk, database),
    }


@router.get("/counts")
def counts(database: Database) -> dict[str, int]:
    """How many polygons wait, by reason, and how many decisions hold, by state."""
    found = dict.fromkeys(("new", "re-review", "second reviewer", *STATES), 0)
    for due, state, count in database.execute(
        "SELECT due, state, sum(polygons)::int FROM verdict_tally WHERE (due, state) <> ('', 'candidate') "
        "GROUP BY due, state"
    ):
        found[due or state] += count
    return found


@router.get("/queue")
def queue(
    database: Database,
    due: Annotated[Due | None, Query(description="Only what waits for this.")] = None,
    sheet: Annotated[
        str | None,
        Query(pattern=f"^{WILDCARD_CONSTRAINTS['sheet']}$", max_length=100, description="Only this sheet."),
    ] = None,
    after: Annotated[str | None, Query(pattern=POLYGON_ID, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most items of a page.")] = 50,
) -> dict[str, Any]:
    """A page of what waits for a reviewer, by id."""
    rows = waiting(database, due=due, sheet=sheet, after=after, limit=limit + 1)
    more = len(rows) > limit
    return {"items": rows[:limit], "next": rows[limit - 1]["polygon_id"] if more else None}


@router.get("/polygons")
def polygons(
    desk: TheDesk,
    database: Database,
    bbox: Annotated[str, Query(max_length=200, description="west,south,east,north in degrees.")],
    limit: Annotated[int, Query(ge=1, le=5000, description="Most polygons.")] = 2000,
) -> Response:
    """Standing outlines of a part of the map, as GeoJSON; `complete` is false where there are more than `limit`."""
    west, south, east, north = _bbox(bbox)
    inside = bounds(desk, database)
    # Far outside of the polygons the projection may not be defined.
    west, south = max(west, inside[0]), max(south, inside[1])
    east, north = min(east, inside[2]), min(north, inside[3])
    rows: list[Any] = []
    if west <= east and south <= north:
        rows = database.execute(
            _INSIDE,
            {"box": [west, south, east, north], "srid": desk.config["database"]["srid"], "limit": limit + 1},
        ).fetchall()
    features = [
        f'{{"type":"Feature","properties":{json.dumps({"polygon_id": name, "state": state, "due": due})},'
        f'"geometry":{geometry}}}'
        for name, state, due, geometry in rows[:limit]
    ]
    complete = json.dumps(len(rows) <= limit)
    text = f'{{"type":"FeatureCollection","complete":{complete},"features":[{",".join(features)}]}}'
    return Response(text, media_type="application/geo+json")


def bounds(desk: Desk, database: Database) -> list[float]:
    """West, south, east and north of all polygons in degrees; of the area the CRS is made for where there are none."""
    srid = desk.config["database"]["srid"]
    found = database.execute(
        # From the head of the spatial index, so at no cost.
        "SELECT ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b) "
        "FROM ST_EstimatedExtent(%s, 'polygon', 'geom') b WHERE EXISTS (SELECT 1 FROM polygon)",
        [desk.config["database"]["schema"]],
    ).fetchone()
    if found is None or None in found:
        area = CRS.from_epsg(srid).area_of_use
        return list(area.bounds) if area else [-180.0, -85.0, 180.0, 85.0]
    return [round(value, 7) for value in _to_degrees(srid).transform_bounds(*found)]


@lru_cache(maxsize=1)
def _to_degrees(srid: int) -> Transformer:
    return Transformer.from_crs(srid, 4326, always_xy=True)


def _bbox(text: str) -> list[float]:
    try:
        west, south, east, north = values = [float(part) for part in text.split(",")]
    except ValueError:
        raise HTTPException(422, "bbox must be four numbers: west,south,east,north") from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise HTTPException(
            422, "bbox must be west,south,east,north in degrees, west before east, south before north"
        )
    return values
