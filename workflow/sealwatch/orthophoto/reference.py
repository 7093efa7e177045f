"""The reference of land sealed earlier, from a vector or raster file, as a GRASS map of one window."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..composites.maps import blocks
from ..errors import RasterError, VectorError
from ..grass import GrassSession
from ..grid import Window
from ..vectors import read_vector

if TYPE_CHECKING:
    import geopandas

REFERENCE_LAYER = "reference"
"""Layer of a vector reference; in a file of one layer its name does not matter."""


def reference_map(
    session: GrassSession, source: str | Path, window: Window, *, name: str = "reference", least: float = 1.0
) -> str:
    """Make a map that is 1 on land sealed earlier and NULL elsewhere; the region becomes the window.

    Args:
        session: an open session in the window's CRS.
        source: vector file with polygons (layer `reference`, or the only layer) or a raster, in any CRS.
            Invalid rings are mended; a raster is read at the nearest pixel, block by block.
        window: raster window of the map, CRS units metres.
        name: of the map.
        least: in a raster, the least value of band 1 that means sealed, above 0.

    Returns:
        `name`.

    Raises:
        VectorError: the file is absent, or a vector file without polygons' layer or CRS.
        RasterError: the raster has no CRS or cannot be read to its end.
        GrassError: a module failed.
    """
    if not Path(source).exists():
        raise VectorError(f"{source}: no such file; correct orthophoto.reference")
    session.set_region(window)
    if _is_raster(source):
        session.import_array(_warped(source, window, least, session.scratch / f"{name}.warped"), name)
        return name
    session.import_areas(_polygons_within(source, window), name)
    return name


def _is_raster(source: str | Path) -> bool:
    import rasterio
    from rasterio.errors import RasterioIOError

    try:
        with rasterio.open(source) as file:
            return file.count > 0
    except RasterioIOError:
        return False


def _warped(source: str | Path, window: Window, least: float, scratch: Path) -> np.ndarray:
    """uint8 [y, x] on disk: 1 where band 1 of the raster, at the nearest pixel, is at least `least`, else 255."""
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.transform import Affine
    from rasterio.vrt import WarpedVRT
    from rasterio.windows import Window as Part

    marks = np.memmap(scratch, "u1", "w+", shape=window.shape)
    try:
        with rasterio.open(source) as file:
            if file.crs is None:
                raise RasterError(f"{source}: has no CRS; assign one with gdal_edit.py -a_srs")
            place = Affine.from_gdal(*window.geotransform)
            size = {"width": window.width, "height": window.height}
            with WarpedVRT(file, crs=f"EPSG:{window.epsg}", transform=place, **size) as warped:
                for rows in blocks(window.height):
                    part = Part.from_slices(rows, (0, window.width))
                    values = warped.read(1, window=part, masked=True)
                    # Beyond the file there is 0 or no data, which `least` above 0 leaves out.
                    sealed = (values >= least).filled(False)
                    marks[rows] = np.where(sealed, np.uint8(1), np.uint8(255))
    except RasterioError as error:
        raise RasterError(f"{source}: cannot be read to its end ({error}); replace the file") from error
    return marks


def _polygons_within(source: str | Path, window: Window) -> geopandas.GeoDataFrame:
    """Valid polygons of a vector reference inside the window, in its CRS."""
    import pyogrio
    from geopandas import GeoSeries
    from pyogrio.errors import DataSourceError
    from shapely.geometry import box

    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(source)]
    except DataSourceError as error:
        raise VectorError(f"{source}: is neither a vector nor a raster file ({error}); replace it") from error
    if REFERENCE_LAYER not in layers and len(layers) != 1:
        raise VectorError(
            f"{source}: has the layers {', '.join(layers) or '(none)'}; name that of the reference "
            f"{REFERENCE_LAYER}"
        )
    layer = REFERENCE_LAYER if REFERENCE_LAYER in layers else layers[0]
    sheet = box(*window.bounds)
    frame = read_vector(source, layer, mask=GeoSeries([sheet], crs=window.epsg)).to_crs(window.epsg)
    frame = frame[frame.geometry.notna()]
    broken = ~frame.geometry.is_valid
    if broken.any():
        print(f"{source}: {int(broken.sum())} polygons with invalid rings were mended", file=sys.stderr)
    frame["geometry"] = frame.geometry.force_2d().make_valid().intersection(sheet)
    parts = frame.explode(ignore_index=True)
    return parts[parts.geometry.geom_type == "Polygon"]
