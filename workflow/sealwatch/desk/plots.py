"""Transition plots of the places where polygons lie."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pyarrow.dataset as ds
from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from ..keys import EVENT_ID
from .desk import ERRORS, SignedIn, TheDesk

router = APIRouter(prefix="/api/plots", tags=["imagery"], responses=ERRORS)


@router.get("/{event_id}.svg", response_class=FileResponse)
def plot(event_id: str, desk: TheDesk, _: SignedIn) -> FileResponse:
    """The plot of a site, as SVG."""
    path = _plot_file(desk.results, event_id)
    if path is None:
        raise HTTPException(404, "there is no plot of this event")
    return FileResponse(path, media_type="image/svg+xml", headers={"Cache-Control": "private, max-age=300"})


def plot_url(results: Path, event_id: str) -> str | None:
    """Address of the plot of an event's site, None where it was not drawn.

    Args:
        results: folder of all products.
        event_id: of any event of the site.
    """
    if re.fullmatch(EVENT_ID, event_id) is None:
        return None
    events = results / "change" / f"{event_id[:5]}_events.parquet"
    site = event_id
    if _plot_file(results, event_id) is None and events.is_file():
        site = _site_of(events, events.stat().st_mtime_ns, event_id) or event_id
    return f"/api/plots/{site}.svg" if _plot_file(results, site) else None


def _plot_file(results: Path, event_id: str) -> Path | None:
    """File of a plot; the path is made of an id of known form alone."""
    if re.fullmatch(EVENT_ID, event_id) is None:
        return None
    path = results / "change" / f"{event_id[:5]}_plots" / f"{event_id}.svg"
    return path if path.is_file() else None


@lru_cache(maxsize=10_000)
def _site_of(events: Path, changed_ns: int, event_id: str) -> str | None:
    """Site of an event; `changed_ns` makes a new file a new question."""
    rows = ds.dataset(events).to_table(columns=["site_id"], filter=ds.field("event_id") == event_id)
    return rows["site_id"][0].as_py() if len(rows) else None
