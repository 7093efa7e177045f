"""Attributes of the outlines: identity, event, probability and area."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..grid import Window
from .measures import Measures

if TYPE_CHECKING:
    import geopandas
    from shapely import Polygon

COLUMNS = {
    "polygon_id": "str",
    "sheet": "str",
    "year": "int64",
    "flight_date": "str",
    "earlier_flight_date": "str",
    "event_id": "str",
    "from_class": "str",
    "to_class": "str",
    "start_half": "str",
    "confirm_half": "str",
    "event_confidence": "float64",
    "probability": "float64",
    "area_m2": "float64",
    "earlier_known": "float64",
}
"""Attributes of an outline and their types.

`probability` is the forest's mean confidence over the object's pixels. `area_m2` is measured in the plane of the
orthophoto's projected CRS. `earlier_known` is the share of its pixels whose earlier state is known; what is not
known counts as new.
"""


def attributed(
    polygons: geopandas.GeoDataFrame | None,
    measures: Measures | None,
    window: Window,
    cells: geopandas.GeoDataFrame,
    facts: dict[str, Any],
) -> geopandas.GeoDataFrame:
    """The outlines with all attributes of `COLUMNS`, ordered by id.

    Args:
        polygons: outlines with column `cat`, the object's number; None where there is none.
        measures: figures by object number; None where there is none.
        window: raster window to which the places of `measures` belong.
        cells: events with their cells as polygons, in the window's CRS.
        facts: the flag file's content.
    """
    import geopandas

    rows: list[dict[str, Any]] = []
    shapes = []
    if polygons is not None and measures is not None:
        for number, shape in _one_polygon_each(polygons):
            event = cells.loc[_event_of(shape, cells)]
            rows.append(
                {
                    "polygon_id": polygon_id(
                        facts["sheet"], facts["year"], window, *measures.place[number].tolist()
                    ),
                    "sheet": facts["sheet"],
                    "year": facts["year"],
                    "flight_date": facts["flight_date"],
                    "earlier_flight_date": facts["earlier"]["flight_date"] if facts["earlier"] else "",
                    **{
                        k: event[k]
                        for k in ("event_id", "from_class", "to_class", "start_half", "confirm_half")
                    },
                    "event_confidence": float(event["confidence"]),
                    "probability": round(float(measures.probability[number]), 4),
                    "area_m2": round(shape.area, 2),
                    "earlier_known": round(float(measures.earlier_known[number]), 4),
                }
            )
            shapes.append(shape.normalize())
    frame = geopandas.GeoDataFrame(rows, columns=list(COLUMNS), geometry=shapes, crs=window.epsg)
    return frame.astype(COLUMNS).sort_values("polygon_id", ignore_index=True)


def _one_polygon_each(polygons: geopandas.GeoDataFrame) -> Iterator[tuple[int, Polygon]]:
    """Number and largest valid polygon of each object; simplifying may pinch off splinters at its necks."""
    valid = polygons.set_geometry(polygons.geometry.make_valid()).explode(ignore_index=True)
    valid = valid[valid.geometry.geom_type == "Polygon"]
    largest = valid.assign(size=valid.area).sort_values("size", ascending=False).drop_duplicates("cat")
    lost = valid.area.sum() - largest["size"].sum()
    if lost > 0:
        print(
            f"{lost:.1f} m2 of {valid.area.sum():.1f} m2 were splinters of the simplification",
            file=sys.stderr,
        )
    yield from zip(largest["cat"].astype(int), largest.geometry, strict=True)


def polygon_id(sheet: str, year: int, window: Window, row: int, col: int) -> str:
    """Identity of an outline: `sheet-year-row-col` of a pixel of it, counted from the CRS's origin.

    Rows count northwards and columns eastwards, so the id depends neither on the sheet's extent nor on other
    outlines.
    """
    north = (window.y_max - (row + 0.5) * window.cell_size_m) / window.cell_size_m
    east = (window.x_min + (col + 0.5) * window.cell_size_m) / window.cell_size_m
    return f"{sheet}-{year}-{int(np.floor(north))}-{int(np.floor(east))}"


def _event_of(shape: Any, cells: geopandas.GeoDataFrame) -> Any:
    """Index of the event with the largest common area, or of the nearest one where there is none."""
    common = cells.intersection(shape).area
    return common.idxmax() if common.max() > 0 else cells.distance(shape).idxmin()
