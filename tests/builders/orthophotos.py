"""Orthophotos (NIR, R, G) of the synthetic landscape and their sheet index."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from numba import njit
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy import ndimage
from shapely.geometry import box

from sealwatch.grid import Window
from sealwatch.progress import track

from .geopackages import write_layer
from .landscape import EPSG, Landscape
from .materials import (
    CANOPY_TEXTURE,
    GRASS_TEXTURE,
    HARD_TEXTURE,
    ROW_TEXTURE,
    covers,
    orthophoto_colours,
    tiles,
)
from .random_fields import generator
from .sketch import CELL_M, MARGIN_M

PIXEL_M = 0.5
"""Resolution of the drawings, and the finest of a photograph."""

SHEET_PIXEL_M = 1.0
"""That of the sheets, twice as coarse as most real ones: GRASS has a quarter of the pixels to work through."""

SHEET_M = 1000.0
COLUMNS, ROWS = 8, 6
ORIGIN = (496500.0, 5120300.0)
FLIGHTS = {2021: "2021-03-29", 2024: "2024-08-14"}
"""Flight date of each year in which all sheets were flown."""

LATER_FLIGHTS = {2025: "2025-07-02"}
"""Flight date of years in which single sheets can be flown afterwards (see `extra_flight`)."""

_SEASONS = {2021: "spring", 2024: "summer", 2025: "summer"}
_TILE = 512


@dataclass(frozen=True, slots=True)
class Sheet:
    """One map sheet."""

    name: str
    window: Window


def sheets() -> list[Sheet]:
    """All sheets, northern row first; their edges are not those of the cells."""
    edge = round(SHEET_M / SHEET_PIXEL_M)
    return [
        Sheet(
            f"D2{row}{col + 1:02d}",
            Window(EPSG, ORIGIN[0] + col * SHEET_M, ORIGIN[1] - row * SHEET_M, SHEET_PIXEL_M, edge, edge),
        )
        for row in range(ROWS)
        for col in range(COLUMNS)
    ]


@njit(cache=True, nogil=True)
def _draw(
    drawings: NDArray[np.uint8],
    version: NDArray[np.int16],
    offset: NDArray[np.int32],
    colour: NDArray[np.int16],
    cover: NDArray[np.uint8],
    texture: NDArray[np.uint8],
    patterns: NDArray[np.int16],
    wander_x: NDArray[np.float32],
    wander_y: NDArray[np.float32],
    left: float,
    top: float,
    pixel: float,
    light: NDArray[np.float32],
    image: NDArray[np.uint8],
    kind: NDArray[np.uint8],
    cell: NDArray[np.int16],
) -> None:
    """Fill `image`, `kind` of cover and `cell` number; `left`, `top` are metres from the ring's corner."""
    size, edge = patterns.shape[1], drawings.shape[1]
    rows, cols = version.shape
    for i in range(kind.shape[0]):
        y = top + (i + 0.5) * pixel
        vy, jy = y / 10, int(y / 10)
        fy = vy - jy
        for j in range(kind.shape[1]):
            x = left + (j + 0.5) * pixel
            row, col = int(y / CELL_M), int(x / CELL_M)
            near_y, near_x = y - row * CELL_M, x - col * CELL_M
            if min(near_y, near_x, CELL_M - near_y, CELL_M - near_x) < MARGIN_M:
                vx, jx = x / 10, int(x / 10)
                fx = vx - jx
                a, b, c, d = (1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx
                wx = a * wander_x[jy, jx] + b * wander_x[jy, jx + 1]
                wx += c * wander_x[jy + 1, jx] + d * wander_x[jy + 1, jx + 1]
                wy = a * wander_y[jy, jx] + b * wander_y[jy, jx + 1]
                wy += c * wander_y[jy + 1, jx] + d * wander_y[jy + 1, jx + 1]
                row = min(max(int(np.floor((y + wy) / CELL_M)), 0), rows - 1)
                col = min(max(int(np.floor((x + wx) / CELL_M)), 0), cols - 1)
            py = min(max(int((y - row * CELL_M + MARGIN_M) / PIXEL_M), 0), edge - 1)
            px = min(max(int((x - col * CELL_M + MARGIN_M) / PIXEL_M), 0), edge - 1)
            layout = version[row, col]
            number = drawings[layout, py, px]
            thing = offset[layout] + (number & 0x7F)
            gy, gx = int(y / PIXEL_M) % size, int(x / PIXEL_M) % size
            pattern = patterns[texture[thing], gy, gx]
            shade = np.float32(0.5) if number & 0x80 else np.float32(1.0)
            for band in range(3):
                value = (colour[thing, band] * light[band] + pattern) * shade
                image[band, i, j] = np.uint8(min(max(value, 1.0), 255.0))
            kind[i, j] = cover[thing]
            cell[i, j] = row * cols + col


def _patterns(seed: int) -> NDArray[np.int16]:
    """Periodic texture tiles; coarse steps and 1 m grains, so that the files compress well."""
    rng = generator(seed, "orthophoto texture")

    def grains(metres: int, sigma: float) -> NDArray[np.float64]:
        edge = _TILE // (2 * metres)
        field = ndimage.gaussian_filter(rng.standard_normal((edge, edge)), sigma, mode="wrap")
        return np.kron(field / field.std(), np.ones((2 * metres, 2 * metres)))

    canopy = ndimage.gaussian_filter(rng.standard_normal((_TILE, _TILE)), 3.2, mode="wrap")
    canopy = canopy / canopy.std()
    sunlit = canopy - np.roll(canopy, (3, 3), (0, 1))
    out = np.zeros((5, _TILE, _TILE))
    out[GRASS_TEXTURE] = 4 * np.rint(0.9 * grains(1, 0.6) + 0.9 * grains(2, 2.0))
    out[CANOPY_TEXTURE] = 8 * np.rint(1.4 * canopy + 1.1 * sunlit)
    rows = np.where(np.arange(_TILE) % 8 < 4, 1.0, -1.0)[:, None]
    out[ROW_TEXTURE] = 4 * np.rint(0.8 * rows + 0.8 * grains(1, 0.7))
    out[HARD_TEXTURE] = 4 * np.rint(0.8 * grains(1, 0.5))
    return out.astype(np.int16)


class Camera:
    """Draws the landscape as seen from the air in a year."""

    def __init__(self, landscape: Landscape) -> None:
        self.landscape = landscape
        self._drawings = landscape.drawings(PIXEL_M)
        self._patterns = _patterns(landscape.seed)

    def shoot(
        self, window: Window, year: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int16]]:
        """(image [3, y, x], kind of cover [y, x], cell number [y, x]) of a window (pixels from 0.5 m)."""
        land, season = self.landscape, _SEASONS[year]
        image = np.zeros((3, *window.shape), dtype=np.uint8)
        kind, cell = np.zeros(window.shape, dtype=np.uint8), np.zeros(window.shape, dtype=np.int16)
        rng = generator(land.seed, "light", year, window.x_min)
        light = (rng.normal(1.0, 0.015) * rng.normal(1.0, 0.01, 3)).astype(np.float32)
        x0, y0 = land.origin
        _draw(
            self._drawings,
            land.versions((FLIGHTS | LATER_FLIGHTS)[year]),
            land.offset,
            orthophoto_colours(land.material, land.brightness, season),
            covers(land.material, season),
            tiles(land.material),
            self._patterns,
            *land.wander,
            window.x_min - x0,
            y0 - window.y_max,
            window.cell_size_m,
            light,
            image,
            kind,
            cell,
        )
        return image, kind, cell


