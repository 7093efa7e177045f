"""One acquisition: harmonised reflectance and scene classification in one HDF5 file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py

from .. import hdf5
from ..catalogue.records import read_record
from ..errors import RasterError
from ..files import file_digest
from ..grid import PATCH_PX, PIXEL_SIZE_M, Window, cell_window
from .area import read_zone_grid
from .images import ImageSource
from .offset_check import decide_offsets
from .scene_reader import BAND_SIZES_M, SceneReader, Strip, at_size


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


def ingest(
    record: str | Path,
    zone_grid: str | Path,
    target: str | Path,
    bands: Sequence[str],
    signing: str,
    read_threads: int,
    max_retries: int,
    baseline: int,
    requests_in_flight: int = 32,
) -> None:
    """Read the windows of one scene under the area of interest and write them harmonised.

    The target has groups `m10` and `m20` with `reflectance[band, y, x]`, uint16, reflectance x 10000, 0 = no data,
    and `m20/scl[y, x]`, uint8, 0 = no data, 255 = outside the tile. Granules of a split scene are merged.
    Reading, decoding and writing go strip by strip, so the memory does not grow with the window's height.

    Where the metadata of an item contradict each other, its pixels decide about the offset; attributes
    `offsets_dn` and `offset_decisions` say what was applied and why.

    Args:
        record: inventory file of the scene.
        zone_grid: grid file of the zone.
        target: HDF5 file to write.
        bands: names of the bands.
        signing: `planetary-computer` or `none`.
        read_threads: images decoded at the same time.
        max_retries: how often a failed read is tried again.
        baseline: the step's baseline number.
        requests_in_flight: most requests to the image server at the same time.

    Raises:
        RasterError: an image cannot be read, or the scene lies outside the area of interest.
    """
    scene = read_record(record)
    zone_window, _ = read_zone_grid(zone_grid)
    with (
        ImageSource(signing, max_retries, requests_in_flight) as source,
        SceneReader(source, scene, bands, read_threads) as reader,
    ):
        window = acquisition_window(reader.image_bounds, zone_window)
        if window is None:
            raise RasterError(f"{record}: scene lies outside the area of interest; correct catalogue.tiles")
        offsets = decide_offsets(scene, reader, window)
        provenance = {
            "tile": scene.tile,
            "date": scene.date,
            "platform": scene.platform,
            "items": [g.item_id for g in scene.granules],
            "processing_baselines": [g.baseline for g in scene.granules],
            "offsets_dn": [d.offset_dn for d in offsets],
            "offset_decisions": [d.as_json() for d in offsets],
            "inputs": {"record": file_digest(record)},
        }
        strips = reader.strips(window, [d.offset_dn for d in offsets])
        with hdf5.create(target, "ingest", baseline, provenance) as file:
            _write(file, window, bands, strips)


def _write(file: hdf5.CFWriter, window: Window, bands: Sequence[str], strips: Iterator[Strip]) -> None:
    cubes: dict[int, h5py.Dataset] = {}
    for size in (10, 20):
        group, edge = f"m{size}", PATCH_PX * PIXEL_SIZE_M // size
        file.set_grid(at_size(window, size), group)
        names = [b for b in bands if BAND_SIZES_M[b] == size]
        if names:
            file.add_axis("band", names, group)
            cubes[size] = file.add(
                "reflectance",
                ("band", "y", "x"),
                "uint16",
                chunks=(len(names), edge, edge),
                group=group,
                long_name="surface reflectance x 10000",
                scale_factor=0.0001,
            )
    scl = file.add(
        "scl", ("y", "x"), "uint8", chunks=(edge, edge), group="m20", long_name="scene classification"
    )
    for strip in strips:
        if strip.reflectance is not None:
            cubes[strip.size_m][:, strip.rows] = strip.reflectance
        if strip.scl is not None:
            scl[strip.rows] = strip.scl
