"""What the feed tells of: each alert and each change once, under an id that stays while its status changes."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from ..keys import half_span, months_of
from ..vectors import read_vector

_KINDS = {
    "provisional": "Provisional alert",
    "confirmed": "Confirmed change",
    "unsure": "Unsure change",
    "reversed": "Reversed change",
    "withdrawn": "Withdrawn alert",
}

STATUSES = tuple(_KINDS)
"""`provisional`: an open alert. `unsure`: the half-years confirm it, the network is not sure (docs/change.md)."""

DIGITS = 7
"""Decimals of degrees, about a centimetre (RFC 7946, 11.2)."""

_ALERT = ("alert_id", "first_month", "raised_month", "closed_month", "from_class", "to_class", "confidence", "status",
          "reason", "event_id")  # fmt: skip
_EVENT = ("event_id", "site_id", "from_class", "to_class", "start_half", "confirm_half", "confidence", "status",
          "reversal_half", "reversal_confirm_half")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert with what became of it, or a change that no alert came before.

    Attributes:
        key: id of the alert, of the event where there was no alert.
        status: one of STATUSES.
        month: month of the data that gave it this status; an entry is new, or told again, when this moves on.
        properties: further attributes, as JSON values.
        geometry: the cell, degrees (WGS 84), counterclockwise.
    """

    key: str
    status: str
    month: str
    properties: Mapping[str, Any]
    geometry: shapely.Polygon

    @property
    def updated(self) -> str:
        """RFC 3339 time at which `month` begins: it stays the same however late a run sees the data."""
        return f"{self.month}-01T00:00:00Z"

    @property
    def title(self) -> str:
        """One line for people."""
        p = self.properties
        kind = _KINDS[self.status]
        undone = f", undone since {p['reversed_since']}" if self.status == "reversed" else ""
        return f"{kind}: {p['from_class']} to {p['to_class']} since {p['since']}{undone}"


def urn(project: str, key: str) -> str:
    """An IRI of an alert or event that is the same whenever and wherever the project is built (RFC 4122, version 5)."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"sealwatch:{project}:{key}").urn


def read_entries(layers: Sequence[str | Path], end: str) -> list[Entry]:
    """Entries of all zones, the latest month first, of one month by key.

    Args:
        layers: GeoPackages of the zones with the layers `events` and `alerts`.
        end: last day of the period, such as 2025-10-31; a half-year that goes on beyond it is not over.

    Raises:
        VectorError: a file, a layer or a field is missing.
    """
    entries: list[Entry] = []
    for path in layers:
        events = {row["event_id"]: row for row in _rows(path, "events", _EVENT)}
        told = set()
        for alert in _rows(path, "alerts", _ALERT):
            event = events.get(alert["event_id"] or "")
            if event:
                told.add(event["event_id"])
            entries.append(_of_alert(alert, event, end))
        entries += [_of_event(event, end) for key, event in events.items() if key not in told]
    return sorted(sorted(entries, key=lambda entry: entry.key), key=lambda entry: entry.month, reverse=True)


def _of_alert(alert: dict[str, Any], event: dict[str, Any] | None, end: str) -> Entry:
    if event:
        entry = _of_event(event, end)
        raised = {"since": alert["first_month"], "raised": alert["raised_month"]}
        month = max(entry.month, alert["raised_month"])
        return Entry(alert["alert_id"], entry.status, month, {**entry.properties, **raised}, entry.geometry)
    withdrawn = alert["status"] == "withdrawn"
    properties = {
        "from_class": alert["from_class"],
        "to_class": alert["to_class"],
        "since": alert["first_month"],
        "raised": alert["raised_month"],
        "confidence": _rounded(alert["confidence"]),
    }
    if withdrawn:
        properties["reason"] = alert["reason"]
    month = alert["closed_month"] if withdrawn else alert["raised_month"]
    status = "withdrawn" if withdrawn else "provisional"
    return Entry(alert["alert_id"], status, month, properties, alert["geometry"])


def _of_event(event: dict[str, Any], end: str) -> Entry:
    properties = {
        "event_id": event["event_id"],
        "site_id": event["site_id"] or None,
        "from_class": event["from_class"],
        "to_class": event["to_class"],
        "since": event["start_half"],
        "confirmed_by": event["confirm_half"],
        "confidence": _rounded(event["confidence"]),
    }
    half = event["confirm_half"]
    if event["status"] == "reversed":
        properties["reversed_since"] = event["reversal_half"]
        half = event["reversal_confirm_half"]
    # The last month of a half-year that is not over lies ahead, and its scenes may still undo the change.
    final = half_span(half)[1] <= end
    properties["final"] = final
    month = months_of(half)[-1 if final else 0]
    return Entry(event["event_id"], event["status"], month, properties, event["geometry"])


def _rounded(value: float) -> float | None:
    return None if value is None or math.isnan(value) else round(float(value), 3)


def _rows(path: str | Path, layer: str, fields: Sequence[str]) -> list[dict[str, Any]]:
    frame = read_vector(path, layer, fields).to_crs(4326)
    shapes = shapely.transform(frame.geometry.to_numpy(), lambda xy: np.round(xy, DIGITS))
    frame = frame.set_geometry(shapely.orient_polygons(shapes), crs=4326)
    return frame[[*fields, "geometry"]].to_dict("records")
