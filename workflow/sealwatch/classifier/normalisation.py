"""How reflectance becomes the network's input; part of the exported model, so inference need not know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ConfigError

MODES = ("zscore-dataset", "zscore-patch", "satlas")
"""Standardised with the training set's statistics; each patch with its own; the scaling of SATLAS."""

_SATLAS_TRUE_COLOUR = ("B02", "B03", "B04")
_SATLAS_TRUE_COLOUR_DN = 3558.0
_SATLAS_OTHER_DN = 8160.0


class Normalisation(nn.Module):
    """Turns reflectance x 10000, float32 [n, bands, y, x], into network input of the same shape.

    `zscore-dataset` subtracts each band's mean over the training patches and divides by its standard
    deviation. `zscore-patch` takes one mean and deviation per patch over all bands, so that the spectrum's
    shape survives (per band it would not). `satlas` repeats what the SATLAS weights were trained with:
    true colour as 8-bit image (reflectance 0 to 0.3558) / 255, the others DN / 8160, clamped to 0..1.
    Source: github.com/allenai/satlas, Normalization.md.

    Args:
        mode: one of `MODES`.
        bands: names of the bands.
        mean: float64 [bands] of the training patches, reflectance x 10000.
        std: float64 [bands] likewise.

    Raises:
        ConfigError: an unknown mode.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, mode: str, bands: Sequence[str], mean: np.ndarray, std: np.ndarray) -> None:
        super().__init__()
        if mode not in MODES:
            raise ConfigError(f"classifier.normalisation: {mode!r} is not one of {', '.join(MODES)}")
        if mode == "satlas":
            mean = np.zeros(len(bands))
            std = np.where(np.isin(bands, _SATLAS_TRUE_COLOUR), _SATLAS_TRUE_COLOUR_DN, _SATLAS_OTHER_DN)
        self.mode = mode
        self.mean, self.std = (np.asarray(values, dtype=np.float64) for values in (mean, std))
        self.register_buffer("shift", torch.tensor(mean, dtype=torch.float32).reshape(1, -1, 1, 1))
        self.register_buffer("scale", torch.tensor(std, dtype=torch.float32).reshape(1, -1, 1, 1))

    def forward(self, reflectance: Tensor) -> Tensor:
        """Normalise float32 [n, bands, y, x]."""
        if self.mode == "zscore-patch":
            mean = reflectance.mean(dim=(1, 2, 3), keepdim=True)
            centred = reflectance - mean
            deviation = centred.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
            return centred / (deviation + 1.0)  # one DN: a flat patch must not divide by zero
        scaled = (reflectance - self.shift) / self.scale
        return scaled.clamp(0.0, 1.0) if self.mode == "satlas" else scaled


def band_statistics(reflectance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each band, float64 [bands], of uint16 [n, bands, y, x]."""
    # Band by band: NumPy widens what it takes the deviation of to float64, four times the bytes.
    bands = range(reflectance.shape[1])
    mean = np.array([reflectance[:, band].mean(dtype=np.float64) for band in bands])
    deviation = np.array([reflectance[:, band].std(dtype=np.float64) for band in bands])
    return mean, np.maximum(deviation, 1.0)
