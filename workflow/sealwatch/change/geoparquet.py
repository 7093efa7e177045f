"""GeoParquet copies of the change layers, for columnar readers (DuckDB, pandas, QGIS with Arrow)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import VectorError
from ..files import atomic_path
from ..vectors import read_vector


def write_geoparquet(layers: str | Path, targets: Mapping[str, str | Path]) -> None:
    """Copy layers of a GeoPackage to GeoParquet files (GeoParquet 1.0, zstd).

    Args:
        layers: GeoPackage of a zone.
        targets: file to write by the name of the layer.

    Raises:
        VectorError: pyarrow is not installed, or a layer cannot be read.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise VectorError(
            "GeoParquet needs the package pyarrow, which is not installed; run make setup"
        ) from error
    for name, target in targets.items():
        frame = read_vector(layers, name)
        with atomic_path(target) as part:
            frame.to_parquet(part, index=False, compression="zstd", schema_version="1.0.0")
