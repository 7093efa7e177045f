"""What the satellites said: an event, the half-years that confirmed it, and the scenes behind each vote."""

from __future__ import annotations

import re
from typing import Any

from .. import hdf5
from ..catalogue.records import read_record
from ..composites.maps import NO_CLASS
from ..files import file_digest
from ..grid import in_window
from ..keys import EVENT_ID, LAND_COVER_CLASSES, half_range, half_span
from .products import Products

VOTED, LESS_CLEAR, NOT_CLEAR, UNKNOWN = "voted", "less clear", "not clear", "unknown"
"""Part a scene has in a vote: its patch was the clearest; another one's was; too few of its pixels were clear to
classify it; or the maps that would tell are not there."""


def is_event_id(text: str) -> bool:
    """Whether `text` has the form `zone-row-col-half`."""
    return re.fullmatch(EVENT_ID, text) is not None


def describe_event(products: Products, event_id: str) -> dict[str, Any]:
    """An event with its half-years and votes.

    Args:
        products: of the run.
        event_id: `zone-row-col-half`.

    Returns:
        `event_id`, `found` (false: the change layers no longer hold it; then nothing but its votes may follow),
        `event` (attributes), `halves` and `months` (state, digest of the composite that the change was found in),
        and `votes`: rows of the table `evidence`, each with its `period` (before, confirming, after) and `scenes`.

    Raises:
        CatalogueError: a record of the inventory is damaged.
        RasterError: a map is damaged.
    """
    parts = re.fullmatch(EVENT_ID, event_id)
    if parts is None:
        return {"event_id": event_id, "found": False, "halves": [], "months": [], "votes": []}
    zone, cell = parts[1], (int(parts[2]), int(parts[3]))
    events = products.rows(f"change/{zone}.gpkg", "events", event_id)
    votes = products.rows(f"change/{zone}_evidence.gpkg", "evidence", event_id)
    change = products.attributes(f"change/{zone}.h5") or {}
    digests = change.get("inputs", {})
    start = events[0]["start_half"] if events else parts[4]
    confirm = events[0]["confirm_half"] if events else start
    for vote in votes:
        vote["period"] = (
            "before" if vote["half"] < start else "confirming" if vote["half"] <= confirm else "after"
        )
        vote["scenes"] = _scenes(products, zone, vote, cell)
    states = {vote["half"]: vote["half_state"] for vote in votes}
    months = {vote["month"]: vote["month_state"] for vote in votes if vote["period"] == "confirming"}
    return {
        "event_id": event_id,
        "found": bool(events),
        "event": events[0] if events else None,
        # Without a vote a half-year was not observed, and it neither confirms nor refutes.
        "halves": [
            {"half": half, "state": states.get(half), "digest": digests.get(half)}
            for half in half_range(half_span(start)[0], half_span(confirm)[1])
        ],
        "months": [
            {"month": month, "state": state, "digest": digests.get(month)}
            for month, state in sorted(months.items())
        ],
        "votes": votes,
    }


def _scenes(
    products: Products, zone: str, vote: dict[str, Any], cell: tuple[int, int]
) -> list[dict[str, Any]]:
    """The scenes of a mosaic whose maps reach the cell, with the part each has in the vote."""
    name = f"{vote['date']}_{vote['platform']}"
    members = products.read_json(f"inventory/{zone}/{name}.json")
    if members is None:
        return []
    digests = (products.attributes(f"mosaic/{zone}/{name}.h5") or {}).get("inputs", {})
    seen = {scene: _at_cell(products, scene, cell) for scene in sorted(members["scenes"])}
    here = {scene: value for scene, value in seen.items() if value is None or value["inside"]}
    parts = _parts(here, vote)
    if UNKNOWN in parts.values() and None not in here.values():
        products.missing[f"mosaic/{zone}/{name}.h5"] = (
            "its scenes were classified anew since; run the workflow"
        )
    return [
        {
            "scene": scene,
            "part": parts[scene],
            "landcover_digest": digests.get(scene.split("/")[0]),
            "model_digest": value["inputs"]["model"] if value else None,
            **_source(products, scene, value["inputs"]["scene"] if value else None),
        }
        for scene, value in here.items()
    ]


def _at_cell(products: Products, scene: str, cell: tuple[int, int]) -> dict[str, Any] | None:
    """What a scene's land-cover map says at a cell of the zone's grid, or None where the map is not there."""
    attributes = products.attributes(f"landcover/{scene}.h5")
    if attributes is None:
        return None
    with hdf5.read(products.folder / f"landcover/{scene}.h5") as file:
        window = hdf5.read_window(file)
        row, col = in_window(window, *cell)
        if not (0 <= row < window.height and 0 <= col < window.width):
            return {"inside": False}
        code, clear = int(file["class"][row, col]), float(file["clear_fraction"][row, col])
    return {"inside": True, "code": code, "clear": clear, "inputs": attributes["inputs"]}


def _parts(here: dict[str, dict[str, Any] | None], vote: dict[str, Any]) -> dict[str, str]:
    """The part of each scene, as mosaics are made: the clearest counts, of equals the first by name."""
    known = {scene: value for scene, value in here.items() if value is not None}
    classified = [scene for scene, value in known.items() if value["code"] != NO_CLASS]
    best = max(classified, key=lambda scene: known[scene]["clear"], default=None)
    told = best is not None and (
        LAND_COVER_CLASSES[known[best]["code"]] == vote["class"]
        and abs(known[best]["clear"] - vote["clear_fraction"]) < 1e-3
    )
    if len(known) < len(here) or not told:
        return dict.fromkeys(here, UNKNOWN)
    return {
        scene: VOTED if scene == best else LESS_CLEAR if scene in classified else NOT_CLEAR for scene in here
    }


def _source(products: Products, scene: str, digest: str | None) -> dict[str, Any]:
    """STAC items and baselines of a scene, from the acquisition that was classified or else from the inventory.

    `record` tells whether the inventory still says what was read: current, changed, withdrawn, or unknown where the
    acquisition is not kept.
    """
    path = products.find(f"inventory/{scene}.json")
    record = read_record(path) if path else None
    acquired = products.attributes(f"acquisition/{scene}.h5")
    items = [{"item": g.item_id, "baseline": g.baseline} for g in record.granules] if record else []
    if acquired is not None:
        pairs = zip(acquired["items"], acquired["processing_baselines"], strict=True)
        items = [{"item": item, "baseline": baseline} for item, baseline in pairs]
    state = "withdrawn" if path is None else "unknown"
    if path is not None and acquired is not None:
        state = "current" if acquired["inputs"]["record"] == file_digest(path) else "changed"
    return {
        "items": items,
        "record": state,
        "record_digest": record.digest if record else None,
        "acquisition_kept": acquired is not None,
        "acquisition_digest": digest,
    }
