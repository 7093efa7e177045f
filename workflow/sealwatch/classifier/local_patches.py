"""Labelled points and polygons on the user's own scenes, cut out as patches: local adaptation of the network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import hdf5
from ..errors import ModelError, RasterError
from ..files import file_digest
from ..grid import PATCH_PX, PIXEL_SIZE_M, Window
from ..keys import LAND_COVER_CLASSES, scene_key
from .bands import positions
from .local_labels import LABEL_FIELDS, LABEL_LAYER, labelled_scenes

if TYPE_CHECKING:
    from .patches import PatchSet


def _corners(geometry: Any, window: Window) -> list[tuple[int, int]]:
    # Upper-left pixels (row, col), even, so that bands of 20 m are cut at whole pixels, of a label's patches.
    def corner(x: float, y: float) -> tuple[int, int]:
        half = PATCH_PX * PIXEL_SIZE_M / 2
        step = 2 * PIXEL_SIZE_M
        return round((window.y_max - y - half) / step) * 2, round((x - half - window.x_min) / step) * 2

    if geometry.geom_type == "Point":
        return [corner(geometry.x, geometry.y)]
    import shapely

    size = PATCH_PX * PIXEL_SIZE_M
    x_min, y_min, x_max, y_max = geometry.bounds
    xs = (np.arange(x_min // size, x_max // size + 1) + 0.5) * size
    ys = (np.arange(y_min // size, y_max // size + 1) + 0.5) * size
    x, y = (plane.ravel() for plane in np.meshgrid(xs, ys))
    inside = shapely.contains_xy(geometry, x, y)
    if not inside.any():
        centre = geometry.representative_point()
        return [corner(centre.x, centre.y)]
    return [corner(px, py) for px, py in zip(x[inside], y[inside], strict=True)]


def label_patches(
    labels: str | Path,
    scenes: Sequence[str | Path],
    bands: Sequence[str],
    clear: Mapping[str, Any],
    target: str | Path,
    baseline: int,
) -> int:
    """Cut the patches under labelled points and polygons out of acquisitions.

    A point gives the patch centred on it; a polygon those patches of a 640 m lattice whose centres it contains, or,
    if it is too small for any, the one around a point inside it. Patches that reach over the scene's edge, hold
    pixels without data, or are less clear than wanted are left out and counted in the log.

    Args:
        labels: GeoPackage, layer `labels`: points or polygons in any CRS with `LABEL_FIELDS`.
        scenes: acquisition files of the labelled scenes.
        bands: names of the bands to keep, in the order of the result.
        clear: `min_clear_fraction`, `unclear_scl` and `cloud_dilation_m` as for classification.
        target: HDF5 file: `reflectance` uint16 [patch, band, row, col], `label` uint8, `lon`, `lat` [patch].
        baseline: the step's baseline number.

    Returns:
        Number of patches.

    Raises:
        VectorError: labels that cannot be used.
        RasterError: a labelled scene is not among `scenes`, or no patch is left.
    """
    from pyproj import Transformer

    from ..sentinel2.patch_strips import AcquisitionStrips
    from ..vectors import read_vector

    frame = read_vector(labels, LABEL_LAYER, LABEL_FIELDS)
    wanted = labelled_scenes(labels)
    patches, codes, places, left_out = [], [], [], 0
    digests = {}
    for path in scenes:
        with hdf5.read(path) as file:
            strips = AcquisitionStrips(file, bands)
            own = {key: hdf5.read_text(file.attrs[key]) for key in ("tile", "date", "platform")}
            digests[scene_key(**own)] = file_digest(path)
            rows = frame[np.logical_and.reduce([frame[k].astype(str) == v for k, v in own.items()])]
            rows = rows.to_crs(strips.window.epsg)
            to_degrees = Transformer.from_crs(strips.window.epsg, 4326, always_xy=True)
            for name, geometry in zip(rows["class"], rows.geometry, strict=True):
                for top, left in _corners(geometry, strips.window):
                    y, x = slice(top, top + PATCH_PX), slice(left, left + PATCH_PX)
                    if min(top, left) < 0 or y.stop > strips.window.height or x.stop > strips.window.width:
                        left_out += 1
                        continue
                    patch = strips.reflectance(y, x)
                    unclear = strips.unclear(y, x, clear["unclear_scl"], float(clear["cloud_dilation_m"]))
                    if (patch == 0).any() or 1 - unclear.mean() < clear["min_clear_fraction"]:
                        left_out += 1
                        continue
                    centre = (
                        strips.window.x_min + (left + PATCH_PX / 2) * PIXEL_SIZE_M,
                        strips.window.y_max - (top + PATCH_PX / 2) * PIXEL_SIZE_M,
                    )
                    patches.append(patch)
                    codes.append(LAND_COVER_CLASSES.index(name))
                    places.append(to_degrees.transform(*centre))
    missing = sorted(set(wanted) - digests.keys())
    if missing:
        raise RasterError(
            f"{labels}: no acquisition of {', '.join(missing)}; correct tile, date and platform there"
        )
    print(f"{len(patches)} local patches, {left_out} left out (edge of the scene, no data, or not clear)")
    if not patches:
        raise RasterError(f"{labels}: no label lies on clear ground of its scene; label other dates")
    lon, lat = np.array(places, dtype=np.float64).T
    provenance = {
        "classes": " ".join(LAND_COVER_CLASSES),
        "inputs": {"labels": file_digest(labels), **digests},
    }
    with hdf5.create(target, "label_patches", baseline, provenance) as file:
        for name, size in (("patch", len(patches)), ("row", PATCH_PX), ("col", PATCH_PX)):
            file.add_axis(name, np.arange(size, dtype="i4"))
        file.add_axis("band", list(bands))
        file.add("label", ("patch",), "uint8", np.array(codes, dtype="u1"))
        file.add("lon", ("patch",), "float32", lon.astype("f4"), units="degrees_east")
        file.add("lat", ("patch",), "float32", lat.astype("f4"), units="degrees_north")
        dims, chunks = ("patch", "band", "row", "col"), (1, len(bands), PATCH_PX, PATCH_PX)
        file.add("reflectance", dims, "uint16", np.stack(patches), chunks, long_name="reflectance x 10000")
    return len(patches)


def read_local_patches(path: str | Path, bands: Sequence[str]) -> PatchSet:
    """Read a file of `label_patches`.

    Raises:
        RasterError: the file cannot be read.
        ConfigError: it lacks a band.
        ModelError: it was made for other classes.
    """
    from .patches import PatchSet

    with hdf5.read(path) as file:
        available = hdf5.read_labels(file, "band")
        if hdf5.read_text(file.attrs["classes"]).split() != list(LAND_COVER_CLASSES):
            raise ModelError(f"{path}: was made for other classes; delete it and run again")
        keep = positions(bands, available, str(path))
        reflectance = file["reflectance"][:][:, keep]
        labels, lon, lat = (
            file["label"][:].astype(np.int64),
            file["lon"][:].astype("f8"),
            file["lat"][:].astype("f8"),
        )
    digest = hashlib.sha256(" ".join(bands).encode())
    for part in (reflectance, labels, lon, lat):
        digest.update(np.ascontiguousarray(part).tobytes())
    return PatchSet(reflectance, labels, lon, lat, tuple(bands), "sha256:" + digest.hexdigest())
