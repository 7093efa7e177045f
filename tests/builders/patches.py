"""Labelled patches in the layout of EuroSAT, from the same painters as the landscape but with other seeds."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import from_origin
from scipy import ndimage

from sealwatch.files import atomic_path
from sealwatch.keys import LAND_COVER_CLASSES

from .landscape import EPSG
from .layouts import make_layout
from .materials import BANDS, TEXTURE, spectra
from .painting import paint
from .random_fields import generator
from .sentinel2_scenes import BLUR_PX, NOISE, averaged, haze_share, surface_texture
from .sketch import CELL_M, MARGIN_M, SIZE_M, Layout

PER_CLASS = 60
_PLACES = 40
_COARSE = ("B05", "B06", "B07", "B8A", "B11", "B12")
_VERY_COARSE = ("B01", "B09", "B10")
_WITH_FARM = ("AnnualCrop", "Pasture", "HerbaceousVegetation", "PermanentCrop")


def _draw(rng: np.random.Generator, name: str) -> Layout:
    farm = rng if name in _WITH_FARM and rng.random() < 0.4 else None
    return make_layout(name, rng, farm=farm, turned=rng.random() < 0.5, calm=bool(rng.random() < 0.15))


def _reflectance(layout: Layout, day: float, late: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(sharp reflectance [band, 144, 144], strength of texture [144, 144]) at 5 m."""
    table = spectra(layout.material, int(day), layout.phase + late, layout.brightness)
    number = paint(layout.strokes, SIZE_M, 5.0) & 0x7F
    return np.moveaxis(table[number], -1, 0).copy(), TEXTURE[layout.material][number]


def make_patch(seed: int, name: str, number: int) -> tuple[NDArray[np.uint16], int]:
    """(patch [13, 64, 64] as reflectance x 10000, number of the place it lies in)."""
    rng = generator(seed, "patch", name, number)
    place = int(rng.integers(_PLACES))
    local = generator(seed, "place", place)
    day = float(rng.uniform(1, 365))
    late = float(local.normal(0, 8))
    light, haze = float(local.normal(1, 0.02) * rng.normal(1, 0.03)), abs(float(rng.normal(0, 45)))
    image, strength = _reflectance(_draw(rng, name), day, late)
    # A strip of another class along one border, as where a cell's edge and the land's do not agree.
    other = str(rng.choice([c for c in LAND_COVER_CLASSES if c != name]))
    strip, side = int((MARGIN_M + rng.uniform(0, 35)) / 5), int(rng.integers(4))
    beyond, its_strength = _reflectance(_draw(rng, other), day, late)
    image, strength = np.rot90(image, side, (1, 2)).copy(), np.rot90(strength, side).copy()
    image[:, :strip], strength[:strip] = beyond[:, :strip], its_strength[:strip]
    contrast = surface_texture(rng, (72, 72)) * averaged(strength)
    inner = slice(round(MARGIN_M / 10), round(MARGIN_M / 10) + 64)
    out = np.empty((len(BANDS), 64, 64), dtype=np.float32)
    for i, band in enumerate(BANDS):
        plane = ndimage.gaussian_filter(averaged(image[i]), BLUR_PX) * (1 + contrast) * light
        plane = plane[inner, inner] * rng.normal(1, 0.008) + haze * haze_share(i)
        plane += rng.standard_normal(plane.shape) * (1 if band == "B10" else NOISE)
        step = 2 if band in _COARSE else 4 if band in _VERY_COARSE else 1
        out[i] = (
            plane.reshape(64 // step, step, 64 // step, step)
            .mean(axis=(1, 3))
            .repeat(step, 0)
            .repeat(step, 1)
        )
    return np.clip(np.rint(out), 1, 65535).astype(np.uint16), place


def write_patches(folder: Path, seed: int, per_class: int = PER_CLASS) -> None:
    """Write `{class}/{class}_{n}.tif` and `index.csv` (file, class, epsg, lon, lat, md5_pixels)."""
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    rows: list[list[object]] = []
    for name in LAND_COVER_CLASSES:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(1, per_class + 1):
            patch, place = make_patch(seed, name, number)
            spot = generator(seed, "place", place, "centre").uniform(
                (400_000, 5_050_000), (600_000, 5_170_000)
            )
            step = generator(seed, "patch", name, number, "spot").integers(-12, 13, 2)
            left, top = np.rint(spot / CELL_M + step) * CELL_M
            _write(folder / name / f"{name}_{number}.tif", patch, float(left), float(top))
            lon, lat = to_degrees.transform(left + CELL_M / 2, top - CELL_M / 2)
            digest = hashlib.md5(patch.tobytes(), usedforsecurity=False).hexdigest()
            rows.append([f"{name}/{name}_{number}.tif", name, EPSG, round(lon, 5), round(lat, 5), digest])
    with atomic_path(folder / "index.csv") as part, part.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["file", "class", "epsg", "lon", "lat", "md5_pixels"])
        table.writerows(rows)


def _write(path: Path, patch: NDArray[np.uint16], left: float, top: float) -> None:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=64,
        height=64,
        count=len(BANDS),
        dtype="uint16",
        crs=f"EPSG:{EPSG}",
        transform=from_origin(left, top, 10, 10),
        compress="deflate",
        zlevel=1,
        predictor=2,
        interleave="band",
    ) as target:
        target.write(patch)
