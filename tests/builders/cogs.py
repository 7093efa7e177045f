"""Cloud-optimised images of one scene, quickly made: a real tile's layout from few distinct blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from sealwatch.catalogue.records import Granule, SceneRecord
from sealwatch.grid import Window
from sealwatch.sentinel2.scene_reader import BAND_SIZES_M

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12")
X_MIN, Y_MAX = 499980.0, 5200020.0
"""Upper-left corner of tile 33TWN, metres in EPSG:32633; no multiple of 640 m, as with every tile."""


def pixels(band: str, edge: int, darkest: int = 300) -> np.ndarray:
    """A square image: smooth ground with the noise of the sensor, so that it packs like a real one."""
    rng = np.random.default_rng(sum(map(ord, band)))
    ground = rng.normal(0, 1, (1024, 1024)).cumsum(0).cumsum(1)
    ground = darkest + 1500 * (1 + ground / np.abs(ground).max())
    image = np.clip(ground + rng.normal(0, 25, ground.shape), 1, 9000).astype("u2")
    if band == "SCL":
        image = (4 + image // 1500).astype("u1")
    return np.tile(image, (edge // 1024 + 1, edge // 1024 + 1))[:edge, :edge]


def write_scene(
    folder: Path, edge: int, block: int = 512, bands: tuple[str, ...] = BANDS, driver: str = "GTiff"
) -> dict[str, Path]:
    """Write the bands and the scene classification of a scene of `edge` x `edge` pixels of 10 m.

    Returns:
        Paths by asset.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "GTiff": {"tiled": True, "compress": "deflate", "predictor": 2, "num_threads": 2},
        "JP2OpenJPEG": {"quality": 100, "reversible": "yes"},
    }[driver]
    paths = {}
    for band in (*bands, "SCL"):
        size = BAND_SIZES_M.get(band, 20)
        image = pixels(band, edge * 10 // size)
        paths[band] = folder / f"{band}.{'tif' if driver == 'GTiff' else 'jp2'}"
        with rasterio.open(
            paths[band],
            "w",
            driver=driver,
            width=image.shape[1],
            height=image.shape[0],
            count=1,
            dtype=image.dtype,
            crs=32633,
            transform=from_origin(X_MIN, Y_MAX, size, size),
            blockxsize=block,
            blockysize=block,
            **options,
        ) as target:
            target.write(image, 1)
    return paths


def record(root: str, names: dict[str, Path], **granule: object) -> SceneRecord:
    """The record of a scene whose images lie under the address or folder `root`."""
    fields = {
        "item_id": "S2A_MSIL2A_20210614T100031_R122_T33TWN_20210615T000000",
        "datatake_start": "20210614T100031",
        "sensing_start": "20210614T100311",
        "baseline": "05.00",
        "generated": "2021-06-15",
        "offset_dn": 0,
        "cloud_cover": 0.0,
        "assets": {asset: f"{root}/{path.name}" for asset, path in names.items()},
    }
    return SceneRecord("33TWN", "2021-06-14", "S2A", (Granule(**fields | granule),))


def tile_window(edge: int, first: int = 0) -> Window:
    """`edge` x `edge` pixels of 10 m from pixel (`first`, `first`) of the scene on."""
    return Window(32633, X_MIN + first * 10, Y_MAX - first * 10, 10, edge, edge)
