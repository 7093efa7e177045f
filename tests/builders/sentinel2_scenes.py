"""Sentinel-2 scenes of the synthetic landscape: reflectance, clouds, scene classification, COG files."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date as Date
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy import ndimage

from sealwatch.grid import Window

from .acquisitions import Acquisition
from .landscape import EPSG, Landscape
from .materials import BANDS, TEXTURE, spectra
from .random_fields import generator, smooth_field

BANDS_10M = ("B02", "B03", "B04", "B08")
BANDS_20M = ("B05", "B06", "B07", "B11", "B12")
OFFSET_SINCE = "2022-01-25"
"""From this day on new products have baseline 04.00 or later, and 1000 is added to every digital number."""

SCL_NODATA, SCL_SHADOW, SCL_VEGETATION, SCL_BARE, SCL_WATER, SCL_CLOUD, SCL_SNOW = 0, 3, 4, 5, 6, 9, 11

# Windows of the real tiles' 60 m lattice; both stop short of the tile's far edge, as a swath does.
TILE_WINDOWS = {
    "33TVM": Window(EPSG, 496380, 5120280, 10, 570, 564),
    "33TWM": Window(EPSG, 499980, 5120280, 10, 462, 564),
}
"""Part of each tile that its assets cover."""

UNION = Window(EPSG, 496380, 5120280, 10, 822, 564)
"""Both windows together."""

BLUR_PX, NOISE = 0.55, 18.0
"""Blur of the optics in 10 m pixels, and noise of one pixel (reflectance x 10000)."""

_CLOUD = dict(
    zip(BANDS, (4300, 4500, 4400, 4500, 4600, 4750, 4850, 4900, 3000, 60, 4000, 3200, 4900), strict=True)
)
_SNOW = dict(
    zip(BANDS, (7900, 8000, 7900, 7800, 7700, 7500, 7300, 7200, 4000, 12, 900, 700, 7000), strict=True)
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Reflectance x 10000 of each band on a window (of 10 m pixels), and the scene classification at 20 m."""

    window: Window

    bands: dict[str, NDArray[np.float32]]
    scl: NDArray[np.uint8]


