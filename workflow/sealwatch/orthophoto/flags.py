"""Which orthophotos lie under confirmed change: one small stable JSON file for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import VectorError
from ..files import atomic_path, write_json
from ..keys import half_span
from ..vectors import read_vector
from .sheets import Sheet, earlier_flight, find_sheet, read_footprints, read_index

if TYPE_CHECKING:
    import geopandas
    from shapely.geometry.base import BaseGeometry

EVENT_FIELDS = ("event_id", "from_class", "to_class", "start_half", "confirm_half", "confidence")
"""Attributes of an event that a flag file repeats."""

FLAGGED = "flagged.txt"
"""File beside the flags that lists their keys: what is made of all flags is made anew when one of them has gone."""

SHOWN_FIELDS = ("start_half", "confirm_half", "bounds", "epsg")
"""Fields of an event on which it depends what reviewers are shown of the sheet."""

LEAST_OVERLAP_M2 = 1.0
"""Common area of two footprints that is more than the rounding of their corners."""


def flag_sheets(changes: Sequence[str | Path], index: str | Path, target: str | Path) -> list[str]:
    """Write the flag files of all orthophotos that must be segmented.

    An orthophoto is flagged when the area of at least one confirmed event reaches into its footprint and it
    was flown on or after the first day of the half-year in which that event starts. Provisional and reversed
    events flag nothing.

    Where footprints of different sheets overlap, each place of an event belongs to one sheet: the one whose
    first flight since the event's start is the earliest, of equals the one whose id comes first. So nothing
    is drawn twice, every place has its series of flights, and a later flight of another sheet takes nothing
    away from what is drawn already.

    Args:
        changes: GeoPackages with layer `events`, one per UTM zone.
        index: sheet index (see `sheets.read_index`); footprints in any CRS.
        target: folder that will hold `{sheet}_{year}.json`: `sheet`, `year`, `flight_date`, `path`, `earlier`
            (the flight of the sheet immediately before: `year`, `flight_date`, `path`; or null) and `events`,
            each with the fields of `EVENT_FIELDS`, `bounds` [x_min, y_min, x_max, y_max] in metres, `area`
            (WKT: the part of the footprint that belongs to this sheet for this event) and the `epsg` of both;
            `{sheet}_{year}.shown`: the `SHOWN_FIELDS` of the same events; and `FLAGGED`, all keys, a line each.

    Returns:
        The keys (`D2101_2024`) of the flagged orthophotos, sorted.

    Raises:
        VectorError: a source cannot be read, has no CRS or lacks a field, a footprint is invalid, or the
            raster of a flagged orthophoto or its earlier flight is missing.
    """
    sheets = {sheet.key: sheet for sheet in read_index(index)}
    footprints = read_footprints(index)
    flagged: dict[str, list[dict[str, Any]]] = {}
    for change in changes:
        for key, event in _events_by_sheet(change, footprints, sheets):
            flagged.setdefault(key, []).append(event)
    flags = {key: _flag(index, sheets[key], flagged[key]) for key in sorted(flagged)}
    with atomic_path(target) as part:
        part.mkdir()
        for key, flag in flags.items():
            write_json(part / f"{key}.json", flag)
            shown = [{field: event[field] for field in SHOWN_FIELDS} for event in flag["events"]]
            write_json(part / f"{key}.shown", shown)
        (part / FLAGGED).write_text("".join(f"{key}\n" for key in flags), encoding="utf-8")
    return list(flags)


def _flag(index: str | Path, sheet: Sheet, events: list[dict[str, Any]]) -> dict[str, Any]:
    def flight(of: Sheet) -> dict[str, Any]:
        find_sheet(index, of.sheet, of.year)
        return {"year": of.year, "flight_date": of.flight_date, "path": of.path}

    before = earlier_flight(index, sheet)
    return {
        "sheet": sheet.sheet,
        **flight(sheet),
        "earlier": flight(before) if before else None,
        "events": sorted(events, key=lambda event: event["event_id"]),
    }


def _events_by_sheet(
    change: str | Path, footprints: geopandas.GeoDataFrame, sheets: dict[str, Sheet]
) -> list[tuple[str, dict[str, Any]]]:
    """Pairs of an orthophoto's key and a confirmed event whose area reaches into the sheet's part of it."""
    frame = read_vector(change, "events", (*EVENT_FIELDS, "status"))
    frame = frame[frame["status"] == "confirmed"]
    epsg = frame.crs.to_epsg()
    if epsg is None:
        raise VectorError(
            f"{change}: the CRS of layer events has no EPSG code; write it in the zone's UTM CRS"
        )
    joined = footprints.to_crs(epsg).sjoin(frame, predicate="intersects")
    pairs = []
    for position, candidates in joined.groupby("index_right"):
        event = frame.loc[position]
        begin = half_span(event["start_half"])[0]
        flights = [
            (sheets[key], shape)
            for key, shape in zip(candidates["key"], candidates.geometry, strict=True)
            if sheets[key].flight_date >= begin
        ]
        values = {field: event[field] for field in EVENT_FIELDS}
        values |= {
            "confidence": float(values["confidence"]),
            "bounds": list(event.geometry.bounds),
            "epsg": epsg,
        }
        for sheet, part in _divided(flights):
            if part.intersection(event.geometry).area > 0.0:  # else they share a border only
                pairs.append((sheet.key, {**values, "area": _wkt(part)}))
    return pairs


def _divided(flights: list[tuple[Sheet, BaseGeometry]]) -> list[tuple[Sheet, BaseGeometry]]:
    """The flights over an event, each with what is left of its footprint beside sheets that come before it."""
    flights = sorted(flights, key=lambda flight: (flight[0].flight_date, flight[0].sheet))
    first: dict[str, BaseGeometry] = {}
    for sheet, shape in flights:
        first.setdefault(sheet.sheet, shape)
    order = list(first)
    divided = []
    for sheet, shape in flights:
        part = shape
        for other in order[: order.index(sheet.sheet)]:
            if part.intersection(first[other]).area > LEAST_OVERLAP_M2:
                part = part.difference(first[other])
        divided.append((sheet, part))
    return divided


def _wkt(shape: BaseGeometry) -> str:
    """The polygon to the millimetre, equal for equal areas."""
    import shapely

    return str(shapely.to_wkt(shape.normalize(), rounding_precision=3))
