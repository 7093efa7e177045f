"""Rows of the history of decisions, written and read on an open connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, LiteralString, get_args

import psycopg
import shapely
from psycopg import errors, sql
from psycopg.rows import dict_row
from psycopg.types.json import Json
from shapely.geometry.base import BaseGeometry

from ..errors import SealwatchError
from ..keys import LAND_COVER_CLASSES
from .database import first_line

State = Literal["candidate", "accepted", "rejected", "corrected"]
"""What the latest decision on a polygon says; a polygon without one is a candidate."""

CORRECTABLE = ("from_class", "to_class", "start_half")
"""Attributes a reviewer may correct."""

COLUMNS = (
    "polygon_id", "sheet", "year", "due", "cause", "state", "from_class", "to_class", "start_half", "confirm_half",
    "area_m2", "probability", "earlier_known",
)  # fmt: skip
"""What the queue tells of a polygon."""

SEEN = sql.SQL(
    "s.evidence || '@' || coalesce((SELECT max(review_id) FROM review h WHERE h.polygon_id = s.polygon_id), 0)"
)
"""Function `seen_token` written out, for many rows `s` of `standing`."""

BBOX = sql.SQL(
    "(SELECT ARRAY[ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)] "
    "FROM (SELECT ST_Transform(s.geom, 4326)) t (b))"
)
"""West, south, east and north in degrees of a row `s` of `standing`."""


class ReviewError(SealwatchError):
    """A decision names an unknown polygon or state, or lacks its reviewer or correction, or came too late."""


class UnknownPolygonError(ReviewError):
    """There is no polygon of this id."""


class ChangedSinceSeenError(ReviewError):
    """The polygon or its decisions are no longer as the reviewer saw them; nothing was written."""


def append_decision(
    connection: psycopg.Connection,
    polygon_ids: Sequence[str],
    state: State,
    reviewer: str,
    reason: str = "",
    correction: Mapping[str, str] | None = None,
    *,
    outline: BaseGeometry | None = None,
    seen: Mapping[str, str] | None = None,
) -> int:
    """Append one decision per polygon; all or none are written. Arguments and errors as of `review.decide`."""
    if state not in get_args(State):
        raise ReviewError(f"unknown state {state!r}; use one of {', '.join(get_args(State))}")
    if (state == "corrected") != bool(correction or outline):
        raise ReviewError("state 'corrected', and no other, needs a correction")
    unknown = sorted(set(correction or ()) - set(CORRECTABLE))
    if unknown:
        raise ReviewError(f"{unknown[0]} cannot be corrected; use {', '.join(CORRECTABLE)}")
    for key in ("from_class", "to_class"):
        if (correction or {}).get(key, LAND_COVER_CLASSES[0]) not in LAND_COVER_CLASSES:
            raise ReviewError(f"{key} is none of the classes {', '.join(LAND_COVER_CLASSES)}")
    wanted = sorted(set(polygon_ids))
    if outline is not None and len(wanted) != 1:
        raise ReviewError("a corrected outline belongs to exactly one polygon")
    _require(connection, wanted)
    return _append(
        connection,
        "polygon_id, state, reviewer, reason, correction, corrected_geom, evidence",
        "SELECT t.id, %s, %s, %s, %s::jsonb, ST_Multi(ST_Transform(CASE ST_SRID(o.geom) "
        "WHEN 0 THEN ST_SetSRID(o.geom, ST_SRID(p.geom)) ELSE o.geom END, ST_SRID(p.geom))), t.seen "
        "FROM unnest(%s::text[], %s::text[]) t (id, seen) JOIN polygon p ON p.polygon_id = t.id, "
        "(SELECT ST_GeomFromEWKB(%s)) o (geom) ORDER BY t.id",
        [
            state,
            _named(reviewer),
            reason,
            Json(dict(correction or {})) if state == "corrected" else None,
            wanted,
            [(seen or {}).get(polygon) for polygon in wanted],
            None if outline is None else shapely.to_wkb(outline, include_srid=True),
        ],
        len(wanted),
    )


def append_confirmation(
    connection: psycopg.Connection,
    polygon_ids: Sequence[str],
    reviewer: str,
    reason: str = "",
    *,
    seen: Mapping[str, str] | None = None,
) -> int:
    """Append the standing decision on each polygon under another reviewer's name, as `review.confirm`."""
    wanted = sorted(set(polygon_ids))
    _require(connection, wanted)
    return _append(
        connection,
        "polygon_id, state, reviewer, reason, correction, corrected_geom, evidence",
        # Without a version named, the decision that is repeated must still be the latest when its row is written.
        "SELECT v.polygon_id, r.state, %s, %s, r.correction, r.corrected_geom, "
        "coalesce(t.seen, seen_token(v.polygon_id)) "
        "FROM unnest(%s::text[], %s::text[]) t (id, seen) JOIN verdict v ON v.polygon_id = t.id "
        "JOIN review r USING (review_id) WHERE v.state <> 'candidate' ORDER BY v.polygon_id",
        [_named(reviewer), reason, wanted, [(seen or {}).get(polygon) for polygon in wanted]],
        len(wanted),
    )


