"""Outlines of newly sealed land on one orthophoto, drawn in GRASS from its segmentation."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import grass, hdf5
from ..errors import RasterError
from ..grid import Window
from ..vectors import read_vector, write_geopackage
from .attributes import attributed, mean_confidence
from .labels import CLASSES

if TYPE_CHECKING:
    import geopandas
    from shapely.geometry.base import BaseGeometry

LAYER = "newly_sealed"
"""Layer of the outline files."""

REFERENCE_LAYER = "reference"
"""Layer of the reference of earlier sealed land."""

SEALED = CLASSES.index("sealed")


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
    a confirmed event's cell or within a buffer around it. Seams of one pixel along earlier sealed land, which
    two flights never register without, are no objects of their own.

    Args:
        flag: flag file of the orthophoto (`flags.flag_sheets`).
        segmentation: its segmentation (`segmentation.segment_sheet`).
        earlier: segmentation of the flight before, in the same CRS on any grid, or None.
        reference: vector file with layer `reference` of earlier sealed land, any CRS, or None.
        target: GeoPackage with layer `newly_sealed`, attributes `attributes.COLUMNS`, polygons in its CRS; it
            has the layer even where nothing is new.
        settings: `majority_px` (odd window of the majority filter, 1 for none), `min_area_m2`,
            `fill_holes_m2`, `simplify_m`, `event_buffer_m`.

    Returns:
        The number of polygons.

    Raises:
        RasterError: a segmentation cannot be read, or the two have different CRSs.
        VectorError: the reference cannot be read.
        GrassError: GRASS is missing or a module failed.
    """
    facts = json.loads(Path(flag).read_text(encoding="utf-8"))
    window = _window(segmentation)
    if earlier is not None and (other := _window(earlier)).epsg != window.epsg:
        raise RasterError(
            f"{earlier}: is in EPSG:{other.epsg}, {segmentation} in EPSG:{window.epsg}; "
            "warp one flight to the other's CRS"
        )
    if earlier is None and reference is None:
        print(
            f"{flag}: neither an earlier flight nor a reference: all sealed land counts as new",
            file=sys.stderr,
        )
    cells = _cells(facts["events"], window.epsg)
    area = _area(facts["events"], cells, settings["event_buffer_m"])
    window, top, left = _part_within(window, area.bounds)
    with grass.session(window.epsg) as session:
        steps = _Steps(session, window, settings)
        steps.mark_events(area)
        steps.mark_sealed(segmentation, "now")
        steps.mark_before(earlier, reference)
        objects = steps.find_objects()
        polygons = steps.draw_polygons() if objects.max(initial=0) > 0 else None
        confidence = mean_confidence(objects, segmentation, top, left)
        frame = attributed(polygons, objects, confidence, window, cells, facts)
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


def _part_within(window: Window, bounds: tuple[float, float, float, float]) -> tuple[Window, int, int]:
    """The part of a raster window that `bounds` touch, and its first row and column in the window.

    The whole window where they do not meet.
    """
    size = window.cell_size_m
    left = max(0, math.floor((bounds[0] - window.x_min) / size))
    right = min(window.width, math.ceil((bounds[2] - window.x_min) / size))
    top = max(0, math.floor((window.y_max - bounds[3]) / size))
    bottom = min(window.height, math.ceil((window.y_max - bounds[1]) / size))
    if right <= left or bottom <= top:
        return window, 0, 0
    x_min, y_max = window.x_min + left * size, window.y_max - top * size
    return Window(window.epsg, x_min, y_max, size, right - left, bottom - top), top, left


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


