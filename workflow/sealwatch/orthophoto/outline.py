"""Outlines of newly sealed land on one orthophoto, drawn in GRASS from its segmentation."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import grass, hdf5
from ..errors import RasterError
from ..grid import Window
from ..vectors import write_geopackage
from .attributes import attributed
from .measures import measure
from .newly_sealed import Sources, find_objects, reach_px
from .vectorise import draw_polygons

if TYPE_CHECKING:
    import geopandas
    from shapely.geometry.base import BaseGeometry

LAYER = "newly_sealed"
"""Layer of the outline files."""


def outline_sheet(
    flag: str | Path,
    segmentation: str | Path,
    earlier: str | Path | None,
    reference: str | Path | None,
    target: str | Path,
    *,
    settings: Mapping[str, Any],
) -> int:
    """Write the polygons of newly sealed land of a flagged orthophoto.

    Newly sealed is what is sealed now, was not sealed at the earlier flight nor in the reference, and lies in
    a confirmed event's cell or within a buffer around it (see `newly_sealed.find_objects`). Land without an
    earlier state counts as new; `earlier_known` tells how much of a polygon that is not. A polygon of which
    the forest is not sure at either flight, by its mean confidence over the pixels, is left out.

    Every group of touching events is worked through by itself, so that time and memory follow the area under
    change and not the sheet, and an outline does not depend on events elsewhere on it.

    Args:
        flag: flag file of the orthophoto (`flags.flag_sheets`).
        segmentation: its segmentation (`segmentation.segment_sheet`).
        earlier: segmentation of the flight before, in the same CRS on any grid, or None.
        reference: vector or raster of earlier sealed land, any CRS (`reference.reference_map`), or None.
        target: GeoPackage with layer `newly_sealed`, attributes `attributes.COLUMNS`, polygons in its CRS; it
            has the layer even where nothing is new.
        settings: `majority_px` (odd window of the majority filter, 1 for none), `min_area_m2`,
            `fill_holes_m2`, `registration_m`, `simplify_m`, `event_buffer_m`, `reference_min` (least value of a
            raster reference that means sealed), `min_probability` (least mean confidence at either flight).

    Returns:
        The number of polygons.

    Raises:
        RasterError: a segmentation or the reference cannot be read, or the flights have different CRSs.
        VectorError: the reference cannot be read.
        GrassError: GRASS is missing or a module failed.
    """
    import geopandas
    import pandas

    facts = json.loads(Path(flag).read_text(encoding="utf-8"))
    sheet = _window(segmentation)
    if earlier is not None and (other := _window(earlier)).epsg != sheet.epsg:
        raise RasterError(
            f"{earlier}: is in EPSG:{other.epsg}, {segmentation} in EPSG:{sheet.epsg}; "
            "warp one flight to the other's CRS"
        )
    if earlier is None and reference is None:
        print(
            f"{flag}: neither an earlier flight nor a reference: all sealed land counts as new, and "
            "earlier_known is 0",
            file=sys.stderr,
        )
    cells = _cells(facts["events"], sheet.epsg)
    area = _area(facts["events"], cells, settings["event_buffer_m"])
    sources = Sources(segmentation, earlier, reference)
    frames = []
    with grass.session(sheet.epsg) as session:
        parts = _parts(area, sheet, reach_px(settings, sheet.cell_size_m))
        for turn, (group, part) in enumerate(parts):
            if turn:
                session.run("g.remove", flags="fb", type_="raster,vector", pattern="*")
            objects = find_objects(session, sources, part, group, settings)
            if objects is None:
                continue
            measures = measure(objects, segmentation, part.offset_in(sheet))
            polygons = draw_polygons(session, objects.name, settings["simplify_m"], part.cell_size_m)
            polygons = polygons[measures.sure(settings["min_probability"])[polygons["cat"].to_numpy("i8")]]
            frames.append(attributed(polygons, measures, part, cells, facts))
    frame = attributed(None, None, sheet, cells, facts)
    if frames:
        frame = geopandas.GeoDataFrame(pandas.concat(frames), crs=sheet.epsg)
        frame = frame.sort_values("polygon_id", ignore_index=True)
    write_geopackage(target, frame, LAYER)
    return len(frame)


def _area(events: list[dict[str, Any]], cells: geopandas.GeoDataFrame, buffer_m: float) -> BaseGeometry:
    """Where objects may be drawn: around each event's cell, within its `area` where the flag file gives one."""
    from geopandas import GeoSeries

    around = cells.buffer(buffer_m, join_style="mitre")
    for number, event in enumerate(events):
        if event.get("area"):
            part = GeoSeries.from_wkt([event["area"]], crs=event["epsg"]).to_crs(cells.crs)
            around.iloc[number] = around.iloc[number].intersection(part.iloc[0])
    parts = around.explode(ignore_index=True)
    return parts[parts.geom_type == "Polygon"].union_all()


def _parts(area: BaseGeometry, sheet: Window, margin_px: int) -> Iterator[tuple[BaseGeometry, Window]]:
    """The disjoint polygons of `area` on the sheet, each with the part of the sheet around it."""
    from shapely import get_parts

    size = sheet.cell_size_m
    for polygon in get_parts(area):
        x_min, y_min, x_max, y_max = polygon.bounds
        left = max(0, math.floor((x_min - sheet.x_min) / size) - margin_px)
        right = min(sheet.width, math.ceil((x_max - sheet.x_min) / size) + margin_px)
        top = max(0, math.floor((sheet.y_max - y_max) / size) - margin_px)
        bottom = min(sheet.height, math.ceil((sheet.y_max - y_min) / size) + margin_px)
        if right > left and bottom > top:
            yield polygon, sheet.part(slice(top, bottom), slice(left, right))


def _window(segmentation: str | Path) -> Window:
    with hdf5.read(segmentation) as file:
        return hdf5.read_window(file)


def _cells(events: list[dict[str, Any]], epsg: int) -> geopandas.GeoDataFrame:
    """The events with their cells as polygons in the sheet's CRS."""
    import geopandas
    import pandas
    from shapely.geometry import box

    parts = [
        geopandas.GeoDataFrame([event], geometry=[box(*event["bounds"])], crs=event["epsg"]).to_crs(epsg)
        for event in events
    ]
    return geopandas.GeoDataFrame(pandas.concat(parts, ignore_index=True), crs=epsg)
