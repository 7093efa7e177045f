"""Chosen events with their figures: imagery before and after, transition plot, segmentation, outlines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..change.plot import event_transition, transition_svg
from ..change.series import MapSeries
from ..composites.maps import NO_CLASS
from ..grid import in_window
from ..keys import LAND_COVER_CLASSES, half_span
from ..orthophoto.sheets import read_footprints, read_index
from ..vectors import read_vectors
from .chosen import Period, choose_events, name_of, why_confirmed
from .event_figures import Drawing, Figure, Flight, figures_of
from .pictures import Frame
from .sources import Facts, Products, of_zone

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_MARGIN_M = 130
"""How far a frame reaches beyond the patch of 640 m that the class was read from; both are whole pixels of 10 m."""

_PATCH_M = 640
_MOST_OUTLINES = 8


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One event of the page.

    Attributes:
        number: on the page and the map, from 1.
        event_id: its id.
        title: its transition in words.
        facts: labels and values.
        why: why it was confirmed.
        plot: transition plot, SVG.
        figures: pictures.
        outlines: rows of its largest outlines, numbered as in the picture.
        more: outlines that are not listed, and their area in square metres.
        point: x, y of its cell's middle in the country's CRS.
    """

    number: int
    event_id: str
    title: str
    facts: Sequence[tuple[str, str]]
    why: str
    plot: str
    figures: Sequence[Figure]
    outlines: Sequence[Mapping[str, Any]]
    more: tuple[int, float]
    point: tuple[float, float]


def read_outlines(paths: Sequence[str | Path]) -> gpd.GeoDataFrame | None:
    """All outlines in one frame, in the CRS of the first file; None where there is none."""
    frame = read_vectors(paths, "newly_sealed") if paths else ()
    return frame if len(frame) else None


def read_sheets(index: str | Path, srid: int) -> gpd.GeoDataFrame:
    """Footprints of an index of orthophotos in EPSG:`srid`, with `key`, `sheet`, `year` and `flight_date`.

    Raises:
        VectorError: see `read_index` and `read_footprints`.
    """
    rows = {row.key: row for row in read_index(index)}
    frame = read_footprints(index).to_crs(srid)
    fields = ("sheet", "year", "flight_date")
    return frame.assign(**{name: [getattr(rows[key], name) for key in frame["key"]] for name in fields})


def shown_events(
    events: gpd.GeoDataFrame,
    outlines: gpd.GeoDataFrame | None,
    sheets: gpd.GeoDataFrame,
    products: Products,
    facts: Facts,
) -> list[ShownEvent]:
    """The events that the page shows, with all that is said of them.

    Args:
        events: layers `events` of all zones, in the country's CRS.
        outlines: see `read_outlines`.
        sheets: see `read_sheets`.
        products: files of the run.
        facts: configuration and inventory.

    Raises:
        RasterError, VectorError: a product cannot be read.
    """
    area = {} if outlines is None else outlines.groupby("event_id")["area_m2"].sum().to_dict()
    chosen = choose_events(events, area, facts.most_events)
    flagged = _flagged(sheets, products)
    numbers = {key: number for number, key in enumerate(chosen["event_id"], 1)}
    found: list[ShownEvent] = []
    for zone, part in chosen.groupby("zone", sort=True):
        for row, drawing, why, plot in _zone_events(str(zone), part, products, facts):
            own = None if outlines is None else outlines[outlines["event_id"] == row.event_id]
            listed = [] if own is None else _largest(own, drawing.frame, facts)
            total = 0.0 if own is None else float(own["area_m2"].sum())
            count = len(own) if own is not None else 0
            found.append(
                ShownEvent(
                    numbers[row.event_id],
                    str(row.event_id),
                    _title(row),
                    [
                        ("Event", str(row.event_id)),
                        ("Start", str(row.start_half)),
                        ("Confirmed", str(row.confirm_half)),
                        ("Outlined", f"{count} polygons, {total / 1e4:,.2f} ha"),
                        *([("Flights compared", _flights(own))] if own is not None and count else []),
                    ],
                    why,
                    plot,
                    figures_of(drawing, _near(row, flagged, products), own, listed),
                    listed,
                    (count - len(listed), total - sum(each["area_m2"] for each in listed)),
                    (float(row.geometry.centroid.x), float(row.geometry.centroid.y)),
                )
            )
    return sorted(found, key=lambda event: event.number)


def _flagged(sheets: gpd.GeoDataFrame, products: Products) -> gpd.GeoDataFrame:
    """Rows of the index that have pictures, with column `folder`."""
    folders = {Path(folder).name: Path(folder) for folder in products.pictures}
    found = sheets.assign(folder=[folders.get(key) for key in sheets["key"]])
    return found[found["folder"].notna()].reset_index(drop=True)


