"""Removing acquisitions that are no longer needed, and how many scenes fit beside those that are."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

from ..errors import StorageError
from ..plan.graph import Job
from ..plan.plan import Plan
from .scenes import Scenes, acquisitions_behind

KEY = "storage.max_acquisitions_gb"
GB = 10**9

_LONGEST_BATCH = 2000
"""Scenes of a batch: their names must fit the command line."""


def bound_of(plan: Plan) -> int | None:
    """The configured bound in bytes, or None."""
    bound = plan.config["storage"]["max_acquisitions_gb"]
    return None if bound is None else round(bound * GB)


def check_bound(scenes: Scenes, bound: int) -> None:
    """Refuse a bound that what must stay and one scene more do not fit.

    Raises:
        StorageError: names the smallest bound that will do.
    """
    smallest = scenes.smallest_bound
    if bound < smallest:
        raise StorageError(
            f"{KEY}: {bound / GB:g} is too small: {len(scenes.kept)} acquisitions that later steps read take "
            f"{scenes.bytes_of(scenes.kept) / GB:.3g} GB, and one more scene {scenes.one / GB:.3g} GB; "
            f"set at least {_rounded_up(smallest)}"
        )


def next_batch(scenes: Scenes, bound: int, tried: Collection[str]) -> tuple[list[Job], set[str]]:
    """The scenes that are classified next, and the acquisitions that are fetched for them.

    Args:
        scenes: as they are now.
        bound: in bytes.
        tried: names of jobs that failed in this run and are left out.
    """
    outdated = scenes.pending & scenes.sizes.keys()
    fixed = scenes.total - scenes.bytes_of({*scenes.droppable, *outdated})
    chosen: list[Job] = []
    fetched: set[str] = set()
    for job in scenes.to_classify:
        if str(job) in tried:
            continue
        wanted = fetched | (scenes.pending & set(acquisitions_behind(job)))
        if wanted != fetched and fixed + scenes.one * len(wanted) > bound:
            break
        chosen.append(job)
        fetched = wanted
        if len(chosen) == _LONGEST_BATCH:
            break
    return chosen, fetched


def make_room(scenes: Scenes, bound: int, to_come: Collection[str] = ()) -> list[str]:
    """Remove acquisitions, oldest first, until they fit the bound together with those to come.

    Where those that are no longer needed do not suffice, those that pending jobs will make anew go as well, but only
    for others to come.

    Args:
        scenes: as they are now; brought up to date.
        bound: in bytes.
        to_come: acquisitions that are made next.

    Returns:
        Those removed.
    """
    outdated = sorted((scenes.pending & scenes.sizes.keys()) - set(to_come)) if to_come else []
    removed: list[str] = []
    for path in [*scenes.droppable, *outdated]:
        if scenes.total + scenes.growth(to_come) <= bound:
            break
        Path(path).unlink(missing_ok=True)
        del scenes.sizes[path]
        removed.append(path)
    scenes.droppable = [path for path in scenes.droppable if path in scenes.sizes]
    return removed


def _rounded_up(size: int) -> str:
    """Bytes as GB with three digits, never less."""
    unit = 10.0 ** (math.floor(math.log10(size / GB)) - 2)
    return f"{math.ceil(size / GB / unit) * unit:.6g}"
