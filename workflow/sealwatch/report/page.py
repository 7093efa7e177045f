"""The report of a run: one HTML file that holds its pictures and style and opens without a network."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..files import write_text
from ..grid import PIXEL_SIZE_M
from ..keys import split_sheet_key
from ..vectors import read_vector, read_vectors
from .chosen import RULE, name_of
from .country import country_map
from .event_figures import SEGMENT_COLOURS, SEGMENT_NAMES
from .events import read_outlines, read_sheets, shown_events
from .gaps import COLOURS, MISSED_COLOURS, MISSED_STEPS, STEPS, zone_gaps
from .indicator_tables import read_indicators
from .land import land_tables
from .layers import layers, settings_rows
from .pictures import as_jpeg
from .scenes import scene_summary
from .sources import Facts, Products, of_zone

if TYPE_CHECKING:
    import geopandas as gpd

TEMPLATES = Path(__file__).parent / "templates"

MOST_ROWS = 500
"""Longest list of events or alerts; the layers of change have all."""


@dataclass(frozen=True, slots=True)
class Change:
    """Row of the table of all changes."""

    number: int | None
    key: str
    status: str
    before: str
    after: str
    start: str
    confirmed: str
    confidence: float
    reversal: str


def write_page(target: str | Path, products: Products, facts: Facts) -> None:
    """Write the page; the same inputs give the same bytes.

    Args:
        target: HTML file. Its links to products are relative to its folder.
        products: files of the run.
        facts: configuration, inventory and database.

    Raises:
        RasterError, VectorError: a product cannot be read.
    """
    write_text(target, render(contents(products, facts, Path(target).parent)))


def render(values: Mapping[str, Any]) -> str:
    """The page of what `contents` gives; every value is escaped but the SVG that this package draws."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["rgb"] = lambda colour: "#{:02x}{:02x}{:02x}".format(*colour)
    environment.filters["hectares"] = lambda square_metres: f"{square_metres / 1e4:,.2f}"
    environment.filters["thousands"] = lambda number: f"{number:,}"
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(style=style, **values)


def contents(products: Products, facts: Facts, folder: Path) -> dict[str, Any]:
    """All that the page says, by name of the template's variables.

    Args:
        products: files of the run.
        facts: configuration, inventory and database.
        folder: of the page, to which links are relative.
    """
    events = read_vectors(products.events, "events", crs=facts.srid)
    alerts = read_vectors(products.events, "alerts", crs=facts.srid)
    outlines = read_outlines(products.outlines)
    sheets = read_sheets(products.sheets, facts.srid)
    shown = shown_events(events, outlines, sheets, products, facts)
    area = read_vector(products.area).to_crs(facts.srid)
    area = area[area.geom_type.isin(["Polygon", "MultiPolygon"])]
    kinds = {name: events[events["status"] == name] for name in ("confirmed", "reversed", "unsure")}
    flagged = {split_sheet_key(Path(path).name)[0] for path in products.pictures}
    indicators, definitions = read_indicators(products.indicators)
    settings, digest = settings_rows(facts.settings)
    numbers = {event.event_id: event.number for event in shown}
    return {
        "facts": facts,
        "figures": facts.figures,
        "version": __version__,
        "area_km2": float(area.geometry.union_all().area) / 1e6,
        "map": country_map(
            area,
            sheets,
            flagged,
            {**kinds, "provisional": alerts[alerts["status"] == "open"]},
            [(event.number, *event.point) for event in shown],
        ),
        "overviews": [(Path(path).stem.removeprefix("map_"), as_jpeg(path)) for path in products.maps],
        "events": shown,
        "rule": RULE.format(most=facts.most_events),
        "changes": _changes(events, numbers),
        "alerts": _alerts(alerts),
        "most_rows": MOST_ROWS,
        "segment_legend": list(zip(SEGMENT_NAMES, SEGMENT_COLOURS, strict=True)),
        "land": land_tables(outlines, facts.registries, facts.enrichment),
        "scenes": scene_summary(facts.scenes, facts.rejected, facts.period),
        "gaps": [zone_gaps(grid, of_zone(products.halves, Path(grid).stem)) for grid in products.grids],
        "gap_legend": [(words, colour) for (_, words), colour in zip(STEPS, COLOURS, strict=True)],
        "missed_legend": [
            (words, colour) for (_, words), colour in zip(MISSED_STEPS, MISSED_COLOURS, strict=True)
        ],
        "indicators": indicators,
        "definitions": definitions,
        "layers": layers(products),
        "settings": settings,
        "settings_digest": digest,
        "cell_m": int(facts.settings["grid"]["patch_stride"] * PIXEL_SIZE_M),
        "links": _links(products, folder),
    }


def _changes(events: gpd.GeoDataFrame, numbers: Mapping[str, int]) -> list[Change]:
    """Events, the latest confirmation first."""
    ordered = events.sort_values(["confirm_half", "event_id"], ascending=[False, True]).fillna("")
    return [
        Change(
            numbers.get(row.event_id),
            row.event_id,
            row.status,
            name_of(row.from_class),
            name_of(row.to_class),
            row.start_half,
            row.confirm_half,
            float(row.confidence),
            row.reversal_half or "",
        )
        for row in ordered.itertuples()
    ]


def _alerts(alerts: gpd.GeoDataFrame) -> list[Change]:
    """Open alerts, the latest first."""
    ordered = alerts[alerts["status"] == "open"].fillna("")
    ordered = ordered.sort_values(["raised_month", "alert_id"], ascending=[False, True])
    return [
        Change(
            None,
            row.alert_id,
            "provisional",
            name_of(row.from_class),
            name_of(row.to_class),
            row.first_month,
            row.raised_month,
            float(row.confidence),
            "",
        )
        for row in ordered.itertuples()
    ]


def _links(products: Products, folder: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    """Products by what they are, each with its path relative to the page."""
    groups: list[tuple[str, Sequence[str | Path]]] = [
        ("Changes: events, sites and alerts", products.events),
        ("Evidence of every change", products.evidence),
        ("Outlines of newly sealed land", products.outlines),
        ("Maps over the newest imagery", products.maps),
        ("Figures of the run", [products.figures] if products.figures else []),
        ("Indicators", [products.indicators] if products.indicators else []),
    ]
    return [
        (about, [(Path(path).name, Path(os.path.relpath(path, folder)).as_posix()) for path in paths])
        for about, paths in groups
        if paths
    ]