def append_undo(
    connection: psycopg.Connection,
    polygon_id: str,
    reviewer: str,
    reason: str = "",
    *,
    seen: str | None = None,
) -> int:
    """Take back a reviewer's own latest decision on a polygon by a row of its own, as `review.undo`."""
    _require(connection, [polygon_id])
    return _append(
        connection,
        "polygon_id, state, reviewer, reason, evidence, undoes",
        "SELECT polygon_id, 'candidate', %s, %s, %s, review_id FROM verdict "
        "WHERE polygon_id = %s AND review_id IS NOT NULL",
        [_named(reviewer), reason, seen, polygon_id],
        1,
    )


def waiting(
    connection: psycopg.Connection,
    *,
    due: str | None = None,
    sheet: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Polygons that wait for a reviewer, ordered by id, as `review.queue` tells.

    Args:
        connection: to the database.
        due: only those that wait for this; None for all.
        sheet: only those of this sheet.
        after: only ids that follow this one.
        limit: at most so many.
    """
    # The page of ids first, from the index of what waits: through the view the planner walks there from the start.
    conditions = {"v.due = %s": due, "p.sheet = %s": sheet, "v.polygon_id > %s": after}
    page = sql.SQL(
        "SELECT v.polygon_id FROM verdict v {join} WHERE v.due <> '' {conditions} ORDER BY v.polygon_id LIMIT %s"
    ).format(
        join=sql.SQL("JOIN polygon p USING (polygon_id)" if sheet else ""),
        conditions=sql.SQL(" ").join(sql.SQL("AND " + text) for text, value in conditions.items() if value),
    )
    query = sql.SQL(
        "SELECT {columns}, {seen} AS evidence, {bbox} AS bbox FROM ({page}) page JOIN standing s USING (polygon_id) "
        "ORDER BY polygon_id"
    ).format(columns=sql.SQL(", ").join(map(sql.Identifier, COLUMNS)), seen=SEEN, bbox=BBOX, page=page)
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [*filter(None, conditions.values()), limit]).fetchall()


def decisions(connection: psycopg.Connection, polygon_id: str) -> list[dict[str, Any]]:
    """All decisions on a polygon, oldest first.

    Raises:
        UnknownPolygonError: there is no such polygon.
    """
    _require(connection, [polygon_id])
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT decided_at, state, reviewer, reason, correction, corrected_geom IS NOT NULL AS redrawn, "
            "undoes IS NOT NULL AS undo, evidence FROM review WHERE polygon_id = %s ORDER BY review_id",
            [polygon_id],
        ).fetchall()


def _named(reviewer: str) -> str:
    if not reviewer.strip():
        raise ReviewError("a decision needs its reviewer's name")
    return reviewer.strip()


def _require(connection: psycopg.Connection, wanted: list[str]) -> None:
    missing = connection.execute(
        "SELECT id FROM unnest(%s::text[]) id WHERE id NOT IN (SELECT polygon_id FROM polygon "
        "WHERE polygon_id = ANY(%s)) ORDER BY id LIMIT 1",
        [wanted, wanted],
    ).fetchone()
    if missing:
        raise UnknownPolygonError(f"unknown polygon {missing[0]}; list the queue to see the ids")


def _append(
    connection: psycopg.Connection,
    columns: LiteralString,
    select: LiteralString,
    values: list[Any],
    expected: int,
) -> int:
    try:
        with connection.transaction():
            written = connection.execute(f"INSERT INTO review ({columns}) {select}", values).rowcount
            if written != expected:
                raise ReviewError(f"{expected - written} polygon(s) have no decision to confirm or take back")
    except (errors.ObjectNotInPrerequisiteState, errors.UniqueViolation) as error:
        raise ChangedSinceSeenError(f"{first_line(error)}; nothing was written") from error
    except (errors.CheckViolation, errors.InvalidParameterValue) as error:
        raise ReviewError(f"{first_line(error)}; nothing was written") from error
    return written
