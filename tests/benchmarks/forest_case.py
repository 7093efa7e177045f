"""Pixels and forests for the measurements of the forest: real photographs with labels, or fields like them."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from sealwatch.orthophoto.forest import Forest, assemble
from sealwatch.orthophoto.labels import CLASSES
from sealwatch.orthophoto.trainers import trees_of_sklearn

LABELLED = Path(os.environ.get("REAL_DATA_DIR", "../shared/data")) / "vhr_labelled"
"""Chips of 256 x 256 px: red, green, blue, near infrared and, as ninth channel, land cover."""

EDGE = 256
_NO_LABEL = 255
# Land cover 4, 5, 6 (barren, impervious) is sealed, 3 and 2 are low and tall vegetation.
_CLASS_OF_COVER = np.array([_NO_LABEL, _NO_LABEL, 2, 1, 0, 0, 0], "u1")


@lru_cache
def chips() -> tuple[list[np.ndarray], list[np.ndarray], str]:
    """Bands near infrared, red, green [3, y, x] and class codes [y, x] of each chip, and what they are."""
    files = sorted(LABELLED.glob("*.npz"))
    if not files:
        made = [_field(seed) for seed in range(12)]
        return [bands for bands, _ in made], [labels for _, labels in made], "synthetic photographs"
    bands, labels = [], []
    for file in files:
        chip = np.load(file)["arr_0"][0]
        bands.append(chip[[3, 0, 1]])
        labels.append(_CLASS_OF_COVER[chip[8].astype(int).clip(0, 6)])
    return bands, labels, f"{len(files)} labelled NAIP chips"


def _field(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Patches of three surfaces with texture, whose colours overlap."""
    rng = np.random.default_rng(seed)
    relief = np.stack([gaussian_filter(rng.normal(size=(EDGE, EDGE)), 9) for _ in CLASSES])
    labels = relief.argmax(axis=0).astype("u1")
    colours = np.array([(120, 130, 125), (150, 90, 105), (130, 55, 70)], "f4")[labels]
    texture = gaussian_filter(rng.normal(size=(EDGE, EDGE)), 1)[..., None] * 60
    noisy = colours + texture + rng.normal(0, 12, colours.shape)
    return np.clip(noisy, 0, 254).transpose(2, 0, 1), labels


def byte_features(bands: np.ndarray) -> np.ndarray:
    """Twelve features as bytes, uint8 [feature, y, x]: bands, NDVI, and mean and deviation of each in 5 x 5 px."""
    nir, red, green = np.minimum(bands, 254).astype("f4")
    ndvi = np.round(127 * (1 + (nir - red) / np.maximum(nir + red, 1)))
    planes = [nir, red, green, ndvi]
    for plane in (ndvi, green, nir, red):
        mean = uniform_filter(plane, 5)
        spread = np.sqrt(np.maximum(uniform_filter(plane * plane, 5) - mean * mean, 0))
        planes += [np.round(mean), np.minimum(np.round(2 * spread), 254)]
    return np.stack(planes).astype("u1")


def pixels(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Features uint8 [pixel, feature] and class codes, in the order of rows of chips.

    Chips are repeated with noise of 3 grey levels under the features, so that no pixel comes twice.
    """
    bands, labels, _ = chips()
    rng = np.random.default_rng(1)
    values = np.empty((12, -(-count // EDGE**2), EDGE * EDGE), "u1")
    codes = np.empty(values.shape[1:], "u1")
    for number in range(values.shape[1]):
        chip = bands[number % len(bands)]
        if number >= len(bands):
            chip = np.clip(chip + rng.integers(-3, 4, chip.shape), 0, 254)
        values[:, number] = byte_features(chip).reshape(12, -1)
        codes[number] = labels[number % len(bands)].reshape(-1)
    return values.reshape(12, -1).T[:count], codes.reshape(-1)[:count]


@lru_cache
def grown(samples: int, trees: int = 100, depth: int = 16, only: int = 12) -> tuple[Any, Forest]:
    """A forest of scikit-learn on the first `only` features, and the same as our file has it."""
    from sklearn.ensemble import RandomForestClassifier

    values, labels = pixels(samples)
    known = labels != _NO_LABEL
    trained = RandomForestClassifier(trees, max_depth=depth, random_state=1, n_jobs=os.cpu_count())
    trained.fit(np.ascontiguousarray(values[known, :only]), labels[known])
    names = tuple(f"f{n}" for n in range(only))
    return trained, assemble(trees_of_sklearn(trained), names, CLASSES, {})
