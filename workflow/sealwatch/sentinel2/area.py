"""The area of interest on the grid of a zone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import hdf5
from ..errors import VectorError
from ..files import file_digest
from ..grid import PIXEL_SIZE_M, Window, cell_window
from ..vectors import read_vector


def write_zone_grid(
    area_of_interest: str | Path, zone: str, patch_stride: int, target: str | Path, baseline: int
) -> None:
    """Write the zone's map window and which of its cells touch the area of interest.

    Args:
        area_of_interest: vector file with polygons, any CRS.
        zone: EPSG code of the UTM zone.
        patch_stride: cell size in 10 m pixels.
        target: HDF5 file with `inside[y, x]`, uint8, 1 where the cell touches the area.
        baseline: the step's baseline number.

    Raises:
        VectorError: the file cannot be read or holds no polygon.
    """
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    frame = read_vector(area_of_interest).to_crs(int(zone))
    frame = frame[frame.geom_type.isin(["Polygon", "MultiPolygon"])]
    if frame.empty or frame.geometry.is_empty.all():
        raise VectorError(f"{area_of_interest}: area_of_interest needs at least one polygon")
    window = cell_window(int(zone), tuple(frame.total_bounds), patch_stride * PIXEL_SIZE_M)
    inside = rasterize(
        frame.geometry.make_valid(),
        out_shape=window.shape,
        transform=Affine.from_gdal(*window.geotransform),
        all_touched=True,
        dtype="uint8",
    )
    provenance = {"inputs": {Path(area_of_interest).name: file_digest(area_of_interest)}}
    with hdf5.create(target, "zone_grid", baseline, provenance) as file:
        file.set_grid(window)
        file.add(
            "inside", ("y", "x"), "uint8", inside, long_name="1 where the cell touches the area of interest"
        )


def read_zone_grid(path: str | Path) -> tuple[Window, np.ndarray]:
    """The map window of a zone and its mask of cells inside the area, bool (height, width)."""
    with hdf5.read(path) as file:
        return hdf5.read_window(file), file["inside"][:] == 1
