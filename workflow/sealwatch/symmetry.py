"""The eight flips and quarter turns of a square patch: land cover does not depend on which way north is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def turned_views(patches: np.ndarray, every: bool) -> Iterator[np.ndarray]:
    """Yield patches as they are and, if `every`, under the seven other symmetries of the square.

    Args:
        patches: [n, bands, size, size].
        every: whether the turned ones are wanted.

    Returns:
        Contiguous arrays of the same shape.
    """
    for turns in range(4 if every else 1):
        view = np.rot90(patches, turns, axes=(2, 3))
        yield np.ascontiguousarray(view)
        if every:
            yield np.ascontiguousarray(view[..., ::-1])
