"""A small orthophoto with known surfaces, its index, training polygons and event, for unit tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas
import numpy as np
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import Polygon, box

from sealwatch import hdf5
from sealwatch.grid import Window

EPSG = 32633
X_MIN, Y_MAX, PIXEL_M = 500_000.0, 5_100_000.0, 0.5
SURFACES = {"grass": (150, 70, 95), "trees": (120, 40, 60), "roof": (150, 160, 155)}
"""NIR, red, green of each surface."""

Block = tuple[int, int, int, int]
"""First row, first column, height, width in pixels."""


def shape_of(block: Block) -> Polygon:
    """A block of pixels as polygon."""
    row, col, height, width = block
    left, top = X_MIN + col * PIXEL_M, Y_MAX - row * PIXEL_M
    return box(left, top - height * PIXEL_M, left + width * PIXEL_M, top)


def write_photo(path: Path, roofs: Sequence[Block], size: int = 300, seed: int = 0) -> Path:
    """Grass, a wood in the left fifth, and roofs."""
    surface = np.full((size, size), 0)
    surface[:, : size // 5] = 1
    for row, col, height, width in roofs:
        surface[row : row + height, col : col + width] = 2
    bands = np.array(list(SURFACES.values()), "f4")[surface].transpose(2, 0, 1)
    spread = np.where(surface == 2, 4, 12)
    bands = np.clip(bands + np.random.default_rng(seed).normal(0, 1, bands.shape) * spread, 1, 254)
    write_bands(path, bands.astype("u1"))
    return path


def write_bands(path: Path, bands: np.ndarray, epsg: int | None = EPSG, **options: object) -> None:
    """Any bands on the tiny sheet's grid."""
    count, height, width = bands.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": bands.dtype}
    crs = f"EPSG:{epsg}" if epsg else None
    with rasterio.open(
        path, "w", **profile, **options, crs=crs, transform=from_origin(X_MIN, Y_MAX, PIXEL_M, PIXEL_M)
    ) as target:
        target.write(bands)


def write_index(
    path: Path,
    rows: Sequence[tuple[str, int, str, str]],
    blocks: Sequence[Block] | None = None,
    epsg: int = EPSG,
    **fields: Sequence[str | None],
) -> Path:
    """Sheet index of (sheet, year, flight_date, path), with further fields, as GeoPackage or GeoParquet.

    The footprints are blocks of pixels, by default the tiny sheet for all.
    """
    names = ("sheet", "year", "flight_date", "path")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) | fields
    geometry = [shape_of(block) for block in blocks or [(0, 0, 300, 300)] * len(rows)]
    frame = geopandas.GeoDataFrame(columns, geometry=geometry, crs=EPSG).to_crs(epsg)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path, layer="sheets", driver="GPKG")
    return path


def write_training(path: Path, blocks: dict[str, Block], sheet: str, year: int) -> Path:
    """Training polygons, one block of pixels for each class."""
    frame = geopandas.GeoDataFrame(
        {"class": list(blocks), "sheet": sheet, "year": year},
        geometry=[shape_of(block) for block in blocks.values()],
        crs=EPSG,
    )
    frame.to_file(path, layer="training_polygons", driver="GPKG")
    return path


def event(block: Block, number: int = 1, **changes: object) -> dict[str, object]:
    """An event as in a flag file; its cell is a block of pixels."""
    values = {
        "event_id": f"{EPSG}-79{number:02d}-781-2021H1",
        "from_class": "Pasture",
        "to_class": "Industrial",
        "start_half": "2021H1",
        "confirm_half": "2022H1",
        "confidence": 0.9,
        "bounds": list(shape_of(block).bounds),
        "epsg": EPSG,
    }
    return {**values, **changes}


def write_segmentation(
    path: Path,
    sealed: Sequence[Block],
    size: int = 300,
    unknown: Sequence[Block] = (),
    unsure: Sequence[Block] = (),
) -> Path:
    """A segmentation as the rule writes it: low vegetation, sealed blocks, blocks without data or hardly sure."""
    classes = np.ones((size, size), "u1")
    for blocks, code in ((sealed, 0), (unknown, 255)):
        for row, col, height, width in blocks:
            classes[row : row + height, col : col + width] = code
    confidence = np.where(classes == 255, np.nan, 0.75).astype("f4")
    for row, col, height, width in unsure:
        confidence[row : row + height, col : col + width] = 0.5
    with hdf5.create(path, "segment", 1, {}) as writer:
        writer.set_grid(Window(EPSG, X_MIN, Y_MAX, PIXEL_M, size, size))
        writer.add("class", ("y", "x"), "uint8", data=classes)
        writer.add("confidence", ("y", "x"), "float32", data=confidence)
    return path
