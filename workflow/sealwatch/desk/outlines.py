"""An outline that a reviewer drew, from GeoJSON in degrees to a geometry the database takes."""

from __future__ import annotations

import math
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from ..errors import SealwatchError

MAX_VERTICES = 10_000


class OutlineError(SealwatchError):
    """What a reviewer drew is no outline; the message says what is wrong with it."""


def read_outline(geojson: Any) -> BaseGeometry:
    """The multipolygon of a GeoJSON geometry.

    Args:
        geojson: decoded `Polygon` or `MultiPolygon`, longitude and latitude in degrees (EPSG:4326), two dimensions.

    Returns:
        Valid multipolygon with SRID 4326.

    Raises:
        OutlineError: another type, coordinates that are no numbers, not finite, three-dimensional or out of range,
            rings that are open or too short, more than `MAX_VERTICES` vertices, or no valid area.
    """
    kind = geojson.get("type") if isinstance(geojson, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise OutlineError("the outline must be a GeoJSON Polygon or MultiPolygon")
    coordinates = geojson.get("coordinates")
    polygons = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(polygons, list) or not polygons or not all(isinstance(p, list) and p for p in polygons):
        raise OutlineError("the outline is empty; draw at least three corners")
    if any(not isinstance(ring, list) for polygon in polygons for ring in polygon):
        raise OutlineError("the outline must hold rings of positions")
    count = sum(len(ring) for polygon in polygons for ring in polygon)
    if count > MAX_VERTICES:
        raise OutlineError(f"the outline has {count} vertices; {MAX_VERTICES} are allowed")
    rings = [[_ring(ring) for ring in polygon] for polygon in polygons]
    shape = shapely.MultiPolygon([shapely.Polygon(polygon[0], polygon[1:]) for polygon in rings])
    if not shape.is_valid:
        raise OutlineError(f"the outline is not valid: {explain_validity(shape)}; draw it without crossings")
    if not shape.area > 0:
        raise OutlineError("the outline has no area; draw at least three corners")
    return shapely.set_srid(shape, 4326)


def _ring(ring: list[Any]) -> list[tuple[float, float]]:
    positions = [_position(position) for position in ring]
    if len(positions) < 4:
        raise OutlineError("a ring needs at least four positions, of which the last repeats the first")
    if positions[0] != positions[-1]:
        raise OutlineError("a ring is open; its last position must repeat the first")
    return positions


def _position(position: Any) -> tuple[float, float]:
    if not isinstance(position, list) or len(position) != 2:
        raise OutlineError("each position must be two numbers, longitude and latitude, without a height")
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in position):
        raise OutlineError("each position must be two numbers, longitude and latitude")
    # An integer of JSON may have any number of digits, which no float holds.
    if not all(
        abs(value) <= limit and math.isfinite(value) for value, limit in zip(position, (180, 90), strict=True)
    ):
        raise OutlineError("a longitude must lie within -180 and 180 degrees, a latitude within -90 and 90")
    return float(position[0]), float(position[1])
