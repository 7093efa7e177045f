"""The country's land: 10 m reflectance before and after the changes, drawn from real held-out patches.

A block of 16 x 16 km is a patchwork of parcels, about 0.5 km2 each and clumped by class. A parcel shows one real
patch of its class, turned and mirrored on. 93 footprints of sealed land lie on land that is not sealed and no
water, far enough apart that a 64 x 64 pixel patch sees one of them at most. A footprint is a rectangle of
0.4 to 40 ha (log-uniform), 1 to 2 times as long as wide, at any pixel; it shows a piece of a real Highway, Industrial
or Residential patch: the one with the lowest mean NDVI, because a piece of a highway patch may hold no road.

Not in it: haze at one date and not at the next, building sites and other slow transitions, sub-pixel roads, real
neighbourhoods. Patches come from other parts of Europe and other days, so parcels meet at radiometric seams.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from sealwatch.classifier.bands import SATLAS_BANDS
from sealwatch.classifier.patches import PatchSet
from sealwatch.grid import PATCH_PX
from sealwatch.keys import IMPERVIOUS_CLASSES, LAND_COVER_CLASSES

VERSION = 1
"""Raise it when the land changes: kept answers are then asked for anew."""
BLOCK_PX = 1600
MARGIN_PX = PATCH_PX // 2
FOOTPRINTS = 93
SIZES_HA = (0.4, 40.0)
SHARES = {
    "Forest": 0.55, "Pasture": 0.15, "AnnualCrop": 0.11, "HerbaceousVegetation": 0.08, "PermanentCrop": 0.03,
    "Residential": 0.045, "Industrial": 0.01, "Highway": 0.01, "River": 0.008, "SeaLake": 0.007,
}  # fmt: skip
"""Shares of the classes: a wooded Central European country, 6.5 % of it built up before the changes."""
_PARCELS, _CLUMPS, _CLUMPED = 560, 63, 0.6
IMPERVIOUS = np.isin(LAND_COVER_CLASSES, IMPERVIOUS_CLASSES)
WATER = np.isin(LAND_COVER_CLASSES, ("River", "SeaLake"))
_RED, _NIR = SATLAS_BANDS.index("B04"), SATLAS_BANDS.index("B08")


@dataclass(frozen=True, slots=True)
class Land:
    """A block with its margin of half a patch on each side.

    Attributes:
        before: uint16 [bands, y, x], reflectance x 10000, with margin.
        after: the same with all footprints.
        classes: uint8 [y, x], class code before, with margin.
        footprint: int16 [y, x], number of the footprint, -1 = none, without margin.
        boxes: int64 [footprint, 4], top, left, bottom, right in pixels of the block, without margin.
        sealed: uint8 [footprint], class code of the patch it shows.
    """

    before: np.ndarray
    after: np.ndarray
    classes: np.ndarray
    footprint: np.ndarray
    boxes: np.ndarray
    sealed: np.ndarray

    @property
    def hectares(self) -> np.ndarray:
        """Size of each footprint."""
        top, left, bottom, right = self.boxes.T
        return (bottom - top) * (right - left) / 100


def turned(patch: np.ndarray, symmetry: int) -> np.ndarray:
    """One of the eight flips and quarter turns of [bands, y, x]."""
    rotated = np.rot90(patch, symmetry % 4, axes=(1, 2))
    return rotated[:, :, ::-1] if symmetry >= 4 else rotated


def _mirrored(patch: np.ndarray, height: int, width: int) -> np.ndarray:
    # The patch and its mirror images side by side, as large as asked for.
    tile = np.concatenate([patch, patch[:, ::-1]], axis=1)
    tile = np.concatenate([tile, tile[:, :, ::-1]], axis=2)
    rows, cols = np.arange(height) % tile.shape[1], np.arange(width) % tile.shape[2]
    return tile[:, rows[:, None], cols]


def lowest_ndvi(patch: np.ndarray, height: int, width: int) -> np.ndarray:
    """The piece of a patch, [bands, height, width], whose mean NDVI is lowest."""
    red, nir = patch[_RED].astype("f8"), patch[_NIR].astype("f8")
    table = np.zeros((patch.shape[1] + 1, patch.shape[2] + 1))
    table[1:, 1:] = ((nir - red) / np.maximum(nir + red, 1)).cumsum(0).cumsum(1)
    sums = (
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )
    top, left = np.unravel_index(sums.argmin(), sums.shape)
    return patch[:, top : top + height, left : left + width]


def footprint_shape(hectares: float, rng: np.random.Generator) -> tuple[int, int]:
    """Height and width in pixels of a rectangle 1 to 2 times as long as wide, lying or standing."""
    area = hectares * 100
    long = min(round(float(np.sqrt(area * rng.uniform(1, 2)))), PATCH_PX)
    short = min(max(round(area / long), 1), PATCH_PX)
    return (long, short) if rng.random() < 0.5 else (short, long)


def _parcels(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    # (parcel number [y, x], class code of each parcel)
    names = [LAND_COVER_CLASSES.index(name) for name in SHARES]
    draw = np.array(list(SHARES.values())) / sum(SHARES.values())
    seeds, clumps = rng.uniform(0, size, (_PARCELS, 2)), rng.uniform(0, size, (_CLUMPS, 2))
    own, shared = rng.choice(names, _PARCELS, p=draw), rng.choice(names, _CLUMPS, p=draw)
    clump = cKDTree(clumps).query(seeds)[1]
    code = np.where(rng.random(_PARCELS) < _CLUMPED, shared[clump], own)
    coarse = np.stack(np.mgrid[2:size:4, 2:size:4], axis=-1)  # borders in steps of 40 m, a tenth of the time
    number = cKDTree(seeds).query(coarse.reshape(-1, 2))[1].reshape(coarse.shape[:2])
    return number.repeat(4, axis=0).repeat(4, axis=1), code


def _places(free: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # Boxes of the footprints, large ones placed first; `free` is where they may lie, without margin.
    sizes = np.sort(np.exp(rng.uniform(*np.log(SIZES_HA), FOOTPRINTS)))[::-1]
    taken = np.zeros((BLOCK_PX, BLOCK_PX), bool)
    boxes = []
    for hectares in sizes:
        height, width = footprint_shape(hectares, rng)
        for _ in range(2000):
            top, left = rng.integers(0, BLOCK_PX - height), rng.integers(0, BLOCK_PX - width)
            here = np.s_[top : top + height, left : left + width]
            if free[here].all() and not taken[here].any():
                break
        else:
            raise RuntimeError("the footprints do not fit into the block")
        reach = np.s_[
            max(top - PATCH_PX, 0) : top + height + PATCH_PX,
            max(left - PATCH_PX, 0) : left + width + PATCH_PX,
        ]
        taken[reach] = True
        boxes.append((top, left, top + height, left + width))
    return np.array(boxes)


def make_land(patches: PatchSet, held_out: np.ndarray, seed: int) -> Land:
    """Draw the block.

    Args:
        patches: labelled patches with the nine bands of the networks.
        held_out: bool [n], the patches to draw from.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    size = BLOCK_PX + 2 * MARGIN_PX
    members = {code: np.flatnonzero(held_out & (patches.labels == code)) for code in range(10)}
    number, code = _parcels(rng, size)
    before = np.empty((len(patches.bands), size, size), np.uint16)
    order = np.argsort(number, axis=None, kind="stable")
    edges = np.searchsorted(number.ravel()[order], np.arange(_PARCELS + 1))
    for parcel in range(_PARCELS):
        inside = order[edges[parcel] : edges[parcel + 1]]
        patch = turned(patches.reflectance[rng.choice(members[code[parcel]])], int(rng.integers(8)))
        tile = _mirrored(patch, 2 * PATCH_PX, 2 * PATCH_PX)
        row, col = np.divmod(inside, size)
        before.reshape(len(before), -1)[:, inside] = tile[:, row % tile.shape[1], col % tile.shape[2]]
    classes = code.astype("u1")[number]
    core = np.s_[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    boxes = _places(~(IMPERVIOUS | WATER)[classes[core]], rng)
    after, footprint = before.copy(), np.full((BLOCK_PX, BLOCK_PX), -1, np.int16)
    sealed = rng.choice(np.flatnonzero(IMPERVIOUS), FOOTPRINTS)
    for n, (top, left, bottom, right) in enumerate(boxes):
        patch = turned(patches.reflectance[rng.choice(members[sealed[n]])], int(rng.integers(8)))
        here = np.s_[:, top + MARGIN_PX : bottom + MARGIN_PX, left + MARGIN_PX : right + MARGIN_PX]
        after[here] = lowest_ndvi(patch, bottom - top, right - left)
        footprint[top:bottom, left:right] = n
    return Land(before, after, classes, footprint, boxes, sealed.astype("u1"))
