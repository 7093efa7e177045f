"""When the satellites passed: the schedule of the synthetic world, with its special scenes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .random_fields import generator

PERIOD = ("2021-01-01", "2024-12-31")
EMPTY_MONTH = "2022-10"
"""A month without any scene between two months that have one."""

_SKIPPED = {  # months without a scene; the empty month is among them
    "2021-01", "2021-12", "2022-01", "2022-12", "2023-04", "2023-12", "2024-01", "2024-12", EMPTY_MONTH,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Acquisition:
    """One pass over the area; `cloud` and `snow` are shares of the area."""

    date: str
    platform: str
    cloud: float = 0.03
    snow: float = 0.0
    split_tile: str = ""
    """Tile whose scene comes as two granules with complementary pixels."""
    reprocessed: bool = False
    """Each tile is in the catalogue twice, once with the newer processing baseline."""


_SPECIAL: dict[str, dict[str, Any]] = {
    "2021-05": {"reprocessed": True},
    "2022-03": {"cloud": 0.36},  # about 45 % with the soft edges
    "2023-01": {"snow": 0.7},
    "2023-05": {"split_tile": "33TWM"},
}


def schedule(seed: int) -> list[Acquisition]:
    """All passes in order: about five per half-year in different months, and a few second ones in a month."""
    passes: list[Acquisition] = []
    for year in range(2021, 2025):
        for month in range(1, 13):
            key = f"{year}-{month:02d}"
            if key in _SKIPPED:
                continue
            rng = generator(seed, "pass", key)
            # The new state of a changing cell begins on the 7th or 20th of January or July.
            day = int(rng.integers(10, 18)) if month in (1, 7) else int(rng.integers(3, 27))
            platform = "S2C" if key in ("2024-09", "2024-11") else ("S2A", "S2B")[len(passes) % 2]
            settings: dict[str, Any] = {
                "cloud": float(rng.choice([0.0, 0.01, 0.02, 0.04, 0.07])),
                **_SPECIAL.get(key, {}),
            }
            passes.append(Acquisition(f"{key}-{day:02d}", platform, **settings))
    passes.append(Acquisition("2021-08-30", "S2B", 0.03))
    passes.append(Acquisition("2023-08-29", "S2A", 0.82))  # over the limit of 60 %
    passes.append(Acquisition("2024-06-28", "S2A", 0.02))
    return sorted(passes, key=lambda one: (one.date, one.platform))
