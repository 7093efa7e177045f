"""HDF5 files as CF netCDF-4, read with their georeference by h5py, GDAL, xarray, QGIS and GRASS.

Layout: data `[band|class|time, y, x]`, one-dimensional dimension scales with `y` descending, a `spatial_ref`
variable with `crs_wkt` and `GeoTransform`, `_FillValue`, gzip and shuffle. Sources: CF conventions 1.8, section 5.6;
netCDF-4 file format specification; GDAL's netCDF driver documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from . import __version__
from .errors import RasterError
from .files import atomic_path, canonical_json
from .grid import Window

FILL_VALUES = {"uint8": 255, "uint16": 0, "int16": -1, "int32": -1, "float32": np.nan}
"""The one value of each type that means "no data"."""


@lru_cache
def _crs_wkt(epsg: int) -> str:
    from pyproj import CRS

    return CRS.from_epsg(epsg).to_wkt("WKT1_GDAL")


def _text(value: str) -> np.bytes_:
    # Fixed-length byte strings: the variable-length ones of h5py are not read by every netCDF library.
    return np.bytes_(value.encode("utf-8"))


class CFWriter:
    """Writes variables of one georeferenced file; made by `create`."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    def set_grid(self, window: Window, group: str = "/") -> None:
        """Write the dimension scales `y` and `x` (cell centres, metres) and `spatial_ref` of a group."""
        place = self._file.require_group(group)
        size = window.cell_size_m
        centres = {
            "y": window.y_max - size * (np.arange(window.height) + 0.5),
            "x": window.x_min + size * (np.arange(window.width) + 0.5),
        }
        for name, values in centres.items():
            scale = place.create_dataset(name, data=values.astype("f8"))
            scale.make_scale(name)
            scale.attrs["standard_name"] = _text(f"projection_{name}_coordinate")
            scale.attrs["units"] = _text("m")
        reference = place.create_dataset("spatial_ref", data=np.int32(0))
        wkt = _crs_wkt(window.epsg)
        reference.attrs["crs_wkt"] = _text(wkt)
        reference.attrs["spatial_ref"] = _text(wkt)
        reference.attrs["GeoTransform"] = _text(" ".join(repr(float(v)) for v in window.geotransform))
        reference.attrs["epsg"] = np.int32(window.epsg)

    def add_axis(self, name: str, values: Sequence[Any] | np.ndarray, group: str = "/", **attrs: str) -> None:
        """Write a further dimension scale: numbers, or labels (then numbered, labels in attribute `labels`)."""
        place = self._file.require_group(group)
        if len(values) and isinstance(values[0], str):
            data: np.ndarray = np.arange(len(values), dtype="i4")
            attrs = {"labels": " ".join(values), **attrs}
        else:
            data = np.asarray(values)
        scale = place.create_dataset(name, data=data)
        scale.make_scale(name)
        for key, text in attrs.items():
            scale.attrs[key] = _text(text)

    def add(
        self,
        name: str,
        dims: Sequence[str],
        dtype: str,
        data: np.ndarray | None = None,
        chunks: tuple[int, ...] | None = None,
        group: str = "/",
        level: int = 4,
        **attrs: Any,
    ) -> h5py.Dataset:
        """Create a variable over axes that exist; without `data` it holds no data and is filled by the caller.

        Args:
            name: variable.
            dims: names of its axes, the last two being `y`, `x`.
            dtype: one of the types in `FILL_VALUES`.
            data: whole array, or None.
            chunks: HDF5 chunk shape; by default one band of at most 512 x 512 cells.
            group: group that holds the axes.
            level: of gzip, 1 (quick) to 9.
            attrs: further attributes, strings or numbers.
        """
        place = self._file.require_group(group)
        shape = tuple(place[d].shape[0] for d in dims)
        if chunks is None:
            chunks = tuple([1] * (len(shape) - 2) + [min(512, n) for n in shape[-2:]])
        chunks = tuple(min(c, n) for c, n in zip(chunks, shape, strict=True))
        variable = place.create_dataset(
            name,
            shape=shape,
            dtype=dtype,
            data=data,
            chunks=chunks,
            compression="gzip",
            compression_opts=level,
            shuffle=True,
            fillvalue=FILL_VALUES[dtype],
        )
        for axis, dim in enumerate(dims):
            variable.dims[axis].attach_scale(place[dim])
        variable.attrs["_FillValue"] = np.array([FILL_VALUES[dtype]], dtype=dtype)
        variable.attrs["grid_mapping"] = _text("spatial_ref")
        for key, value in attrs.items():
            variable.attrs[key] = _text(value) if isinstance(value, str) else value
        return variable

    def set_attributes(self, values: Mapping[str, Any]) -> None:
        """Write root attributes: strings and numbers as they are, everything else as canonical JSON."""
        for key, value in sorted(values.items()):
            if isinstance(value, bool) or not isinstance(value, str | int | float | np.generic):
                value = canonical_json(value).strip()
            self._file.attrs[key] = _text(value) if isinstance(value, str) else value


@contextmanager
def create(path: str | Path, step: str, baseline: int, provenance: Mapping[str, Any]) -> Iterator[CFWriter]:
    """Open a new file under a temporary name; it takes its name when the block ends without an error.

    Args:
        path: target.
        step: rule that writes it.
        baseline: the step's baseline number, raised when its result changes.
        provenance: further root attributes: inputs with digests, item ids, model and config digests.
    """
    with atomic_path(path) as part, h5py.File(part, "w", track_order=False) as file:
        writer = CFWriter(file)
        writer.set_attributes(
            {
                "Conventions": "CF-1.8",
                "step": step,
                "step_baseline": baseline,
                "software": f"sealwatch {__version__}",
                **provenance,
            }
        )
        yield writer


@contextmanager
def read(path: str | Path) -> Iterator[h5py.File]:
    """Open a file of this layout for reading.

    Raises:
        RasterError: the file is absent or is no HDF5 file.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise RasterError(f"{path}: cannot be read as HDF5 ({error}); delete it and run again") from error
    with file:
        yield file


def read_window(file: h5py.File, group: str = "/") -> Window:
    """The raster window that a group's `spatial_ref`, `y` and `x` describe.

    Raises:
        RasterError: the group has no georeference.
    """
    place = file[group]
    if "spatial_ref" not in place:
        raise RasterError(
            f"{file.filename}: group {group} has no spatial_ref; it was not written by Sealwatch"
        )
    reference = place["spatial_ref"].attrs
    x_min, size, _, y_max, _, _ = (float(v) for v in read_text(reference["GeoTransform"]).split())
    return Window(int(reference["epsg"]), x_min, y_max, size, place["x"].shape[0], place["y"].shape[0])


def read_text(value: Any) -> str:
    """An attribute as text, whether h5py gives it as bytes or as str."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def root_attributes(path: str | Path) -> dict[str, Any]:
    """Root attributes of a product, which carry its provenance: text as text, numbers as numbers.

    Raises:
        RasterError: the file is absent or is no HDF5 file.
    """
    with read(path) as file:
        return {
            key: read_text(value) if isinstance(value, bytes) else value for key, value in file.attrs.items()
        }


def read_labels(file: h5py.File, axis: str) -> list[str]:
    """Labels of an axis that was written from strings."""
    return read_text(file[axis].attrs["labels"]).split()
