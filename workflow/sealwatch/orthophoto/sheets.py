"""The index of orthophoto sheets and the training polygons' sheets, read and checked.

Imported at parse time; no raster is opened, and none looked for but the one that is asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import VectorError
from ..keys import matches, sheet_key
from .tables import read_table

if TYPE_CHECKING:
    import geopandas

INDEX_LAYER = "sheets"
"""Layer of the sheet index."""

INDEX_FIELDS = ("sheet", "year", "flight_date", "path")
"""Fields of the sheet index besides the footprint."""

OPTIONAL_FIELDS = ("crs", "bands")
"""Fields that the sheet index may have."""

NEEDED_BANDS = ("nir", "red", "green")
"""Bands of which the features are made."""

TRAINING_LAYER = "training_polygons"
"""Layer of the training polygons."""

TRAINING_FIELDS = ("class", "sheet", "year")
"""Fields of the training polygons besides the geometry."""

CLASSES = ("sealed", "low_vegetation", "medium_high_vegetation")
"""The forest's classes; a class code is the index in this tuple. Sealed means bare or impervious."""

SEALED = CLASSES.index("sealed")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One orthophoto, a row of the index.

    Attributes:
        sheet: id of the sheet.
        year: its year.
        flight_date: ISO 8601.
        path: as in the index.
        file: the file meant by it.
        epsg: code of its CRS where the index names one.
        bands: names of its bands in their order where the index names them.
    """

    sheet: str
    year: int
    flight_date: str
    path: str
    file: Path
    epsg: int | None
    bands: tuple[str, ...]

    @property
    def key(self) -> str:
        """Path part of its products, e.g. `D2101_2024`."""
        return sheet_key(self.sheet, self.year)


def read_index(index: str | Path) -> tuple[Sheet, ...]:
    """All orthophotos of an index, ordered by sheet and flight date.

    Args:
        index: GeoPackage with layer `sheets`, or GeoParquet (`.parquet`): text `sheet`, integer `year`, text
            or date `flight_date`, text `path` (absolute, or relative to the index), polygon footprint in any
            CRS; where wanted `crs` (`EPSG:3794`) and `bands` (`red,green,blue,nir`), both NULL by default.

    Raises:
        VectorError: the index is absent, lacks a field, holds a bad value, or lists the same sheet and year,
            sheet and flight date, or file twice.
    """
    return _read_index(*_stamped(index))


def _stamped(file: str | Path) -> tuple[Path, int]:
    path = Path(file)
    return path, path.stat().st_mtime_ns if path.is_file() else 0


@lru_cache(maxsize=8)
def _read_index(index: Path, _stamp: int) -> tuple[Sheet, ...]:
    folder = str(index.absolute().parent)
    sheets: list[Sheet] = []
    seen: dict[str, int] = {}
    for number, values in enumerate(read_table(index, INDEX_LAYER, INDEX_FIELDS, OPTIONAL_FIELDS), 1):
        where = f"{index}: row {number} of layer {INDEX_LAYER}"
        sheet = _checked(where, folder, values)
        for what in (
            f"sheet {sheet.sheet} with year {sheet.year}",
            f"sheet {sheet.sheet} with flight_date {sheet.flight_date}",
            f"file {sheet.file}",
        ):
            first = seen.setdefault(what, number)
            if first != number:
                raise VectorError(f"{where}: {what} is listed twice, first in row {first}; keep one row")
        sheets.append(sheet)
    return tuple(sorted(sheets, key=lambda s: (s.sheet, s.flight_date)))


@lru_cache(maxsize=8)
def _by_key(index: Path, stamp: int) -> dict[str, Sheet]:
    return {sheet.key: sheet for sheet in _read_index(index, stamp)}


@lru_cache(maxsize=8)
def _by_sheet(index: Path, stamp: int) -> dict[str, list[Sheet]]:
    flights: dict[str, list[Sheet]] = {}
    for sheet in _read_index(index, stamp):
        flights.setdefault(sheet.sheet, []).append(sheet)
    return flights


def _checked(where: str, folder: str, row: tuple[Any, ...]) -> Sheet:
    sheet, year, flown, path, crs, bands = row
    if not isinstance(sheet, str) or not matches("sheet", sheet):
        raise VectorError(f"{where}: sheet {sheet!r} is not an id of letters, digits and hyphens")
    if not isinstance(year, int) or not matches("year", str(year)):
        raise VectorError(f"{where}: year {year!r} is not an integer year such as 2024")
    try:
        flight_date = date.fromisoformat(str(flown)[:10]).isoformat()
    except ValueError:
        raise VectorError(f"{where}: flight_date {flown!r} is not a date such as 2024-06-18") from None
    if not isinstance(path, str) or not path:
        raise VectorError(f"{where}: path {path!r} names no file; write the path of the raster")
    code = re.fullmatch(r"(?:EPSG:)?(\d{4,6})", str(crs).strip(), re.IGNORECASE) if crs else None
    if crs and code is None:
        raise VectorError(f"{where}: crs {crs!r} is not an EPSG code such as EPSG:3794")
    names = tuple(name.strip().lower() for name in str(bands).split(",")) if bands else ()
    if names:
        check_bands(names, f"{where}: bands {bands!r}")
    file = Path(os.path.normpath(os.path.join(folder, path)))
    return Sheet(sheet, year, flight_date, path, file, int(code[1]) if code else None, names)


def check_bands(names: Sequence[str], where: str) -> None:
    """Check that the names of a raster's bands hold near infrared, red and green once each.

    Raises:
        VectorError: one is missing or doubled; `where` begins the message.
    """
    wrong = [name for name in NEEDED_BANDS if list(names).count(name) != 1]
    if wrong:
        raise VectorError(
            f"{where} must name {', '.join(wrong)} once, in the order of the raster's bands; "
            "write for example red,green,blue,nir"
        )


def find_sheet(index: str | Path, sheet: str, year: str | int) -> Sheet:
    """The orthophoto of a sheet and year.

    Raises:
        VectorError: the index does not list it, or its raster is missing (or see `read_index`).
    """
    found = _by_key(*_stamped(index)).get(sheet_key(sheet, year))
    if found is None:
        raise VectorError(f"{index}: lists no sheet {sheet} of year {year}; add its row")
    if not found.file.is_file():
        raise VectorError(
            f"{index}: sheet {sheet} of year {year}: path {found.path!r} names no file (looked for "
            f"{found.file}); mend the path or bring the file"
        )
    return found


def earlier_flight(index: str | Path, sheet: Sheet) -> Sheet | None:
    """The flight of the same sheet immediately before, or None."""
    before = [s for s in _by_sheet(*_stamped(index))[sheet.sheet] if s.flight_date < sheet.flight_date]
    return before[-1] if before else None


def read_footprints(index: str | Path, only: Sheet | None = None) -> geopandas.GeoDataFrame:
    """Footprints of an index: column `key` (`D2101_2024`) and polygons in the index's CRS.

    Args:
        index: sheet index.
        only: one of its orthophotos; None takes all.

    Raises:
        VectorError: the layer has no CRS, or a footprint is no valid polygon.
    """
    from ..vectors import read_vector
    from .polygons import mended

    if Path(index).suffix == ".parquet":
        frame = _read_geoparquet(
            index, [("sheet", "==", only.sheet), ("year", "==", only.year)] if only else None
        )
    else:
        where = {"where": f"sheet = '{only.sheet}' AND year = {only.year}"} if only else {}
        frame = read_vector(index, INDEX_LAYER, ("sheet", "year"), **where)
    keys = [sheet_key(sheet, year) for sheet, year in zip(frame["sheet"], frame["year"], strict=True)]
    names = [f"the footprint of {key}" for key in keys]
    return mended(frame.assign(key=keys)[["key", "geometry"]], names, f"{index}: layer {INDEX_LAYER}")


def _read_geoparquet(index: str | Path, rows: list[tuple[str, str, Any]] | None) -> geopandas.GeoDataFrame:
    import geopandas

    try:
        frame = geopandas.read_parquet(index, columns=["sheet", "year", "geometry"], filters=rows)
    except (ValueError, OSError) as error:
        raise VectorError(f"{index}: cannot be read as GeoParquet ({error}); write it anew") from error
    if frame.crs is None:
        raise VectorError(f"{index}: has no CRS; write it anew with one")
    return frame


def training_sheets(polygons: str | Path, index: str | Path, given: Sequence[str] = ()) -> list[str]:
    """Keys (`D2101_2024`) of the orthophotos on which training polygons were drawn, sorted.

    Args:
        polygons: GeoPackage with layer `training_polygons`.
        index: sheet index.
        given: classes that need no polygons, because their samples come from elsewhere.

    Raises:
        VectorError: the layer cannot be read, is empty, has an unknown class or none of another one, or
            names an orthophoto that the index does not list.
    """
    rows = read_table(Path(polygons), TRAINING_LAYER, TRAINING_FIELDS)
    keys: dict[str, int] = {}
    for number, (name, sheet, year) in enumerate(rows, 1):
        where = f"{polygons}: row {number} of layer {TRAINING_LAYER}"
        if name not in CLASSES:
            raise VectorError(f"{where}: class {name!r} is unknown; use {', '.join(CLASSES)}")
        if sheet is None or year is None:
            raise VectorError(
                f"{where}: has no sheet or no year; write those of the orthophoto it is drawn on"
            )
        keys.setdefault(sheet_key(sheet, year), number)
    missing = [name for name in CLASSES if name not in {row[0] for row in rows} and name not in given]
    if missing:
        raise VectorError(
            f"{polygons}: layer {TRAINING_LAYER} holds no polygon of class {', '.join(missing)}; "
            "draw some for every class"
        )
    listed = _by_key(*_stamped(index))
    for key, number in keys.items():
        if key not in listed:
            raise VectorError(
                f"{polygons}: row {number} of layer {TRAINING_LAYER}: is drawn on {key}, which {index} does "
                "not list; mend sheet and year, or add the orthophoto's row"
            )
    return sorted(keys)
