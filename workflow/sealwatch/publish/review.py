"""Review before publication: decisions on polygons, kept for ever in the order they were made."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, LiteralString, get_args

import psycopg
import shapely
from psycopg import errors
from psycopg.rows import dict_row
from psycopg.types.json import Json
from shapely.geometry.base import BaseGeometry

from ..errors import SealwatchError
from ..keys import LAND_COVER_CLASSES
from ..vectors import read_vector
from .database import connect

State = Literal["candidate", "accepted", "rejected", "corrected"]
"""What the latest decision on a polygon says; a polygon without one is a candidate."""

CORRECTABLE = ("from_class", "to_class", "start_half")
"""Attributes a reviewer may correct."""


class ReviewError(SealwatchError):
    """A decision names an unknown polygon or state, or lacks its reviewer or correction, or came too late."""


def decide(
    settings: Mapping[str, Any],
    polygon_ids: Sequence[str],
    state: State,
    reviewer: str,
    reason: str = "",
    correction: Mapping[str, str] | None = None,
    *,
    outline: BaseGeometry | None = None,
    seen: Mapping[str, str] | None = None,
) -> int:
    """Append one decision per polygon, on the evidence as it is now; all or none are written.

    Args:
        settings: section `database` of the configuration.
        polygon_ids: polygons decided on.
        state: `candidate` (undo), `accepted`, `rejected` or `corrected`.
        reviewer: who decides.
        reason: why, for the history.
        correction: for `corrected`, new values of `from_class`, `to_class` or `start_half`.
        outline: for `corrected`, a new (multi)polygon of one polygon, in the CRS of its SRID or, where it has
            none, of the database.
        seen: column `evidence` of `queue` by polygon, as the reviewer saw it; a polygon that has changed since
            is not decided on.

    Returns:
        Number of decisions written.

    Raises:
        ReviewError: an unknown polygon or state, no reviewer, a polygon changed since it was seen, or a
            correction that does not fit the state or the polygon.
        DatabaseError: the database is out of reach.
    """
    if state not in get_args(State):
        raise ReviewError(f"unknown state {state!r}; use one of {', '.join(get_args(State))}")
    if not reviewer.strip():
        raise ReviewError("a decision needs its reviewer's name")
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
    with connect(settings) as connection:
        _require(connection, wanted)
        return _append(
            connection,
            "SELECT t.id, %s, %s, %s, %s::jsonb, ST_Multi(ST_Transform(CASE ST_SRID(o.geom) "
            "WHEN 0 THEN ST_SetSRID(o.geom, ST_SRID(p.geom)) ELSE o.geom END, ST_SRID(p.geom))), t.seen "
            "FROM unnest(%s::text[], %s::text[]) t (id, seen) JOIN polygon p ON p.polygon_id = t.id, "
            "(SELECT ST_GeomFromEWKB(%s)) o (geom) ORDER BY t.id",
            [
                state,
                reviewer.strip(),
                reason,
                Json(dict(correction or {})) if state == "corrected" else None,
                wanted,
                [(seen or {}).get(polygon) for polygon in wanted],
                None if outline is None else shapely.to_wkb(outline, include_srid=True),
            ],
        )


def confirm(settings: Mapping[str, Any], polygon_ids: Sequence[str], reviewer: str, reason: str = "") -> int:
    """Append, under another reviewer's name, the same decision as the latest one on each polygon.

    With `review.four_eyes` a decision holds only then. Returns the number of decisions written.

    Raises:
        ReviewError: an unknown polygon, or one that nobody has decided on.
        DatabaseError: the database is out of reach.
    """
    wanted = sorted(set(polygon_ids))
    with connect(settings) as connection:
        _require(connection, wanted)
        return _append(
            connection,
            "SELECT v.polygon_id, r.state, %s, %s, r.correction, r.corrected_geom, NULL FROM verdict v "
            "JOIN review r USING (review_id) WHERE v.polygon_id = ANY(%s) AND v.state <> 'candidate' "
            "ORDER BY v.polygon_id",
            [reviewer.strip(), reason, wanted],
            len(wanted),
        )


def _require(connection: psycopg.Connection, wanted: list[str]) -> None:
    missing = connection.execute(
        "SELECT id FROM unnest(%s::text[]) id WHERE id NOT IN (SELECT polygon_id FROM polygon "
        "WHERE polygon_id = ANY(%s)) ORDER BY id LIMIT 1",
        [wanted, wanted],
    ).fetchone()
    if missing:
        raise ReviewError(f"unknown polygon {missing[0]}; list the queue to see the ids")


def _append(
    connection: psycopg.Connection, select: LiteralString, values: list[Any], expected: int | None = None
) -> int:
    try:
        with connection.transaction():
            written = connection.execute(
                "INSERT INTO review (polygon_id, state, reviewer, reason, correction, corrected_geom, evidence) "
                + select,
                values,
            ).rowcount
            if expected is not None and written != expected:
                raise ReviewError(f"{expected - written} polygon(s) have no decision to confirm")
    except (
        errors.ObjectNotInPrerequisiteState,
        errors.CheckViolation,
        errors.InvalidParameterValue,
    ) as error:
        raise ReviewError(f"{str(error).splitlines()[0]}; nothing was written") from error
    return written


def queue(settings: Mapping[str, Any], limit: int | None = None) -> list[dict[str, Any]]:
    """Polygons that wait for a reviewer, ordered by id; the first `limit`, or all.

    `due` says why: `new`, `re-review` (the evidence changed under a decision, `cause` lists in what: `period`,
    `transition`, `area`, `place`, `vanished`, `returned`, or `evidence` where the earlier version was not kept)
    or `second reviewer`. View `re_review` of the database holds both versions.
    """
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT polygon_id, due, cause, state, from_class, to_class, start_half, area_m2, probability, "
            "earlier_known, evidence FROM standing WHERE due <> '' ORDER BY polygon_id LIMIT %s",
            [limit],
        ).fetchall()


def history(settings: Mapping[str, Any], polygon_id: str) -> list[dict[str, Any]]:
    """All decisions on a polygon, oldest first.

    Raises:
        ReviewError: there is no such polygon.
    """
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        if not cursor.execute("SELECT 1 FROM polygon WHERE polygon_id = %s", [polygon_id]).fetchone():
            raise ReviewError(f"unknown polygon {polygon_id}; list the queue to see the ids")
        return cursor.execute(
            "SELECT decided_at, state, reviewer, reason, correction, corrected_geom IS NOT NULL AS redrawn, "
            "evidence FROM review WHERE polygon_id = %s ORDER BY review_id",
            [polygon_id],
        ).fetchall()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m sealwatch.publish.review list|history|accept|reject|correct|confirm`."""
    chosen = _parser().parse_args(arguments)
    settings = {"dsn_env": chosen.dsn_env, "schema": chosen.schema}
    try:
        for line in _run(chosen, settings):
            print(line)
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(chosen: argparse.Namespace, settings: Mapping[str, Any]) -> Iterator[str]:
    if chosen.action == "list":
        for row in queue(settings):
            yield (
                f"{row['polygon_id']}  {' '.join([row['due'], *row['cause']])}  {row['from_class']} to "
                f"{row['to_class']}  {row['start_half']}  {row['area_m2']:.0f} m2  "
                f"probability {row['probability']:.2f}"
            )
    elif chosen.action == "history":
        for row in history(settings, chosen.polygon):
            changes = [f"{key}={value}" for key, value in (row["correction"] or {}).items()]
            changes += ["outline"] if row["redrawn"] else []
            words = [row["state"], row["reviewer"], row["reason"], *changes]
            yield "  ".join([f"{row['decided_at']:%Y-%m-%d %H:%M:%S%z}", *words])
    elif chosen.action == "correct":
        values = {key: getattr(chosen, key) for key in CORRECTABLE if getattr(chosen, key)}
        outline = _outline(chosen.outline) if chosen.outline else None
        decide(
            settings, [chosen.polygon], "corrected", chosen.reviewer, chosen.reason, values, outline=outline
        )
        yield "1 corrected"
    else:
        ids = [row["polygon_id"] for row in queue(settings)] if chosen.all else chosen.polygon
        if chosen.action == "confirm":
            yield f"{confirm(settings, ids, chosen.reviewer, chosen.reason)} confirmed"
        else:
            state: State = "accepted" if chosen.action == "accept" else "rejected"
            yield f"{decide(settings, ids, state, chosen.reviewer, chosen.reason)} {state}"


