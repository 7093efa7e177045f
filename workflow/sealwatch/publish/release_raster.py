"""A release as raster: the half-year in which each cell of 10 m was sealed, as cloud-optimised GeoTIFF."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    import geopandas as gpd

CELL_M = 10
NO_DATA = 0
STRIP_PX = 2048
"""Edge of the windows that are painted one after the other, so that memory does not grow with the country."""

_TILES = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "DEFLATE"}
_COG = {"COMPRESS": "DEFLATE", "BLOCKSIZE": "512", "OVERVIEW_RESAMPLING": "MODE", "BIGTIFF": "IF_SAFER",
        "SPARSE_OK": "TRUE", "NUM_THREADS": "1"}  # fmt: skip


def half_code(half: str) -> int:
    """Code of a half-year, 2 x (year - 2000) + half: `2022H1` -> 45; the same in every release, 1 to 254."""
    return 2 * (int(half[:4]) - 2000) + int(half[5])


def colour_of(code: int) -> str:
    """RRGGBB of a code: twelve years from yellow to dark red, then again."""
    share = (code % 24) / 23
    stops = np.array([[255, 237, 160], [240, 59, 32], [84, 0, 20]])
    return "".join(f"{round(np.interp(2 * share, range(3), stops[:, n])):02x}" for n in range(3))


def raster_bounds(frame: gpd.GeoDataFrame) -> tuple[int, int, int, int]:
    """Bounds in metres, multiples of 10, of the raster of a release; one cell at the origin where it is empty."""
    if frame.empty:
        return 0, 0, CELL_M, CELL_M
    x_min, y_min, x_max, y_max = (value / CELL_M for value in frame.total_bounds)
    return (
        math.floor(x_min) * CELL_M,
        math.floor(y_min) * CELL_M,
        math.ceil(x_max) * CELL_M,
        math.ceil(y_max) * CELL_M,
    )


def write_raster(target: Path, frame: gpd.GeoDataFrame) -> None:
    """Paint the polygons window by window and copy the result as COG.

    Args:
        target: `.tif` in a folder of its own, uint8 with a colour table, 0 = not in the release. A cell counts where
            its centre lies in a polygon, with the earliest half-year where polygons overlap. Overviews take the most
            frequent code and leave out 0, so that small polygons stay visible. Tag `CODES` names the half-years.
        frame: polygons in metres with `period_of_change`.
    """
    import rasterio
    from rasterio.features import rasterize
    from rasterio.shutil import copy
    from rasterio.transform import array_bounds, from_origin
    from rasterio.windows import Window
    from rasterio.windows import transform as transform_of

    x_min, y_min, x_max, y_max = raster_bounds(frame)
    width, height = (x_max - x_min) // CELL_M, (y_max - y_min) // CELL_M
    transform = from_origin(x_min, y_max, CELL_M, CELL_M)
    shapes = frame.geometry.to_numpy()
    codes = np.array([half_code(half) for half in frame["period_of_change"]], dtype="int64")
    tree = shapely.STRtree(shapes)
    profile = {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": 1,
        "dtype": "uint8",
        "nodata": NO_DATA,
        "crs": frame.crs,
        "transform": transform,
    }
    names = {half_code(half): half for half in sorted(set(frame["period_of_change"]))}
    table = {code: (*(int(colour_of(code)[n : n + 2], 16) for n in (0, 2, 4)), 255) for code in range(1, 255)}
    painted = target.with_name("painted.tif")
    with rasterio.Env(GDAL_CACHEMAX=256):
        with rasterio.open(painted, "w", sparse_ok=True, bigtiff="IF_SAFER", **_TILES, **profile) as image:
            image.update_tags(CODES=" ".join(f"{code}={name}" for code, name in names.items()))
            image.write_colormap(1, table)
            for row in range(0, height, STRIP_PX):
                for col in range(0, width, STRIP_PX):
                    window = Window(col, row, min(STRIP_PX, width - col), min(STRIP_PX, height - row))
                    place = transform_of(window, transform)
                    found = tree.query(shapely.box(*array_bounds(window.height, window.width, place)))
                    if not len(found):
                        continue
                    # Later paint covers earlier, so the earliest half-year comes last.
                    order = found[np.lexsort((found, -codes[found]))]
                    values = rasterize(
                        [(shapes[n], int(codes[n])) for n in order],
                        out_shape=(window.height, window.width),
                        transform=place,
                        fill=NO_DATA,
                        dtype="uint8",
                    )
                    image.write(values, 1, window=window)
        with rasterio.open(painted) as image:
            copy(image, target, driver="COG", **_COG)
    painted.unlink()
