"""Figures of a run, counted from its products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..files import write_json
from ..sentinel2.area import read_zone_grid
from ..vectors import read_vector


def summarise(
    scenes: Sequence[tuple[str, str, str]],
    months: int,
    halves: int,
    grids: Sequence[str | Path],
    events: Sequence[str | Path],
    sheets: int,
    outlines: Sequence[str | Path],
    target: str | Path,
) -> dict[str, Any]:
    """Count what the run found and write it as JSON.

    Args:
        scenes: (tile, date, platform) of all acquisitions.
        months: number of monthly composites.
        halves: number of half-year composites.
        grids: grid files of the zones.
        events: GeoPackages of the zones with the layers `events` and `alerts`.
        sheets: number of orthophotos in the sheet index.
        outlines: outline GeoPackages, one per flagged orthophoto.
        target: JSON file to write.

    Returns:
        The figures; areas in square metres. `uncompared_area_m2` is the outlined land of whose earlier state
        neither a flight nor the reference tells, which counts as new.
    """
    status: Counter[str] = Counter()
    alerts: Counter[str] = Counter()
    for path in events:
        status.update(read_vector(path, "events", ("status",))["status"])
        alerts.update(read_vector(path, "alerts", ("status",))["status"])
    polygons, area, uncompared = 0, 0.0, 0.0
    for path in outlines:
        frame = read_vector(path, "newly_sealed", ("earlier_known",))
        polygons += len(frame)
        area += float(frame.geometry.area.sum())
        uncompared += float((frame.geometry.area * (1 - frame["earlier_known"])).sum())
    figures = {
        "scenes": len(scenes),
        "dates": len({date for _, date, _ in scenes}),
        "months": months,
        "halves": halves,
        "cells": sum(int(read_zone_grid(path)[1].sum()) for path in grids),
        "confirmed_changes": status["confirmed"] + status["reversed"],
        "provisional_alerts": alerts["open"],
        "withdrawn_alerts": alerts["withdrawn"],
        "reversals": status["reversed"],
        "unsure_changes": status["unsure"],
        "sheets": sheets,
        "flagged_sheets": len(outlines),
        "polygons": polygons,
        "polygon_area_m2": round(area, 1),
        "uncompared_area_m2": round(uncompared, 1),
    }
    write_json(target, figures)
    return figures
