"""The layers people see: events and alerts, one feature per cell and change, and sites, one per changed place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..grid import Window, row_col
from ..keys import LAND_COVER_CLASSES, event_id, months_of
from ..vectors import write_geopackage_layers
from .alerts import BY_HALF, CONFIRMED, MONTHS, OPEN, WITHDRAWN_BY_HALF
from .persistence import NONE
from .sites import group_sites, site_ids

if TYPE_CHECKING:
    import geopandas as gpd

EVENT_FIELDS = {
    "event_id": "identity: zone-row-col-half of the start",
    "site_id": "site the event belongs to, empty for an unsure event",
    "zone": "EPSG code of the grid",
    "row": "row of the cell, northwards from the zone's origin",
    "col": "column of the cell, eastwards",
    "from_class": "class before, from up to three half-years",
    "to_class": "class from start to confirmation",
    "before_half": "last half-year seen in the old state; the change lies between it and start_half",
    "start_half": "half-year in which the new state was first seen",
    "confirm_half": "half-year that confirmed it",
    "confidence": "mean impervious probability from start to confirmation",
    "rise": "confidence less the mean impervious probability of up to three half-years before",
    "final": "false while the half-year that confirmed it still gets scenes",
    "status": "confirmed, reversed, or unsure: the rule holds, but `rise` is below `change.min_rise`",
    "reversal_half": "half-year in which the confirmed return began, or empty",
    "reversal_confirm_half": "half-year that confirmed the return, or empty",
    "latest_class": "class of the newest half-year with observations; changes with every run",
    "latest_half": "that half-year",
}
"""Attributes of layer `events` and their meaning. All up to `final` are fixed when the event is confirmed."""

ALERT_FIELDS = {
    "alert_id": "identity: zone-row-col-month of its first month, or -half where no months agreed",
    "zone": "EPSG code of the grid",
    "row": "row of the cell, northwards from the zone's origin",
    "col": "column of the cell, eastwards",
    "first_month": "month in which the alert begins",
    "raised_month": "month in which it was raised",
    "source": "months or half-year: which maps raised it",
    "from_class": "class before, from up to three half-years",
    "to_class": "class of the months that raised it",
    "confidence": "mean impervious probability of the months that raised it",
    "status": "open, confirmed or withdrawn",
    "closed_month": "month that confirmed or refuted it, empty while open",
    "reason": "why it was withdrawn",
    "event_id": "event that confirmed it, or empty",
}
"""Attributes of layer `alerts`. All up to `confidence` are fixed when the alert is raised, all when it is closed."""

SITE_FIELDS = {
    "site_id": "identity: the event_id of its earliest, then smallest event",
    "zone": "EPSG code of the grid",
    "cells": "number of cells",
    "area_m2": "area of these cells",
    "from_classes": "classes before, with the number of events, the most frequent first",
    "to_classes": "classes after, likewise",
    "start_half": "earliest start",
    "last_start_half": "latest start",
    "confirm_half": "earliest confirmation",
    "status": "confirmed, or reversed when every event of it is",
    "reversed_events": "number of events that were reversed",
}
"""Attributes of layer `sites`."""

_CLASS_NAMES = np.array([*LAND_COVER_CLASSES, *[""] * (256 - len(LAND_COVER_CLASSES))], dtype=object)


def write_layers(
    path: str | Path,
    zone: str,
    window: Window,
    halves: list[str],
    over: np.ndarray,
    gains: pd.DataFrame,
    alerts: pd.DataFrame,
    site_gap: int,
    min_rise: float,
    alert_months: int,
) -> None:
    """Write the GeoPackage of a zone: layers `events`, `sites` and `alerts`.

    Args:
        path: target.
        zone: EPSG code.
        window: the zone's map.
        halves: names of the half-years.
        over: bool (half): whether a half-year will get no more scenes.
        gains: one row per gain: `row`, `col` in the map, indices of half-years, class codes, `confidence`,
            `rise`.
        alerts: one row per alert: `row`, `col`, months counted from the first, class codes, `confidence`.
        site_gap: half-years by which the starts of neighbouring events of a site may differ.
        min_rise: least rise of an event that is not unsure.
        alert_months: months in a row that refute an alert, for the text.
    """
    events = event_frame(zone, window, halves, over, gains, site_gap, min_rise)
    write_geopackage_layers(
        path,
        {
            "events": (events, "Polygon"),
            "sites": (site_frame(events, window), "MultiPolygon"),
            "alerts": (alert_frame(zone, window, halves, alerts, alert_months), "Polygon"),
        },
    )


def event_frame(
    zone: str,
    window: Window,
    halves: list[str],
    over: np.ndarray,
    gains: pd.DataFrame,
    site_gap: int,
    min_rise: float,
) -> gpd.GeoDataFrame:
    """Layer `events`, in order of the ids; arguments as in `write_layers`."""
    label = np.array([*halves, ""], dtype=object)
    index = {
        name: gains[name].to_numpy("i4") for name in ("start", "confirmed", "reversal", "reversal_confirmed")
    }
    row, col, geometry = _cells(window, gains)
    ids = [event_id(zone, r, c, halves[s]) for r, c, s in zip(row, col, index["start"], strict=True)]
    rise = gains["rise"].to_numpy("f8").round(4)
    sure = rise >= min_rise
    site_id = np.full(len(ids), "", dtype=object)
    site = group_sites(row[sure], col[sure], index["start"][sure], site_gap)
    site_id[sure] = site_ids(site, index["start"][sure], np.array(ids, dtype=object)[sure])
    values = {
        "event_id": ids,
        "site_id": site_id,
        "zone": zone,
        "row": row,
        "col": col,
        "from_class": _CLASS_NAMES[gains["from_class"].to_numpy("u1")],
        "to_class": _CLASS_NAMES[gains["to_class"].to_numpy("u1")],
        "before_half": label[gains["before"].to_numpy("i4")],
        "start_half": label[index["start"]],
        "confirm_half": label[index["confirmed"]],
        "confidence": gains["confidence"].to_numpy("f8").round(4),
        "rise": rise,
        "final": over[index["confirmed"]],
        "status": np.select([~sure, index["reversal"] != NONE], ["unsure", "reversed"], "confirmed"),
        "reversal_half": label[index["reversal"]],
        "reversal_confirm_half": label[index["reversal_confirmed"]],
        "latest_class": _CLASS_NAMES[gains["latest_class"].to_numpy("u1")],
        "latest_half": label[gains["latest"].to_numpy("i4")],
    }
    return _frame(values, EVENT_FIELDS, geometry, window, "event_id")


def alert_frame(
    zone: str, window: Window, halves: list[str], alerts: pd.DataFrame, alert_months: int
) -> gpd.GeoDataFrame:
    """Layer `alerts`, in order of the ids; arguments as in `write_layers`."""
    label = np.array([*(month for half in halves for month in months_of(half)), ""], dtype=object)
    half = np.array(halves, dtype=object)
    column = {
        name: alerts[name].to_numpy("i4") for name in ("first", "raised", "source", "outcome", "closed")
    }
    gain_start = alerts["gain_start"].to_numpy("i4")
    row, col, geometry = _cells(window, alerts)
    begin = np.where(column["source"] == BY_HALF, half[column["first"] // MONTHS], label[column["first"]])
    status = np.select(
        [column["outcome"] == OPEN, column["outcome"] == CONFIRMED], ["open", "confirmed"], "withdrawn"
    )
    reason = np.where(
        column["outcome"] == WITHDRAWN_BY_HALF,
        "the half-year map is not impervious",
        f"{alert_months} clear months in a row are not impervious",
    )
    values = {
        "alert_id": [event_id(zone, r, c, b) for r, c, b in zip(row, col, begin, strict=True)],
        "zone": zone,
        "row": row,
        "col": col,
        "first_month": label[column["first"]],
        "raised_month": label[column["raised"]],
        "source": np.where(column["source"] == BY_HALF, "half-year", "months"),
        "from_class": _CLASS_NAMES[alerts["from_class"].to_numpy("u1")],
        "to_class": _CLASS_NAMES[alerts["to_class"].to_numpy("u1")],
        "confidence": alerts["confidence"].to_numpy("f8").round(4),
        "status": status,
        "closed_month": label[column["closed"]],
        "reason": np.where(status == "withdrawn", reason, ""),
        "event_id": [
            event_id(zone, r, c, halves[s]) if s != NONE else ""
            for r, c, s in zip(row, col, gain_start, strict=True)
        ],
    }
    return _frame(values, ALERT_FIELDS, geometry, window, "alert_id")


def site_frame(events: gpd.GeoDataFrame, window: Window) -> gpd.GeoDataFrame:
    """Layer `sites`, made of layer `events`, in order of the ids."""
    import shapely

    events = events[events["status"] != "unsure"]
    cells = events.drop_duplicates(["site_id", "row", "col"])
    groups = events.groupby("site_id", sort=True)
    number = cells.groupby("site_id", sort=True).size()
    back = (events["status"] == "reversed").groupby(events["site_id"], sort=True).sum()
    squares = cells.groupby("site_id", sort=True)["geometry"]
    geometry = [
        shapely.MultiPolygon(shapely.get_parts(shapely.union_all(g) if len(g) > 1 else g).tolist())
        for g in (group.to_numpy() for _, group in squares)
    ]
    values = {
        "site_id": number.index.to_numpy(),
        "zone": groups["zone"].first().to_numpy(),
        "cells": number.to_numpy("i4"),
        "area_m2": number.to_numpy("f8") * window.cell_size_m**2,
        "from_classes": _counted(events, "from_class"),
        "to_classes": _counted(events, "to_class"),
        "start_half": groups["start_half"].min().to_numpy(),
        "last_start_half": groups["start_half"].max().to_numpy(),
        "confirm_half": groups["confirm_half"].min().to_numpy(),
        "status": np.where(back.to_numpy() == groups.size().to_numpy(), "reversed", "confirmed"),
        "reversed_events": back.to_numpy("i4"),
    }
    return _frame(values, SITE_FIELDS, geometry, window, "site_id")


def _counted(events: pd.DataFrame, field: str) -> np.ndarray:
    """`Forest 3, Pasture 1` for each site: by number, then by name."""
    counts = events.groupby(["site_id", field]).size().rename("number").reset_index()
    counts = counts.sort_values(["site_id", "number", field], ascending=[True, False, True])
    counts["text"] = counts[field].replace("", "unknown") + " " + counts["number"].astype(str)
    return counts.groupby("site_id", sort=True)["text"].agg(", ".join).to_numpy()


def _cells(window: Window, found: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column in the zone's grid and the square of each row's cell."""
    import shapely

    row, col = row_col(window, found["row"].to_numpy("i8"), found["col"].to_numpy("i8"))
    size = window.cell_size_m
    return row, col, shapely.box(col * size, row * size, (col + 1) * size, (row + 1) * size)


def _frame(values, fields, geometry, window: Window, key: str):  # type: ignore[no-untyped-def]
    import geopandas as gpd

    frame = gpd.GeoDataFrame(values, geometry=gpd.GeoSeries(geometry, crs=window.epsg))
    return frame.sort_values(key, kind="stable", ignore_index=True)[[*fields, "geometry"]]
