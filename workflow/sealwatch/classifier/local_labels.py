"""Labelled points and polygons on the user's own scenes; read at parse time, so with the standard library only."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ..errors import VectorError
from ..keys import LAND_COVER_CLASSES, matches, scene_key

LABEL_LAYER = "labels"
"""Layer of the labelled points and polygons."""

LABEL_FIELDS = ("class", "tile", "date", "platform")
"""Its fields besides the geometry: land-cover class, and the scene on which it was seen."""


def labelled_scenes(labels: str | Path) -> list[str]:
    """Keys (`33TVM/2021-06-14_S2A`) of the scenes that carry labels, sorted.

    Raises:
        VectorError: the layer cannot be read, is empty, or holds a bad class or scene.
    """
    path = Path(labels)
    if not path.is_file():
        raise VectorError(f"{labels}: no such file; correct classifier.local_labels")
    columns = ", ".join(f'"{field}"' for field in LABEL_FIELDS)
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            found = database.execute(f'SELECT {columns} FROM "{LABEL_LAYER}"')
            rows = [tuple(map(str, row)) for row in found]
    except sqlite3.Error as error:
        raise VectorError(
            f"{labels}: layer {LABEL_LAYER} with fields {', '.join(LABEL_FIELDS)} cannot be read ({error}); "
            "it must be a GeoPackage"
        ) from error
    if not rows:
        raise VectorError(
            f"{labels}: layer {LABEL_LAYER} is empty; draw labels or unset classifier.local_labels"
        )
    for number, (name, tile, date, platform) in enumerate(rows, 1):
        if name not in LAND_COVER_CLASSES:
            raise VectorError(
                f"{labels}: row {number} has class {name!r}; the classes are {', '.join(LAND_COVER_CLASSES)}"
            )
        for kind, value in (("tile", tile), ("date", date), ("platform", platform)):
            if not matches(kind, value):
                raise VectorError(
                    f"{labels}: row {number} has {kind} {value!r}; write it as 33TVM, 2021-06-14, S2A"
                )
    return sorted({scene_key(*scene) for _, *scene in rows})
