"""python -m benchmarks [NAME]: runs the groups of rows whose names begin with NAME, or all."""

from __future__ import annotations

import sys

from . import ingest_rows, storage_rows
from .table import save

GROUPS = {**ingest_rows.GROUPS, **storage_rows.GROUPS}
"""Row names, and the function that measures them together."""


def main(only: str) -> None:
    """Measure, print and save."""
    # A whole name means that row alone, with those measured beside it.
    exact = any(only in names for names in GROUPS)
    chosen = [
        measure
        for names, measure in GROUPS.items()
        if (only in names if exact else any(name.startswith(only) for name in names))
    ]
    if not chosen:
        known = ", ".join(sorted(name for names in GROUPS for name in names))
        raise SystemExit(f"no row begins with {only!r}; there are {known}")
    for measure in chosen:
        rows = measure()
        for r in rows:
            print(f"{r.name:34} {r.ours:>10g} {r.rival:>10g} {r.ratio:>7g}x {r.unit}  {r.note}", flush=True)
        save(rows)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
