"""Samples for the accuracy statement: the next unit and its label, without anything that tells what the map says."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import psycopg
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict

from ..publish.sampling.images import unit_folder
from .decide import Half, Reason
from .desk import ERRORS, Database, MayDecide, SignedIn, TheDesk
from .imagery import MAX_ZOOM, answer_tile, layers_in

router = APIRouter(prefix="/api/samples", tags=["samples"], responses=ERRORS)

Name = Annotated[str, PathParameter(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$", description="Name of a sample.")]
Unit = Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="Number of a unit.")]


class Interpretation(BaseModel):
    """What a person saw in a unit; `start_half` only with label `change`."""

    model_config = ConfigDict(extra="forbid")
    label: Literal["change", "no change", "unsure"]
    start_half: Half | None = None
    reason: Reason = ""


@router.get("")
def samples(database: Database, account: SignedIn) -> list[dict[str, Any]]:
    """Open samples, with the number of units and of those that this account has labelled."""
    rows = database.execute(
        "SELECT o.sample, o.title, o.units, (SELECT count(DISTINCT unit) FROM interpretation i "
        "WHERE i.sample = o.sample AND i.reviewer = %s) FROM sample_open o ORDER BY o.created_at, o.sample",
        [account.name],
    ).fetchall()
    return [dict(zip(("sample", "title", "units", "done"), row, strict=True)) for row in rows]


@router.get("/{sample}/next", response_model=None, responses={204: {"description": "nothing is left"}})
def next_unit(
    sample: Name, database: Database, account: SignedIn, desk: TheDesk
) -> dict[str, Any] | Response:
    """The first unit that this account has not labelled, in the random order of the sample."""
    _require(database, sample)
    row = database.execute(
        "SELECT unit, ST_AsGeoJSON(g, 7), ARRAY[ST_XMin(g), ST_YMin(g), ST_XMax(g), ST_YMax(g)], period_start, "
        "period_end, count(*) OVER () FROM (SELECT *, ST_Transform(geom, 4326) AS g FROM unit_to_interpret) u "
        "WHERE u.sample = %(sample)s AND NOT EXISTS (SELECT 1 FROM interpretation i WHERE i.sample = u.sample "
        "AND i.unit = u.unit AND i.reviewer = %(name)s) ORDER BY unit LIMIT 1",
        {"sample": sample, "name": account.name},
    ).fetchone()
    if row is None:
        return Response(status_code=204)
    unit, geometry, bounds, start, end, left = row
    return {
        "unit": unit,
        "geometry": json.loads(geometry),
        "bounds": [round(value, 7) for value in bounds],
        "images": layers_in(unit_folder(desk.results, sample, unit), f"/api/samples/{sample}/tiles/{unit}"),
        "period": [start, end],
        "left": left,
    }


@router.post("/{sample}/units/{unit}", status_code=201)
def interpret(
    sample: Name, unit: Unit, seen: Interpretation, database: Database, account: MayDecide
) -> dict[str, str]:
    """Label a unit; a later label of the same account replaces the earlier one, which is kept."""
    _require(database, sample)
    try:
        database.execute(
            "INSERT INTO interpretation (sample, unit, label, start_half, reviewer, reason) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            [sample, unit, seen.label, seen.start_half or "", account.name, seen.reason],
        )
    except psycopg.errors.ForeignKeyViolation:
        raise HTTPException(404, f"sample {sample} has no unit {unit}") from None
    except psycopg.errors.ObjectNotInPrerequisiteState:
        raise HTTPException(409, f"sample {sample} is closed") from None
    except psycopg.errors.CheckViolation:
        raise HTTPException(
            422, "start_half goes with label change alone and lies in the sample's period"
        ) from None
    return {"label": seen.label}


@router.get("/{sample}/tiles/{unit}/{layer}/{z}/{x}/{y}.png", response_class=Response)
async def unit_tile(
    sample: Name,
    unit: Unit,
    layer: Literal["sentinel2_before", "sentinel2_after"],
    z: Annotated[int, PathParameter(ge=0, le=MAX_ZOOM)],
    x: Annotated[int, PathParameter(ge=0)],
    y: Annotated[int, PathParameter(ge=0)],
    request: Request,
    desk: TheDesk,
    _: SignedIn,
) -> Response:
    """A tile of a unit's image, as of a sheet's."""
    path = unit_folder(desk.results, sample, unit) / f"{layer}.tif"
    return await answer_tile(path, f"{sample}-{unit}-{layer}", x, y, z, "png", request)


def _require(database: psycopg.Connection, sample: str) -> None:
    if not database.execute("SELECT 1 FROM sample_open WHERE sample = %s", [sample]).fetchone():
        raise HTTPException(404, f"there is no open sample {sample}")
