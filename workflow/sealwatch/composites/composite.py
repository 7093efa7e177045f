"""Composites of a month from its mosaics and of a half-year from its months."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..files import file_digest
from ..keys import LAND_COVER_CLASSES
from ..sentinel2.area import read_zone_grid
from .maps import NO_CLASS, LandCoverMap, read_map, write_map


def weighted_mean(maps: Iterable[LandCoverMap], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Mean class probability weighted by each map's weight.

    Returns:
        Probability, float32 (class, height, width), NaN where nothing was observed, and the class of the highest
        probability, uint8 (height, width), the lower code where two are equal, 255 where nothing was observed.
    """
    total = np.zeros((len(LAND_COVER_CLASSES), *shape), "f8")
    weight = np.zeros(shape, "f8")
    for item in maps:
        share = np.where(item.land_cover != NO_CLASS, item.weight, 0.0)
        total += np.nan_to_num(item.probability) * share
        weight += share
    observed = weight > 0
    probability = np.where(observed, total / np.where(observed, weight, 1), np.nan).astype("f4")
    land_cover = np.where(observed, np.argmax(total, axis=0), NO_CLASS).astype("u1")
    return probability, land_cover


def vote(maps: Iterable[LandCoverMap], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Share of votes of each class and the most frequent class, the lower code where two are equal.

    The tie rule is that of GRASS r.series and t.rast.aggregate, method mode.
    """
    votes = np.zeros((len(LAND_COVER_CLASSES), *shape), "u4")
    codes = np.arange(len(LAND_COVER_CLASSES))[:, None, None]
    for item in maps:
        votes += item.land_cover == codes
    count = votes.sum(axis=0)
    share = np.where(count > 0, votes / np.maximum(count, 1), np.nan).astype("f4")
    return share, np.where(count > 0, np.argmax(votes, axis=0), NO_CLASS).astype("u1")


def composite(
    sources: Sequence[str | Path],
    zone_grid: str | Path,
    target: str | Path,
    step: str,
    method: str,
    period: tuple[str, str],
    baseline: int,
) -> None:
    """Combine maps of one zone into one.

    Args:
        sources: mosaics (weighted by their clear fraction) or months (weighted by their number of observations);
            none gives a map without observations, so that a gap is explicit.
        zone_grid: grid file of the zone.
        target: HDF5 file with probability, class, confidence and observations.
        step: `month` or `half`.
        method: `probability` (weighted mean) or `mode` (most frequent class).
        period: first and last day, ISO dates.
        baseline: the step's baseline number.
    """
    window, _ = read_zone_grid(zone_grid)
    weight = "clear_fraction" if step == "month" else "observations"
    observations = np.zeros(window.shape, "i4")

    def maps() -> Iterable[LandCoverMap]:
        nonlocal observations
        for path in sources:
            item = read_map(path, weight)
            counted = 1 if step == "month" else item.weight.astype("i4")
            observations = observations + np.where(item.land_cover != NO_CLASS, counted, 0)
            yield item

    combine = weighted_mean if method == "probability" else vote
    probability, land_cover = combine(maps(), window.shape)
    confidence = np.where(land_cover != NO_CLASS, np.nan_to_num(probability).max(axis=0), np.nan)
    write_map(
        target,
        step,
        baseline,
        window,
        probability,
        land_cover,
        {
            "confidence": ("float32", confidence, "probability or share of votes of the class"),
            "observations": ("int32", observations, "number of clear observations"),
        },
        {
            "method": method,
            "period_start": period[0],
            "period_end": period[1],
            "inputs": {Path(p).stem: file_digest(p) for p in sources},
        },
    )