class SceneMaker:
    """Draws the landscape as Sentinel-2 sees it."""

    def __init__(self, landscape: Landscape) -> None:
        self.landscape = landscape
        fine = Window(EPSG, UNION.x_min, UNION.y_max, 5, UNION.width * 2, UNION.height * 2)
        self._row, self._col, y, x = landscape.lattice(fine)
        self._drawings = landscape.drawings(5) & 0x7F
        self._flat = (y * self._drawings.shape[2] + x).astype(np.int32)
        self._texture = surface_texture(generator(landscape.seed, "texture"), UNION.shape)

    def make(self, one: Acquisition) -> Scene:
        """All bands of one pass."""
        land, seed = self.landscape, self.landscape.seed
        rng = generator(seed, "scene", one.date, one.platform)
        day = Date.fromisoformat(one.date).timetuple().tm_yday
        late = generator(seed, "year", one.date[:4]).normal(0, 6)
        table = spectra(land.material, day, land.phase + late, land.brightness)
        version = land.versions(one.date)[self._row, self._col]
        size = self._drawings[0].size
        number = (
            self._drawings.reshape(-1)[version.astype(np.int32) * size + self._flat] + land.offset[version]
        )
        light = rng.normal(1.0, 0.03)
        haze = abs(rng.normal(0, 35))
        cloud, shadow, snow = self._weather(one, rng)
        contrast = self._texture * averaged(TEXTURE[land.material][number])
        bands = {}
        for i, name in enumerate(BANDS):
            if name not in BANDS_10M + BANDS_20M:
                continue
            image = ndimage.gaussian_filter(averaged(table[:, i][number]), BLUR_PX)
            image *= 1 + contrast
            image *= light * rng.normal(1, 0.008)
            image += haze * haze_share(i)
            image += rng.standard_normal(image.shape, dtype=np.float32) * NOISE
            image *= 1 - 0.55 * shadow
            image += snow * (_SNOW[name] - image)
            image += cloud * (_CLOUD[name] * (0.85 + 0.15 * self._texture) - image)
            image = np.maximum(image, 1)
            bands[name] = image if name in BANDS_10M else averaged(image)
        return Scene(
            UNION, bands, _classification(bands, *(averaged(part) for part in (cloud, shadow, snow)))
        )

    def _weather(self, one: Acquisition, rng: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        """Opacity of cloud, strength of shadow and cover of snow, each 0..1 at 10 m."""
        cloud = _cover(rng, one.cloud, 40 if one.cloud < 0.2 else 90)
        shadow = ndimage.shift(cloud, (-14, -9), order=0) * (cloud < 0.3)
        return cloud, shadow.astype(np.float32), _cover(rng, one.snow, 110)


def surface_texture(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Lasting differences of brightness within a surface at 10 m, of mean 0 and deviation near 1."""
    speckle = ndimage.gaussian_filter(rng.standard_normal(shape), 0.6)
    return (0.8 * speckle / speckle.std() + 0.5 * smooth_field(rng, shape, 12)).astype(np.float32)


def haze_share(band: int) -> float:
    """Part of a scene's haze that a band (its number in `BANDS`) sees."""
    return max(0.0, 0.85 - 0.1 * band)


def averaged(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 2 x 2 pixels."""
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) * np.float32(0.25)


def _cover(rng: np.random.Generator, share: float, scale: int) -> NDArray[np.float32]:
    if share <= 0:
        return np.zeros(UNION.shape, dtype=np.float32)
    field = smooth_field(rng, UNION.shape, scale / 4)
    edge = np.quantile(field, 1 - share)
    return np.clip((field - edge) / 0.25 + 0.5, 0, 1).astype(np.float32)


def _classification(
    bands: dict[str, NDArray[np.float32]],
    cloud: NDArray[np.float32],
    shadow: NDArray[np.float32],
    snow: NDArray[np.float32],
) -> NDArray[np.uint8]:
    red, nir, swir = averaged(bands["B04"]), averaged(bands["B08"]), bands["B11"]
    scl = np.where((nir - red) / (nir + red) > 0.4, SCL_VEGETATION, SCL_BARE).astype(np.uint8)
    scl[(nir < 700) & (swir < 500)] = SCL_WATER
    scl[snow > 0.4] = SCL_SNOW
    scl[shadow > 0.3] = SCL_SHADOW
    # Sen2Cor widens its clouds, so their soft edge counts as cloud too.
    scl[ndimage.maximum_filter(cloud, 3) > 0.15] = SCL_CLOUD
    return scl


class CogWriter:
    """Writes rasters in background threads; the GeoTIFF driver releases the interpreter."""

    def __init__(self, threads: int = 3) -> None:
        self._pool = ThreadPoolExecutor(threads)
        self._waiting: list[Future[None]] = []

    def write(self, path: Path, image: NDArray[np.unsignedinteger], window: Window) -> None:
        """Queue one single-band COG; 0 is its no-data value."""
        self._waiting.append(self._pool.submit(write_cog, path, image, window))

    def close(self) -> None:
        """Wait for all files; raises what a thread raised."""
        for future in self._waiting:
            future.result()
        self._pool.shutdown()


def write_cog(path: Path, image: NDArray[np.unsignedinteger], window: Window) -> None:
    """Write a single-band cloud-optimised GeoTIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="COG",
        width=window.width,
        height=window.height,
        count=1,
        dtype=image.dtype,
        crs=f"EPSG:{window.epsg}",
        transform=from_origin(window.x_min, window.y_max, window.cell_size_m, window.cell_size_m),
        nodata=0,
        compress="deflate",
        predictor=2,
        level=1,
        blocksize=512,
        overviews="none",
    ) as target:
        target.write(image, 1)


def digital_numbers(
    image: NDArray[np.float32], offset: int, keep: NDArray[np.bool_] | None = None
) -> NDArray[np.uint16]:
    """Reflectance x 10000 as stored: plus the baseline's offset, 0 where there is no data."""
    numbers = np.clip(np.rint(image) + offset, 1, 65535).astype(np.uint16)
    if keep is not None:
        numbers[~keep] = 0
    return numbers


def cut(image: NDArray[Any], whole: Window, part: Window, pixel_m: int) -> NDArray[Any]:
    """What of an image of window `whole` lies in window `part`."""
    row = round((whole.y_max - part.y_max) / pixel_m)
    col = round((part.x_min - whole.x_min) / pixel_m)
    height, width = round((part.y_max - part.y_min) / pixel_m), round((part.x_max - part.x_min) / pixel_m)
    return image[row : row + height, col : col + width]
