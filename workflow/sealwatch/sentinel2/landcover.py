"""Land cover of one acquisition: the class probabilities of the patch centred on each grid cell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import distance_transform_edt

from .. import hdf5
from ..errors import ModelError, RasterError
from ..files import file_digest
from ..grid import PATCH_PX, PIXEL_SIZE_M, Window, cells_inside
from ..keys import LAND_COVER_CLASSES
from ..progress import track
from .model_file import LandCoverModel

_BLOCK_PX = 512
"""Height of the strips that are read at once: bounds the memory, and few chunks are unpacked twice."""

_ORIGIN = ("tile", "date", "platform")

_CLOUD_SCL = (3, 8, 9, 10)
"""Cloud shadow, cloud of medium and high probability, cirrus (ESA, Sentinel-2 products specification)."""

_BATCH = 256
"""Most patches in one run of the network: 38 MB of input with nine bands."""


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


class _Acquisition:
    """Strips of an acquisition at 10 m, bands in the order of the model."""

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
        self._bands = tuple(bands)

    def _doubled(self, name: str, rows: slice, cols: slice) -> np.ndarray:
        # A strip of a 20 m variable on the pixels of 10 m, also where it begins in mid-pixel.
        half = [slice(s.start // 2, (s.stop + 1) // 2) for s in (rows, cols)]
        strip = self._file[name][..., half[0], half[1]].repeat(2, axis=-2).repeat(2, axis=-1)
        top, left = rows.start % 2, cols.start % 2
        return strip[..., top : top + rows.stop - rows.start, left : left + cols.stop - cols.start]

    def reflectance(self, rows: slice, cols: slice) -> np.ndarray:
        """uint16 [bands, rows, cols], reflectance x 10000, 0 = no data."""
        strips = {}
        if any(self._places[band][0] == "m10" for band in self._bands):
            strips["m10"] = self._file["m10/reflectance"][:, rows, cols]
        if any(self._places[band][0] == "m20" for band in self._bands):
            strips["m20"] = self._doubled("m20/reflectance", rows, cols)
        places = (self._places[band] for band in self._bands)
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


def classify(
    scene: str | Path,
    model: str | Path,
    target: str | Path,
    settings: Mapping[str, Any],
    patch_stride: int,
    device: str = "auto",
    threads: int = 1,
    baseline: int = 1,
) -> None:
    """Classify the patches of one acquisition that are clear enough.

    The target has `probability[class_code, y, x]` (float32, NaN where not classified), `class[y, x]` (uint8,
    255 likewise) and `clear_fraction[y, x]` (float32) on the zone's grid of cells of `patch_stride` x 10 m.
    A cell holds the result of the 64 x 64 pixel patch centred on it. Bands of 20 m are brought to 10 m by
    repetition. The same scene, model and number of threads give the same bytes.

    Args:
        scene: acquisition file.
        model: ONNX file.
        target: HDF5 file to write.
        settings: `min_clear_fraction`, 0 to 1, and `unclear_scl`, the codes of the scene classification
            that hide the ground; pixels without data count as unclear. `cloud_dilation_m`, metres, by default
            0: so near to cloud or cloud shadow the ground counts as unclear too.
        patch_stride: 64, 32 or 16 pixels of 10 m.
        device: `auto`, `cpu` or `gpu`.
        threads: of the network on the CPU.
        baseline: the step's baseline number.

    Raises:
        RasterError: the acquisition is damaged or smaller than a patch.
        ModelError: the model is damaged, of another kind, or needs a band the acquisition lacks.
        ConfigError: a GPU is demanded and there is none.
    """
    network = LandCoverModel(model, device, threads)
    dilation_m = float(settings.get("cloud_dilation_m", 0))
    with hdf5.read(scene) as file:
        acquisition = _Acquisition(file, network.bands)
        grid = patch_grid(acquisition.window, patch_stride)
        if grid is None:
            raise RasterError(f"{scene}: holds no whole patch of {PATCH_PX} pixels; widen area_of_interest")
        origin = {key: hdf5.read_text(file.attrs[key]) for key in _ORIGIN if key in file.attrs}
        shape = grid.cells.shape
        probability = np.full((len(LAND_COVER_CLASSES), *shape), np.nan, dtype=np.float32)
        clear_fraction = np.zeros(shape, dtype=np.float32)
        for cell_rows, rows in track(list(grid.blocks()), "strips classified"):
            strip = acquisition.reflectance(rows, grid.columns)
            unclear = acquisition.unclear(rows, grid.columns, settings["unclear_scl"], dilation_m)
            clear = (strip != 0).all(axis=0) & ~unclear
            shares = _patch_shares(clear, patch_stride)
            clear_fraction[cell_rows] = shares
            patches = sliding_window_view(strip, (PATCH_PX, PATCH_PX), axis=(1, 2))
            patches = patches[:, ::patch_stride, ::patch_stride]
            places = np.argwhere((shares >= settings["min_clear_fraction"]) & (shares > 0))
            for first in range(0, len(places), _BATCH):
                row, col = places[first : first + _BATCH].T
                batch = np.ascontiguousarray(patches[:, row, col].swapaxes(0, 1), dtype=np.float32)
                probability[:, cell_rows.start + row, col] = network.probabilities(_without_gaps(batch)).T

    classified = ~np.isnan(probability[0])
    classes = np.where(classified, np.where(classified, probability, 0).argmax(axis=0), 255).astype(np.uint8)
    provenance = {
        **origin,
        "inputs": {"scene": file_digest(scene), "model": file_digest(model)},
        "min_clear_fraction": float(settings["min_clear_fraction"]),
        "unclear_scl": list(settings["unclear_scl"]),
        "cloud_dilation_m": dilation_m,
    }
    with hdf5.create(target, "classify", baseline, provenance) as writer:
        writer.set_grid(grid.cells)
        writer.add_axis("class_code", LAND_COVER_CLASSES)
        labels = " ".join(LAND_COVER_CLASSES)
        plane = ("y", "x")
        writer.add(
            "probability", ("class_code", *plane), "float32", probability, long_name="class probability"
        )
        writer.add("class", plane, "uint8", classes, long_name="most probable class", flag_meanings=labels)
        writer.add("clear_fraction", plane, "float32", clear_fraction, long_name="clear share of the patch")
