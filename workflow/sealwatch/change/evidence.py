"""Evidence of every change: which scenes voted what at its cell."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from ..composites.maps import NO_CLASS
from ..errors import RasterError
from ..files import atomic_path
from ..grid import Window, in_window
from ..keys import LAND_COVER_CLASSES, half_of, month_of
from ..vectors import append_to_geopackage, read_vector
from .persistence import NOT_OBSERVED
from .series import IMPERVIOUS, MapSeries, reclassify

EVIDENCE_FIELDS = {
    "event_id": "id of the event, or of the alert where no event came of it",
    "date": "day of the scenes",
    "platform": "satellite",
    "class": "class the scenes voted for",
    "impervious": "probability of the three impervious classes together",
    "clear_fraction": "share of clear pixels of the patch",
    "vote": "1 impervious, 0 other",
    "month": "month the vote went into",
    "month_state": "state of that month's composite, empty without one",
    "half": "half-year the vote went into",
    "half_state": "state of that half-year's composite, empty without one",
}
"""Columns of table `evidence`, one row for each change and mosaic that saw its cell."""

_BATCH = 100_000


def subjects(layers: str | Path, window: Window) -> pd.DataFrame:
    """Events, and alerts that became none, with the places of their cells in the zone's map.

    Returns:
        Columns `event_id` and `cell` (place in the flattened map), in order of the cells, then of the ids.

    Raises:
        RasterError: a cell lies outside the map.
    """
    events = read_vector(layers, "events", ("event_id", "row", "col"))
    alerts = read_vector(layers, "alerts", ("alert_id", "row", "col", "status"))
    alerts = alerts.loc[alerts["status"] != "confirmed", ["alert_id", "row", "col"]]
    alerts = alerts.rename(columns={"alert_id": "event_id"})
    chosen = [frame[["event_id", "row", "col"]] for frame in (events, alerts) if len(frame)]
    if not chosen:
        return pd.DataFrame({"event_id": pd.Series(dtype=object), "cell": pd.Series(dtype="i8")})
    found = pd.DataFrame(pd.concat(chosen, ignore_index=True))
    row, col = in_window(window, found["row"].to_numpy("i8"), found["col"].to_numpy("i8"))
    if ((row < 0) | (row >= window.height) | (col < 0) | (col >= window.width)).any():
        raise RasterError(f"{layers}: its cells do not lie on the grid of the maps; delete it and run again")
    return (
        found.assign(cell=row * window.width + col)[["event_id", "cell"]]
        .sort_values(["cell", "event_id"], ignore_index=True)
        .astype({"cell": "i8"})
    )


def states_at(paths: Sequence[str | Path], like: MapSeries, cells: np.ndarray) -> dict[str, np.ndarray]:
    """States of composites at sorted cells, uint8 (cell) of 1, 0 and 255, by the files' stems."""
    found = {}
    for path in paths:
        with MapSeries([path], like) as one:
            found[one.names[0]] = reclassify(one.at(0, "class", cells))
    return found


def collect_evidence(
    layers: str | Path,
    mosaics: Sequence[str | Path],
    months: Sequence[str | Path],
    halves: Sequence[str | Path],
    target: str | Path,
) -> None:
    """Write what every mosaic said at the cells of events and alerts, in one pass over the files.

    Memory holds one file's values at these cells and at most `_BATCH` rows that wait to be written.

    Args:
        layers: GeoPackage of the zone with the layers `events` and `alerts`.
        mosaics: maps per satellite and date, `{date}_{platform}.h5`.
        months: monthly maps.
        halves: half-year maps.
        target: GeoPackage with the table `evidence` (`EVIDENCE_FIELDS`) in order of dates, indexed by `event_id`.

    Raises:
        RasterError: a map cannot be read or lies on another grid.
    """
    with MapSeries(halves[:1]) as like, atomic_path(target) as part:
        found = subjects(layers, like.window)
        cells, place = np.unique(found["cell"].to_numpy(), return_inverse=True)
        states = states_at([*months, *halves], like, cells)
        waiting: list[pd.DataFrame] = [
            _rows(found["event_id"].to_numpy(object)[:0], place[:0], "", None, states)
        ]
        for path in mosaics:
            with MapSeries([path], like) as one:
                values = {name: one.at(0, name, cells) for name in ("class", "probability", "clear_fraction")}
            waiting.append(_rows(found["event_id"].to_numpy(object), place, Path(path).stem, values, states))
            if sum(map(len, waiting)) >= _BATCH:
                append_to_geopackage(part, pd.concat(waiting, ignore_index=True), "evidence", None)
                waiting = waiting[:1]
        append_to_geopackage(part, pd.concat(waiting, ignore_index=True), "evidence", None)
        with closing(sqlite3.connect(part)) as database, database:
            database.execute("CREATE INDEX evidence_event_id ON evidence (event_id)")


def _rows(
    event_id: np.ndarray,
    place: np.ndarray,
    mosaic: str,
    values: dict[str, np.ndarray] | None,
    states: dict[str, np.ndarray],
) -> pd.DataFrame:
    """The votes of one mosaic; without values an empty table of the right types."""
    date, platform = mosaic.split("_") if mosaic else ("2000-01-01", "")
    month, half = month_of(date), half_of(date)
    nothing = np.full(place.max(initial=-1) + 1, NOT_OBSERVED, "u1")
    codes = values["class"][place] if values else np.zeros(0, "u1")
    seen = codes != NO_CLASS
    codes, at = codes[seen], place[seen]
    impervious = values["probability"][IMPERVIOUS].sum(axis=0)[at] if values else np.zeros(0)
    clear = values["clear_fraction"][at] if values else np.zeros(0)

    def state(name: str) -> pd.Series:
        known = states.get(name, nothing)[at]
        return pd.Series(known, dtype="Int32").mask(known == NOT_OBSERVED)

    return pd.DataFrame(
        {
            "event_id": event_id[seen],
            "date": np.full(len(at), date, dtype=object),
            "platform": np.full(len(at), platform, dtype=object),
            "class": np.array(LAND_COVER_CLASSES, dtype=object)[codes],
            "impervious": impervious.astype("f8").round(4),
            "clear_fraction": clear.astype("f8").round(4),
            "vote": reclassify(codes).astype("i4"),
            "month": np.full(len(at), month, dtype=object),
            "month_state": state(month),
            "half": np.full(len(at), half, dtype=object),
            "half_state": state(half),
        }
    )[list(EVIDENCE_FIELDS)]
