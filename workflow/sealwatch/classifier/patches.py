"""Labelled patches in a folder: `{Class}/*` images of 64 x 64 pixels and an `index.csv` that lists them."""

from __future__ import annotations

import csv
import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from ..errors import ConfigError, RasterError
from ..grid import PATCH_PX
from ..keys import LAND_COVER_CLASSES
from ..progress import track
from .bands import EUROSAT_BANDS, EUROSAT_RGB_BANDS, positions

INDEX_COLUMNS = ("file", "class", "lon", "lat")
"""Columns `index.csv` must have; `file` is relative to the folder, `lon` and `lat` are WGS 84 degrees.

A further column `md5_pixels`, the MD5 of the image's pixels [band, y, x], ties the index to its images."""

EUROSAT_RGB_STEP = 2750 / 255
"""Reflectance x 10000 of one grey level in the RGB version of EuroSAT; measured against its 13-band twin."""


@dataclass(frozen=True, slots=True)
class PatchSet:
    """Labelled patches in memory.

    Attributes:
        reflectance: uint16 [n, bands, 64, 64], reflectance x 10000.
        labels: int64 [n], codes of `keys.LAND_COVER_CLASSES`.
        lon: float64 [n], degrees, WGS 84.
        lat: float64 [n], degrees, WGS 84.
        bands: names of the bands in their order.
        digest: SHA-256 over names, labels and pixels; does not depend on how the images are compressed.
    """

    reflectance: np.ndarray
    labels: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    bands: tuple[str, ...]
    digest: str

    def __len__(self) -> int:
        return len(self.labels)

    def joined(self, other: PatchSet) -> PatchSet:
        """These patches, then those of another set with the same bands."""
        return PatchSet(
            reflectance=np.concatenate([self.reflectance, other.reflectance]),
            labels=np.concatenate([self.labels, other.labels]),
            lon=np.concatenate([self.lon, other.lon]),
            lat=np.concatenate([self.lat, other.lat]),
            bands=self.bands,
            digest="sha256:" + hashlib.sha256(f"{self.digest} {other.digest}".encode()).hexdigest(),
        )


def _read_index(index: Path) -> list[dict[str, str]]:
    if not index.is_file():
        raise ConfigError(
            f"{index}: not found; classifier.patches must be a folder of labelled patches with an index.csv; "
            "make one of georeferenced patches with: python -m sealwatch.classifier.index FOLDER"
        )
    with open(index, newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        missing = [c for c in INDEX_COLUMNS if c not in (reader.fieldnames or ())]
        if missing:
            raise ConfigError(f"{index}: column {', '.join(missing)} is missing; add it")
        rows = sorted(reader, key=lambda row: row["file"])
    for row in rows:
        if row["class"] not in LAND_COVER_CLASSES:
            raise ConfigError(
                f"{index}: {row['file']} has class {row['class']!r}; "
                f"the classes are {', '.join(LAND_COVER_CLASSES)}"
            )
        try:
            float(row["lon"]), float(row["lat"])
        except (ValueError, TypeError):  # a row that ends early has None
            raise ConfigError(f"{index}: {row['file']} needs lon and lat in degrees (WGS 84)") from None
    absent = sorted(set(LAND_COVER_CLASSES) - {row["class"] for row in rows})
    if absent:
        raise ConfigError(f"{index}: no patch of class {', '.join(absent)}; every class needs examples")
    return rows


def read_image(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Pixels [bands, 64, 64] of one labelled patch as they are stored, and the names of its bands.

    Raises:
        RasterError: it cannot be read, or is neither a 13-band nor an RGB patch of EuroSAT's kind.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # an index gives the place
            with rasterio.open(path) as source:
                pixels = source.read()
    except RasterioError as error:
        raise RasterError(f"{path}: cannot be read ({error}); mend it or strike it from index.csv") from error
    for bands, kind in ((EUROSAT_BANDS, np.uint16), (EUROSAT_RGB_BANDS, np.uint8)):
        if pixels.shape == (len(bands), PATCH_PX, PATCH_PX) and pixels.dtype == kind:
            return pixels, bands
    raise RasterError(
        f"{path}: is {pixels.dtype} {pixels.shape}; a patch is uint16 [{len(EUROSAT_BANDS)}, {PATCH_PX}, {PATCH_PX}] "
        f"in the order {' '.join(EUROSAT_BANDS)}, or uint8 RGB [3, {PATCH_PX}, {PATCH_PX}] as in EuroSAT RGB"
    )


def pixel_digest(pixels: np.ndarray) -> str:
    """MD5 of an image's pixels [band, y, x], as in column `md5_pixels` of an index."""
    return hashlib.md5(np.ascontiguousarray(pixels).tobytes(), usedforsecurity=False).hexdigest()


def read_patches(folder: str | Path, bands: Sequence[str]) -> PatchSet:
    """Read all patches that a folder's `index.csv` lists, in the order of their file names.

    Args:
        folder: has `index.csv` and the images: 13-band TIFFs (EuroSAT's layout, reflectance x 10000), or 8-bit
            RGB images (EuroSAT RGB), whose grey levels become reflectance by `EUROSAT_RGB_STEP`.
        bands: names of the bands to keep, in the order of the result.

    Raises:
        ConfigError: no index, a missing column, an unknown class, a class without patches, a band the images lack.
        RasterError: an image that cannot be read, is no EuroSAT patch, or is not the one that was indexed.
    """
    folder = Path(folder)
    index = folder / "index.csv"
    rows = _read_index(index)
    labels = np.array([LAND_COVER_CLASSES.index(row["class"]) for row in rows], dtype=np.int64)
    reflectance = np.empty((len(rows), len(bands), PATCH_PX, PATCH_PX), dtype=np.uint16)
    digest = hashlib.sha256(" ".join(bands).encode())
    for number, row in enumerate(track(rows, "patches read")):
        pixels, available = read_image(folder / row["file"])
        if row.get("md5_pixels") and row["md5_pixels"] != pixel_digest(pixels):
            raise RasterError(
                f"{folder / row['file']}: its pixels are not those that {index} lists (md5_pixels); restore the file, "
                "or index the folder again: python -m sealwatch.classifier.index FOLDER"
            )
        kept = pixels[positions(bands, available, str(folder / row["file"]))]
        if kept.dtype == np.uint8:
            kept = np.rint(kept * EUROSAT_RGB_STEP)
        reflectance[number] = kept
        digest.update(f"{row['file']} {row['class']} {row['lon']} {row['lat']}\n".encode())
        digest.update(reflectance[number].tobytes())
    return PatchSet(
        reflectance=reflectance,
        labels=labels,
        lon=np.array([float(row["lon"]) for row in rows]),
        lat=np.array([float(row["lat"]) for row in rows]),
        bands=tuple(bands),
        digest="sha256:" + digest.hexdigest(),
    )
