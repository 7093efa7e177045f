"""A synthetic country with known changes, taken through the pipeline's own composites and change rule.

25 tiles of 16 x 16 km, 6,400 km2, show the same block of land (`country_land`), each with its own history from
January 2020 to October 2025 (70 months, 12 half-years): 2,000 gains (of 25 x 93 footprints) that begin in a random
month from January 2021 to September 2024, so that two half-years lie before them and three can follow; 200 of them are
undone 18 to 36 months later; 300 blips look sealed for 6 or 12 months from a random month. A change is there from one
day to the next.

A cell's answer on a date is the softmax of the network's log probabilities for the patch centred on it as it then
looks (`country_views`), moved by the measured deviations of month, year and date (`country_flicker`) of its 640 m
square. What a held-out patch makes the network say persists for its place: that is the persisting confusion, at its
upper bound, because the part of a single date is in it too. Months have 6 usable dates on average (Poisson); December
and January have none in two of five years. Clouds cover 0 to 60 % of a date, about a fifth on average, in clumps of
some kilometres.

Dates become months, and months half-years, by `Combination`; half-years become 1 and 0 by `reclassify` and confirmed
gains by `confirm`, as in the rules `month`, `half` and `change`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sealwatch.composites.combine import Combination, Combined
from sealwatch.composites.maps import NO_CLASS
from sealwatch.grid import PATCH_PX
from sealwatch.keys import half_of, half_range, month_range

from .country_flicker import Flicker
from .country_land import BLOCK_PX, FOOTPRINTS, IMPERVIOUS, MARGIN_PX, Land
from .country_views import Views

SEED = 20250101
TILES = 25
GAINS, BLIPS, REVERSALS = 2000, 300, 200
MONTHS = month_range("2020-01-01", "2025-10-31")
HALVES = half_range("2020-01-01", "2025-10-31")
HALF_OF_MONTH = np.array([HALVES.index(half_of(month)) for month in MONTHS])
FIRST_START, LAST_START = MONTHS.index("2021-01"), MONTHS.index("2024-09")
NOTHING, GAIN, BLIP = 0, 1, 2
_PLACES = BLOCK_PX // PATCH_PX
_MIN_CLEAR = 0.5


@dataclass(frozen=True, slots=True)
class History:
    """What happens at the footprints of all tiles; arrays [tile, footprint].

    Attributes:
        role: uint8, `NOTHING`, `GAIN` or `BLIP`.
        start: int16, first month that shows the sealed land.
        end: int16, first month that does not show it any more, the number of months where it stays.
    """

    role: np.ndarray
    start: np.ndarray
    end: np.ndarray

    @property
    def start_half(self) -> np.ndarray:
        """Index of the half-year in which each begins."""
        return HALF_OF_MONTH[self.start]


@dataclass(frozen=True, slots=True)
class Composites:
    """Section `composites` of the configuration."""

    method: str
    min_confidence: float = 0.0
    majority_px: int = 1


@dataclass(frozen=True, slots=True)
class HalfYears:
    """Half-year maps of a tile by one setting of the composites.

    Attributes:
        land_cover: uint8 [half, cell], 255 = not observed.
        impervious: float32 [half, cell], summed probability (or share of votes) of the impervious classes, NaN
            where not observed.
    """

    land_cover: np.ndarray
    impervious: np.ndarray


def draw_history() -> History:
    """The same history for every stride, network and method."""
    rng = np.random.default_rng((SEED, 1))
    role = np.zeros(TILES * FOOTPRINTS, np.uint8)
    order = rng.permutation(len(role))
    role[order[:GAINS]] = GAIN
    role[order[GAINS : GAINS + BLIPS]] = BLIP
    start = rng.integers(FIRST_START, LAST_START + 1, len(role))
    end = np.full(len(role), len(MONTHS))
    undone = rng.choice(order[:GAINS], REVERSALS, replace=False)
    end[undone] = start[undone] + rng.integers(18, 37, REVERSALS)
    end = np.where(role == BLIP, start + rng.choice([6, 12], len(role)), end)
    arrays = (role, start.astype("i2"), np.minimum(end, len(MONTHS)).astype("i2"))
    return History(*(a.reshape(TILES, FOOTPRINTS) for a in arrays))


@dataclass(frozen=True, slots=True)
class _Date:
    clear_fraction: np.ndarray  # float32 [place]
    deviation: np.ndarray  # float32 [place, class]


def _sky(rng: np.random.Generator) -> np.ndarray:
    # Clear fraction of each place: clumps of cloud that cover a drawn share.
    field = ndimage.gaussian_filter(rng.standard_normal((_PLACES, _PLACES)), 3, mode="wrap").ravel()
    field /= field.std()
    cover = 0.6 * rng.beta(0.7, 1.3)
    return np.clip(_MIN_CLEAR + (field - np.quantile(field, cover)), 0, 1).astype("f4")


def _dates(tile: int, flicker: Flicker, sealed: np.ndarray) -> Iterator[list[_Date]]:
    # The usable dates of each month of a tile, with everything that moves the answers there.
    rng = np.random.default_rng((SEED, 2, tile))
    places = len(sealed)
    series = np.where(
        sealed, rng.integers(flicker.villages, size=places), rng.integers(len(flicker.month), size=places)
    )
    years: dict[str, np.ndarray] = {}
    for month in MONTHS:
        year, number = month[:4], int(month[5:])
        if year not in years:
            one = flicker.year[rng.integers(len(flicker.year), size=places)]
            years[year] = one * rng.standard_normal((places, 1)).astype("f4")
        count = 0 if number in (1, 12) and rng.random() < 0.4 else rng.poisson(6)
        slow = flicker.month[series, number - 1] + years[year]
        yield [
            _Date(_sky(rng), slow + flicker.date[rng.integers(len(flicker.date), size=places)])
            for _ in range(count)
        ]


def _probabilities(scores: np.ndarray) -> np.ndarray:
    # Softmax of float32 [class, cell]; centred log probabilities stay far below what exp can take.
    exponentials = np.exp(scores)
    return exponentials / exponentials.sum(axis=0)


class _Series:
    """Months and half-years of one tile by one setting, as `composite` makes them."""

    def __init__(self, setting: Composites, shape: tuple[int, int]) -> None:
        self._setting, self._shape = setting, shape
        self._weighted = setting.method == "probability"
        self._month, self._half = self._empty(), self._empty()
        self._halves: list[tuple[np.ndarray, np.ndarray]] = []

    def _empty(self) -> Combination:
        return Combination(self._setting.method, self._shape, self._setting.min_confidence)

    def add_date(self, land_cover: np.ndarray, probability: np.ndarray, clear: np.ndarray) -> None:
        self._month.add(land_cover, probability, clear if self._weighted else None, None)

    def end_month(self) -> None:
        month = self._month.result(self._setting.majority_px)
        weight = month.observations.astype("f4") if self._weighted else None
        self._half.add(month.land_cover, month.probability, weight, month.observations)
        self._month = self._empty()

    def end_half(self) -> None:
        half: Combined = self._half.result(self._setting.majority_px)
        impervious = half.probability[IMPERVIOUS].sum(axis=0)
        self._halves.append((half.land_cover.ravel(), impervious.ravel()))
        self._half = self._empty()

    def half_years(self) -> HalfYears:
        return HalfYears(*(np.stack(maps) for maps in zip(*self._halves, strict=True)))


def half_years(
    views: Views, land: Land, flicker: Flicker, history: History, tile: int, settings: Sequence[Composites]
) -> list[HalfYears]:
    """Take one tile from its dates to its half-year maps, by several settings of the composites.

    Args:
        views: the network's answers at one stride.
        land: the block.
        flicker: deviations of the same network.
        history: of all tiles.
        tile: number of the tile.
        settings: of the composites; the result is in their order.
    """
    centres = slice(MARGIN_PX + PATCH_PX // 2, -MARGIN_PX, PATCH_PX)
    sealed = IMPERVIOUS[land.classes[centres, centres]].ravel()
    shape = (views.edge, views.edge)
    series = [_Series(setting, shape) for setting in settings]
    for number, dates in enumerate(_dates(tile, flicker, sealed)):
        there = (
            (history.start[tile] <= number) & (number < history.end[tile]) & (history.role[tile] != NOTHING)
        )
        after = (views.seen >= 0) & there[views.seen]
        base = np.where(after, views.after.T, views.before.T)
        for date in dates:
            clear = date.clear_fraction[views.place]
            observed = clear >= _MIN_CLEAR
            probability = _probabilities(base + date.deviation.T[:, views.place])
            land_cover = np.where(observed, probability.argmax(axis=0), NO_CLASS).astype("u1")
            probability[:, ~observed] = np.nan
            for one in series:
                one.add_date(land_cover.reshape(shape), probability.reshape(-1, *shape), clear.reshape(shape))
        for one in series:
            one.end_month()
            if number + 1 == len(MONTHS) or HALF_OF_MONTH[number + 1] != HALF_OF_MONTH[number]:
                one.end_half()
    return [one.half_years() for one in series]
