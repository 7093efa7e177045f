"""Vector files: read with a check of CRS and fields, written whole and with the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import VectorError
from .files import atomic_path

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    import pandas as pd


def read_vector(
    path: str | Path, layer: str | None = None, fields: Iterable[str] = (), **options: Any
) -> gpd.GeoDataFrame:
    """Read a layer.

    Args:
        path: any vector file GDAL reads.
        layer: its layer; None takes the first.
        fields: attributes it must have.
        options: further arguments of `geopandas.read_file`, such as `mask`.

    Raises:
        VectorError: no such file or layer, no CRS, or a missing field.
    """
    import geopandas as gpd
    from pyogrio.errors import DataLayerError, DataSourceError

    name = f"{path}: layer {layer or '(first)'}"
    if not Path(path).exists():
        raise VectorError(f"{path}: no such file; correct the path in the configuration")
    try:
        frame = gpd.read_file(path, layer=layer, **options)
    except (DataSourceError, DataLayerError) as error:
        raise VectorError(f"{name} cannot be read ({error}); mend the path or the file") from error
    if not isinstance(frame, gpd.GeoDataFrame) or frame.crs is None:
        raise VectorError(f"{name} has no geometry or no CRS; assign one, e.g. with ogr2ogr -a_srs")
    missing = [f for f in fields if f not in frame.columns]
    if missing:
        raise VectorError(f"{name} lacks field(s) {', '.join(missing)}; found {', '.join(frame.columns)}")
    return frame


def read_vectors(
    paths: Sequence[str | Path], layer: str, fields: Iterable[str] = (), crs: Any = None
) -> gpd.GeoDataFrame:
    """One layer of several files in one frame; without a feature, that of the first file.

    Args:
        paths: at least one.
        layer: name of the layer.
        fields: attributes it must have.
        crs: of the frame; None takes that of the first file with a feature.

    Raises:
        VectorError: see `read_vector`.
    """
    import geopandas as gpd
    import pandas as pd

    fields = tuple(fields)
    every = [read_vector(path, layer, fields) for path in paths]
    parts = [frame for frame in every if len(frame)] or every[:1]
    crs = crs or parts[0].crs
    return gpd.GeoDataFrame(pd.concat([part.to_crs(crs) for part in parts], ignore_index=True), crs=crs)


def field_as_text(frame: gpd.GeoDataFrame, field: str) -> np.ndarray:
    """Values of a field as str, object (n,), '' where missing; codes stay whole, though a gap makes them floats."""
    return frame[field].convert_dtypes().astype("string").fillna("").to_numpy(dtype=object)


def write_geopackage(
    path: str | Path, frame: gpd.GeoDataFrame, layer: str, geometry_type: str = "Polygon", **options: Any
) -> None:
    """Write a GeoPackage of one layer through a temporary file; equal features give equal bytes.

    Args:
        path: target.
        frame: features.
        layer: name of the layer.
        geometry_type: of all features.
        options: further arguments of `pyogrio.write_dataframe`, such as `layer_options`.
    """
    with atomic_path(path) as part:
        append_to_geopackage(part, frame, layer, geometry_type, **options)


def write_geopackage_layers(
    path: str | Path, layers: Mapping[str, tuple[gpd.GeoDataFrame | pd.DataFrame, str | None]]
) -> None:
    """Write a GeoPackage of several layers through a temporary file; equal features give equal bytes.

    Args:
        path: target.
        layers: features and geometry type by name; a table without geometry has the type None.
    """
    with atomic_path(path) as part:
        for name, (frame, geometry_type) in layers.items():
            append_to_geopackage(part, frame, name, geometry_type)


def append_to_geopackage(
    path: str | Path,
    frame: gpd.GeoDataFrame | pd.DataFrame,
    layer: str,
    geometry_type: str | None,
    **options: Any,
) -> None:
    """Add features to a layer of a GeoPackage, which is made where it is absent, as is the layer."""
    import pyogrio

    known = Path(path).exists()
    # GeoPackage stores the time of the last change, which would make every rebuild a different file.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        pyogrio.write_dataframe(
            frame,
            path,
            layer=layer,
            driver="GPKG",
            geometry_type=geometry_type,
            append=known,
            dataset_options=None if known else {"VERSION": "1.2"},  # later ones draw warnings from older GDAL
            **options,
        )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