def write_orthophoto(path: Path, image: NDArray[np.uint8], window: Window) -> None:
    """Write NIR, R and G [3, y, x] as a tiled GeoTIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=window.width,
        height=window.height,
        count=3,
        dtype="uint8",
        crs=f"EPSG:{window.epsg}",
        transform=from_origin(window.x_min, window.y_max, window.cell_size_m, window.cell_size_m),
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="deflate",
        zlevel=1,
        predictor=2,
        interleave="band",
        photometric="minisblack",
    ) as target:
        target.write(image)
        for band, name in enumerate(("NIR", "R", "G"), 1):
            target.set_band_description(band, name)


def write_flight(folder: Path, sheet: Sheet, year: int, image: NDArray[np.uint8]) -> dict[str, object]:
    """Write the photograph of a sheet below `folder/ortho` and return its row of the sheet index."""
    relative = f"ortho/{year}/{sheet.name}.tif"
    write_orthophoto(folder / relative, image, sheet.window)
    return {
        "sheet": sheet.name,
        "year": year,
        "flight_date": (FLIGHTS | LATER_FLIGHTS)[year],
        "path": relative,
        "geometry": box(*sheet.window.bounds),
    }


def write_orthophotos(camera: Camera, folder: Path, threads: int = 2) -> None:
    """Write all sheets of all flights below `folder/ortho`, and the sheet index `folder/sheets.gpkg`."""

    def one(sheet: Sheet, year: int) -> dict[str, object]:
        return write_flight(folder, sheet, year, camera.shoot(sheet.window, year)[0])

    flown = [(sheet, year) for year in FLIGHTS for sheet in sheets()]
    with ThreadPoolExecutor(threads) as pool:
        drawn = pool.map(lambda pair: one(*pair), flown)
        rows = list(track(drawn, "orthophotos drawn", len(flown)))
    write_layer(gpd.GeoDataFrame(rows, crs=EPSG), folder / "sheets.gpkg", "sheets")
