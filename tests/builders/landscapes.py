"""Random countries whose changes are known, and change maps of them with errors as real ones have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from builders.maps import write_grid
from builders.sample_maps import HALVES
from sealwatch import hdf5
from sealwatch.grid import Window, row_col
from sealwatch.publish.sampling.draw import Design, draw
from sealwatch.publish.sampling.estimate import Accuracy, estimate
from sealwatch.publish.sampling.planner import CLASSES
from sealwatch.publish.sampling.strata import MAP_LABELS, STRATA, ZoneMap


@dataclass(frozen=True, slots=True)
class Landscape:
    """Both bool (height, width): what changed, and what the map says."""

    truth: np.ndarray
    mapped: np.ndarray

    def figures(self) -> dict[str, float]:
        """True overall accuracy, user's and producer's accuracy of change, share of the area that changed."""
        both = (self.truth & self.mapped).sum()
        return {
            "overall": float((self.truth == self.mapped).mean()),
            "users": float(both / self.mapped.sum()),
            "producers": float(both / self.truth.sum()),
            "area": float(self.truth.mean()),
        }


def make_landscape(
    rng: np.random.Generator, size: int, shares: tuple[float, float] = (0.006, 0.02)
) -> Landscape:
    """A country of size x size cells: patches of change; blurred edges, missed and invented patches on the map.

    Its share of change (within `shares`), the size of its patches and each kind of error differ from one to the next.
    """
    share = rng.uniform(*shares)
    sealing = _field(rng, size, rng.uniform(0.8, 2.0))
    truth = _highest(sealing, share)
    # Errors at the edges of patches: the map sees another, correlated field.
    seen = sealing + rng.uniform(0.1, 0.3) * _field(rng, size, 0.8)
    mapped = _highest(seen, share * rng.uniform(0.8, 1.2))
    patches, number = ndimage.label(mapped)
    missed = np.append(False, rng.random(number) < rng.uniform(0.02, 0.1))
    invented = _highest(_field(rng, size, 1.0), share * rng.uniform(0.05, 0.2))
    return Landscape(truth, (mapped & ~missed[patches]) | invented)


def _field(rng: np.random.Generator, size: int, width: float) -> np.ndarray:
    """Random field of mean 0 and deviation 1 that is alike over `width` cells."""
    field = ndimage.gaussian_filter(rng.standard_normal((size, size)), width, mode="wrap")
    return (field - field.mean()) / field.std()


def _highest(field: np.ndarray, share: float) -> np.ndarray:
    return field > np.quantile(field, 1 - share)


def write_change_map(folder: Path, landscape: Landscape) -> ZoneMap:
    """`change/32633.h5` and `grid/32633.h5`: mapped cells hold a confirmed event that starts in 2022H2."""
    height, width = landscape.mapped.shape
    window = Window(32633, 496640, 5120000, 640, width, height)
    target = folder / "change" / "32633.h5"
    start = (landscape.mapped * (HALVES.index("2022H2") + 1))[None].astype("u2")
    with hdf5.create(target, "change", 1, {"halves": " ".join(HALVES)}) as file:
        file.set_grid(window)
        file.add_axis("event", np.array([1], "i4"))
        axes = ("event", "y", "x")
        file.add("start", axes, "uint16", start, level=1)
        file.add("reversal", axes, "uint16", np.zeros_like(start), level=1)
        file.add("rise", axes, "float32", np.full(start.shape, 0.8, "f4"), level=1)
        file.add("state", ("y", "x"), "uint8", landscape.mapped.astype("u1"), level=1)
    return ZoneMap(target, write_grid(folder / "grid" / "32633.h5", window))


def interpreted(landscape: Landscape, units: pd.DataFrame, cells: Mapping[str, int]) -> Accuracy:
    """The estimates from units drawn from a landscape, interpreted without error."""
    # Rows of a zone's grid count northwards, those of a map southwards.
    top, left = row_col(Window(32633, 496640, 5120000, 640, 1, 1), 0, 0)
    true = landscape.truth[top - units["row"].to_numpy(), units["col"].to_numpy() - left]
    counts = np.zeros((len(STRATA), 2, 2))
    for h, name in enumerate(STRATA):
        here = true[(units["stratum"] == name).to_numpy()]
        counts[h, CLASSES.index(MAP_LABELS[name])] = [here.sum(), (~here).sum()]
    return estimate(counts, [cells[name] for name in STRATA], STRATA)


def sampled(
    folder: Path, landscape: Landscape, sizes: Mapping[str, int], seed: int, buffer_cells: int = 2
) -> Accuracy:
    """Draw a sample from a landscape's change map as the project does, and estimate from it."""
    design = Design(sizes, seed, buffer_cells, 0.3, None, 2, 3)
    found = draw([write_change_map(folder, landscape)], design)
    return interpreted(landscape, found.units, found.cells)
