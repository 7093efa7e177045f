"""Augmentation that makes the network answer for the centre of a patch, not for the patch as a whole.

A grid cell of 16 or 32 pixels holds the class of the 64 x 64 pixel patch centred on it. A network trained on
patches of one class each has never seen that a small part of a patch decides, nor that a neighbour's house does
not. So blocks of other patches are pasted into some of the training patches, and the label is that of the centre.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_BLOCK_PX = 8
"""Shortest edge of a pasted block: 80 m."""


def _edges(low: Tensor, length: Tensor, size: int) -> Tensor:
    # bool [n, size]: pixels from `low` on, `length` of them, as far as they lie in the patch.
    place = torch.arange(size)
    return (place >= low[:, None]) & (place < (low + length)[:, None])


def mix_centre(
    patches: Tensor, labels: Tensor, cell_px: int, probability: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Paste a block of another patch of the batch into some patches; the label is that of the central cell.

    The block has edges between `SMALLEST_BLOCK_PX` and the patch's size, drawn log-uniformly. For half of the
    mixed patches its centre lies in the central cell, for the others anywhere in the patch, so that it is as
    often the thing to see as the thing to overlook. The block keeps its place in the patch it comes from. A patch
    whose central `cell_px` x `cell_px` pixels are covered by more than half gets the label of the block.

    Args:
        patches: float32 or uint16 [n, bands, size, size].
        labels: int64 [n].
        cell_px: edge of the grid's cell in pixels, at most `size`.
        probability: share of the patches that are mixed, 0 to 1.
        generator: of the random numbers.

    Returns:
        Patches and labels of the same shapes and types; the arguments are not changed.

    Raises:
        ValueError: `cell_px` or `probability` out of range.
    """
    n, size = len(patches), patches.shape[-1]
    if not 1 <= cell_px <= size or not 0 <= probability <= 1:
        raise ValueError(f"mix_centre: cell_px {cell_px} of {size}, probability {probability}")

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    # Another patch of the batch: a step of 1 to n - 1 through a random order never meets the patch itself.
    order = torch.randperm(n, generator=generator)
    partner = torch.empty_like(order)
    partner[order] = order.roll(1)
    mixed = (uniform(n) < probability) & (partner != torch.arange(n))
    length = SMALLEST_BLOCK_PX * (size / SMALLEST_BLOCK_PX) ** uniform(2, n)
    near = (size - cell_px) / 2 + cell_px * uniform(2, n)
    centre = torch.where(uniform(n) < 0.5, near, size * uniform(2, n))
    low, length = (centre - length / 2).round().long(), length.round().long()
    block = _edges(low[0], length[0], size)[:, :, None] & _edges(low[1], length[1], size)[:, None, :]
    block &= mixed[:, None, None]

    first = (size - cell_px) // 2
    cell = slice(first, first + cell_px)
    covered = block[:, cell, cell].float().mean(dim=(1, 2))
    pasted = torch.where(block[:, None], patches[partner], patches)
    return pasted, torch.where(covered > 0.5, labels[partner], labels)
