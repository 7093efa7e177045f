"""Training samples of one orthophoto: polygons drawn on it, made pixels in GRASS, sampled with features."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from .. import grass, hdf5
from ..composites.maps import blocks
from ..errors import VectorError
from ..files import file_digest
from ..grid import Window
from ..vectors import read_vector
from .features import NO_DATA
from .polygons import mended
from .reference import reference_map
from .sheets import CLASSES, SEALED, TRAINING_FIELDS, TRAINING_LAYER

if TYPE_CHECKING:
    import geopandas

REFERENCE_RIM_PX = 2
"""Pixels along the edge of the reference that are no samples: there registration and mixed pixels decide."""

REFERENCE_BLOCK_M = 100.0
"""Edge of the squares that the reference's samples are numbered by, so that neighbours share a number."""


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
    reference: str | Path | None = None,
    reference_min: float = 1.0,
) -> None:
    """Write a table of sampled pixels below the training polygons of one orthophoto.

    With a reference of earlier sealed land, `sealed` is sampled inside it, too, away from its edge, except
    where a polygon says otherwise. Pixels without data are not sampled.

    Args:
        features: its features (`features.prepare_sheet`).
        polygons: vector file with layer `training_polygons`: `class` (one of `CLASSES`), `sheet`, `year`.
        target: HDF5 file with `features[sample, feature]` uint8, `label[sample]` uint8 (code of `CLASSES`)
            and `polygon[sample]` int32 (number of the polygon in the layer, from 1; for the reference below
            0, by squares of `REFERENCE_BLOCK_M` of this sheet), ordered by place in the sheet.
        sheet: id of the sheet.
        year: its year.
        samples_per_class: at most so many pixels of each class, drawn without replacement.
        seed: of the drawing; sheet and year are mixed into it.
        baseline: the step's baseline number.
        reference: see `reference.reference_map`, or None.
        reference_min: in a raster reference, the least value that means sealed.

    Raises:
        VectorError: no polygon belongs to this orthophoto, one lies outside it, crosses itself or has an
            unknown class, or none covers a pixel with data.
        GrassError: GRASS is missing or a module failed.
    """
    with hdf5.read(features) as file:
        window, names = hdf5.read_window(file), hdf5.read_labels(file, "feature")
        frame, code_of_polygon = _polygons_of(polygons, window, sheet, year)
        with grass.session(window.epsg) as session:
            map_of_polygons = _rasterised(session, frame, window, reference, reference_min)
            candidates = _Candidates(file, map_of_polygons, code_of_polygon, window)
            counts, covered = candidates.count()
            empty = frame.loc[~frame["number"].isin(covered), "number"]
            if len(empty) == len(frame):
                raise VectorError(
                    f"{polygons}: no polygon of sheet {sheet} year {year} covers a pixel with data; move them "
                    "onto it"
                )
            if len(empty):
                print(f"{polygons}: row(s) {_listed(empty)} cover no pixel with data", file=sys.stderr)
            rng = np.random.default_rng([seed, zlib.crc32(f"{sheet}_{year}".encode())])
            numbers, labels, values = candidates.sample(counts, samples_per_class, rng)
    provenance = {"sheet": sheet, "year": year, "seed": seed, "polygons_digest": file_digest(polygons)}
    if reference is not None:
        provenance["reference"] = Path(reference).name
    with hdf5.create(target, "label_sheet", baseline, {**provenance, "classes": " ".join(CLASSES)}) as writer:
        writer.add_axis("sample", np.arange(len(values), dtype="i4"))
        writer.add_axis("feature", names)
        writer.add("features", ("sample", "feature"), "uint8", data=values, chunks=(4096, len(names)))
        writer.add("label", ("sample",), "uint8", data=labels, chunks=(4096,))
        writer.add("polygon", ("sample",), "int32", data=numbers, chunks=(4096,))


def _polygons_of(
    polygons: str | Path, window: Window, sheet: str, year: int
) -> tuple[geopandas.GeoDataFrame, np.ndarray]:
    """The orthophoto's polygons with column `number`, in its CRS; and class code by number (0: the reference)."""
    from shapely.geometry import box

    frame = read_vector(polygons, TRAINING_LAYER, TRAINING_FIELDS)
    frame["number"] = np.arange(1, len(frame) + 1, dtype="i4")
    unknown = sorted(set(frame["class"].astype(str)) - set(CLASSES))
    if unknown:
        raise VectorError(f"{polygons}: class {', '.join(unknown)} is unknown; use {', '.join(CLASSES)}")
    code_of_polygon = np.full(len(frame) + 1, SEALED, "u1")
    code_of_polygon[1:] = [CLASSES.index(name) for name in frame["class"]]
    frame = frame[(frame["sheet"].astype(str) == sheet) & (frame["year"].astype(int) == int(year))]
    if frame.empty:
        raise VectorError(f"{polygons}: no training polygon for sheet {sheet} year {year}; draw some")
    rows = [f"row {number}" for number in frame["number"]]
    frame = mended(frame[["number", "geometry"]], rows, f"{polygons}: layer {TRAINING_LAYER}")
    frame = frame.to_crs(window.epsg)
    extent = box(*window.bounds)
    outside = frame[~frame.intersects(extent)]
    if not outside.empty:
        raise VectorError(
            f"{polygons}: row(s) {_listed(outside['number'])} of layer {TRAINING_LAYER} lie outside sheet "
            f"{sheet} of year {year}; mend their sheet and year, or move them"
        )
    partly = frame[~frame.within(extent)]
    if not partly.empty:
        print(
            f"{polygons}: row(s) {_listed(partly['number'])} reach beyond sheet {sheet} of year {year}; "
            "what lies inside is used",
            file=sys.stderr,
        )
    return frame, code_of_polygon


