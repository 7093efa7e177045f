"""Attributes of the outlines: identity, event, probability and area."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import hdf5
from ..grid import Window
from .features import BLOCK_ROWS

if TYPE_CHECKING:
    import geopandas

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
}
"""Attributes of an outline and their types."""


def attributed(
    polygons: geopandas.GeoDataFrame | None,
    objects: np.ndarray,
    probability: np.ndarray,
    window: Window,
    cells: geopandas.GeoDataFrame,
    facts: dict[str, Any],
) -> geopandas.GeoDataFrame:
    """The outlines with all attributes of `COLUMNS`, ordered by id.

    Args:
        polygons: outlines with column `cat`, the object's number; None where there is none.
        objects: int32 [y, x], numbers of the objects, -1 elsewhere.
        probability: mean confidence by object number.
        window: raster window of `objects`.
        cells: events with their cells as polygons, in the window's CRS.
        facts: the flag file's content.
    """
    import geopandas

    rows: list[dict[str, Any]] = []
    shapes = []
    if polygons is not None:
        places = _places(objects)
        valid = polygons.set_geometry(polygons.geometry.make_valid()).explode(ignore_index=True)
        valid = valid[valid.geometry.geom_type == "Polygon"]
        largest = valid.assign(size=valid.area).sort_values("size", ascending=False).drop_duplicates("cat")
        for number, shape in zip(largest["cat"], largest.geometry, strict=True):
            event = cells.loc[_event_of(shape, cells)]
            rows.append(
                {
                    "polygon_id": polygon_id(facts["sheet"], facts["year"], window, *places[number]),
                    "sheet": facts["sheet"],
                    "year": facts["year"],
                    "flight_date": facts["flight_date"],
                    "earlier_flight_date": facts["earlier"]["flight_date"] if facts["earlier"] else "",
                    **{
                        k: event[k]
                        for k in ("event_id", "from_class", "to_class", "start_half", "confirm_half")
                    },
                    "event_confidence": float(event["confidence"]),
                    "probability": round(float(probability[number]), 4),
                    "area_m2": round(shape.area, 2),
                }
            )
            shapes.append(shape.normalize())
    frame = geopandas.GeoDataFrame(rows, columns=list(COLUMNS), geometry=shapes, crs=window.epsg)
    return frame.astype(COLUMNS).sort_values("polygon_id", ignore_index=True)


def polygon_id(sheet: str, year: int, window: Window, row: int, col: int) -> str:
    """Identity of an outline: `sheet-year-row-col` of a pixel of it, counted from the CRS's origin.

    Rows count northwards and columns eastwards, so the id depends neither on the sheet's extent nor on other
    outlines.
    """
    north = (window.y_max - (row + 0.5) * window.cell_size_m) / window.cell_size_m
    east = (window.x_min + (col + 0.5) * window.cell_size_m) / window.cell_size_m
    return f"{sheet}-{year}-{int(np.floor(north))}-{int(np.floor(east))}"


def _places(objects: np.ndarray) -> dict[int, tuple[int, int]]:
    """Row and column of each object's pixel that is nearest to its centre of mass, the first of equals."""
    flat = np.flatnonzero(np.asarray(objects).reshape(-1) > 0)
    number = np.asarray(objects).reshape(-1)[flat]
    row, col = np.divmod(flat, objects.shape[1])
    pixels = np.maximum(np.bincount(number), 1)
    centre_row, centre_col = np.bincount(number, row) / pixels, np.bincount(number, col) / pixels
    distance = (row - centre_row[number]) ** 2 + (col - centre_col[number]) ** 2
    order = np.lexsort((flat, np.round(distance, 6), number))
    first = order[np.unique(number[order], return_index=True)[1]]
    return {int(number[i]): (int(row[i]), int(col[i])) for i in first}


def mean_confidence(objects: np.ndarray, segmentation: str | Path, top: int, left: int) -> np.ndarray:
    """Mean confidence by object number; `objects` begins at row `top`, column `left` of the segmentation."""
    total = np.zeros(int(objects.max(initial=0)) + 1)
    pixels = np.zeros_like(total)
    with hdf5.read(segmentation) as file:
        for start in range(0, objects.shape[0], BLOCK_ROWS):
            number = np.asarray(objects[start : start + BLOCK_ROWS])
            inside = number > 0
            rows = slice(top + start, top + start + len(number))
            confidence = file["confidence"][rows, left : left + objects.shape[1]][inside]
            total += np.bincount(number[inside], confidence, len(total))
            pixels += np.bincount(number[inside], minlength=len(total))
    return total / np.maximum(pixels, 1)


def _event_of(shape: Any, cells: geopandas.GeoDataFrame) -> Any:
    """Index of the event with the largest common area, or of the nearest one where there is none."""
    common = cells.intersection(shape).area
    return common.idxmax() if common.max() > 0 else cells.distance(shape).idxmin()