def _near(event: Any, flagged: gpd.GeoDataFrame, products: Products) -> list[Flight]:
    """Orthophotos since an event's start under its cell, the best covering first.

    Those of the year that shows most of the cell, to a hundredth, and of equals the newest.
    """
    here = flagged.iloc[flagged.sindex.query(event.geometry, predicate="intersects")]
    here = here.assign(share=here.geometry.intersection(event.geometry).area)
    here = here[(here["share"] > 0) & (here["flight_date"] >= half_span(event.start_half)[0])]
    shown = (here.groupby("year")["share"].sum() / event.geometry.area).round(2)
    best = max(shown.index, key=lambda year: (shown[year], year), default=None)
    here = here[here["year"] == best].sort_values(["share", "key"], ascending=[False, True])
    segmentations = {Path(path).stem: Path(path) for path in products.segmentations}
    return [
        Flight(
            row.folder,
            row.key,
            json.loads((row.folder / "images.json").read_text(encoding="utf-8")),
            segmentations.get(row.key),
        )
        for row in here.itertuples()
    ]


def _title(event: Any) -> str:
    return f"{name_of(event.from_class).capitalize()} to {name_of(event.to_class)}"


def _flights(own: gpd.GeoDataFrame) -> str:
    pairs = zip(own["earlier_flight_date"], own["flight_date"], strict=True)
    return ", ".join(f"{before or 'none'} and {after}" for before, after in sorted(set(pairs)))


def _zone_events(
    zone: str, chosen: pd.DataFrame, products: Products, facts: Facts
) -> Iterator[tuple[Any, Drawing, str, str]]:
    """(row, drawing, why, plot) of each chosen event of a zone."""
    halves, months = of_zone(products.halves, zone), of_zone(products.months, zone)
    with MapSeries(halves[:1]) as like:
        window = like.window
        row, col = in_window(window, chosen["row"].to_numpy("i8"), chosen["col"].to_numpy("i8"))
        cells, place = np.unique(row * window.width + col, return_inverse=True)
        classes: dict[str, np.ndarray] = {}
        periods: dict[str, dict[str, np.ndarray]] = {}
        for path in [*halves, *months]:
            with MapSeries([path], like) as one:
                classes[one.names[0]] = one.at(0, "class", cells)
                if path in halves:
                    periods[one.names[0]] = {
                        name: one.at(0, name, cells) for name in ("class", "confidence", "observations")
                    }
    votes = _votes(zone, chosen, products)
    size = window.cell_size_m
    for row, i in zip(chosen.itertuples(), place, strict=True):
        series = [
            Period(
                half,
                None if values["class"][i] == NO_CLASS else LAND_COVER_CLASSES[values["class"][i]],
                float(values["confidence"][i]),
                max(int(values["observations"][i]), 0),
            )
            for half, values in periods.items()
        ]
        middle = (row.col + 0.5) * size, (row.row + 0.5) * size
        edge = _PATCH_M / 2 + _MARGIN_M
        frame = Frame(int(zone), middle[0] - edge, middle[1] + edge, 2 * edge)
        cell_frame = Frame(int(zone), middle[0] - size / 2, middle[1] + size / 2, size)
        said = {
            name: getattr(row, name) for name in ("before_half", "start_half", "confirm_half", "confidence")
        }
        change = event_transition(row, list(periods), classes, int(i))
        plot = transition_svg(replace(change, title=_title(row)))
        drawing = Drawing(frame, cell_frame, str(row.event_id))
        why = why_confirmed(
            said, series, votes.get(str(row.event_id), (0, 0)), facts.settings["change"]["persistence"]
        )
        yield row, drawing, why, plot


def _votes(zone: str, chosen: pd.DataFrame, products: Products) -> dict[str, tuple[int, int]]:
    """Impervious votes and all votes since the start, by event id."""
    import pyogrio

    (path,) = [path for path in products.evidence if Path(path).stem == f"{zone}_evidence"]
    starts = dict(zip(chosen["event_id"], chosen["start_half"], strict=True))
    ids = ", ".join("'" + str(key).replace("'", "''") + "'" for key in sorted(starts))
    rows = pyogrio.read_dataframe(
        path, layer="evidence", columns=["event_id", "half", "vote"], where=f"event_id IN ({ids})"
    )
    rows = rows[rows["half"] >= rows["event_id"].map(starts)]
    counted = rows.groupby("event_id")["vote"].agg(["sum", "count"])
    return {str(key): (int(row["sum"]), int(row["count"])) for key, row in counted.iterrows()}


def _largest(own: gpd.GeoDataFrame, frame: Frame, facts: Facts) -> list[dict[str, Any]]:
    """Rows of an event's largest outlines, each with its outline on the frame in parts of the frame's size."""
    order = own.sort_values(["area_m2", "polygon_id"], ascending=[False, True]).head(_MOST_OUTLINES)
    points = order.to_crs(frame.epsg).geometry.representative_point()
    rows = []
    for number, (row, point) in enumerate(zip(order.itertuples(), points, strict=True), 1):
        more = facts.enrichment.get(str(row.polygon_id), {})
        rows.append(
            {
                "number": number,
                "polygon_id": str(row.polygon_id),
                "area_m2": float(row.area_m2),
                "probability": float(row.probability),
                "earlier_known": float(row.earlier_known),
                "municipality": more.get("municipality", ""),
                "land_use_before": more.get("land_use_before", ""),
                "x": (point.x - frame.left) / frame.size_m,
                "y": (frame.top - point.y) / frame.size_m,
            }
        )
    return rows
