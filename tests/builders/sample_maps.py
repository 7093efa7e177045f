"""Change maps and grids of little zones for samples, made by the rule itself from chosen series."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from builders.change_series import write_series
from builders.maps import write_grid
from sealwatch.change.events import ChangeRule, detect_change
from sealwatch.grid import Window
from sealwatch.keys import half_range
from sealwatch.publish.sampling.strata import ZoneMap

HALVES = half_range("2021-01-01", "2024-12-31")
RULE = ChangeRule(3, 1, 2, 2, 2, 1, 0.3)
WINDOW = Window(32633, 496640, 5120000, 640, 12, 9)
CHANGED = "FFFR RRRR"
SERIES = {
    (1, 1): CHANGED,
    (1, 2): CHANGED,
    (7, 9): CHANGED,
    (4, 5): "FFRR RFFF",  # reversed
    (8, 0): "........",  # never observed
    (8, 1): "F.......",  # observed once: without a state
}
"""Two places that changed in 2022H2, one that changed and changed back, two without a state."""


def write_zone(
    folder: Path,
    window: Window = WINDOW,
    series: Mapping[tuple[int, int], str] = SERIES,
    inside: np.ndarray | None = None,
) -> ZoneMap:
    """`half/`, `change/{zone}.h5` and `grid/{zone}.h5` below `folder`; cells without a series are forest."""
    zone = str(window.epsg)
    halves = write_series(folder / "half" / zone, window, HALVES, series)
    change = folder / "change" / f"{zone}.h5"
    change.parent.mkdir(exist_ok=True)
    detect_change(halves, [], zone, RULE, change, change.with_suffix(".gpkg"), 1)
    return ZoneMap(change, write_grid(folder / "grid" / f"{zone}.h5", window, inside))
