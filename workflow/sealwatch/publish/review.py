"""Review before publication: decisions on polygons, kept for ever in the order they were made."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from psycopg.rows import dict_row
from psycopg.types.json import Json

from ..errors import SealwatchError
from .database import connect

State = Literal["candidate", "accepted", "rejected", "corrected"]
"""What the latest decision on a polygon says; a polygon without one is a candidate."""

CORRECTABLE = ("from_class", "to_class", "start_half")
"""Attributes a reviewer may correct."""


class ReviewError(SealwatchError):
    """A decision names an unknown polygon or state, or lacks its reviewer or correction."""


def decide(
    settings: Mapping[str, Any],
    polygon_ids: Sequence[str],
    state: State,
    reviewer: str,
    reason: str = "",
    correction: Mapping[str, str] | None = None,
) -> int:
    """Append one decision per polygon, on the evidence as it is now; all or none are written.

    Args:
        settings: section `database` of the configuration.
        polygon_ids: polygons decided on.
        state: `candidate` (undo), `accepted`, `rejected` or `corrected`.
        reviewer: who decides.
        reason: why, for the history.
        correction: for `corrected`, new values of `from_class`, `to_class` or `start_half`.

    Returns:
        Number of decisions written.

    Raises:
        ReviewError: an unknown polygon or state, no reviewer, or a correction that does not fit the state.
        DatabaseError: the database is out of reach.
    """
    if state not in get_args(State):
        raise ReviewError(f"unknown state {state!r}; use one of {', '.join(get_args(State))}")
    if not reviewer.strip():
        raise ReviewError("a decision needs its reviewer's name")
    if (state == "corrected") != bool(correction):
        raise ReviewError("state 'corrected', and no other, needs a correction")
    unknown = sorted(set(correction or ()) - set(CORRECTABLE))
    if unknown:
        raise ReviewError(f"{unknown[0]} cannot be corrected; use {', '.join(CORRECTABLE)}")
    wanted = sorted(set(polygon_ids))
    with connect(settings) as connection, connection.transaction():
        found = connection.execute(
            "SELECT polygon_id, evidence FROM polygon WHERE polygon_id = ANY(%s) "
            "ORDER BY polygon_id FOR SHARE",
            [wanted],
        ).fetchall()
        missing = sorted(set(wanted) - {row[0] for row in found})
        if missing:
            raise ReviewError(f"unknown polygon {missing[0]}; list the queue to see the ids")
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO review (polygon_id, state, reviewer, reason, correction, evidence) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                [
                    (
                        polygon,
                        state,
                        reviewer.strip(),
                        reason,
                        Json(correction) if correction else None,
                        evidence,
                    )
                    for polygon, evidence in found
                ],
            )
    return len(found)


def queue(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Polygons that wait for a reviewer, ordered by id; `due` says why: `new` or `evidence changed`."""
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT polygon_id, due, state, from_class, to_class, start_half, area_m2, probability "
            "FROM standing WHERE due <> '' ORDER BY polygon_id"
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
            "SELECT decided_at, state, reviewer, reason, correction, evidence FROM review "
            "WHERE polygon_id = %s ORDER BY review_id",
            [polygon_id],
        ).fetchall()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m sealwatch.publish.review list|accept|reject|history`."""
    chosen = _parser().parse_args(arguments)
    settings = {"dsn_env": chosen.dsn_env, "schema": chosen.schema}
    try:
        if chosen.action == "list":
            for row in queue(settings):
                print(
                    f"{row['polygon_id']}  {row['due']}  {row['from_class']} to {row['to_class']}  "
                    f"{row['start_half']}  {row['area_m2']:.0f} m2  probability {row['probability']:.2f}"
                )
        elif chosen.action == "history":
            for row in history(settings, chosen.polygon):
                print(
                    f"{row['decided_at']:%Y-%m-%d %H:%M:%S%z}  {row['state']}  "
                    f"{row['reviewer']}  {row['reason']}"
                )
        else:
            ids = [row["polygon_id"] for row in queue(settings)] if chosen.all else chosen.polygon
            state: State = "accepted" if chosen.action == "accept" else "rejected"
            print(f"{decide(settings, ids, state, chosen.reviewer, chosen.reason)} {state}")
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sealwatch.publish.review", description=__doc__)
    parser.add_argument("--dsn-env", default="SEALWATCH_DSN", help="environment variable that holds the DSN")
    parser.add_argument("--schema", default="sealwatch")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="polygons that wait for a reviewer")
    past = actions.add_parser("history", help="all decisions on a polygon")
    past.add_argument("polygon")
    for name in ("accept", "reject"):
        action = actions.add_parser(name)
        which = action.add_mutually_exclusive_group(required=True)
        which.add_argument("polygon", nargs="*", default=[])
        which.add_argument("--all", action="store_true", help="every polygon that waits")
        action.add_argument("--reviewer", default=getpass.getuser())
        action.add_argument("--reason", default="")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
