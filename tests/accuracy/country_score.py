"""Comparison of confirmed gains with the country's truth.

- User's accuracy: share of confirmed gains of cells (a cell can have several) whose cell touches a true change that
  began at most one half-year before or after. A cell beside a change that is confirmed because its patch reaches
  over the change (the halo) counts as false.
- User's accuracy of sites: the same for groups of neighbouring confirmed cells (8 neighbours); one right cell does.
- Producer's accuracy: share of true changes that at least one such right cell touches. Weighted by area: share of
  their hectares. A change found with a start more than one half-year off counts as missed.
- Date error: of changes touched by any confirmed cell, the mean distance in half-years between the true start and the
  confirmed start that is nearest to it.
- False gains have a source, the first that applies: `date` (the patch sees a true change, the start is more than one
  half-year off), `halo`, `blip` (the patch sees a blip), `sealed` (no footprint in the patch, but land that was
  sealed from the beginning: the network saw it as something else first), `flicker` (neither).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sealwatch.change.describe import before_and_during
from sealwatch.change.events import reclassify
from sealwatch.change.persistence import NONE, confirm

from .country import BLIP, GAIN, NOTHING, HalfYears, History
from .country_views import Views

SOURCES = ("date", "halo", "blip", "sealed", "flicker")


@dataclass(frozen=True, slots=True)
class Gains:
    """Confirmed gains of all tiles; arrays [gain].

    Attributes:
        tile: number of the tile.
        cell: number of the cell.
        start: index of the half-year.
        confidence: mean impervious probability of the half-years from the start to the confirmation.
        rise: that, less the mean impervious probability of the three half-years before the start, as in layer `events`.
    """

    tile: np.ndarray
    cell: np.ndarray
    start: np.ndarray
    confidence: np.ndarray
    rise: np.ndarray

    def where(self, kept: np.ndarray) -> Gains:
        """Some of them, bool [gain]."""
        return Gains(
            *(values[kept] for values in (self.tile, self.cell, self.start, self.confidence, self.rise))
        )


def _mean(values: np.ndarray, some: np.ndarray) -> np.ndarray:
    # Mean over the observed ones of some half-years, [half, gain] to [gain].
    counted = some & ~np.isnan(values)
    return np.where(counted, values, 0).sum(axis=0) / np.maximum(counted.sum(axis=0), 1)


def confirmed_gains(tiles: list[HalfYears], persistence: int, max_gap: int) -> Gains:
    """Apply the change rule to the half-year maps of all tiles."""
    parts = []
    for tile, halves in enumerate(tiles):
        runs = confirm(reclassify(halves.land_cover), persistence, max_gap)
        number, cell = np.nonzero(runs.start != NONE)
        start = runs.start[number, cell]
        seen = ~np.isnan(halves.impervious[:, cell])
        before, during = before_and_during(seen, start, runs.confirmed[number, cell])
        confidence, earlier = (_mean(halves.impervious[:, cell], some) for some in (during, before))
        parts.append((np.full(len(cell), tile), cell, start, confidence, confidence - earlier))
    return Gains(*(np.concatenate(values) for values in zip(*parts, strict=True)))


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one variant.

    Attributes:
        gains: number of confirmed gains.
        right: how many of them are right.
        sites: number of sites.
        right_sites: how many of them are right.
        found: bool [change], of all true changes in order of tile and footprint.
        hectares: float64 [change].
        half_error: int64, of each change that was found at any date.
        false: number of false gains by source.
    """

    gains: int
    right: int
    sites: int
    right_sites: int
    found: np.ndarray
    hectares: np.ndarray
    half_error: np.ndarray
    false: dict[str, int]


def _sites(gains: Gains, right: np.ndarray, edge: int) -> tuple[int, int]:
    total = good = 0
    for tile in np.unique(gains.tile):
        here = gains.tile == tile
        confirmed, correct = (np.zeros(edge * edge, bool) for _ in range(2))
        confirmed[gains.cell[here]] = True
        correct[gains.cell[here & right]] = True
        label, count = ndimage.label(confirmed.reshape(edge, edge), np.ones((3, 3)))
        total += count
        good += len(np.unique(label[correct.reshape(edge, edge)]))
    return total, good


def score(gains: Gains, views: Views, history: History, hectares: np.ndarray) -> Score:
    """Compare.

    Args:
        gains: confirmed gains.
        views: cells of the stride.
        history: truth.
        hectares: of each footprint of the block.
    """
    seen, inside = views.seen[gains.cell], views.inside[gains.cell]
    tile = gains.tile

    def role(footprint: np.ndarray) -> np.ndarray:
        return np.where(footprint >= 0, history.role[tile, footprint], NOTHING)

    error = gains.start - history.start_half[tile, np.maximum(inside, 0)]
    touches = role(inside) == GAIN
    right = touches & (abs(error) <= 1)
    patch_error = gains.start - history.start_half[tile, np.maximum(seen, 0)]
    sees = role(seen) == GAIN
    beside = views.beside_sealed[gains.cell]
    tests = (
        sees & (abs(patch_error) > 1),
        sees,
        role(seen) == BLIP,
        beside,
        np.ones(len(tile), bool),
    )
    source = np.select([right, *tests], np.arange(-1, len(SOURCES)))
    found = np.zeros(history.role.shape, bool)
    found[tile[right], inside[right]] = True
    nearest = np.full(history.role.shape, 99)
    np.minimum.at(nearest, (tile[touches], inside[touches]), abs(error[touches]))
    true = history.role == GAIN
    sites, right_sites = _sites(gains, right, views.edge)
    return Score(
        gains=len(tile),
        right=int(right.sum()),
        sites=sites,
        right_sites=right_sites,
        found=found[true],
        hectares=np.broadcast_to(hectares, true.shape)[true],
        half_error=nearest[true & (nearest < 99)],
        false={name: int((source == n).sum()) for n, name in enumerate(SOURCES)},
    )
