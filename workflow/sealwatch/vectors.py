"""Vector files: read with a check of CRS and fields, written whole and with the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import VectorError
from .files import atomic_path

if TYPE_CHECKING:
    import geopandas as gpd


def read_vector(path: str | Path, layer: str | None = None, fields: Iterable[str] = ()) -> gpd.GeoDataFrame:
    """Read a layer.

    Raises:
        VectorError: no such file or layer, no CRS, or a missing field.
    """
    import geopandas as gpd

    if not Path(path).exists():
        raise VectorError(f"{path}: no such file; correct the path in the configuration")
    try:
        frame = gpd.read_file(path, layer=layer)
    except Exception as error:
        raise VectorError(f"{path}: layer {layer or '(first)'} cannot be read ({error})") from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise VectorError(f"{path}: layer {layer or '(first)'} has no geometry")
    if frame.crs is None:
        raise VectorError(f"{path}: has no coordinate reference system; assign one, e.g. with ogr2ogr -a_srs")
    missing = [f for f in fields if f not in frame.columns]
    if missing:
        raise VectorError(f"{path}: field {', '.join(missing)} is missing; found {', '.join(frame.columns)}")
    return frame


def write_geopackage(path: str | Path, frame: gpd.GeoDataFrame, layer: str, geometry_type: str = "Polygon") -> None:
    """Write one layer as GeoPackage through a temporary file, without clock times."""
    import pyogrio

    with atomic_path(path) as part:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00Z"})
        try:
            pyogrio.write_dataframe(frame, part, layer=layer, driver="GPKG", geometry_type=geometry_type)
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
