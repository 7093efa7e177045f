"""Whether the offset of +1000 is still in an item's numbers, decided by pixels where the metadata disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..catalogue.adapters import OFFSET_DN
from ..catalogue.records import Granule, SceneRecord
from ..errors import RasterError
from ..grid import Window
from .scene_reader import BAND_SIZES_M, SceneReader, at_size

DARK_BANDS = ("B02", "B03", "B04", "B12")
"""Vegetation, water and shadow reflect less than 0.1 in these bands."""

_GROUND_SCL = (2, 4, 5, 6, 7)  # dark area, vegetation, bare ground, water, unclassified: no cloud, no snow
_DARK_SHARE = 0.05  # real scenes: see tests/unit/test_offset_check.py
_PIXELS_MIN = 400
_SAMPLE_PX = 128  # edge of a sampled square at 20 m
_SAMPLES = 4  # squares per axis


@dataclass(frozen=True, slots=True)
class OffsetDecision:
    """What is added to the digital numbers of one item, and why.

    Attributes:
        item_id: id of the STAC item.
        offset_dn: number that is added.
        rule: `baseline` or `stated` where the metadata agree, `pixels` where they do not.
        pixels: sampled pixels of clear ground.
        dark_shares: share of them below 1000 by band; empty unless pixels decided.
    """

    item_id: str
    offset_dn: int
    rule: str
    pixels: int = 0
    dark_shares: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The decision as JSON value."""
        value = {"item": self.item_id, "offset_dn": self.offset_dn, "rule": self.rule}
        if self.rule == "pixels":
            value |= {"pixels": self.pixels, "dark_shares": dict(self.dark_shares)}
        return value


def decide_by_pixels(item_id: str, numbers: Mapping[str, np.ndarray]) -> OffsetDecision:
    """Decide from digital numbers of clear ground, uint16 [n] by band, 0 = no data.

    With the offset still in, a number below 1000 means negative reflectance and hardly occurs; without it
    vegetation, water and shadow lie far below 1000 in `DARK_BANDS`.

    Raises:
        RasterError: too few pixels to tell.
    """
    valid = np.logical_and.reduce([values > 0 for values in numbers.values()])
    count = int(valid.sum())
    if count < _PIXELS_MIN:
        raise RasterError(
            f"{item_id}: the metadata contradict each other about the offset, and only {count} sampled pixels "
            "show clear ground, too few to decide; leave the item out of the catalogue"
        )
    shares = {band: round(float((values[valid] < -OFFSET_DN).mean()), 4) for band, values in numbers.items()}
    offset = 0 if max(shares.values()) >= _DARK_SHARE else OFFSET_DN
    return OffsetDecision(item_id, offset, "pixels", count, shares)


def decide_offsets(scene: SceneRecord, reader: SceneReader, window: Window) -> list[OffsetDecision]:
    """The offset of each granule; pixels are read only where a granule's `offset_rule` is `contradictory`.

    Args:
        scene: record with the granules.
        reader: opened images of the scene.
        window: whole patches, pixels of 10 m.

    Raises:
        RasterError: an image cannot be read, or shows too little clear ground to decide.
    """
    decisions = []
    for number, granule in enumerate(scene.granules):
        if granule.offset_rule == "contradictory":
            decisions.append(_sampled(granule, number, reader, window))
        else:
            decisions.append(OffsetDecision(granule.item_id, granule.offset_dn, granule.offset_rule))
    return decisions


def _sampled(granule: Granule, number: int, reader: SceneReader, window: Window) -> OffsetDecision:
    squares = _squares(at_size(window, 20))
    ground = np.isin(_joined(reader.sample(number, "SCL", squares)), _GROUND_SCL)
    numbers = {}
    for band in (b for b in DARK_BANDS if b in reader.bands):
        if BAND_SIZES_M[band] == 20:
            values = reader.sample(number, band, squares)
        else:
            # Every second pixel of 10 m: one per pixel of 20 m.
            fine = [square.refined(10) for square in squares]
            values = [sample[::2, ::2] for sample in reader.sample(number, band, fine)]
        numbers[band] = _joined(values)[ground]
    if not numbers:
        raise RasterError(
            f"{granule.item_id}: the metadata contradict each other about the offset; add one of "
            f"{', '.join(DARK_BANDS)} to sentinel2.bands, so that pixels can decide"
        )
    return decide_by_pixels(granule.item_id, numbers)


def _joined(samples: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([sample.ravel() for sample in samples])


def _squares(window: Window) -> list[Window]:
    # Squares spread evenly over the window, without overlap.
    step_y, step_x = (max(n // _SAMPLES, 1) for n in window.shape)
    squares = []
    for top in range(0, window.height - step_y + 1, step_y):
        rows = slice(top, top + min(step_y, _SAMPLE_PX))
        for left in range(0, window.width - step_x + 1, step_x):
            squares.append(window.part(rows, slice(left, left + min(step_x, _SAMPLE_PX))))
    return squares
