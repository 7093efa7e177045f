"""Polygons from a numbered GRASS map, simplified together so that common borders stay common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grass import GrassSession
from ..vectors import read_vector

if TYPE_CHECKING:
    import geopandas


def draw_polygons(
    session: GrassSession, name: str, tolerance_m: float, pixel_m: float
) -> geopandas.GeoDataFrame:
    """Outlines of the areas of a map, with column `cat`, the map's number, in the session's CRS.

    Corners of pixels are cut first; borders are simplified after Douglas and Peucker as lines of a topology,
    so that two areas keep their common border and none overlaps another. v.generalize leaves a border as it
    is where simplifying would make it cross another.

    Args:
        session: open, its region that of the map.
        name: integer map; pixels of one number that touch by edges make an area.
        tolerance_m: of the simplification, 0 for none.
        pixel_m: edge of a pixel in metres; areas below one pixel are splinters and go to their neighbour.

    Raises:
        GrassError: a module failed.
    """
    run = session.run
    run("r.to.vect", flags="sv", input=name, output="stairs", type_="area")
    lines = "stairs"
    if tolerance_m > 0:
        lines = "simple"
        run("v.generalize", input="stairs", output=lines, method="douglas", threshold=tolerance_m)
    run("v.clean", input=lines, output="outlines", tool="rmarea", threshold=pixel_m**2)
    path = session.scratch / "outlines.gpkg"
    path.unlink(missing_ok=True)
    run("v.out.ogr", input="outlines", output=path, format="GPKG", type_="area", output_layer="outlines")
    return read_vector(path, "outlines", ("cat",))
