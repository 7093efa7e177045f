"""Change events of a zone: from half-year maps to confirmed and provisional transitions per cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import hdf5
from ..composites.maps import NO_CLASS
from ..files import file_digest
from ..grid import Window, row_col
from ..keys import IMPERVIOUS_CLASSES, LAND_COVER_CLASSES, event_id
from ..vectors import write_geopackage
from .persistence import NONE, NOT_OBSERVED, Runs, confirm

_IMPERVIOUS = np.isin(LAND_COVER_CLASSES, IMPERVIOUS_CLASSES)
EVENT_FIELDS = (
    "event_id",
    "zone",
    "row",
    "col",
    "from_class",
    "to_class",
    "start_half",
    "confirm_half",
    "reversal_half",
    "confidence",
    "status",
)


def reclassify(land_cover: np.ndarray) -> np.ndarray:
    """Class codes to 1 (Highway, Industrial, Residential), 0 (the rest) and 255 (not observed), uint8."""
    table = np.full(256, NOT_OBSERVED, "u1")
    table[: len(_IMPERVIOUS)] = _IMPERVIOUS
    return table[land_cover]


def _dominant(probability: np.ndarray, periods: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Class of the highest summed probability over marked periods, among allowed classes; 255 without any.

    Args:
        probability: float32 (period, class, cell), NaN = not observed.
        periods: bool (period, cell).
        allowed: bool (class).
    """
    total = (np.nan_to_num(probability) * periods[:, None]).sum(axis=0)
    total[~allowed] = -1
    any_seen = (periods & ~np.isnan(probability[:, 0])).any(axis=0)
    return np.where(any_seen, total.argmax(axis=0), NO_CLASS).astype("u1")


