"""Composites of a month from its mosaics and of a half-year from its months."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from ..errors import ConfigError
from ..files import file_digest
from ..sentinel2.area import read_zone_grid
from .combine import Combination, Combined
from .maps import MapFile, blocks, create_map, open_map

LAYERS = {
    "confidence": ("float32", "probability or share of votes of the class"),
    "observations": ("int32", "number of clear observations"),
}
"""Layers of a composite beside probability and class."""


def composite(
    sources: Sequence[str | Path],
    zone_grid: str | Path,
    target: str | Path,
    step: str,
    method: str,
    period: tuple[str, str],
    baseline: int,
    min_confidence: float = 0.0,
    majority_px: int = 1,
) -> None:
    """Combine maps of one zone into one; see `Combination` for the formulas.

    A map of a date weighs as much as its clear fraction, a month as much as its number of observations; with method
    `mode` each has one vote. The result does not depend on the order of the sources. Memory is that of one block of
    rows, whatever their number.

    Args:
        sources: mosaics or months; none gives a map without observations, so that a gap is explicit.
        zone_grid: grid file of the zone.
        target: HDF5 file with probability, class, confidence and observations.
        step: `month` or `half`.
        method: `probability` (weighted mean) or `mode` (most frequent class).
        period: first and last day, ISO dates.
        baseline: the step's baseline number.
        min_confidence: least probability of its class with which a source's cell counts.
        majority_px: edge of the window of the majority prior in cells, odd; 1 = off.

    Raises:
        RasterError: a source is damaged, has a code that is no class, or lies on another grid.
        ConfigError: `majority_px` is even.
    """
    if majority_px % 2 == 0:
        raise ConfigError(f"composites.majority_px: {majority_px} is even; give an odd number of cells")
    window, _ = read_zone_grid(zone_grid)
    ordered = sorted((Path(p) for p in sources), key=lambda p: p.stem)
    provenance = {
        "method": method,
        "min_confidence": float(min_confidence),
        "majority_px": majority_px,
        "period_start": period[0],
        "period_end": period[1],
        "inputs": {p.stem: file_digest(p) for p in ordered},
    }
    with ExitStack() as stack:
        maps = [stack.enter_context(open_map(p, window)) for p in ordered]
        writer = stack.enter_context(create_map(target, step, baseline, window, LAYERS, provenance))
        for rows in blocks(window.height):
            combined = _combine(maps, step, method, rows, window.shape, min_confidence, majority_px)
            values = {
                "probability": combined.probability,
                "class": combined.land_cover,
                "confidence": combined.confidence,
                "observations": combined.observations,
            }
            writer.write(rows, combined.observations > 0, values)


def _combine(
    maps: Sequence[MapFile],
    step: str,
    method: str,
    rows: slice,
    shape: tuple[int, int],
    min_confidence: float,
    majority_px: int,
) -> Combined:
    # The prior looks beyond the block's edges.
    reach = majority_px // 2
    wide = slice(max(rows.start - reach, 0), min(rows.stop + reach, shape[0]))
    sums = Combination(method, (wide.stop - wide.start, shape[1]), min_confidence)
    for source in maps:
        land_cover = source.classes(wide)
        probability = source.read("probability", wide) if sums.needs_probability else None
        if step == "month":
            weight = np.nan_to_num(source.read("clear_fraction", wide)) if method == "probability" else None
            sums.add(land_cover, probability, weight, None)
        else:
            observations = source.read("observations", wide)
            weight = observations.astype("f4") if method == "probability" else None
            sums.add(land_cover, probability, weight, observations)
    result = sums.result(majority_px)
    if wide == rows:
        return result
    inner = slice(rows.start - wide.start, rows.stop - wide.start)
    return Combined(
        result.probability[:, inner],
        result.land_cover[inner],
        result.confidence[inner],
        result.observations[inner],
    )
