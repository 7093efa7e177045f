"""Rings of polygons that people draw: what can be mended without doubt is mended, what cannot is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import VectorError

if TYPE_CHECKING:
    import geopandas

_MENDABLE = ("Ring Self-intersection", "Interior is disconnected")
"""GEOS's reasons for rings that touch themselves, which bound the same area however they are cut."""


def mended(frame: geopandas.GeoDataFrame, names: Sequence[str], where: str) -> geopandas.GeoDataFrame:
    """The frame with valid two-dimensional polygons; rings that touch themselves are cut there.

    Args:
        frame: polygons.
        names: what to call each row in a message.
        where: file and layer, the begin of a message.

    Raises:
        VectorError: a geometry is absent, no polygon, or its ring crosses itself (a bow-tie), so that nobody
            can say which area is meant.
    """
    import shapely

    wrong = []
    shapes = frame.geometry.force_2d()
    for name, shape in zip(names, shapes, strict=True):
        if shape is None or shape.is_empty or shape.geom_type not in ("Polygon", "MultiPolygon"):
            wrong.append(f"{name} is no polygon")
        elif not shape.is_valid and not (reason := shapely.is_valid_reason(shape)).startswith(_MENDABLE):
            wrong.append(f"{name} is invalid ({reason})")
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise VectorError(f"{where}: {'; '.join(wrong[:5])}{more}; draw its outline anew")
    return frame.set_geometry(shapes.make_valid())