def _describe(
    probability: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From-class, to-class and confidence of gains that start at `start` and last until before `end` (indices).

    From-class: the class with the highest summed probability over up to three halves before the start, among the
    classes that are not impervious; to-class: the same among the impervious ones over the gain. Confidence: mean
    probability of the impervious classes over the gain's observed halves, float32 0..1.
    """
    index = np.arange(probability.shape[0])[:, None]
    before = (index < start) & (index >= start - 3)
    during = (index >= start) & (index < end)
    from_class = _dominant(probability, before, ~_IMPERVIOUS)
    fallback = _dominant(probability, index < start, ~_IMPERVIOUS)
    from_class = np.where(from_class == NO_CLASS, fallback, from_class)
    to_class = _dominant(probability, during, _IMPERVIOUS)
    impervious = np.where(during, probability[:, _IMPERVIOUS].sum(axis=1), np.nan)
    seen = ~np.isnan(impervious)
    confidence = np.nansum(impervious, axis=0) / np.maximum(seen.sum(axis=0), 1)
    return from_class, to_class, confidence.astype("f4")


def detect_change(
    halves: Sequence[str | Path],
    zone: str,
    persistence: int,
    max_gap: int,
    target: str | Path,
    events_target: str | Path,
    baseline: int,
) -> None:
    """Find confirmed gains, their reversals and provisional alerts.

    Args:
        halves: half-year maps in order of time, named `{half}.h5`.
        zone: EPSG code.
        persistence: observed half-years that confirm a state.
        max_gap: half-years without observation that a run may bridge.
        target: HDF5 file with `from_class`, `to_class`, `start`, `confirmed`, `reversal` (1-based index of the
            half-year in attribute `halves`, 0 = none) and `confidence`, all `[event, y, x]`, and `state` and
            `open_start` `[y, x]`.
        events_target: GeoPackage, layer `events`, one polygon per cell and event with `EVENT_FIELDS`.
        baseline: the step's baseline number.
    """
    names = [Path(p).stem for p in halves]
    series, probability, window = _read_halves(halves)
    runs = confirm(series, persistence, max_gap)
    count = len(names)
    layers = []
    for n in range(runs.start.shape[0]):
        start = runs.start[n]
        end = np.where(runs.reversal[n] == NONE, count, runs.reversal[n])
        layers.append(_describe(probability, start, end))
    _write_cells(target, window, names, runs, layers, baseline, halves)
    write_geopackage(events_target, _event_frame(window, zone, names, runs, layers, probability), "events")


def _read_halves(halves: Sequence[str | Path]) -> tuple[np.ndarray, np.ndarray, Window]:
    series, probability = [], []
    for path in halves:
        with hdf5.read(path) as file:
            window = hdf5.read_window(file)
            series.append(reclassify(file["class"][:]).ravel())
            probability.append(file["probability"][:].reshape(len(LAND_COVER_CLASSES), -1))
    return np.stack(series), np.stack(probability), window


def _write_cells(
    target: str | Path,
    window: Window,
    names: list[str],
    runs: Runs,
    layers: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    baseline: int,
    halves: Sequence[str | Path],
) -> None:
    events = runs.start.shape[0]
    shape = (events, *window.shape)
    missing = runs.start == NONE
    provenance = {"halves": " ".join(names), "inputs": {Path(p).stem: file_digest(p) for p in halves}}
    with hdf5.create(target, "change", baseline, provenance) as file:
        file.set_grid(window)
        file.add_axis("event", np.arange(1, events + 1, dtype="i4"), long_name="n-th gain of the cell")
        for position, (name, text) in enumerate(
            (("from_class", "class before"), ("to_class", "class after"))
        ):
            codes = np.where(missing, NO_CLASS, np.stack([layer[position] for layer in layers]))
            file.add(name, ("event", "y", "x"), "uint8", codes.astype("u1").reshape(shape), long_name=text)
        for name, index in (
            ("start", runs.start),
            ("confirmed", runs.confirmed),
            ("reversal", runs.reversal),
        ):
            file.add(
                name,
                ("event", "y", "x"),
                "uint16",
                (index + 1).astype("u2").reshape(shape),
                long_name=f"{name}: place in attribute halves, from 1; 0 = none",
            )
        confidence = np.where(missing, np.nan, np.stack([layer[2] for layer in layers]))
        file.add(
            "confidence",
            ("event", "y", "x"),
            "float32",
            confidence.astype("f4").reshape(shape),
            long_name="mean impervious probability since the start",
        )
        file.add("state", ("y", "x"), "uint8", runs.state.reshape(window.shape), long_name="last state")
        file.add(
            "open_start",
            ("y", "x"),
            "uint16",
            (runs.open_start + 1).astype("u2").reshape(window.shape),
            long_name="start of an unconfirmed run: place in attribute halves, from 1; 0 = none",
        )


def _event_frame(window, zone, names, runs, layers, probability):  # type: ignore[no-untyped-def]
    import geopandas as gpd
    import pandas as pd
    import shapely

    count = len(names)
    parts = []

    def add(cells, start, confirmed, reversal, description, status) -> None:  # type: ignore[no-untyped-def]
        row, col = np.divmod(cells, window.width)
        zone_row, zone_col = row_col(window, row, col)
        size = window.cell_size_m
        from_class, to_class, confidence = description
        label = np.array([*names, ""])
        classes = np.array([*LAND_COVER_CLASSES, *[""] * (256 - len(LAND_COVER_CLASSES))])
        parts.append(
            gpd.GeoDataFrame(
                {
                    "event_id": [
                        event_id(zone, r, c, names[s])
                        for r, c, s in zip(zone_row, zone_col, start, strict=True)
                    ],
                    "zone": zone,
                    "row": zone_row,
                    "col": zone_col,
                    "from_class": classes[from_class],
                    "to_class": classes[to_class],
                    "start_half": label[start],
                    "confirm_half": label[confirmed],
                    "reversal_half": label[reversal],
                    "confidence": confidence.astype("f8").round(4),
                    "status": status,
                },
                geometry=shapely.box(
                    zone_col * size, zone_row * size, (zone_col + 1) * size, (zone_row + 1) * size
                ),
                crs=window.epsg,
            )
        )

    for n, description in enumerate(layers):
        cells = np.flatnonzero(runs.start[n] != NONE)
        reversal = runs.reversal[n][cells]
        add(
            cells,
            runs.start[n][cells],
            runs.confirmed[n][cells],
            reversal,
            tuple(layer[cells] for layer in description),
            np.where(reversal == NONE, "confirmed", "reversed"),
        )
    cells = np.flatnonzero(runs.open_start != NONE)
    start = runs.open_start[cells]
    none = np.full(len(cells), NONE)
    add(
        cells,
        start,
        none,
        none,
        _describe(probability[:, :, cells], start, np.full(len(cells), count)),
        "provisional",
    )
    frame = pd.concat(parts, ignore_index=True)
    return frame.sort_values("event_id", kind="stable", ignore_index=True)[[*EVENT_FIELDS, "geometry"]]