class _Steps:
    """The steps of one orthophoto in an open session; maps: events, now, before, objects, outlines."""

    def __init__(self, session: grass.GrassSession, window: Window, settings: Mapping[str, Any]) -> None:
        self._grass, self._window, self._settings = session, window, settings
        session.set_region(window)

    def _calculate(self, *expressions: str) -> None:
        self._grass.run("r.mapcalc", file="-", stdin="\n".join(expressions) + "\n", overwrite=True)

    def _rasterise(self, frame: geopandas.GeoDataFrame, name: str) -> None:
        """Map `name`: 1 inside the polygons of `frame`, NULL outside."""
        if frame.empty:
            self._calculate(f"{name} = null()")
            return
        source = self._grass.scratch / f"{name}.gpkg"
        write_geopackage(source, frame[["geometry"]], name, geometry_type="Unknown")
        self._grass.run("v.in.ogr", flags="o", input=source, output=name, type_="boundary")
        self._grass.run("v.to.rast", input=name, output=name, use="val", value=1, type_="area")

    def mark_events(self, area: BaseGeometry) -> None:
        """Map `events`: the cells of confirmed change with their buffer."""
        import geopandas

        frame = geopandas.GeoDataFrame(geometry=[area], crs=self._window.epsg)
        self._rasterise(frame.explode(ignore_index=True), "events")

    def mark_sealed(self, segmentation: str | Path, name: str) -> None:
        """Map `name`: 1 where sealed after the majority filter, else 0; NULL without data."""
        # Reads the HDF5 file in place; the prefix keeps its georeference, which the plain HDF5 driver would
        # lose.
        source = f'NETCDF:"{Path(segmentation).absolute()}":class'
        self._grass.import_raster(source, f"{name}_class", link=True)
        filtered = f"{name}_class"
        if self._settings["majority_px"] > 1:
            filtered = f"{name}_mode"
            size = self._settings["majority_px"]
            self._grass.run("r.neighbors", input=f"{name}_class", output=filtered, size=size, method="mode")
        self._calculate(f"{name} = if(isnull({name}_class), null(), {filtered} == {SEALED})")

    def mark_before(self, earlier: str | Path | None, reference: str | Path | None) -> None:
        """Map `before`: 1 on land sealed at the earlier flight or in the reference, else 0."""
        terms = ["0"]
        if earlier is not None:
            self.mark_sealed(earlier, "earlier")
            terms.append("if(isnull(earlier), 0, earlier)")
        if reference is not None:
            self._rasterise(self._reference_here(reference), "reference")
            terms.append("!isnull(reference)")
        self._calculate(f"before = {' || '.join(terms)}")

    def _reference_here(self, reference: str | Path) -> geopandas.GeoDataFrame:
        from geopandas import GeoSeries
        from shapely.geometry import box

        sheet = GeoSeries([box(*self._window.bounds)], crs=self._window.epsg)
        frame = read_vector(reference, REFERENCE_LAYER, mask=sheet).to_crs(self._window.epsg)
        frame["geometry"] = frame.geometry.make_valid()
        frame = frame[frame.geometry.geom_type.isin(("Polygon", "MultiPolygon", "GeometryCollection"))]
        if frame.geometry.has_z.any():
            frame["geometry"] = frame.geometry.force_2d()
        return frame

    def find_objects(self) -> np.ndarray:
        """Map `objects`: numbered pieces of new land of at least the minimum area; also as int32 array."""
        self._calculate("fresh = if(now == 1 && before == 0 && !isnull(events), 1, null())")
        self._fill_holes()
        # Away from earlier sealed land by more than a pixel: what is left of a seam between two flights is
        # nothing.
        near = " || ".join(f"before[{dy},{dx}] == 1" for dy in (-1, 0, 1) for dx in (-1, 0, 1))
        self._calculate(f"core = if(fresh == 1, if(({near}) == 1, null(), 1), null())")
        self._sieve("core", "large", self._settings["min_area_m2"])
        # Give the objects back the rim of one pixel that the test took from them.
        around = " || ".join(f"!isnull(large[{dy},{dx}])" for dy in (-1, 0, 1) for dx in (-1, 0, 1))
        self._calculate(f"whole = if(fresh == 1 && ({around}), 1, null())")
        self._grass.run("r.clump", input="whole", output="objects")
        return self._grass.export_array("objects", "int32")

    def _fill_holes(self) -> None:
        """Close small holes of map `fresh`, but never over earlier sealed land or outside the events."""
        if self._settings["fill_holes_m2"] <= 0:
            return
        self._calculate("open = if(isnull(fresh), 1, null())")
        self._sieve("open", "wide", self._settings["fill_holes_m2"])
        self._calculate(
            "fresh = if(isnull(wide) && !isnull(now) && before == 0 && !isnull(events), 1, fresh)"
        )

    def _sieve(self, name: str, output: str, area_m2: float) -> None:
        """Map `output`: the clumps of map `name` (1 or NULL) of at least `area_m2`, else NULL."""
        self._grass.run("r.clump", input=name, output=f"{name}_clumps", overwrite=True)
        clumps = self._grass.export_array(f"{name}_clumps", "int32")
        pixels = np.bincount(clumps[clumps > 0].reshape(-1), minlength=1)
        pixel_m2 = self._window.cell_size_m**2
        kept = np.flatnonzero(pixels * pixel_m2 >= area_m2 - 1e-9 * pixel_m2)
        rules = "".join(f"{number} = 1\n" for number in kept if number > 0) + "* = NULL\n"
        self._grass.run("r.reclass", input=f"{name}_clumps", output=output, rules="-", stdin=rules)

    def draw_polygons(self) -> geopandas.GeoDataFrame:
        """Outlines of map `objects`, simplified together so that common borders stay common; column `cat`."""
        run = self._grass.run
        run("r.to.vect", flags="sv", input="objects", output="stairs", type_="area")
        run(
            "v.generalize",
            input="stairs",
            output="simple",
            method="douglas",
            threshold=self._settings["simplify_m"],
        )
        # Areas below a pixel are splinters of the simplification, never objects.
        threshold = self._window.cell_size_m**2
        run("v.clean", input="simple", output="outlines", tool="rmarea", threshold=threshold)
        path = self._grass.scratch / "outlines.gpkg"
        run("v.out.ogr", input="outlines", output=path, format="GPKG", type_="area", output_layer="outlines")
        return read_vector(path, "outlines", ("cat",))
