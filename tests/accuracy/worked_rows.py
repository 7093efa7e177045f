"""The published worked example of the accuracy statement, estimated anew."""

from __future__ import annotations

from collections.abc import Callable

from builders.worked_example import CLASSES, HA, PIXELS, TABLE_8, by_stratum
from sealwatch.publish.sampling.estimate import estimate

from .table import Figure

PUBLISHED_HA = (21_158, 11_686, 285_770, 581_386)
"""Areas of the four classes as printed."""

PUBLISHED_HALF_HA = (6158, 3756, 15_510, 16_282)
"""Half-widths of their 95 % intervals as printed."""

_NAMES = tuple(f"worked_example_olofsson_2014_area_{number}" for number in range(1, len(PUBLISHED_HA) + 1))


def _worked() -> list[Figure]:
    found = estimate(by_stratum(TABLE_8), PIXELS, CLASSES, finite=False)
    rows = []
    for name, area, value, half in zip(_NAMES, found.area, PUBLISHED_HA, PUBLISHED_HALF_HA, strict=True):
        ha, spread = area.value * HA, 1.96 * area.standard_error * HA
        text = (
            f"area in hectares, estimated half-width {spread:.0f}; Olofsson et al. (2014), table 8 and section 5, "
            f"print {value} +- {half} (baseline)"
        )
        rows.append(
            Figure(name, round(ha), round(ha - spread), round(ha + spread), value, int(TABLE_8.sum()), text)
        )
    return rows


GROUPS: dict[tuple[str, ...], Callable[[], list[Figure]]] = {_NAMES: _worked}
