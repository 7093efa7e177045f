"""Seeded generators and smooth random fields."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def generator(seed: int, *names: object) -> np.random.Generator:
    """A generator that depends on the seed and on what it is for, never on the order of calls."""
    text = ":".join(str(name) for name in names)
    digest = hashlib.sha256(f"{seed}:{text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def smooth_field(
    rng: np.random.Generator, shape: tuple[int, int], scale: float, coarse: int = 4
) -> NDArray[np.float32]:
    """Gaussian noise of mean 0 and deviation 1 whose features are about `scale` pixels wide."""
    step = max(1, int(scale / coarse))
    small = (shape[0] // step + 3, shape[1] // step + 3)
    field = ndimage.gaussian_filter(rng.standard_normal(small).astype(np.float32), scale / step, mode="wrap")
    if step > 1:
        field = ndimage.zoom(field, step, order=1)
    field = field[: shape[0], : shape[1]]
    return ((field - field.mean()) / field.std()).astype(np.float32)
