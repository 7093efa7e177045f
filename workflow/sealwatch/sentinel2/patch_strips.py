"""Patches of an acquisition: where they lie, how clear they are, and their pixels, a strip at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import distance_transform_edt

from .. import hdf5
from ..errors import ModelError, RasterError
from ..grid import PATCH_PX, PIXEL_SIZE_M, Window, cells_inside
from ..progress import track

_BLOCK_PX = 512
"""Height of the strips that are read at once: bounds the memory, and few chunks are unpacked twice."""

_CLOUD_SCL = (3, 8, 9, 10)
"""Cloud shadow, cloud of medium and high probability, cirrus (ESA, Sentinel-2 products specification)."""


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """Where the patches of a grid of cells lie in an acquisition.

    Attributes:
        cells: window of cells; each cell's patch lies wholly in the acquisition.
        stride: distance of neighbouring patches in pixels of 10 m.
        row: upper pixel row of the patch of cell (0, 0).
        col: left pixel column of that patch.
    """

    cells: Window
    stride: int
    row: int
    col: int

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Rows of cells, and the rows of pixels under their patches, a strip at a time."""
        per_block = (_BLOCK_PX - PATCH_PX) // self.stride + 1
        for first in range(0, self.cells.height, per_block):
            last = min(first + per_block, self.cells.height)
            top = self.row + first * self.stride
            yield slice(first, last), slice(top, self.row + (last - 1) * self.stride + PATCH_PX)

    @property
    def columns(self) -> slice:
        """Columns of pixels under the patches."""
        return slice(self.col, self.col + (self.cells.width - 1) * self.stride + PATCH_PX)


def patch_grid(pixels: Window, patch_stride: int) -> PatchGrid | None:
    """The cells of the zone's grid whose 64 x 64 pixel patches lie wholly in an acquisition.

    Args:
        pixels: window of the acquisition at 10 m.
        patch_stride: edge of a cell in pixels: 64, 32 or 16. Smaller cells have patches that reach over
            their edges, so the window loses a margin of (64 - stride) / 2 pixels.

    Returns:
        None where not a single patch fits.
    """
    margin = (PATCH_PX - patch_stride) // 2 * PIXEL_SIZE_M
    x_min, y_min, x_max, y_max = pixels.bounds
    inner = (x_min + margin, y_min + margin, x_max - margin, y_max - margin)
    cells = cells_inside(pixels.epsg, inner, patch_stride * PIXEL_SIZE_M)
    if cells is None:
        return None
    col = round((cells.x_min - margin - x_min) / PIXEL_SIZE_M)
    row = round((y_max - cells.y_max - margin) / PIXEL_SIZE_M)
    return PatchGrid(cells, patch_stride, row, col)


class AcquisitionStrips:
    """Strips of an acquisition at 10 m, bands in the order of the model.

    Attributes:
        window: the acquisition's pixels of 10 m.
        bands: names of the bands that `reflectance` gives.

    Args:
        file: the open acquisition.
        bands: names of the bands wanted.

    Raises:
        RasterError: the file is damaged.
        ModelError: it lacks a band.
    """

    def __init__(self, file: h5py.File, bands: Sequence[str]) -> None:
        self._file = file
        for name in ("m10/spatial_ref", "m20/spatial_ref", "m20/scl"):
            if name not in file:
                raise RasterError(f"{file.filename}: {name} is missing; delete the file and run again")
        self.window = hdf5.read_window(file, "m10")
        coarse = hdf5.read_window(file, "m20")
        if self.window.bounds != coarse.bounds:
            raise RasterError(f"{file.filename}: m10 and m20 do not coincide; delete it and run again")
        self._places = {
            label: (group, number)
            for group in ("m10", "m20")
            if f"{group}/reflectance" in file
            for number, label in enumerate(hdf5.read_labels(file, f"{group}/band"))
        }
        missing = [band for band in bands if band not in self._places]
        if missing:
            raise ModelError(
                f"{file.filename}: the model needs band {', '.join(missing)}; add it to sentinel2.bands"
            )
        self.bands = tuple(bands)

    def _read(self, name: str, rows: slice, cols: slice) -> np.ndarray:
        try:
            return self._file[name][..., rows, cols]
        except OSError as error:
            raise RasterError(
                f"{self._file.filename}: {name} is damaged ({error}); delete the file and run again"
            ) from error

    def _doubled(self, name: str, rows: slice, cols: slice) -> np.ndarray:
        # A strip of a 20 m variable on the pixels of 10 m, also where it begins in mid-pixel.
        half = [slice(s.start // 2, (s.stop + 1) // 2) for s in (rows, cols)]
        strip = self._read(name, half[0], half[1]).repeat(2, axis=-2).repeat(2, axis=-1)
        top, left = rows.start % 2, cols.start % 2
        return strip[..., top : top + rows.stop - rows.start, left : left + cols.stop - cols.start]

    def reflectance(self, rows: slice, cols: slice) -> np.ndarray:
        """uint16 [bands, rows, cols], reflectance x 10000, 0 = no data."""
        strips = {}
        if any(self._places[band][0] == "m10" for band in self.bands):
            strips["m10"] = self._read("m10/reflectance", rows, cols)
        if any(self._places[band][0] == "m20" for band in self.bands):
            strips["m20"] = self._doubled("m20/reflectance", rows, cols)
        places = (self._places[band] for band in self.bands)
        return np.stack([strips[group][number] for group, number in places])

    def unclear(
        self, rows: slice, cols: slice, unclear_scl: Sequence[int], cloud_dilation_m: float
    ) -> np.ndarray:
        """Where the ground is hidden, cloud is near, or nothing is said: bool [rows, cols]."""
        unclear = np.isin(self._doubled("m20/scl", rows, cols), [*unclear_scl, 255])
        clouds = [code for code in _CLOUD_SCL if code in unclear_scl]
        if cloud_dilation_m and clouds:
            # Cloud beyond the strip counts, so the strip is widened by the distance, in whole pixels of 20 m.
            reach = math.ceil(cloud_dilation_m / 20) * 2
            wide = [
                slice(max(s.start - reach, 0), min(s.stop + reach, size))
                for s, size in zip((rows, cols), self.window.shape, strict=True)
            ]
            cloud = np.isin(self._doubled("m20/scl", *wide), clouds)
            if cloud.any():
                near = distance_transform_edt(~cloud, sampling=PIXEL_SIZE_M) <= cloud_dilation_m
                top, left = rows.start - wide[0].start, cols.start - wide[1].start
                unclear |= near[top : top + unclear.shape[0], left : left + unclear.shape[1]]
        return unclear


def _patch_shares(mask: np.ndarray, stride: int) -> np.ndarray:
    # Share of True in the patches of a strip, float32 [rows, cols], by a summed-area table.
    table = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), dtype=np.int64)
    table[1:, 1:] = mask.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    upper, lower = table[:-PATCH_PX:stride], table[PATCH_PX::stride]
    sums = (
        lower[:, PATCH_PX::stride] - lower[:, :-PATCH_PX:stride]
        - upper[:, PATCH_PX::stride] + upper[:, :-PATCH_PX:stride]
    )  # fmt: skip
    return (sums / PATCH_PX**2).astype(np.float32)


