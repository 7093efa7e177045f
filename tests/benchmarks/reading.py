"""One read of one scene in a process of its own, so that its peak memory is its own.

python -m benchmarks.reading SIDE SCOPE URL: prints wall and processor seconds, peak MB and the sum of all pixels.
"""

from __future__ import annotations

import datetime
import importlib
import json
import resource
import sys
import time
from pathlib import Path

from builders.cogs import BANDS, X_MIN, Y_MAX, record, tile_window
from sealwatch.sentinel2.scene_reader import BAND_SIZES_M

EDGE = 10980
WINDOW, FIRST = 1920, 4096
"""Edge of the window under an area of interest, and its first row and column, pixels of 10 m."""


def ours(url: str, edge: int, first: int) -> int:
    """Strips of Sealwatch's reader, each used up as it comes."""
    from sealwatch.sentinel2.images import ImageSource
    from sealwatch.sentinel2.scene_reader import SceneReader

    scene = record(url, {band: Path(f"{band}.tif") for band in (*BANDS, "SCL")})
    total = 0
    with ImageSource("none", 3) as source, SceneReader(source, scene, BANDS, 4) as reader:
        for strip in reader.strips(tile_window(edge, first), [0]):
            total += int(strip.reflectance.sum()) if strip.reflectance is not None else 0
            total += int(strip.scl.sum()) if strip.scl is not None else 0
    return total


def rasterio(url: str, edge: int, first: int) -> int:
    """Plain rasterio with its defaults, one band after the other."""
    import rasterio
    from rasterio.windows import Window

    total = 0
    for band in (*BANDS, "SCL"):
        factor = BAND_SIZES_M.get(band, 20) // 10
        place = Window(first // factor, first // factor, edge // factor, edge // factor)
        with rasterio.open(f"{url}/{band}.tif") as image:
            total += int(image.read(1, window=place).sum())
    return total


def odc(url: str, edge: int, first: int) -> int:
    """odc.stac.load with its settings for clouds and eight threads, 10 m and 20 m bands at their own sizes."""
    import odc.stac
    import pystac
    from odc.geo.geobox import GeoBox
    from rasterio.transform import from_origin

    odc.stac.configure_rio(cloud_defaults=True)
    total = 0
    for size in (10, 20):
        bands = [b for b in (*BANDS, "SCL") if BAND_SIZES_M.get(b, 20) == size]
        item = pystac.Item(
            "scene",
            {
                "type": "Polygon",
                "coordinates": [[[15, 45.9], [16.5, 45.9], [16.5, 47], [15, 47], [15, 45.9]]],
            },
            [15, 45.9, 16.5, 47],
            datetime.datetime(2021, 6, 14, tzinfo=datetime.UTC),
            {"proj:epsg": 32633},
            stac_extensions=[
                "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
                "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
            ],
        )
        for band in bands:
            item.add_asset(
                band,
                pystac.Asset(
                    f"{url}/{band}.tif",
                    media_type=pystac.MediaType.COG,
                    roles=["data"],
                    extra_fields={
                        "proj:shape": [EDGE * 10 // size] * 2,
                        "proj:transform": [size, 0, X_MIN, 0, -size, Y_MAX],
                        "raster:bands": [{"data_type": "uint8" if band == "SCL" else "uint16", "nodata": 0}],
                    },
                ),
            )
        corner = from_origin(X_MIN + first * 10, Y_MAX - first * 10, size, size)
        box = GeoBox((edge * 10 // size, edge * 10 // size), corner, "EPSG:32633")
        data = odc.stac.load([item], bands=bands, geobox=box, pool=8)
        total += sum(int(data[band].values.sum()) for band in bands)
    return total


def main(side: str, scope: str, url: str) -> None:
    """Read, and print the figures as JSON."""
    # Imports are not timed.
    modules = {"ours": "sealwatch.sentinel2.images", "rasterio": "rasterio.windows", "odc": "odc.stac"}
    importlib.import_module(modules[side])
    place = (EDGE, 0) if scope == "tile" else (WINDOW, FIRST)
    before, start = time.process_time(), time.perf_counter()
    total = {"ours": ours, "rasterio": rasterio, "odc": odc}[side](url, *place)
    figures = {
        "wall": time.perf_counter() - start,
        "cpu": time.process_time() - before,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "sum": total,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
