"""The files of a run as provenance reads them: what is not there is noted and is no error."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from .. import hdf5
from ..errors import SealwatchError

_ABSENT = "not there; run the workflow to make it"
_WHY_ABSENT = {
    "acquisition": "not kept: removed within storage.max_acquisitions_gb, or not made yet",
    "inventory": "no longer in the inventory: the catalogue has withdrawn it, or the period was changed",
    "flags": "not flagged now",
    "outline": "not outlined now",
}


class ProvenanceError(SealwatchError):
    """Nothing is known under an id, or there is nothing to describe."""


class Products:
    """Products below a results folder.

    Attributes:
        folder: the results folder.
        missing: why a product is not there, by its path below the folder.
        steps: steps met so far, each with the pairs of baseline and software that wrote what was met.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.missing: dict[str, str] = {}
        self.steps: dict[str, set[tuple[int, str]]] = {}

    def find(self, name: str) -> Path | None:
        """Path of a product, or None with a note."""
        path = self.folder / name
        if path.is_file():
            return path
        self.missing[name] = _WHY_ABSENT.get(name.split("/")[0], _ABSENT)
        return None

    def read_json(self, name: str) -> Any:
        """Content of a JSON file, or None with a note.

        Raises:
            ProvenanceError: the file is damaged.
        """
        path = self.find(name)
        if path is None:
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ProvenanceError(f"{path}: is no JSON ({error}); delete it and run again") from error

    def attributes(self, name: str) -> dict[str, Any] | None:
        """Root attributes of an HDF5 product, its lists and tables decoded, or None with a note."""
        path = self.find(name)
        if path is None:
            return None
        found = {key: _decoded(value) for key, value in hdf5.root_attributes(path).items()}
        self.steps.setdefault(str(found["step"]), set()).add(
            (int(found["step_baseline"]), str(found["software"]))
        )
        return found

    def rows(self, name: str, table: str, event_id: str) -> list[dict[str, Any]]:
        """Rows of an event in a table of a GeoPackage, without geometry; none, with a note, where there is no file.

        Raises:
            ProvenanceError: the file cannot be read.
        """
        path = self.find(name)
        if path is None:
            return []
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
                database.row_factory = sqlite3.Row
                query = f'SELECT * FROM "{table}" WHERE event_id = ? ORDER BY rowid'
                found = database.execute(query, [event_id]).fetchall()
        except sqlite3.Error as error:
            raise ProvenanceError(
                f"{path}: table {table} cannot be read ({error}); delete it and run again"
            ) from error
        return [{key: row[key] for key in row.keys() if key not in ("fid", "geom")} for row in found]  # noqa: SIM118


def _decoded(value: Any) -> Any:
    """An attribute as the writer was given it."""
    return json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
