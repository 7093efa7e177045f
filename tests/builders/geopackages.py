"""GeoPackages whose bytes depend on their content alone."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pyogrio

_WRITTEN_ON = "2025-01-01T00:00:00.000Z"


def write_layer(frame: gpd.GeoDataFrame, path: Path, layer: str) -> None:
    """Write one layer, beside those that the file has; its date of change is fixed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _WRITTEN_ON})
    try:
        frame.to_file(path, layer=layer)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
