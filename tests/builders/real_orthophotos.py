"""Real aerial photos laid on the staged area, and real labels as training polygons beside it."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import features
from rasterio.transform import from_origin
from scipy import ndimage
from shapely.geometry import box, shape

from sealwatch.grid import Window

from .geopackages import write_layer
from .orthophotos import write_orthophoto

EPSG = 32633
FLIGHTS = {2021: "2021-05-15", 2022: "2022-10-01", 2024: "2024-06-15"}
"""Staged flight date of each year."""

_PHOTO_YEAR = {2021: 2016, 2022: 2018, 2024: 2020}
_PIXEL_M = 0.6
_CLASSES = {"sealed": (4, 5, 6), "low_vegetation": (3,), "medium_high_vegetation": (2,)}
_SMALLEST_M2 = {"sealed": 6, "low_vegetation": 40, "medium_high_vegetation": 40}
_MOST_PER_CLASS = 12
_DRAWN = {
    2021: {
        "sealed": [(140, 22, 40, 12), (195, 78, 20, 30)],
        "low_vegetation": [(20, 150, 60, 100), (110, 190, 60, 60)],
        "medium_high_vegetation": [(85, 115, 35, 30)],
    },
    2022: {
        "sealed": [(70, 170, 60, 70), (170, 195, 60, 30), (140, 22, 40, 12)],
        "low_vegetation": [(20, 100, 30, 35)],
        "medium_high_vegetation": [(80, 112, 35, 25)],
    },
    2024: {
        "sealed": [(100, 220, 60, 34), (140, 190, 90, 10)],
        "low_vegetation": [(30, 90, 60, 40)],
        "medium_high_vegetation": [(25, 170, 8, 60)],
    },
}
"""Boxes (row, column, height, width in pixels) drawn by eye on riverside_83, by staged year and class.

Labels of other regions alone do not carry over to these photos: dry slopes and bright roofs look different there.
"""


def write_real_orthophotos(
    data: Path,
    folder: Path,
    sites: dict[tuple[str, int], tuple[float, float]],
    training_corner: tuple[float, float],
) -> None:
    """Write photos, sheet index, training polygons and an empty reference layer.

    Args:
        data: folder of the real data sets.
        folder: the world's.
        sites: (city, crop) of a photographed site and where its centre comes to lie, metres in EPSG:32633.
        training_corner: upper left corner of the row of training photos, outside the area.
    """
    rows, polygons = [], []
    for (city, crop), centre in sites.items():
        for year, real in _PHOTO_YEAR.items():
            with rasterio.open(data / "vhr_multiyear" / f"{city}_{real}_{crop}.tif") as source:
                red, green, _, infrared = source.read()
            window = _window(centre[0] - 76.8, centre[1] + 76.8, red.shape)
            name = f"{city.split('_')[0].capitalize()}-{crop}"
            if (city, crop) == ("riverside", 83):
                polygons += _boxes(_DRAWN[year], window, name, year)
            rows.append(_save(folder, name, year, FLIGHTS[year], np.stack([infrared, red, green]), window))
    for n, path in enumerate(sorted((data / "vhr_labelled").glob("*.npz"))):
        stack = np.load(path)["arr_0"][0]
        image = np.clip(np.rint(_finer(stack[[3, 0, 1]])), 0, 255).astype(np.uint8)
        window = _window(training_corner[0] + 300 * n, training_corner[1], image.shape[1:])
        sheet = f"Labelled-{n + 1:02d}"
        rows.append(_save(folder, sheet, 2021, FLIGHTS[2021], image, window))
        polygons += _polygons(stack[8], window, sheet)
    write_layer(gpd.GeoDataFrame(rows, crs=EPSG), folder / "sheets.gpkg", "sheets")
    write_layer(gpd.GeoDataFrame(polygons, crs=EPSG), folder / "training_polygons.gpkg", "training_polygons")
    nothing = gpd.GeoDataFrame({"source": np.array([], dtype=str)}, geometry=gpd.GeoSeries([], crs=EPSG))
    write_layer(nothing, folder / "reference.gpkg", "reference")


def _window(left: float, top: float, shape_px: tuple[int, ...]) -> Window:
    return Window(EPSG, left, top, _PIXEL_M, shape_px[1], shape_px[0])


def _save(
    folder: Path, sheet: str, year: int, flight: str, image: NDArray[np.uint8], window: Window
) -> dict[str, object]:
    relative = f"ortho/{year}/{sheet}.tif"
    write_orthophoto(folder / relative, image, window)
    outline = box(*window.bounds)
    return {"sheet": sheet, "year": year, "flight_date": flight, "path": relative, "geometry": outline}


def _boxes(
    drawn: dict[str, list[tuple[int, int, int, int]]], window: Window, sheet: str, year: int
) -> list[dict[str, object]]:
    left, top = window.x_min, window.y_max
    return [
        {
            "class": name,
            "sheet": sheet,
            "year": year,
            "geometry": box(
                left + col * _PIXEL_M,
                top - (row + height) * _PIXEL_M,
                left + (col + width) * _PIXEL_M,
                top - row * _PIXEL_M,
            ),
        }
        for name, boxes in drawn.items()
        for row, col, height, width in boxes
    ]


def _finer(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """From 1 m pixels to those of the other photos, so that windows of features mean the same."""
    return ndimage.zoom(image, (1, 1 / _PIXEL_M, 1 / _PIXEL_M), order=1, grid_mode=True, mode="nearest")


def _polygons(labels: NDArray[np.float32], window: Window, sheet: str) -> list[dict[str, object]]:
    transform = from_origin(window.x_min, window.y_max, 1.0, 1.0)
    found: list[dict[str, object]] = []
    for name, codes in _CLASSES.items():
        mask = np.isin(labels, codes)
        if (
            name != "sealed"
        ):  # labels are least sure at their borders; sealed pieces are too narrow to lose theirs
            mask = ndimage.binary_erosion(mask)
        pieces = [shape(g) for g, _ in features.shapes(mask.astype(np.uint8), mask=mask, transform=transform)]
        pieces = sorted((p for p in pieces if p.area >= _SMALLEST_M2[name]), key=lambda p: -p.area)
        found += [
            {"class": name, "sheet": sheet, "year": 2021, "geometry": p} for p in pieces[:_MOST_PER_CLASS]
        ]
    return found
