"""python -m benchmarks [NAME]: runs the groups of rows whose names begin with NAME, or all."""

from __future__ import annotations

import sys

from sealwatch.files import write_text

from . import (
    change_rows,
    classify_rows,
    composite_rows,
    desk_rows,
    forest_rows,
    ingest_rows,
    plan_rows,
    sheet_rows,
    storage_rows,
    wfs_rows,
)
from .cost import make_page
from .table import DOCS, chosen_groups, save

GROUPS = {
    **ingest_rows.GROUPS,
    **plan_rows.GROUPS,
    **storage_rows.GROUPS,
    **classify_rows.GROUPS,
    **composite_rows.GROUPS,
    **change_rows.GROUPS,
    **forest_rows.GROUPS,
    **sheet_rows.GROUPS,
    **desk_rows.GROUPS,
    **wfs_rows.GROUPS,
}
"""Row names, and the function that measures them together."""


def main(only: str) -> None:
    """Measure, print and save."""
    for measure in chosen_groups(GROUPS, only):
        rows = measure()
        for r in rows:
            print(f"{r.name:34} {r.ours:>10g} {r.rival:>10g} {r.ratio:>7g}x {r.unit}  {r.note}", flush=True)
        save(rows)
    write_text(DOCS / "cost.md", make_page())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