def _without_gaps(patches: np.ndarray) -> np.ndarray:
    # Pixels without data take the mean of their band in the patch: zeros would look like deep water.
    valid = patches != 0
    if valid.all():
        return patches
    count = np.maximum(valid.sum(axis=(2, 3), keepdims=True), 1)
    mean = patches.sum(axis=(2, 3), keepdims=True) / count
    return np.where(valid, patches, mean.astype(np.float32))


@dataclass(frozen=True, slots=True)
class PatchBatch:
    """Patches for one run of the network.

    Attributes:
        cells: int64 [n, 2], row and column of each patch's cell.
        reflectance: float32 [n, bands, 64, 64], reflectance x 10000 without gaps.
    """

    cells: np.ndarray
    reflectance: np.ndarray


def patch_batches(
    acquisition: AcquisitionStrips,
    grid: PatchGrid,
    settings: Mapping[str, Any],
    clear_fraction: np.ndarray,
    size: int,
) -> Iterator[PatchBatch]:
    """Patches that are clear enough, in batches of `size` over the borders of strips; the last is smaller.

    Whatever neighbouring patches share is done once a strip: reading, bringing 20 m to 10 m, masks and their
    sums. A strip under cloud is not read beyond its scene classification.

    Args:
        acquisition: where they are read.
        grid: where they lie.
        settings: `min_clear_fraction`, `unclear_scl`, `cloud_dilation_m`, see `landcover.classify`.
        clear_fraction: float32 [rows, cols] of zeros, filled with the clear share of each patch.
        size: patches in a batch.
    """
    bands = len(acquisition.bands)
    cells = np.empty((size, 2), dtype=np.int64)
    reflectance = np.empty((size, bands, PATCH_PX, PATCH_PX), dtype=np.float32)
    filled = 0
    for cell_rows, rows in track(list(grid.blocks()), "strips read"):
        unclear = acquisition.unclear(
            rows, grid.columns, settings["unclear_scl"], float(settings.get("cloud_dilation_m", 0))
        )
        if unclear.all():
            continue
        strip = acquisition.reflectance(rows, grid.columns)
        valid = (strip != 0).all(axis=0)
        shares = _patch_shares(valid & ~unclear, grid.stride)
        clear_fraction[cell_rows] = shares
        places = np.argwhere((shares >= settings["min_clear_fraction"]) & (shares > 0))
        patches = sliding_window_view(strip, (PATCH_PX, PATCH_PX), axis=(1, 2))
        patches = patches[:, :: grid.stride, :: grid.stride]
        gaps = not valid.all()
        while len(places):
            taken, places = places[: size - filled], places[size - filled :]
            part = slice(filled, filled + len(taken))
            reflectance[part] = patches[:, *taken.T].swapaxes(0, 1)
            if gaps:
                reflectance[part] = _without_gaps(reflectance[part])
            cells[part] = taken + np.array((cell_rows.start, 0))
            filled += len(taken)
            if filled == size:
                yield PatchBatch(cells, reflectance)
                cells, reflectance = np.empty_like(cells), np.empty_like(reflectance)
                filled = 0
    if filled:
        yield PatchBatch(cells[:filled], reflectance[:filled])
