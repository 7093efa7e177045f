"""Review before publication: decisions on polygons, kept for ever in the order they were made."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from ..errors import SealwatchError
from ..vectors import read_vector
from .database import connect
from .decisions import (
    CORRECTABLE,
    ReviewError,
    State,
    append_confirmation,
    append_decision,
    append_undo,
    decisions,
    waiting,
)


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
    with connect(settings) as connection:
        return append_decision(
            connection, polygon_ids, state, reviewer, reason, correction, outline=outline, seen=seen
        )


def confirm(settings: Mapping[str, Any], polygon_ids: Sequence[str], reviewer: str, reason: str = "") -> int:
    """Append, under another reviewer's name, the same decision as the latest one on each polygon.

    With `review.four_eyes` a decision holds only then. Returns the number of decisions written.

    Raises:
        ReviewError: an unknown polygon, or one that nobody has decided on.
        DatabaseError: the database is out of reach.
    """
    with connect(settings) as connection:
        return append_confirmation(connection, polygon_ids, reviewer, reason)


def undo(settings: Mapping[str, Any], polygon_id: str, reviewer: str, reason: str = "") -> int:
    """Take back the latest decision on a polygon, by its own reviewer, by a new row of the history.

    What stood before stands again, with its reviewer and the version it was made on; repeated, the decision before
    is taken back. Returns the number of rows written.

    Raises:
        ReviewError: an unknown polygon, one that nobody has decided on, or another person's decision.
        DatabaseError: the database is out of reach.
    """
    with connect(settings) as connection:
        return append_undo(connection, polygon_id, reviewer, reason)


def queue(settings: Mapping[str, Any], limit: int | None = None) -> list[dict[str, Any]]:
    """Polygons that wait for a reviewer, ordered by id; the first `limit`, or all.

    `due` says why: `new`, `re-review` (the evidence changed under a decision, `cause` lists in what: `period`,
    `transition`, `area`, `place`, `vanished`, `returned`, or `evidence` where the earlier version was not kept)
    or `second reviewer`. View `re_review` of the database holds both versions.
    """
    with connect(settings) as connection:
        return waiting(connection, limit=limit)


def history(settings: Mapping[str, Any], polygon_id: str) -> list[dict[str, Any]]:
    """All decisions on a polygon, oldest first.

    Raises:
        ReviewError: there is no such polygon.
    """
    with connect(settings) as connection:
        return decisions(connection, polygon_id)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m sealwatch.publish.review list|history|accept|reject|correct|confirm|undo`."""
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
            words = ["undo, back to"] if row["undo"] else []
            words += [row["state"], row["reviewer"], row["reason"], *changes]
            yield "  ".join([f"{row['decided_at']:%Y-%m-%d %H:%M:%S%z}", *words])
    elif chosen.action == "undo":
        yield f"{undo(settings, chosen.polygon, chosen.reviewer, chosen.reason)} taken back"
    elif chosen.action == "correct":
        values = {key: getattr(chosen, key) for key in CORRECTABLE if getattr(chosen, key)}
        outline = _outline(chosen.outline) if chosen.outline else None
        decide(
            settings, [chosen.polygon], "corrected", chosen.reviewer, chosen.reason, values, outline=outline
        )
        yield "1 corrected"
    else:
        # What changed since the queue was read, or was decided on by somebody else, is not decided on unseen.
        seen = {row["polygon_id"]: row["evidence"] for row in queue(settings)} if chosen.all else {}
        ids = list(seen) if chosen.all else chosen.polygon
        if chosen.action == "confirm":
            yield f"{confirm(settings, ids, chosen.reviewer, chosen.reason)} confirmed"
        else:
            state: State = "accepted" if chosen.action == "accept" else "rejected"
            yield f"{decide(settings, ids, state, chosen.reviewer, chosen.reason, seen=seen)} {state}"


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
        "undo": "take back one's own latest decision",
    }
    for name in ("accept", "reject", "confirm", "correct", "undo"):
        action = actions.add_parser(name, help=texts.get(name))
        if name in ("correct", "undo"):
            action.add_argument("polygon")
            for key in CORRECTABLE if name == "correct" else ():
                action.add_argument("--" + key.replace("_", "-"))
            if name == "correct":
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
