"""Change of a zone: half-year and monthly maps to confirmed gains, reversals and provisional alerts per cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from .. import hdf5
from ..composites.maps import NO_CLASS
from ..errors import RasterError
from ..files import file_digest
from ..keys import half_range, half_span, months_of
from .alerts import BY_HALF, MONTHS, find_alerts
from .describe import before_and_during, class_and_confidence, class_before
from .layers import write_layers
from .persistence import NONE, Runs, confirm, max_events
from .series import STATE_OF_CLASS, Block, MapSeries, newest_class, reclassify

_LAYERS = {
    "from_class": ("uint8", "class before"),
    "to_class": ("uint8", "class from start to confirmation"),
    "start": ("uint16", "start: place in attribute halves, from 1; 0 = none"),
    "confirmed": ("uint16", "confirmation: place in attribute halves, from 1; 0 = none"),
    "reversal": ("uint16", "start of the reversal: place in attribute halves, from 1; 0 = none"),
    "reversal_confirmed": (
        "uint16",
        "confirmation of the reversal: place in attribute halves, from 1; 0 = none",
    ),
    "confidence": ("float32", "mean impervious probability from start to confirmation"),
    "rise": ("float32", "confidence less the mean impervious probability before"),
}
"""Type and description of the variables over (event, y, x)."""


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """Section `change` of the configuration as far as it decides what is found.

    Attributes:
        persistence: observed half-years in a row that change the state.
        max_gap: half-years without observation that a run may bridge.
        first_state: observed half-years in a row that establish the first state.
        alert_months: observed months in a row that raise or refute an alert.
        alert_max_gap: months without observation that such a run may bridge.
        site_gap_halves: half-years by which the starts of neighbouring cells of one site may differ.
        min_rise: least rise of the mean impervious probability; a gain below it is unsure. 0 takes all.
    """

    persistence: int
    max_gap: int
    first_state: int
    alert_months: int
    alert_max_gap: int
    site_gap_halves: int
    min_rise: float = 0.0


def detect_change(
    halves: Sequence[str | Path],
    months: Sequence[str | Path],
    zone: str,
    rule: ChangeRule,
    target: str | Path,
    layers_target: str | Path,
    baseline: int,
) -> None:
    """Find confirmed gains, their reversals and provisional alerts.

    The zone is worked through in blocks of one chunk of the class maps; class probabilities are read where a block
    holds a change, and there only for the half-years that describe it. What is published of a gain depends on the
    half-years up to its confirmation alone, except where its name says otherwise (`reversal...`, `latest...`).

    Args:
        halves: half-year maps in order of time without omissions, named `{half}.h5`.
        months: monthly maps `{month}.h5` of these half-years; those that are missing count as not observed.
        zone: EPSG code.
        rule: what counts as a change.
        target: HDF5 file with the variables `from_class`, `to_class`, `start`, `confirmed`, `reversal`,
            `reversal_confirmed` (places in attribute `halves`, from 1, 0 = none), `confidence` and `rise`, all
            `[event, y, x]`, and `state` (255 = none) and `open_start` `[y, x]`.
        layers_target: GeoPackage with the layers `events`, `sites` and `alerts`, see `layers`.
        baseline: the step's baseline number.

    Raises:
        RasterError: a file is damaged, lies on another grid or is missing in the order of time.
    """
    with MapSeries(halves) as maps, MapSeries(months, maps) as monthly:
        _check_order(maps)
        over = np.array([_is_over(maps, t) for t in range(len(maps))])
        gains: list[pd.DataFrame] = []
        alerts: list[pd.DataFrame] = []
        provenance = {
            "halves": " ".join(maps.names),
            "inputs": {p.stem: file_digest(p) for p in [*maps.paths, *monthly.paths]},
        }
        with hdf5.create(target, "change", baseline, provenance) as file:
            variables = _variables(file, maps, rule)
            for block in maps.blocks():
                land_cover = maps.classes(block)
                runs = confirm(land_cover, rule.persistence, rule.max_gap, rule.first_state, STATE_OF_CLASS)
                _write_states(variables, block, runs)
                # Most blocks hold no gain; the first is described all the same, for the columns of an empty table.
                if not gains or (runs.start != NONE).any():
                    found = _describe_gains(maps, block, land_cover, runs)
                    _write_gains(variables, block, found)
                    gains.append(_placed(found, maps, block))
                if len(monthly):
                    alerts.append(
                        _placed(_find_alerts(maps, monthly, block, land_cover, over, rule), maps, block)
                    )
    write_layers(
        layers_target,
        zone,
        maps.window,
        maps.names,
        over,
        pd.concat(gains, ignore_index=True),
        pd.concat(alerts, ignore_index=True) if alerts else pd.DataFrame(columns=_ALERT_COLUMNS),
        rule.site_gap_halves,
        rule.min_rise,
        rule.alert_months,
    )


_OF_ALERT = ("first", "raised", "source", "outcome", "closed", "gain_start")
_ALERT_COLUMNS = ("row", "col", *_OF_ALERT, "from_class", "to_class", "confidence")


def _check_order(maps: MapSeries) -> None:
    first, last = maps.names[0], maps.names[-1]
    try:
        expected = half_range(half_span(first)[0], half_span(last)[1])
    except ValueError:
        expected = []
    if maps.names != expected:
        raise RasterError(
            f"half-year maps {' '.join(maps.names)}: not every half-year from {first} to {last} in order; "
            "run the rule half for those that are missing"
        )


def _is_over(maps: MapSeries, t: int) -> bool:
    """Whether the half-year's map reaches to the half-year's last day."""
    end = maps.attribute(t, "period_end")
    return not end or end >= half_span(maps.names[t])[1]


def _describe_gains(maps: MapSeries, block: Block, land_cover: np.ndarray, runs: Runs) -> pd.DataFrame:
    """One row per gain of a block, in order of its number, then of the cell."""
    number, cell = np.nonzero(runs.start != NONE)
    start, confirmed = (getattr(runs, name)[number, cell].astype("i4") for name in ("start", "confirmed"))
    before, during = before_and_during(land_cover[:, cell] != NO_CLASS, start, confirmed)
    to_class, confidence = class_and_confidence(maps, block, cell, during)
    _, confidence_before = class_and_confidence(maps, block, cell, before)
    latest_class, latest = newest_class(land_cover[:, cell])
    other = (reclassify(land_cover[:, cell]) == 0) & (np.arange(len(maps))[:, None] < start)
    return pd.DataFrame(
        {
            "cell": cell,
            "number": number,
            "start": start,
            "confirmed": confirmed,
            "reversal": runs.reversal[number, cell],
            "reversal_confirmed": runs.reversal_confirmed[number, cell],
            "before": len(maps) - 1 - other[::-1].argmax(axis=0),
            "from_class": class_before(maps, block, cell, before),
            "to_class": to_class,
            "confidence": confidence,
            "rise": confidence - confidence_before,
            "latest_class": latest_class,
            "latest": latest,
        }
    )


def _find_alerts(
    maps: MapSeries,
    monthly: MapSeries,
    block: Block,
    land_cover: np.ndarray,
    over: np.ndarray,
    rule: ChangeRule,
) -> pd.DataFrame:
    """One row per alert of a block."""
    count = MONTHS * len(maps)
    order = {month: t for t, month in enumerate(m for half in maps.names for m in months_of(half))}
    where = np.array([order.get(name, -1) for name in monthly.names])
    codes = np.full((count, land_cover.shape[1]), NO_CLASS, "u1")
    codes[where[where >= 0]] = monthly.classes(block)[where >= 0]
    alerts = find_alerts(
        reclassify(land_cover),
        reclassify(codes),
        over,
        rule.persistence,
        rule.max_gap,
        rule.first_state,
        rule.alert_months,
        rule.alert_max_gap,
    )
    half = alerts.first // MONTHS
    by_half = alerts.source == BY_HALF
    before, during = before_and_during(land_cover[:, alerts.cell] != NO_CLASS, half, half)
    during &= by_half
    inside = (where[:, None] >= alerts.first) & (where[:, None] <= alerts.raised) & ~by_half
    of_months = class_and_confidence(monthly, block, alerts.cell, inside)
    of_half = class_and_confidence(maps, block, alerts.cell, during)
    to_class, confidence = (np.where(by_half, h, m) for h, m in zip(of_half, of_months, strict=True))
    return pd.DataFrame(
        {
            "cell": alerts.cell,
            **{name: getattr(alerts, name) for name in _OF_ALERT},
            "from_class": class_before(maps, block, alerts.cell, before),
            "to_class": to_class,
            "confidence": confidence,
        }
    )


def _placed(found: pd.DataFrame, maps: MapSeries, block: Block) -> pd.DataFrame:
    """The rows with row and column in the zone's map in place of the cell in the block."""
    row, col = np.divmod(found["cell"].to_numpy(), block[1].stop - block[1].start)
    return found.drop(columns="cell").assign(row=row + block[0].start, col=col + block[1].start)