def _outline(path: Path) -> BaseGeometry:
    frame = read_vector(path)
    epsg = frame.crs.to_epsg()
    if len(frame) != 1 or epsg is None:
        raise ReviewError(f"{path}: must hold exactly one feature, in a CRS with an EPSG code")
    return shapely.set_srid(shapely.force_2d(frame.geometry.iloc[0]), epsg)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sealwatch.publish.review", description=__doc__)
    parser.add_argument("--dsn-env", default="SEALWATCH_DSN", help="environment variable that holds the DSN")
    parser.add_argument("--schema", default="sealwatch")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="polygons that wait for a reviewer, and why")
    past = actions.add_parser("history", help="all decisions on a polygon")
    past.add_argument("polygon")
    texts = {
        "confirm": "the same decision by a second person",
        "correct": "accept with other attributes or outline",
    }
    for name in ("accept", "reject", "confirm", "correct"):
        action = actions.add_parser(name, help=texts.get(name))
        if name == "correct":
            action.add_argument("polygon")
            for key in CORRECTABLE:
                action.add_argument("--" + key.replace("_", "-"))
            action.add_argument("--outline", type=Path, help="vector file with the one right polygon")
        else:
            which = action.add_mutually_exclusive_group(required=True)
            which.add_argument("polygon", nargs="*", default=[])
            which.add_argument("--all", action="store_true", help="every polygon that waits")
        action.add_argument("--reviewer", default=getpass.getuser())
        action.add_argument("--reason", default="")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
