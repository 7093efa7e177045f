"""One acquisition: harmonised reflectance and scene classification in one HDF5 file."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from .. import hdf5
from ..catalogue.records import Granule, SceneRecord, read_record
from ..errors import RasterError
from ..files import file_digest
from ..grid import PATCH_PX, PIXEL_SIZE_M, Window, cell_window
from .area import read_zone_grid
from .images import ImageSource

BAND_SIZES_M = {
    "B02": 10,
    "B03": 10,
    "B04": 10,
    "B08": 10,
    "B05": 20,
    "B06": 20,
    "B07": 20,
    "B8A": 20,
    "B11": 20,
    "B12": 20,
}
"""Pixel size of each band of level 2A in metres (ESA, Sentinel-2 products specification)."""


def harmonise(numbers: np.ndarray, offset_dn: int) -> np.ndarray:
    """Digital numbers to reflectance x 10000, uint16, 0 = no data.

    A valid pixel whose reflectance is zero or negative after the offset becomes 1, so that it stays valid.
    """
    values = numbers.astype("i4") + offset_dn
    return np.where(numbers == 0, 0, np.clip(values, 1, 65535)).astype("u2")


def acquisition_window(
    image_bounds: Sequence[tuple[float, float, float, float]], zone_window: Window
) -> Window | None:
    """Whole patches under the images and the zone's map, with the margin that overlapping patches reach over.

    Args:
        image_bounds: bounds of the scene's images, metres.
        zone_window: map of the zone.

    Returns:
        A window of 10 m pixels on the lattice of 640 m, or None where images and map do not meet.
    """
    margin = (PATCH_PX * PIXEL_SIZE_M - zone_window.cell_size_m) / 2
    x_min, y_min, x_max, y_max = zone_window.bounds
    left = max(min(b[0] for b in image_bounds), x_min - margin)
    lower = max(min(b[1] for b in image_bounds), y_min - margin)
    right = min(max(b[2] for b in image_bounds), x_max + margin)
    upper = min(max(b[3] for b in image_bounds), y_max + margin)
    if right <= left or upper <= lower:
        return None
    patches = cell_window(zone_window.epsg, (left, lower, right, upper), PATCH_PX * PIXEL_SIZE_M)
    return patches.refined(PIXEL_SIZE_M)


def _merged(layers: Sequence[np.ndarray], empty: Sequence[int]) -> np.ndarray:
    """The first granule's pixels, and those of the next ones where it has none."""
    out = layers[0]
    for layer in layers[1:]:
        out = np.where(np.isin(out, empty), layer, out)
    return out


def ingest(
    record: str | Path,
    zone_grid: str | Path,
    target: str | Path,
    bands: Sequence[str],
    signing: str,
    read_threads: int,
    max_retries: int,
    baseline: int,
) -> None:
    """Read the windows of one scene under the area of interest and write them harmonised.

    The target has groups `m10` and `m20` with `reflectance[band, y, x]`, uint16, reflectance x 10000, 0 = no data,
    and `m20/scl[y, x]`, uint8, 0 = no data, 255 = outside the tile. Granules of a split scene are merged.

    Args:
        record: inventory file of the scene.
        zone_grid: grid file of the zone.
        target: HDF5 file to write.
        bands: names of the bands.
        signing: `planetary-computer` or `none`.
        read_threads: images read at the same time.
        max_retries: how often a failed read is tried again.
        baseline: the step's baseline number.

    Raises:
        RasterError: an image cannot be read, or the scene lies outside the area of interest.
    """
    scene = read_record(record)
    zone_window, _ = read_zone_grid(zone_grid)
    source = ImageSource(signing, max_retries)
    bounds = [source.bounds(g.assets["SCL"]) for g in scene.granules]
    window = acquisition_window(bounds, zone_window)
    if window is None:
        raise RasterError(f"{record}: scene lies outside the area of interest; correct catalogue.tiles")
    windows = {
        10: window,
        20: Window(window.epsg, window.x_min, window.y_max, 20, window.width // 2, window.height // 2),
    }
    with ThreadPoolExecutor(read_threads) as pool:
        jobs = {
            (band, granule.item_id): pool.submit(
                _read_band, source, granule, band, windows[BAND_SIZES_M[band]]
            )
            for band in bands
            for granule in scene.granules
        }
        scl = _merged(
            [source.read(g.assets["SCL"], windows[20], 255) for g in scene.granules], empty=(0, 255)
        ).astype("u1")
        _write(target, scene, record, windows, bands, jobs, scl, baseline)


def _read_band(source: ImageSource, granule: Granule, band: str, window: Window) -> np.ndarray:
    return harmonise(source.read(granule.assets[band], window, 0), granule.offset_dn)


def _write(
    target: str | Path,
    scene: SceneRecord,
    record: str | Path,
    windows: dict[int, Window],
    bands: Sequence[str],
    jobs: dict[tuple[str, str], Future[np.ndarray]],
    scl: np.ndarray,
    baseline: int,
) -> None:
    provenance = {
        "tile": scene.tile,
        "date": scene.date,
        "platform": scene.platform,
        "items": [g.item_id for g in scene.granules],
        "processing_baselines": [g.baseline for g in scene.granules],
        "offsets_dn": [g.offset_dn for g in scene.granules],
        "inputs": {"record": file_digest(record)},
    }
    with hdf5.create(target, "ingest", baseline, provenance) as file:
        for size, window in windows.items():
            group = f"m{size}"
            names = [b for b in bands if BAND_SIZES_M[b] == size]
            file.set_grid(window, group)
            edge = PATCH_PX * PIXEL_SIZE_M // size
            if names:
                file.add_axis("band", names, group)
                cube = file.add(
                    "reflectance",
                    ("band", "y", "x"),
                    "uint16",
                    chunks=(len(names), edge, edge),
                    group=group,
                    long_name="surface reflectance x 10000",
                    scale_factor=0.0001,
                )
                # A chunk holds all bands of a patch, so the stack is assembled before it is written.
                cube[:] = np.stack(
                    [
                        _merged([jobs[band, g.item_id].result() for g in scene.granules], empty=(0,))
                        for band in names
                    ]
                )
            if size == 20:
                file.add(
                    "scl", ("y", "x"), "uint8", scl, (edge, edge), group, long_name="scene classification"
                )
