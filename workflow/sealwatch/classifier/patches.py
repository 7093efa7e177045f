"""Labelled patches: a folder `{Class}/*.tif` with an `index.csv`, and how they are split for validation."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from ..errors import ConfigError, RasterError
from ..grid import PATCH_PX
from ..keys import LAND_COVER_CLASSES
from ..progress import track
from .bands import EUROSAT_BANDS, positions

INDEX_COLUMNS = ("file", "class", "lon", "lat")
"""Columns `index.csv` must have; `file` is relative to the folder, `lon` and `lat` are WGS 84 degrees."""


@dataclass(frozen=True, slots=True)
class PatchSet:
    """Labelled patches in memory.

    Attributes:
        reflectance: uint16 [n, bands, 64, 64], reflectance x 10000.
        labels: int64 [n], codes of `keys.LAND_COVER_CLASSES`.
        lon: float64 [n], degrees, WGS 84.
        lat: float64 [n], degrees, WGS 84.
        bands: names of the bands in their order.
        digest: SHA-256 over names, labels and pixels; does not depend on how the TIFFs are compressed.
    """

    reflectance: np.ndarray
    labels: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    bands: tuple[str, ...]
    digest: str

    def __len__(self) -> int:
        return len(self.labels)


def _read_index(index: Path) -> list[dict[str, str]]:
    if not index.is_file():
        raise ConfigError(
            f"{index}: not found; classifier.patches must be a folder of labelled patches with an index.csv"
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
        except ValueError:
            raise ConfigError(f"{index}: {row['file']} needs lon and lat in degrees (WGS 84)") from None
    absent = sorted(set(LAND_COVER_CLASSES) - {row["class"] for row in rows})
    if absent:
        raise ConfigError(f"{index}: no patch of class {', '.join(absent)}; every class needs examples")
    return rows


def _read_patch(path: Path) -> np.ndarray:
    try:
        with rasterio.open(path) as source:
            pixels = source.read()
    except RasterioError as error:
        raise RasterError(f"{path}: cannot be read ({error}); mend it or strike it from index.csv") from error
    expected = (len(EUROSAT_BANDS), PATCH_PX, PATCH_PX)
    if pixels.shape != expected or pixels.dtype != np.uint16:
        raise RasterError(
            f"{path}: is {pixels.dtype} {pixels.shape}; a patch is uint16 {expected} in the order "
            f"{' '.join(EUROSAT_BANDS)}"
        )
    return pixels


def read_patches(folder: str | Path, bands: Sequence[str]) -> PatchSet:
    """Read all patches that a folder's `index.csv` lists, in the order of their file names.

    Args:
        folder: has `index.csv` and the 13-band TIFFs (EuroSAT's layout).
        bands: names of the bands to keep, in the order of the result.

    Raises:
        ConfigError: no index, a missing column, an unknown class, a class without patches, an unknown band.
        RasterError: a TIFF that cannot be read or is no EuroSAT patch.
    """
    folder = Path(folder)
    rows = _read_index(folder / "index.csv")
    keep = positions(bands, EUROSAT_BANDS, str(folder))
    labels = np.array([LAND_COVER_CLASSES.index(row["class"]) for row in rows], dtype=np.int64)
    reflectance = np.empty((len(rows), len(keep), PATCH_PX, PATCH_PX), dtype=np.uint16)
    digest = hashlib.sha256(" ".join(bands).encode())
    for number, row in enumerate(track(rows, "patches read")):
        reflectance[number] = _read_patch(folder / row["file"])[keep]
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


def random_split(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Hold out the same share of every class at random, as the published EuroSAT splits do.

    Args:
        labels: int64 [n].
        share: held-out share, 0 to 1; of each class at least one patch stays for training.
        seed: of the draw.

    Returns:
        bool [n], True for held-out patches.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    for code in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == code))
        held_out[members[: min(round(share * len(members)), len(members) - 1)]] = True
    return held_out


def spatial_cells(lon: np.ndarray, lat: np.ndarray, cell_deg: float) -> np.ndarray:
    """Number of the lon/lat cell each patch lies in, int64 [n]; cells are anchored at 0, 0."""
    places = np.stack([np.floor(lon / cell_deg), np.floor(lat / cell_deg)], axis=1)
    return np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)


def spatial_split(labels: np.ndarray, cells: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Hold out whole lon/lat cells, so that no validation patch has a training patch in its cell.

    Cells are drawn at random; one is taken when it keeps the held-out share within `share` and leaves
    training patches of every class.

    Args:
        labels: int64 [n].
        cells: int64 [n], from `spatial_cells`.
        share: held-out share, 0 to 1.
        seed: of the draw.

    Returns:
        bool [n], True for held-out patches.

    Raises:
        ConfigError: no cell can be held out.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    remaining = np.bincount(labels)
    quota = share * len(labels)
    for cell in rng.permutation(np.unique(cells)):
        members = cells == cell
        left = remaining - np.bincount(labels[members], minlength=len(remaining))
        if members.sum() <= quota and np.all(left[remaining > 0] > 0):
            held_out |= members
            remaining = left
            quota -= members.sum()
    if share > 0 and not held_out.any():
        raise ConfigError(
            "classifier.validation_cell_deg: no lon/lat cell can be held out; make the cells smaller or "
            "classifier.validation_share larger"
        )
    return held_out
