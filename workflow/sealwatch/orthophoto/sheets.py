"""The index of orthophoto sheets and the training polygons' sheets, read and checked.

Imported at parse time: GeoPackages are read as the SQLite databases they are; rasters only inside
`sheet_window`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RasterError, VectorError
from ..keys import matches, sheet_key

if TYPE_CHECKING:
    from ..grid import Window

INDEX_LAYER = "sheets"
"""Layer of the sheet index."""

INDEX_FIELDS = ("sheet", "year", "flight_date", "path")
"""Fields of the sheet index besides the footprint."""

TRAINING_LAYER = "training_polygons"
"""Layer of the training polygons."""

TRAINING_FIELDS = ("class", "sheet", "year")
"""Fields of the training polygons besides the geometry."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One orthophoto: sheet, year, flight date (ISO 8601), the path in the index and the file meant by it."""

    sheet: str
    year: int
    flight_date: str
    path: str
    file: Path

    @property
    def key(self) -> str:
        """Path part of its products, e.g. `D2101_2024`."""
        return sheet_key(self.sheet, self.year)


def read_index(index: str | Path) -> tuple[Sheet, ...]:
    """All orthophotos of an index, ordered by sheet and flight date.

    Args:
        index: GeoPackage with layer `sheets`: text `sheet`, integer `year`, text or date `flight_date`, text
            `path` (absolute, or relative to the index), polygon footprint.

    Raises:
        VectorError: the index is absent, lacks a field, holds a bad value, the same sheet and year (or sheet
            and flight date) twice, or names a raster that does not exist.
    """
    path = Path(index)
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    return _read_index(path, stamp)


@lru_cache(maxsize=8)
def _read_index(index: Path, _stamp: int) -> tuple[Sheet, ...]:
    sheets: list[Sheet] = []
    for number, row in enumerate(_read_table(index, INDEX_LAYER, INDEX_FIELDS), 1):
        sheets.append(_checked(index, number, dict(zip(INDEX_FIELDS, row, strict=True))))
    for field in ("year", "flight_date"):
        seen: set[tuple[str, Any]] = set()
        for sheet in sheets:
            pair = (sheet.sheet, getattr(sheet, field))
            if pair in seen:
                raise VectorError(
                    f"{index}: sheet {pair[0]} with {field} {pair[1]} is listed twice; keep one row"
                )
            seen.add(pair)
    return tuple(sorted(sheets, key=lambda s: (s.sheet, s.flight_date)))


def _checked(index: Path, number: int, row: dict[str, Any]) -> Sheet:
    where = f"{index}: row {number} of layer {INDEX_LAYER}"
    sheet, year, flown, path = (row[field] for field in INDEX_FIELDS)
    if not isinstance(sheet, str) or not matches("sheet", sheet):
        raise VectorError(f"{where}: sheet {sheet!r} is not an id of letters, digits and hyphens")
    if not isinstance(year, int) or not matches("year", str(year)):
        raise VectorError(f"{where}: year {year!r} is not an integer year such as 2024")
    try:
        flight_date = date.fromisoformat(str(flown)[:10]).isoformat()
    except ValueError:
        raise VectorError(f"{where}: flight_date {flown!r} is not a date such as 2024-06-18") from None
    file = index.absolute().parent / str(path)
    if not path or not file.is_file():
        raise VectorError(f"{where}: path {path!r} names no file (looked for {file}); mend the path")
    return Sheet(sheet, year, flight_date, path, file)


def _read_table(file: Path, layer: str, fields: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Columns `fields` of a GeoPackage layer, in the order of its rows."""
    if not file.is_file():
        raise VectorError(f"{file}: no such file; name a GeoPackage with layer {layer}")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            present = {row[1] for row in connection.execute(f'PRAGMA table_info("{layer}")')}
            if not present:
                raise VectorError(f"{file}: has no layer {layer}; name the layer so")
            missing = [field for field in fields if field not in present]
            if missing:
                raise VectorError(f"{file}: layer {layer} lacks field(s) {', '.join(missing)}; add them")
            columns = ", ".join(f'"{field}"' for field in fields)
            return connection.execute(f'SELECT {columns} FROM "{layer}" ORDER BY rowid').fetchall()
    except sqlite3.Error as error:
        raise VectorError(f"{file}: cannot be read as a GeoPackage ({error}); write it anew") from error


def find_sheet(index: str | Path, sheet: str, year: str | int) -> Sheet:
    """The orthophoto of a sheet and year.

    Raises:
        VectorError: the index does not list it (or see `read_index`).
    """
    for candidate in read_index(index):
        if candidate.sheet == sheet and candidate.year == int(year):
            return candidate
    raise VectorError(f"{index}: lists no sheet {sheet} of year {year}; add its row")


def earlier_flight(index: str | Path, sheet: Sheet) -> Sheet | None:
    """The flight of the same sheet immediately before, or None."""
    before = [s for s in read_index(index) if s.sheet == sheet.sheet and s.flight_date < sheet.flight_date]
    return before[-1] if before else None


def training_sheets(polygons: str | Path, index: str | Path) -> list[str]:
    """Keys (`D2101_2024`) of the orthophotos on which training polygons were drawn, sorted.

    Raises:
        VectorError: the layer cannot be read, is empty, or names an orthophoto that the index does not list.
    """
    rows = _read_table(Path(polygons), TRAINING_LAYER, TRAINING_FIELDS)
    if not rows:
        raise VectorError(f"{polygons}: layer {TRAINING_LAYER} holds no polygon; draw some for every class")
    return sorted({find_sheet(index, str(sheet), year).key for _, sheet, year in rows})


def sheet_window(raster: str | Path) -> Window:
    """Check an orthophoto and return its raster window (CRS units: metres).

    Raises:
        RasterError: it cannot be read, has fewer than three bands, is not uint8, has no EPSG code, is not
            north-up or its pixels are not square.
    """
    import rasterio
    from rasterio.errors import RasterioError

    from ..grid import Window

    try:
        with rasterio.open(raster) as source:
            count, kinds, crs, transform = source.count, set(source.dtypes[:3]), source.crs, source.transform
            width, height = source.width, source.height
    except RasterioError as error:
        raise RasterError(f"{raster}: cannot be read as a raster ({error}); replace the file") from error
    if count < 3:
        raise RasterError(f"{raster}: has {count} band(s), needs at least three in the order NIR, red, green")
    if kinds != {"uint8"}:
        raise RasterError(
            f"{raster}: bands are {', '.join(sorted(kinds))}, must be uint8; rescale them to 0-255"
        )
    epsg = crs.to_epsg() if crs else None
    if epsg is None or not crs.is_projected:
        raise RasterError(
            f"{raster}: has no projected CRS with an EPSG code; assign one with gdal_edit.py -a_srs"
        )
    square = abs(transform.a + transform.e) < 1e-6 * abs(transform.a)
    if transform.b or transform.d or transform.a <= 0 or not square:
        raise RasterError(f"{raster}: must be north-up with square pixels; warp it with gdalwarp -tr")
    return Window(epsg, transform.c, transform.f, transform.a, width, height)
