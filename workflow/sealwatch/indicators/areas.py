"""Areas on the ellipsoid, and who owns which part of the land: zones, municipalities, the rest.

Figures of both families, satellite map and outlines, are areas on the WGS 84 ellipsoid: those of cells are measured in
the plane of their UTM zone and divided by the square of the scale there, which a conformal map allows; those of
polygons in EPSG:6933, an equal-area CRS for the whole Earth. Areas in the plane of a UTM zone differ by up to 0.1 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import VectorError
from ..grid import Window
from ..publish.geometries import polygonal
from ..vectors import field_as_text, read_vector
from ..zones import strip_of

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

EQUAL_AREA = 6933
"""EPSG code in which areas of polygons are measured."""


@dataclass(frozen=True, slots=True)
class Regions:
    """Polygons with a name each, such as municipalities or kinds of land use.

    Attributes:
        names: sorted; where regions cover each other, a place belongs to the first of them.
        shapes: one geometry for each name, valid, in their CRS.
    """

    names: tuple[str, ...]
    shapes: gpd.GeoSeries


def read_regions(name: str, source: Mapping[str, Any], values: Sequence[str] = ()) -> Regions:
    """A registry's polygons, one region for each value of its field.

    Args:
        name: of the registry, for messages.
        source: its entry in the configuration: `path`, `layer`, `field`.
        values: of the field that are read; empty for all.

    Raises:
        VectorError: the file cannot be read, lacks CRS or field, or holds no polygon with a value.
    """
    import geopandas as gpd

    frame = read_field(name, source, values)
    grouped = frame.dissolve("value", sort=True)
    return Regions(tuple(grouped.index), gpd.GeoSeries(grouped.geometry.values, crs=frame.crs))


def read_field(name: str, source: Mapping[str, Any], values: Sequence[str] = ()) -> gpd.GeoDataFrame:
    """Valid polygons of a registry with their `value`, as text; arguments and errors as of `read_regions`."""
    import geopandas as gpd
    import shapely

    try:
        frame = read_vector(source["path"], source.get("layer"), [source["field"]])
    except VectorError as error:
        raise VectorError(f"registries.{name}: {error}") from error
    value = field_as_text(frame, source["field"])
    wanted = np.isin(value, list(values)) if values else value != ""
    shapes = polygonal(frame.geometry.values[wanted])
    there = ~shapely.is_missing(shapes)
    if not there.any():
        sought = f" with {source['field']} in {', '.join(values)}" if values else f" with a {source['field']}"
        raise VectorError(f"registries.{name}: {Path(source['path'])}: holds no polygon{sought}; correct it")
    return gpd.GeoDataFrame({"value": value[wanted][there]}, geometry=shapes[there], crs=frame.crs)


def area_m2(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> np.ndarray:
    """Areas of polygons on the ellipsoid, square metres."""
    return frame.to_crs(EQUAL_AREA).area.to_numpy()


def ellipsoid_per_plane(window: Window, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    """Area on the ellipsoid for each square metre in the plane of the zone, at the centres of cells.

    Args:
        window: cells of a UTM zone.
        row: int (n,), rows in the window.
        col: int (n,), columns in the window.
    """
    from pyproj import Proj, Transformer

    x = window.x_min + (col + 0.5) * window.cell_size_m
    y = window.y_max - (row + 0.5) * window.cell_size_m
    longitude, latitude = Transformer.from_crs(window.epsg, 4326, always_xy=True).transform(x, y)
    if len(x) == 0:
        return np.empty(0)
    return 1.0 / np.asarray(Proj(f"EPSG:{window.epsg}").get_factors(longitude, latitude).areal_scale)


def own_area(area_of_interest: str | Path, zone: int, zones: Sequence[int]) -> BaseGeometry:
    """The part of the area of interest that a zone answers for (`sealwatch.zones`), in its CRS.

    Raises:
        VectorError: the file cannot be read.
    """
    frame = read_vector(area_of_interest)
    frame = frame.set_geometry(polygonal(frame.geometry.values), crs=frame.crs)
    frame = frame[~frame.geometry.isna()]
    if len(zones) > 1:
        # Points every 0.01 degrees keep the common border of two zones within centimetres in both.
        strip = strip_of(zone, zones).segmentize(0.01)
        frame = frame.to_crs(4326)
        frame = frame.set_geometry(polygonal(frame.make_valid().intersection(strip).values), crs=4326)
        frame = frame[~frame.geometry.isna()]
    return frame.to_crs(zone).make_valid().union_all()