def _listed(numbers: geopandas.GeoSeries) -> str:
    return ", ".join(str(number) for number in numbers[:10]) + (", ..." if len(numbers) > 10 else "")


def _rasterised(
    session: grass.GrassSession,
    frame: geopandas.GeoDataFrame,
    window: Window,
    reference: str | Path | None,
    reference_min: float,
) -> np.ndarray:
    """int32 [y, x] on disk: number of the polygon, 0 inside the reference alone, -1 elsewhere."""
    session.set_region(window)
    session.import_areas(frame, "polygons", key="number")
    if reference is None:
        return session.export_array("polygons", "int32")
    name = reference_map(session, reference, window, least=reference_min)
    # Minus a rim: r.grow with a negative radius.
    rim = REFERENCE_RIM_PX + 0.01
    session.run("r.grow", input=name, output="inner", radius=-rim)
    session.run(
        "r.mapcalc", expression="places = if(isnull(polygons), if(isnull(inner), null(), 0), polygons)"
    )
    return session.export_array("places", "int32")


class _Candidates:
    """The pixels of a sheet that may be samples, block of rows by block of rows."""

    def __init__(self, file: h5py.File, places: np.ndarray, code: np.ndarray, window: Window) -> None:
        self._features, self._places, self._code, self._window = file["features"], places, code, window

    def _each(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
        """Rows; flat positions of the candidates in the block; their polygons' numbers and classes."""
        for rows in blocks(self._window.height):
            places = np.asarray(self._places[rows]).reshape(-1)
            inside = np.flatnonzero(places >= 0)
            if len(inside):
                data = self._features[0, rows].reshape(-1)[inside] != NO_DATA
                inside = inside[data]
            numbers = places[inside]
            codes = self._code[numbers]
            yield rows, inside, self._numbered(rows.start, inside, numbers), codes

    def _numbered(self, top: int, inside: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """The numbers, with those of the reference's squares, counted down from -1, in place of 0."""
        reference = numbers == 0
        row, col = np.divmod(inside[reference], self._window.width)
        pixels = max(1, round(REFERENCE_BLOCK_M / self._window.cell_size_m))
        across = -(-self._window.width // pixels)
        numbers[reference] = -1 - ((top + row) // pixels * across + col // pixels)
        return numbers

    def count(self) -> tuple[np.ndarray, set[int]]:
        """Candidates as int64 [block, class], and the numbers of the polygons that cover one."""
        counts, covered = [], set[int]()
        for _, _, numbers, codes in self._each():
            counts.append(np.bincount(codes, minlength=len(CLASSES)))
            covered.update(np.unique(numbers).tolist())
        return np.array(counts), covered

    def sample(
        self, counts: np.ndarray, most: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Number, class and features of at most `most` pixels of each class, each as likely as any other.

        How many come from which block is drawn first, from the multivariate hypergeometric distribution, so
        that no list of all pixels is needed.
        """
        wanted = np.minimum(counts.sum(axis=0), most)
        shares = [rng.multivariate_hypergeometric(counts[:, c], wanted[c]) for c in range(len(CLASSES))]
        parts = [(np.empty(0, "i4"), np.empty(0, "u1"), np.empty((0, len(self._features)), "u1"))]
        for block, (rows, inside, numbers, codes) in enumerate(self._each()):
            drawn = [
                rng.choice(np.flatnonzero(codes == code), share[block], replace=False)
                for code, share in enumerate(shares)
            ]
            chosen = np.sort(np.concatenate(drawn))
            if len(chosen):
                parts.append((numbers[chosen], codes[chosen], self._values(rows, inside[chosen])))
        numbers, codes, values = (np.concatenate(part) for part in zip(*parts, strict=True))
        return numbers, codes, values

    def _values(self, rows: slice, positions: np.ndarray) -> np.ndarray:
        """uint8 [sample, feature] of the pixels at flat positions in a block."""
        bands = range(len(self._features))
        return np.stack([self._features[band, rows].reshape(-1)[positions] for band in bands], axis=1)
