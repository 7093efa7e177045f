"""Decisions on a polygon: made, confirmed by a second person, taken back."""

from __future__ import annotations

from typing import Annotated, Any

import shapely
from fastapi import APIRouter, HTTPException
from psycopg import Connection
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ..keys import WILDCARD_CONSTRAINTS
from ..publish.decisions import State, append_confirmation, append_decision, append_undo
from .desk import ERRORS, Database, MayDecide, PolygonId, TheDesk
from .outlines import OutlineError, read_outline

router = APIRouter(prefix="/api/polygons", tags=["decisions"], responses=ERRORS)

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request with an outline."""


def _storable(text: str) -> str:
    if any((ord(c) < 32 and c not in "\n\t") or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise ValueError("holds characters that no text has")
    return text


Reason = Annotated[str, Field(max_length=2000), AfterValidator(_storable)]
Evidence = Annotated[
    str,
    Field(max_length=300, description="`evidence` of the polygon as it was seen."),
    AfterValidator(_storable),
]

Half = Annotated[str, Field(pattern=f"^{WILDCARD_CONSTRAINTS['half']}$")]


class Correction(BaseModel):
    """Attributes as they should be; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    from_class: str | None = None
    to_class: str | None = None
    start_half: Half | None = None


class Decision(BaseModel):
    """A decision; `correction` or `outline`, or both, with state `corrected` and no other."""

    model_config = ConfigDict(extra="forbid")
    state: State
    reason: Reason = ""
    correction: Correction | None = None
    outline: dict[str, Any] | None = Field(
        default=None, description="GeoJSON Polygon or MultiPolygon, EPSG:4326."
    )
    evidence: Evidence


class Confirmation(BaseModel):
    """A second person's consent."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason = ""
    evidence: Evidence


class Undo(BaseModel):
    """Which version of the polygon was seen."""

    model_config = ConfigDict(extra="forbid")
    evidence: Evidence


class Standing(BaseModel):
    """Where the polygon stands now; `evidence` is what the next request on it must name."""

    state: str
    due: str
    evidence: str


@router.post("/{polygon_id}/decisions", status_code=201, max_body_size=MAX_BODY)
def decide(
    polygon_id: PolygonId, decision: Decision, account: MayDecide, desk: TheDesk, database: Database
) -> Standing:
    """Decide on a polygon."""
    correction = decision.correction.model_dump(exclude_none=True) if decision.correction else {}
    half = correction.get("start_half")
    if half is not None and half not in desk.halves:
        raise HTTPException(422, f"start_half must lie between {desk.halves[0]} and {desk.halves[-1]}")
    outline = None
    if decision.outline is not None:
        outline = read_outline(decision.outline)
        _check_place(database, polygon_id, outline)
    append_decision(
        database,
        [polygon_id],
        decision.state,
        account.name,
        decision.reason,
        correction,
        outline=outline,
        seen={polygon_id: decision.evidence},
    )
    return _standing(database, polygon_id)


@router.post("/{polygon_id}/confirm", status_code=201)
def confirm(
    polygon_id: PolygonId, confirmation: Confirmation, account: MayDecide, database: Database
) -> Standing:
    """Make the decision that stands under one's own name too, as the second person or on new evidence."""
    own = database.execute(
        "SELECT 1 FROM standing WHERE polygon_id = %s AND due = 'second reviewer' "
        "AND lower(btrim(reviewer)) = lower(%s)",
        [polygon_id, account.name],
    ).fetchone()
    if own:
        raise HTTPException(409, "the decision is your own; another person must confirm it")
    append_confirmation(
        database, [polygon_id], account.name, confirmation.reason, seen={polygon_id: confirmation.evidence}
    )
    return _standing(database, polygon_id)


@router.post("/{polygon_id}/undo", status_code=201)
def undo(polygon_id: PolygonId, taken_back: Undo, account: MayDecide, database: Database) -> Standing:
    """Take back one's own latest decision; what stood before stands again."""
    append_undo(database, polygon_id, account.name, seen=taken_back.evidence)
    return _standing(database, polygon_id)


def _check_place(database: Connection, polygon_id: str, outline: shapely.Geometry) -> None:
    """Refuse an outline far from its polygon, where the projection may not even be defined."""
    found = database.execute(
        "SELECT ST_AsEWKB(ST_Transform(ST_Envelope(geom), 4326)) FROM polygon WHERE polygon_id = %s",
        [polygon_id],
    ).fetchone()
    if found and not shapely.box(*shapely.from_wkb(found[0]).buffer(0.01).bounds).contains(outline):
        raise OutlineError(
            "the outline reaches more than a kilometre beyond the polygon; draw it at its place"
        )


def _standing(database: Connection, polygon_id: str) -> Standing:
    row = database.execute(
        "SELECT state, due, seen_token(polygon_id) FROM verdict WHERE polygon_id = %s", [polygon_id]
    ).fetchone()
    if row is None:
        raise HTTPException(404, f"unknown polygon {polygon_id}; take an id of the queue")
    return Standing(state=row[0], due=row[1], evidence=row[2])
