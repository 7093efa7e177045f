"""Which orthophotos lie under confirmed change: one small stable JSON file for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import VectorError
from ..files import atomic_path, write_json
from ..keys import half_span
from ..vectors import read_vector
from .sheets import INDEX_LAYER, Sheet, earlier_flight, read_index

if TYPE_CHECKING:
    import geopandas

EVENT_FIELDS = ("event_id", "from_class", "to_class", "start_half", "confirm_half", "confidence")
"""Attributes of an event that a flag file repeats."""


def flag_sheets(changes: Sequence[str | Path], index: str | Path, target: str | Path) -> list[str]:
    """Write the flag files of all orthophotos that must be segmented.

    An orthophoto is flagged when the area of at least one confirmed event reaches into its footprint and it
    was flown on or after the first day of the half-year in which that event starts. Provisional and reversed
    events flag nothing.

    Args:
        changes: GeoPackages with layer `events`, one per UTM zone.
        index: sheet index (see `sheets.read_index`); footprints in any CRS.
        target: folder that will hold `{sheet}_{year}.json`: `sheet`, `year`, `flight_date`, `path`, `earlier`
            (the flight of the sheet immediately before: `year`, `flight_date`, `path`; or null) and `events`,
            each with the fields of `EVENT_FIELDS`, `bounds` [x_min, y_min, x_max, y_max] in metres and their
            `epsg`.

    Returns:
        The keys (`D2101_2024`) of the flagged orthophotos, sorted.

    Raises:
        VectorError: a source cannot be read, has no CRS or lacks a field.
    """
    sheets = {sheet.key: sheet for sheet in read_index(index)}
    footprints = _footprints(index)
    events: dict[str, list[dict[str, Any]]] = {}
    for change in changes:
        for key, event in _events_by_sheet(change, footprints):
            if sheets[key].flight_date >= half_span(event["start_half"])[0]:
                events.setdefault(key, []).append(event)
    with atomic_path(target) as part:
        part.mkdir()
        for key in sorted(events):
            write_json(part / f"{key}.json", _flag(index, sheets[key], events[key]))
    return sorted(events)


def _flag(index: str | Path, sheet: Sheet, events: list[dict[str, Any]]) -> dict[str, Any]:
    def flight(of: Sheet) -> dict[str, Any]:
        return {"year": of.year, "flight_date": of.flight_date, "path": of.path}

    before = earlier_flight(index, sheet)
    return {
        "sheet": sheet.sheet,
        **flight(sheet),
        "earlier": flight(before) if before else None,
        "events": sorted(events, key=lambda event: event["event_id"]),
    }


def _footprints(index: str | Path) -> geopandas.GeoDataFrame:
    frame = read_vector(index, INDEX_LAYER, ("sheet", "year"))
    frame["key"] = [f"{sheet}_{year}" for sheet, year in zip(frame["sheet"], frame["year"], strict=True)]
    return frame[["key", "geometry"]]


def _events_by_sheet(
    change: str | Path, footprints: geopandas.GeoDataFrame
) -> list[tuple[str, dict[str, Any]]]:
    """Pairs of an orthophoto's key and a confirmed event whose area reaches into it."""
    frame = read_vector(change, "events", (*EVENT_FIELDS, "status"))
    frame = frame[frame["status"] == "confirmed"]
    epsg = frame.crs.to_epsg()
    if epsg is None:
        raise VectorError(
            f"{change}: the CRS of layer events has no EPSG code; write it in the zone's UTM CRS"
        )
    joined = footprints.to_crs(epsg).sjoin(frame, predicate="intersects")
    pairs = []
    for key, sheet_area, position in zip(joined["key"], joined.geometry, joined["index_right"], strict=True):
        event = frame.loc[position]
        if sheet_area.intersection(event.geometry).area == 0.0:  # they share a border only
            continue
        values = {field: event[field] for field in EVENT_FIELDS}
        values["confidence"] = float(values["confidence"])
        pairs.append((key, {**values, "bounds": list(event.geometry.bounds), "epsg": epsg}))
    return pairs
