"""The worked example of Olofsson et al. (2014), Remote Sens. Environ. 148:42-57, section 5."""

from __future__ import annotations

import numpy as np

CLASSES = ("deforestation", "forest gain", "stable forest", "stable non-forest")
TABLE_8 = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
"""Olofsson et al. (2014), table 8: units by map class (rows) and reference class."""
PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])
HA = 10_000_000 * 0.09
"""Hectares of all pixels of 30 m."""


def by_stratum(matrix: np.ndarray) -> np.ndarray:
    """Counts where each map class is one stratum."""
    counts = np.zeros((len(matrix),) * 3)
    for i, row in enumerate(matrix):
        counts[i, i] = row
    return counts
