"""Training samples of one orthophoto: polygons drawn on it, made pixels in GRASS, sampled with features."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from .. import grass, hdf5
from ..errors import VectorError
from ..files import file_digest
from ..grid import Window
from ..vectors import read_vector, write_geopackage
from .features import BLOCK_ROWS, NO_DATA
from .sheets import TRAINING_FIELDS, TRAINING_LAYER

CLASSES = ("sealed", "low_vegetation", "medium_high_vegetation")
"""The forest's classes; a class code is the index in this tuple. Sealed means bare or impervious."""


def label_sheet(
    features: str | Path,
    polygons: str | Path,
    target: str | Path,
    *,
    sheet: str,
    year: int,
    samples_per_class: int,
    seed: int,
    baseline: int,
) -> None:
    """Write a table of sampled pixels below the training polygons of one orthophoto.

    Args:
        features: its features (`features.prepare_sheet`).
        polygons: vector file with layer `training_polygons`: `class` (one of `CLASSES`), `sheet`, `year`.
        target: HDF5 file with `features[sample, feature]` uint8, `label[sample]` uint8 (code of `CLASSES`)
            and `polygon[sample]` int32 (number of the polygon in the layer, from 1), ordered by place in the
            sheet.
        sheet: id of the sheet.
        year: its year.
        samples_per_class: at most so many pixels of each class, drawn without replacement.
        seed: of the drawing; sheet and year are mixed into it.
        baseline: the step's baseline number.

    Raises:
        VectorError: no polygon belongs to this orthophoto or lies on it, or a class is unknown.
        GrassError: GRASS is missing or a module failed.
    """
    with hdf5.read(features) as file:
        window, names = hdf5.read_window(file), hdf5.read_labels(file, "feature")
    code_of_polygon, map_of_polygons = _polygon_map(polygons, window, sheet, year)
    rng = np.random.default_rng([seed, zlib.crc32(f"{sheet}_{year}".encode())])
    positions = _draw(code_of_polygon, map_of_polygons, samples_per_class, rng)
    if not len(positions):
        raise VectorError(
            f"{polygons}: no polygon of sheet {sheet} year {year} covers a pixel of it; move them onto it"
        )
    values = _features_at(features, positions, window.width, len(names))
    kept = values[:, 0] != NO_DATA
    positions, values = positions[kept], values[kept]
    numbers = map_of_polygons[positions]
    provenance = {"sheet": sheet, "year": year, "seed": seed, "polygons_digest": file_digest(polygons)}
    with hdf5.create(target, "label_sheet", baseline, {**provenance, "classes": " ".join(CLASSES)}) as writer:
        writer.add_axis("sample", np.arange(len(values), dtype="i4"))
        writer.add_axis("feature", names)
        writer.add("features", ("sample", "feature"), "uint8", data=values, chunks=(4096, len(names)))
        writer.add("label", ("sample",), "uint8", data=code_of_polygon[numbers], chunks=(4096,))
        writer.add("polygon", ("sample",), "int32", data=numbers.astype("i4"), chunks=(4096,))


def _polygon_map(
    polygons: str | Path, window: Window, sheet: str, year: int
) -> tuple[np.ndarray, np.ndarray]:
    """Class code by polygon number (255 if none), and polygon number of every pixel (-1 where none), flat."""
    frame = read_vector(polygons, TRAINING_LAYER, TRAINING_FIELDS)
    frame["number"] = np.arange(1, len(frame) + 1, dtype="i4")
    unknown = sorted(set(frame["class"].astype(str)) - set(CLASSES))
    if unknown:
        raise VectorError(f"{polygons}: class {', '.join(unknown)} is unknown; use {', '.join(CLASSES)}")
    code_of_polygon = np.full(len(frame) + 1, NO_DATA, "u1")
    code_of_polygon[1:] = [CLASSES.index(name) for name in frame["class"]]
    frame = frame[(frame["sheet"].astype(str) == sheet) & (frame["year"].astype(int) == int(year))]
    if frame.empty:
        raise VectorError(f"{polygons}: no training polygon for sheet {sheet} year {year}; draw some")
    drawn = frame[["number", "geometry"]].to_crs(window.epsg)
    drawn["geometry"] = drawn.geometry.make_valid()
    with grass.session(window.epsg) as session:
        session.set_region(window)
        source = session.scratch / "polygons.gpkg"
        write_geopackage(source, drawn, TRAINING_LAYER, geometry_type="Unknown")
        session.run("v.in.ogr", flags="o", input=source, output="polygons", key="number")
        session.run("v.to.rast", input="polygons", output="polygons", use="cat", type_="area")
        return code_of_polygon, np.array(session.export_array("polygons", "int32")).reshape(-1)


def _draw(
    code_of_polygon: np.ndarray, numbers: np.ndarray, most: int, rng: np.random.Generator
) -> np.ndarray:
    """Flat positions of at most `most` pixels of each class, ascending."""
    inside = np.flatnonzero(numbers > 0)
    codes = code_of_polygon[numbers[inside]]
    drawn = []
    for code in range(len(CLASSES)):
        pool = inside[codes == code]
        drawn.append(rng.choice(pool, most, replace=False) if len(pool) > most else pool)
    return np.sort(np.concatenate(drawn))


def _features_at(features: str | Path, positions: np.ndarray, width: int, count: int) -> np.ndarray:
    """Features of the pixels at flat `positions` (ascending), read block by block."""
    values = np.empty((len(positions), count), "u1")
    block = positions // (BLOCK_ROWS * width)
    with hdf5.read(features) as file:
        for number in np.unique(block):
            top = int(number) * BLOCK_ROWS
            rows = file["features"][:, top : top + BLOCK_ROWS].reshape(count, -1)
            chosen = block == number
            values[chosen] = rows[:, positions[chosen] - top * width].T
    return values