def _variables(file: hdf5.CFWriter, maps: MapSeries, rule: ChangeRule) -> dict[str, h5py.Dataset]:
    events = max_events(len(maps), rule.persistence, rule.first_state)
    file.set_grid(maps.window)
    file.add_axis("event", np.arange(1, events + 1, dtype="i4"), long_name="n-th gain of the cell")
    made = {
        name: file.add(name, ("event", "y", "x"), dtype, long_name=text)
        for name, (dtype, text) in _LAYERS.items()
    }
    made["state"] = file.add("state", ("y", "x"), "uint8", long_name="last state; 255 = none yet")
    made["open_start"] = file.add(
        "open_start",
        ("y", "x"),
        "uint16",
        long_name="start of an unconfirmed run: place in attribute halves, from 1; 0 = none",
    )
    return made


def _write_states(variables: dict[str, h5py.Dataset], block: Block, runs: Runs) -> None:
    """Write what every cell has; open runs only where there are any, elsewhere they are the fill value."""
    shape = (block[0].stop - block[0].start, block[1].stop - block[1].start)
    variables["state"][block] = runs.state.reshape(shape)
    if (runs.open_start != NONE).any():
        variables["open_start"][block] = (runs.open_start + 1).astype("u2").reshape(shape)


def _write_gains(variables: dict[str, h5py.Dataset], block: Block, found: pd.DataFrame) -> None:
    """Write the gains of a block; layers of events without any in it stay unwritten, which is their fill value."""
    shape = (block[0].stop - block[0].start, block[1].stop - block[1].start)
    for number, rows in found.groupby("number"):
        for name, (dtype, _) in _LAYERS.items():
            variable = variables[name]
            whole = np.full(shape[0] * shape[1], variable.fillvalue, dtype)
            values = rows[name].to_numpy()
            whole[rows["cell"].to_numpy()] = values + 1 if dtype == "uint16" else values
            variable[(int(number), *block)] = whole.reshape(shape)
