"""Columns of vector layers read without GDAL, quickly enough for the time when rules are parsed.

A GeoPackage is read as the SQLite database it is, GeoParquet by column.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from ..errors import VectorError


def read_table(
    file: Path, layer: str, fields: tuple[str, ...], optional: tuple[str, ...] = ()
) -> list[tuple[Any, ...]]:
    """Columns of a layer, in the order of its rows.

    Args:
        file: GeoPackage, or GeoParquet with the suffix `.parquet`.
        layer: layer of the GeoPackage; a GeoParquet file is one layer.
        fields: columns it must have.
        optional: further columns, None in every row where the layer lacks one.

    Raises:
        VectorError: the file cannot be read, or lacks the layer or a field.
    """
    if not file.is_file():
        raise VectorError(f"{file}: no such file; name a GeoPackage or GeoParquet file with layer {layer}")
    if file.suffix == ".parquet":
        return _read_parquet(file, layer, fields, optional)
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            present = {row[1] for row in connection.execute(f'PRAGMA table_info("{layer}")')}
            if not present:
                raise VectorError(f"{file}: has no layer {layer}; name the layer so")
            _check_fields(file, layer, fields, present)
            columns = ", ".join(f'"{name}"' if name in present else "NULL" for name in (*fields, *optional))
            return connection.execute(f'SELECT {columns} FROM "{layer}" ORDER BY rowid').fetchall()
    except sqlite3.Error as error:
        raise VectorError(f"{file}: cannot be read as a GeoPackage ({error}); write it anew") from error


def _read_parquet(
    file: Path, layer: str, fields: tuple[str, ...], optional: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    import pyarrow
    from pyarrow import parquet

    try:
        present = set(parquet.read_schema(file).names)
        _check_fields(file, layer, fields, present)
        there = [name for name in (*fields, *optional) if name in present]
        columns = parquet.read_table(file, columns=there).to_pydict()
    except (pyarrow.ArrowException, OSError) as error:
        raise VectorError(f"{file}: cannot be read as GeoParquet ({error}); write it anew") from error
    nothing = [None] * len(columns[fields[0]])
    return list(zip(*(columns.get(name, nothing) for name in (*fields, *optional)), strict=True))


def _check_fields(file: Path, layer: str, fields: tuple[str, ...], present: set[str]) -> None:
    missing = [name for name in fields if name not in present]
    if missing:
        raise VectorError(f"{file}: layer {layer} lacks field(s) {', '.join(missing)}; add them")
