"""python -m accuracy [NAME]: measures the groups of figures whose names begin with NAME, or all."""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks.table import chosen_groups

from . import country_rows, inference_rows, landcover_rows, series_rows, statement_rows, vhr_rows, worked_rows
from .table import Figure, save

GROUPS: dict[tuple[str, ...], Callable[[], list[Figure]]] = {
    **landcover_rows.GROUPS,
    **inference_rows.GROUPS,
    **series_rows.GROUPS,
    **country_rows.GROUPS,
    **vhr_rows.GROUPS,
    **statement_rows.GROUPS,
    **worked_rows.GROUPS,
}
"""Names of the figures, and the function that measures them together."""


def main(only: str) -> None:
    """Measure, print and save."""
    for measure in chosen_groups(GROUPS, only):
        figures = measure()
        for f in figures:
            value = "not run" if f.value is None else f"{f.value:g}"
            print(f"{f.name:34} {value:>10} n={f.n}  {f.data}", flush=True)
        save(figures)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
