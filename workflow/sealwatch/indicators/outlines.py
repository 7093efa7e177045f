"""Areas of newly sealed land by place and half-year, from the polygons outlined on orthophotos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import VectorError
from ..publish.geometries import polygonal
from ..vectors import read_vectors
from .apportion import divide_polygons
from .areas import EQUAL_AREA, Regions

if TYPE_CHECKING:
    import geopandas as gpd

LAYER, FIELDS = "newly_sealed", ("polygon_id", "start_half")


@dataclass(frozen=True, slots=True)
class Outlined:
    """Outlined land by place; the last place is that of no region.

    Attributes:
        area_m2: int64 (place, half), square metres on the ellipsoid, by the half-year in which the change starts.
        polygons: int64 (place, half), polygons with a part there; one across a border counts in each.
        all_polygons: int64 (half,), polygons, each once.
    """

    area_m2: np.ndarray
    polygons: np.ndarray
    all_polygons: np.ndarray


def read_outlines(files: Sequence[str | Path]) -> gpd.GeoDataFrame:
    """All outlines with `polygon_id` and `start_half`, in the equal-area CRS; empty without files.

    Raises:
        VectorError: a file cannot be read or lacks a field.
    """
    if not files:
        import geopandas as gpd

        return gpd.GeoDataFrame({name: [] for name in FIELDS}, geometry=[], crs=EQUAL_AREA)
    return read_vectors(files, LAYER, FIELDS, EQUAL_AREA)[[*FIELDS, "geometry"]]


def count_outlines(frame: gpd.GeoDataFrame, regions: Regions | None, halves: Sequence[str]) -> Outlined:
    """Divide the outlines among regions and sum them up.

    Args:
        frame: see `read_outlines`.
        regions: municipalities, or None.
        halves: half-years of the run.

    Raises:
        VectorError: an outline starts in a half-year outside the run.
    """
    places = len(regions.names) if regions else 0
    shape = (places + 1, len(halves))
    half = np.array(
        [_place(halves, h, i) for h, i in zip(frame.start_half, frame.polygon_id, strict=True)], "i8"
    )
    shapes = polygonal(regions.shapes.to_crs(EQUAL_AREA).values) if regions else np.empty(0, dtype=object)
    pieces = divide_polygons(polygonal(frame.geometry.values), shapes, np.arange(len(shapes)))
    place = pieces.place(places)
    key = place * len(halves) + half[pieces.whole]
    area = np.bincount(key, pieces.area_m2, places * len(halves) + len(halves)).reshape(shape)
    # A piece below a square metre is the rounding of a common border.
    known = np.unique(np.stack([pieces.whole, place])[:, pieces.area_m2 >= 1.0], axis=1)
    polygons = np.bincount(known[1] * len(halves) + half[known[0]], minlength=area.size).reshape(shape)
    return Outlined(
        np.rint(area).astype("i8"),
        polygons.astype("i8"),
        np.bincount(half, minlength=len(halves)).astype("i8"),
    )


def _place(halves: Sequence[str], half: str, polygon: str) -> int:
    try:
        return list(halves).index(half)
    except ValueError:
        raise VectorError(
            f"outline {polygon}: start_half {half} is not one of {halves[0]} to {halves[-1]}; run rule outline again"
        ) from None
