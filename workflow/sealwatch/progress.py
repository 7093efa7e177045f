"""Progress of long steps: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_EVERY_S = 10.0  # least seconds between two lines where standard error is not a terminal


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` and report on standard error how many are done.

    Args:
        items: what is worked through.
        label: what one item is, for the reader.
        total: number of items where `items` has no length.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=label, total=total, unit="", leave=False)
        return
    of = f"/{total}" if total is not None else ""
    last = time.monotonic()
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        if time.monotonic() - last >= _EVERY_S:
            last = time.monotonic()
            print(f"{label}: {done}{of}", file=sys.stderr, flush=True)
    print(f"{label}: {done}{of} done", file=sys.stderr, flush=True)
