"""Newly sealed land as a numbered map: the raster steps in GRASS between two segmentations and the polygons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..composites.maps import blocks
from ..grass import GrassSession
from ..grid import Window
from .features import NO_DATA
from .reference import reference_map
from .sheets import SEALED

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True)
class Sources:
    """What is compared: segmentations now and at the flight before (or None), reference file (or None)."""

    now: str | Path
    earlier: str | Path | None
    reference: str | Path | None


@dataclass(frozen=True, slots=True)
class Objects:
    """Pieces of newly sealed land: the GRASS map `name` and its arrays, which lie on disk.

    Attributes:
        name: of the map.
        number: int32 [y, x], the object's number, -1 elsewhere.
        earlier_confidence: float32 [y, x], confidence of the class at the earlier flight, 0..1, NaN where that
            has no data; None without an earlier flight.
        all_known: whether a reference tells the earlier state everywhere.
    """

    name: str
    number: np.ndarray
    earlier_confidence: np.ndarray | None
    all_known: bool


def reach_px(settings: Mapping[str, Any], cell_size_m: float) -> int:
    """Pixels around an area that decide what is found in it."""
    return int(settings["majority_px"]) // 2 + math.ceil(settings["registration_m"] / cell_size_m) + 1


def find_objects(
    session: GrassSession,
    sources: Sources,
    window: Window,
    area: BaseGeometry,
    settings: Mapping[str, Any],
) -> Objects | None:
    """Number the pieces of newly sealed land inside `area`, or return None where there is none.

    Both segmentations pass the majority filter. Fresh is what is sealed now, was not sealed before and lies in
    `area`; its small holes are filled. Two flights never register exactly and leave seams along what was
    sealed before: an object is a piece, connected by pixel edges, at least half of which lies farther than
    `registration_m` from earlier sealed land. It keeps the rim nearer to it. What an object is does not depend
    on `min_area_m2`, which only decides whether it is kept.

    Holes of earlier sealed land are filled to the same size, so that land drawn as a filled hole from one
    flight is not drawn again from the next.

    Args:
        session: open, in the CRS of `window`, without maps of an earlier call.
        sources: what is compared.
        window: the part of the sheet around `area`, `reach_px` wider.
        area: where newly sealed land is looked for, CRS of `window`.
        settings: see `outline.outline_sheet`.
    """
    import geopandas

    steps = _Steps(session, window, settings)
    session.set_region(window)
    session.import_areas(geopandas.GeoDataFrame(geometry=[area], crs=window.epsg), "area")
    steps.mark_sealed(sources.now, "now")
    steps.mark_before(sources)
    steps.mark_fresh()
    if not steps.number_objects():
        return None
    number = session.export_array("objects", "int32")
    confidence = None if sources.earlier is None else steps.confidence(sources.earlier)
    return Objects("objects", number, confidence, sources.reference is not None)


class _Steps:
    """The steps on one part; maps: area, now, before, fresh, core, whole, objects."""

    def __init__(self, session: GrassSession, window: Window, settings: Mapping[str, Any]) -> None:
        self._grass, self._window, self._settings = session, window, settings
        self._pixel_m2 = window.cell_size_m**2

    def _calculate(self, *expressions: str) -> None:
        self._grass.run("r.mapcalc", file="-", stdin="\n".join(expressions) + "\n", overwrite=True)

    def _link(self, segmentation: str | Path, variable: str, name: str) -> None:
        """Map `name`: a variable of an HDF5 file, read in place."""
        # The prefix keeps the file's georeference, which the plain HDF5 driver would lose.
        self._grass.import_raster(f'NETCDF:"{Path(segmentation).absolute()}":{variable}', name, link=True)

    def confidence(self, segmentation: str | Path) -> np.ndarray:
        """Confidence of a segmentation on the grid of the part, float32 [y, x], NaN without data."""
        self._link(segmentation, "confidence", "earlier_confidence")
        return self._grass.export_array("earlier_confidence", "float32")

    def mark_sealed(self, segmentation: str | Path, name: str) -> None:
        """Map `name`: 1 where sealed after the majority filter, else 0; NULL without data."""
        self._link(segmentation, "class", f"{name}_class")
        filtered = f"{name}_class"
        if self._settings["majority_px"] > 1:
            filtered = f"{name}_mode"
            size = self._settings["majority_px"]
            self._grass.run("r.neighbors", input=f"{name}_class", output=filtered, size=size, method="mode")
        self._calculate(f"{name} = if(isnull({name}_class), null(), {filtered} == {SEALED})")

    def mark_before(self, sources: Sources) -> None:
        """Map `before`: 1 on land sealed at the earlier flight or in the reference, else NULL."""
        terms = []
        if sources.earlier is not None:
            self.mark_sealed(sources.earlier, "earlier")
            terms.append("earlier == 1")
        if sources.reference is not None:
            least = self._settings["reference_min"]
            known = reference_map(self._grass, sources.reference, self._window, least=least)
            terms.append(f"{known} == 1")
        # NULL || 1 is 1 in r.mapcalc only with the operator |||.
        self._calculate(f"before = if({' ||| '.join(terms) or '0'}, 1, null())")
        if terms:
            self._fill_holes("before")

    def mark_fresh(self) -> None:
        """Map `fresh`: 1 on land of the area that is sealed now and was not before, else NULL."""
        self._calculate("fresh = if(now == 1 && isnull(before) && !isnull(area), 1, null())")
        self._fill_holes("fresh", "!isnull(now) && isnull(before) && !isnull(area)")

    def _fill_holes(self, name: str, condition: str = "1") -> None:
        """Close the holes of map `name` below the set size; what touches the window's edge is no hole."""
        most = self._settings["fill_holes_m2"] / self._pixel_m2
        if most <= 0:
            return
        self._calculate(f"open = if(isnull({name}), 1, null())")
        clumps = self._clumps("open")
        pixels = _count(clumps)
        for edge in (clumps[0], clumps[-1], clumps[:, 0], clumps[:, -1]):
            pixels[edge[edge > 0]] = 0
        holes = np.flatnonzero((pixels > 0) & (pixels <= most + 1e-9))
        if len(holes):
            self._keep("open_clumps", "holes", holes)
            self._calculate(f"{name} = if(!isnull(holes) && {condition}, 1, {name})")

    def number_objects(self) -> bool:
        """Map `objects`: numbered pieces of fresh land, NULL elsewhere; False where there is none."""
        distance = self._settings["registration_m"]
        core = whole = "fresh"
        if distance > 0:
            core, whole = "core", "whole"
            self._distance_to("before")
            near = f"{1.0001 * distance:.6f}"
            self._calculate(f"core = if(isnull(before_distance) ||| before_distance > {near}, fresh, null())")
            self._distance_to("core")
            self._calculate(f"whole = if(core_distance <= {near}, fresh, null())")
        clumps = self._clumps(whole)
        pixels = _count(clumps)
        inner = _count(clumps, self._grass.export_array(core, "uint8"), len(pixels))
        least = self._settings["min_area_m2"] / self._pixel_m2
        kept = np.flatnonzero((pixels > 0) & (pixels >= least - 1e-9) & (2 * inner >= pixels))
        if len(kept):
            self._keep(f"{whole}_clumps", "objects", kept)
        return len(kept) > 0

    def _distance_to(self, name: str) -> None:
        """Map `{name}_distance`: metres to the nearest pixel of map `name`; NULL if the map has none.

        The larger of the distances along rows and columns, so that a rim taken off and given back keeps corners.
        """
        output = f"{name}_distance"
        self._grass.run("r.grow.distance", input=name, distance=output, metric="maximum")

    def _clumps(self, name: str) -> np.ndarray:
        """Map `{name}_clumps`: pieces of map `name` connected by pixel edges; also as int32 array, -1 = NULL."""
        self._grass.run("r.clump", input=name, output=f"{name}_clumps", overwrite=True)
        return self._grass.export_array(f"{name}_clumps", "int32")

    def _keep(self, clumps: str, output: str, numbers: np.ndarray) -> None:
        """Map `output`: map `clumps` where its number is one of `numbers`, else NULL."""
        rules = "".join(f"{number} = {number}\n" for number in numbers) + "* = NULL\n"
        # A reclassified map follows the one it was made from, which is made anew for the next step: copy it.
        self._grass.run(
            "r.reclass", input=clumps, output=f"{output}_link", rules="-", stdin=rules, overwrite=True
        )
        self._calculate(f"{output} = {output}_link")


def _count(
    clumps: np.ndarray, mask: np.ndarray | None = None, length: int = 0
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Pixels by clump number, of those that `mask` (255 = NULL) has too."""
    total = np.zeros(max(length, 1), "i8")
    for rows in blocks(len(clumps)):
        number = clumps[rows]
        inside = number > 0 if mask is None else (number > 0) & (mask[rows] != NO_DATA)
        found = np.bincount(number[inside], minlength=len(total))
        found[: len(total)] += total
        total = found
    return total
