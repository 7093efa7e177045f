"""The answer of a trace as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .votes import UNKNOWN, VOTED

_STATES = {1: "impervious", 0: "not impervious", None: "not observed"}


def as_text(found: Mapping[str, Any]) -> str:
    """Paragraphs of `trace.trace`'s answer: polygons, events with their votes, orthophotos, models, what is missing."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    for polygon in found["polygons"]:
        yield from _polygon(polygon)
    if not found["polygons"]:
        yield f"No polygon comes of event {found['id']}."
    for event in found["events"]:
        yield from _event(event)
    for key, photo in found["orthophotos"].items():
        yield from ("", f"Orthophoto {key}")
        for flight in photo["flights"]:
            yield (
                f"  flown {flight['flight_date']}  {flight.get('path') or 'path not known'}  "
                f"{flight.get('raster_digest') or 'digest not known'}"
            )
        yield f"  outlines {photo['outline_digest'] or 'are not there'}"
    yield from ("", "Models")
    for model in found["models"]["sentinel2"]:
        name = model["file"] or "no longer in use"
        yield f"  Sentinel-2  {model['digest']}  {name}, {model['scenes']} scenes that voted"
    for forest in found["models"]["forest"]:
        yield f"  forest      {forest['digest']}{'' if forest['current'] else '  no longer in use'}"
    yield from ("", f"Software    sealwatch {found['software']['version']}")
    for step, pairs in found["software"]["steps"].items():
        made = ", ".join(f"{pair['software']} (baseline {pair['baseline']})" for pair in pairs)
        yield f"  {step:<14} {made}"
    yield f"Configuration {found['config']['digest']}"
    if found["missing"]:
        yield from ("", "Not there")
        for name, reason in found["missing"].items():
            yield f"  {name}: {reason}"


def _polygon(polygon: Mapping[str, Any]) -> Iterator[str]:
    yield f"Polygon {polygon['polygon_id']}: {polygon['area_m2']:.0f} m2, " + (
        f"{polygon['from_class']} to {polygon['to_class']}, sheet {polygon['sheet']} of {polygon['flight_date']}"
    )
    waits = f", waits for a reviewer ({polygon['due']})" if polygon["due"] else ""
    gone = ", withdrawn: the newest run no longer finds it" if polygon["withdrawn"] else ""
    yield f"  {polygon['state']}{waits}{gone}"
    for decision in polygon["decisions"]:
        undo = "takes back: now " if decision["undo"] else ""
        reason = f" ({decision['reason']})" if decision["reason"] else ""
        correction = f" {decision['correction']}" if decision["correction"] else ""
        redrawn = ", outline redrawn" if decision["redrawn"] else ""
        other = (
            "" if decision["of_this_version"] else f", on an earlier version of event {decision['event_id']}"
        )
        yield (
            f"  {decision['decided_at']}  {undo}{decision['state']} by {decision['reviewer']}"
            f"{reason}{correction}{redrawn}{other}"
        )
    numbers = ", ".join(str(row["release"]) for row in polygon["releases"])
    yield f"  in release {numbers}" if numbers else "  in no release"


def _event(event: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    if not event["found"]:
        yield f"Event {event['event_id']}: the change layers no longer hold it"
        return
    told = event["event"]
    yield (
        f"Event {event['event_id']}: {told['from_class'] or 'unknown'} to {told['to_class']}, {told['status']}, "
        f"confidence {told['confidence']:.2f}"
    )
    yield f"  last seen unchanged in {told['before_half'] or 'no half-year'}"
    for half in event["halves"]:
        yield f"  {half['half']}  {_STATES[half['state']]}  {half['digest'] or ''}".rstrip()
    for month in event["months"]:
        yield f"  {month['month']}  {_STATES[month['state']]}  {month['digest'] or ''}".rstrip()
    periods = {"before": "Votes before", "confirming": "Votes that confirmed it", "after": "Votes after"}
    for period, title in periods.items():
        votes = [vote for vote in event["votes"] if vote["period"] == period]
        if votes:
            yield f"  {title}"
        for vote in votes:
            yield from _vote(vote)


def _vote(vote: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"    {vote['date']} {vote['platform']}  {vote['class']}, impervious {vote['impervious']:.2f}, "
        f"clear {vote['clear_fraction']:.2f}"
    )
    for scene in vote["scenes"]:
        part = scene["part"]
        if part not in (VOTED, UNKNOWN):
            yield f"      {scene['scene'].split('/')[0]}  {part}"
            continue
        items = ", ".join(f"{item['item']} (baseline {item['baseline']})" for item in scene["items"])
        notes = [] if part == VOTED else ["whether it voted is not known"]
        notes += [] if scene["acquisition_kept"] else ["acquisition not kept"]
        notes += [f"record {scene['record']}"] if scene["record"] in ("changed", "withdrawn") else []
        yield "      " + "  ".join([scene["scene"].split("/")[0], items or "items not known", *notes])
        yield f"        classified from {scene['acquisition_digest'] or 'an acquisition of unknown digest'}"
