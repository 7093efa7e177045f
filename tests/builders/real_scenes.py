"""Scenes made of real pixels: monthly series as background, EuroSAT patches as cells."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray

from sealwatch.grid import Window

from .materials import BANDS
from .random_fields import generator
from .sentinel2_scenes import (
    BANDS_10M,
    BANDS_20M,
    SCL_BARE,
    SCL_CLOUD,
    SCL_NODATA,
    SCL_VEGETATION,
    SCL_WATER,
    Scene,
    averaged,
)

USED_BANDS = (*BANDS_10M, *BANDS_20M)
"""Bands of the series in the order of the images."""

_SERIES = (
    ("be_village_monthly_2020-11_2021-10_100x100_9b.nc", "S2-L2A-{}"),
    ("be_fields_monthly_2020-08_2022-03_50x48_9b.nc", "{}"),
)
_NO_DATA = 65535


@dataclass(frozen=True, slots=True)
class Insertion:
    """A cell that holds a patch of class `before`, and one of `after` from month `since` to `until`."""

    kind: str
    row: int
    col: int
    before: str
    after: str = ""
    since: str = ""
    until: str = ""

    def shows_after(self, month: str) -> bool:
        """Whether the second patch stands there in a month."""
        return bool(self.since) and self.since <= month and (not self.until or month <= self.until)


class RealSceneMaker:
    """Puts together one scene per month.

    Args:
        data: folder of the real data sets.
        window: 10 m window of the scenes.
        cells: cells of the area inside it.
        insertions: cells that hold patches.
    """

    def __init__(self, data: Path, window: Window, cells: Window, insertions: tuple[Insertion, ...]) -> None:
        self._window, self._cells, self._insertions = window, cells, insertions
        self._series = [read_series(data / "s2_l2a_series" / name, pattern) for name, pattern in _SERIES]
        self.used: list[str] = []
        self._patches: dict[tuple[int, int, bool], NDArray[np.float32]] = {}
        by_class = _files_by_class(data / "eurosat_ms")
        for one in insertions:
            for second, name in ((False, one.before), (True, one.after)):
                if name:
                    file = by_class[name].pop()
                    self.used.append(file)
                    self._patches[one.row, one.col, second] = _read_patch(data / "eurosat_ms" / file)

    def make(self, month: str, turn: int) -> Scene | None:
        """The scene of a month (`2021-06`), None where no series has it; `turn` picks the series' year."""
        image = np.full((len(USED_BANDS), *self._window.shape), np.nan, dtype=np.float32)
        half = self._window.width // 2
        for n, series in enumerate(self._series):
            known = series.get(int(month[5:]), [])
            if known:
                part = np.s_[:, :, :half] if n == 0 else np.s_[:, :, half:]
                image[part] = mirrored(known[turn // 12 % len(known)], image[part].shape[1:])
        if np.isnan(image).all():
            return None
        for one in self._insertions:
            row = round((self._window.y_max - self._cells.y_max) / 10) + 64 * one.row
            col = round((self._cells.x_min - self._window.x_min) / 10) + 64 * one.col
            image[:, row : row + 64, col : col + 64] = self._patches[one.row, one.col, one.shows_after(month)]
        bands = {
            name: plane if name in BANDS_10M else averaged(plane)
            for name, plane in zip(USED_BANDS, image, strict=True)
        }
        return Scene(self._window, {k: np.nan_to_num(v, nan=0.0) for k, v in bands.items()}, _classify(bands))

    @staticmethod
    def seen(scene: Scene) -> NDArray[np.bool_]:
        """Pixels of 20 m with data."""
        return scene.scl != SCL_NODATA


def _classify(bands: dict[str, NDArray[np.float32]]) -> NDArray[np.uint8]:
    """A plain scene classification from thresholds; the series come without one."""
    blue, red, nir = (averaged(bands[name]) for name in ("B02", "B04", "B08"))
    with np.errstate(invalid="ignore"):
        scl = np.where((nir - red) / (nir + red) > 0.35, SCL_VEGETATION, SCL_BARE).astype(np.uint8)
        scl[(nir < 900) & (bands["B11"] < 700)] = SCL_WATER
        scl[(blue > 2200) & (red > 2200) & (nir > 2200)] = SCL_CLOUD
    missing = np.isnan(np.stack([blue, red, nir, *(bands[name] for name in BANDS_20M)])).any(axis=0)
    scl[missing] = SCL_NODATA
    return scl


def mirrored(image: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The image continued by its mirror image to `shape`."""
    grow = [(0, 0), *((0, want - have) for want, have in zip(shape, image.shape[1:], strict=True))]
    return np.pad(image, grow, mode="symmetric")


def read_series(path: Path, pattern: str) -> dict[int, list[NDArray[np.float32]]]:
    """Images [band, y, x] of each calendar month that has data, NaN = no data."""
    months: dict[int, list[NDArray[np.float32]]] = {}
    with xr.open_dataset(path) as file:
        short = pattern == "{}"
        names = [pattern.format(band.replace("B0", "B") if short else band) for band in USED_BANDS]
        stack = np.stack([file[name].values for name in names], axis=1).astype(np.float32)
        dates = file["t"].values.astype("datetime64[M]").astype(int) % 12 + 1
    stack[stack == _NO_DATA] = np.nan
    for month, image in zip(dates.tolist(), stack, strict=True):
        if np.isfinite(image).any():
            months.setdefault(month, []).append(image)
    return months


def _files_by_class(folder: Path) -> dict[str, list[str]]:
    """Files of each class in a fixed random order."""
    with open(folder / "index.csv", newline="", encoding="utf-8") as stream:
        rows = [(row["file"], row["class"]) for row in csv.DictReader(stream)]
    found: dict[str, list[str]] = {}
    for file, name in sorted(rows):
        found.setdefault(name, []).append(file)
    for name, files in found.items():
        generator(1, "patches shown", name).shuffle(files)
    return found


def _read_patch(path: Path) -> NDArray[np.float32]:
    with rasterio.open(path) as source:
        patch = source.read().astype(np.float32)
    return patch[[BANDS.index(name) for name in USED_BANDS]]
