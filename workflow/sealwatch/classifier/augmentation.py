"""Augmentation of whole batches of patches: flips and quarter turns, and reflectance jitter."""

from __future__ import annotations

import torch
from torch import Tensor


def turn(patches: Tensor, generator: torch.Generator) -> Tensor:
    """Give each patch one of the eight flips and quarter turns; float32 [n, bands, y, x] with y = x."""
    which = torch.randint(8, (len(patches),), generator=generator)
    turned = patches.clone()
    for symmetry in range(1, 8):
        chosen = which == symmetry
        block = torch.rot90(patches[chosen], symmetry % 4, dims=(2, 3))
        turned[chosen] = block.flip(3) if symmetry >= 4 else block
    return turned


def jitter_reflectance(patches: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change brightness and spectrum of each patch, as haze, sun angle and processing level do.

    Training patches may be top-of-atmosphere (EuroSAT), scenes are surface reflectance: each patch gets a
    common gain with standard deviation `strength`, each of its bands a gain of half of that and an offset of
    `strength` x 0.05 reflectance.

    Args:
        patches: float32 [n, bands, y, x], reflectance x 10000.
        strength: 0 for none; 0.1 is moderate.
        generator: of the random numbers.
    """
    n, bands = patches.shape[:2]
    common = strength * torch.randn((n, 1, 1, 1), generator=generator)
    gain = strength / 2 * torch.randn((n, bands, 1, 1), generator=generator)
    offset = strength * 500.0 * torch.randn((n, bands, 1, 1), generator=generator)
    return (patches * torch.exp(common + gain) + offset).clamp(min=0.0)
