"""Vector layers of the orthophoto stage: read with checks, written with equal bytes for equal features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import VectorError
from ..files import atomic_path

if TYPE_CHECKING:
    import geopandas


def read_layer(
    path: str | Path, layer: str, fields: Sequence[str] = (), **options: Any
) -> geopandas.GeoDataFrame:
    """Read a layer of a vector file.

    Args:
        path: any file GDAL reads.
        layer: its layer.
        fields: attributes it must have.
        options: further arguments of `geopandas.read_file`, e.g. `mask`.

    Raises:
        VectorError: it cannot be read, has no geometry or CRS, or lacks a field.
    """
    import geopandas
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        frame = geopandas.read_file(path, layer=layer, **options)
    except (DataSourceError, DataLayerError) as error:
        raise VectorError(
            f"{path}: layer {layer} cannot be read ({error}); mend the path or the file"
        ) from error
    if not isinstance(frame, geopandas.GeoDataFrame) or frame.crs is None:
        raise VectorError(f"{path}: layer {layer} has no geometry or no CRS; assign one")
    missing = [field for field in fields if field not in frame.columns]
    if missing:
        raise VectorError(f"{path}: layer {layer} lacks field(s) {', '.join(missing)}; add them")
    return frame


def write_layer(
    frame: geopandas.GeoDataFrame, path: str | Path, layer: str, geometry_type: str = "Polygon"
) -> None:
    """Write a GeoPackage of one layer through a temporary file; equal features give equal bytes."""
    import pyogrio

    # GeoPackage stores the time of the last change, which would make every rebuild a different file.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        with atomic_path(path) as part:
            pyogrio.write_dataframe(
                frame,
                part,
                layer=layer,
                driver="GPKG",
                geometry_type=geometry_type,
                dataset_options={"VERSION": "1.2"},  # later versions draw warnings from older GDAL
            )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
