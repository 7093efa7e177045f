"""How labelled patches are split for validation: at random as published, and by place."""

from __future__ import annotations

import numpy as np

from ..errors import ConfigError


def random_split(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Hold out the same share of every class at random, as the published EuroSAT splits do.

    Args:
        labels: int64 [n].
        share: held-out share, 0 to 1; of each class at least one patch stays for training.
        seed: of the draw.

    Returns:
        bool [n], True for held-out patches.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    for code in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == code))
        held_out[members[: min(round(share * len(members)), len(members) - 1)]] = True
    return held_out


def spatial_cells(lon: np.ndarray, lat: np.ndarray, cell_deg: float) -> np.ndarray:
    """Number of the lon/lat cell each patch lies in, int64 [n]; cells are anchored at 0, 0."""
    places = np.stack([np.floor(lon / cell_deg), np.floor(lat / cell_deg)], axis=1)
    return np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)


def spatial_split(labels: np.ndarray, cells: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Hold out whole lon/lat cells, so that no validation patch has a training patch in its cell.

    Cells are drawn at random; one is taken when it keeps the held-out share within `share` and leaves
    training patches of every class.

    Args:
        labels: int64 [n].
        cells: int64 [n], from `spatial_cells`.
        share: held-out share, 0 to 1.
        seed: of the draw.

    Returns:
        bool [n], True for held-out patches.

    Raises:
        ConfigError: no cell can be held out.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    remaining = np.bincount(labels)
    quota = share * len(labels)
    for cell in rng.permutation(np.unique(cells)):
        members = cells == cell
        left = remaining - np.bincount(labels[members], minlength=len(remaining))
        if members.sum() <= quota and np.all(left[remaining > 0] > 0):
            held_out |= members
            remaining = left
            quota -= members.sum()
    if share > 0 and not held_out.any():
        raise ConfigError(
            "classifier.validation_cell_deg: no lon/lat cell can be held out; make the cells smaller or "
            "classifier.validation_share larger"
        )
    return held_out


def spatial_folds(cells: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold of each patch for a cross-validation by place: all patches of a cell share one.

    Cells are dealt out largest first, each to the smallest fold so far; the seed orders cells of equal size.

    Args:
        cells: int64 [n], from `spatial_cells`.
        folds: number of folds.
        seed: of the draw.

    Returns:
        int64 [n], 0 to folds - 1.
    """
    rng = np.random.default_rng(seed)
    names, sizes = np.unique(cells, return_counts=True)
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of, filled = np.empty(len(names), dtype=np.int64), np.zeros(folds, dtype=np.int64)
    for place in order:
        fold_of[place] = filled.argmin()
        filled[fold_of[place]] += sizes[place]
    return fold_of[np.searchsorted(names, cells)]
