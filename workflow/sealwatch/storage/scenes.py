"""What the acquisitions on disk are needed for, by the plan of the whole run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..plan.files import Records
from ..plan.graph import Job, in_order
from ..plan.needed import Reason
from ..plan.plan import Plan

_SHARE_ABOVE_LARGEST = 0.1
"""By how much a scene to come may be larger than the largest so far."""

_TILE_PX = 10980
_BANDS_OF_10_M = ("B02", "B03", "B04", "B08")


@dataclass(slots=True)
class Scenes:
    """Acquisitions, in bytes and paths.

    Attributes:
        sizes: all files below the folder of acquisitions, also temporary ones.
        one: what a scene to come is counted with, by the largest on disk; without any, a tile without compression.
        measured: whether there is any.
        kept: acquisitions that a job other than `classify` reads; some may be absent.
        to_classify: pending jobs of `classify`, those of scenes on disk first, then by date.
        again: pending jobs of `ingest` of scenes that are classified, whose file alone is missing.
        pending: outputs of all pending jobs of `ingest`.
        droppable: classified acquisitions that nothing pending and nothing later needs, oldest date first.
    """

    sizes: dict[str, int]
    one: int
    measured: bool
    kept: frozenset[str]
    to_classify: list[Job]
    again: list[Job]
    pending: frozenset[str]
    droppable: list[str]

    @property
    def total(self) -> int:
        """Bytes on disk."""
        return sum(self.sizes.values())

    def bytes_of(self, paths: Iterable[str]) -> int:
        """Bytes of files, an absent one counted as a scene to come."""
        return sum(self.sizes.get(path, self.one) for path in paths)

    def growth(self, paths: Iterable[str]) -> int:
        """Bytes by which the folder grows when these acquisitions are made; Snakemake removes an older one first."""
        return sum(max(0, self.one - self.sizes.get(path, 0)) for path in paths)

    @property
    def smallest_bound(self) -> int:
        """Bytes of what must stay, and of one scene more; of that scene alone until one was measured."""
        if not self.measured:
            return self.one
        waiting = {path for job in self.to_classify for path in acquisitions_behind(job)}
        others = self.sizes.keys() - self.kept - waiting - set(self.droppable)
        kept = sum(self.one if path in self.pending else self.sizes.get(path, self.one) for path in self.kept)
        return kept + self.bytes_of(others) + self.one


def scenes_of(plan: Plan) -> Scenes:
    """Sort the acquisitions by what the plan of the whole run (`all`) needs them for."""
    results = Path(plan.config["results"].rstrip("/"), "acquisition")
    found = {str(path): path.stat() for path in results.rglob("*") if path.is_file()}
    sizes = {path: status.st_size for path, status in found.items()}
    ingest = [job for job in plan.every if job.rule.name == "ingest"]
    classify = [job for job in plan.every if job.rule.name == "classify"]
    products = {job.outputs[0] for job in ingest}
    kept = {
        item.path
        for job in plan.every
        if job.rule.name != "classify"
        for item in job.inputs
        if item.path in products
    }
    again = [job for job in ingest if _only_missing(job, plan.reasons)]
    repeated = set(again)
    to_classify = [
        job for job in classify if job in plan.reasons and not _only_follows(plan.reasons[job], repeated)
    ]
    pending = frozenset(job.outputs[0] for job in ingest if job in plan.reasons)
    busy = {path for job in classify if job in plan.reasons for path in acquisitions_behind(job)}
    whole = [path for path in found if path.endswith(".h5") and not Path(path).name.startswith(".")]
    incomplete = Records().incomplete
    droppable = [
        path
        for path in whole
        if path not in kept | pending | busy and _is_classified(path, found[path].st_mtime, plan, incomplete)
    ]
    largest = max((sizes[path] for path in whole), default=0)
    one = round(largest * (1 + _SHARE_ABOVE_LARGEST)) or full_tile(plan.config["sentinel2"]["bands"])
    to_classify.sort(key=lambda job: (not _is_there(job, sizes, pending), job.wildcards["date"], str(job)))
    droppable.sort(key=lambda path: (Path(path).name, path))
    return Scenes(sizes, one, largest > 0, frozenset(kept), to_classify, again, pending, droppable)


def acquisitions_behind(job: Job) -> list[str]:
    """Acquisitions that a job reads, directly or through other jobs."""
    return [source.outputs[0] for source in in_order([job]) if source.rule.name == "ingest"]


def full_tile(bands: Iterable[str]) -> int:
    """Bytes of a full tile without compression: 16 bits a pixel, and the scene classification."""
    fine, coarse = _TILE_PX**2, (_TILE_PX // 2) ** 2
    return sum(2 * (fine if band in _BANDS_OF_10_M else coarse) for band in bands) + coarse


def landcover_of(acquisition: str, plan: Plan) -> str | None:
    """Land-cover file made from an acquisition; None for a path that is none."""
    wildcards = plan.rules["ingest"].wildcards(acquisition)
    return plan.rules["classify"].outputs[0].fill(wildcards) if wildcards else None


def _is_there(job: Job, sizes: dict[str, int], pending: frozenset[str]) -> bool:
    return all(path in sizes and path not in pending for path in acquisitions_behind(job))


def _only_missing(job: Job, reasons: dict[Job, Reason]) -> bool:
    """Whether a scene would be fetched for its file alone, and is classified as it was."""
    if job not in reasons or replace(reasons[job], missing=[]):
        return False
    users = [user for user in job.used_by if user.rule.name == "classify"]
    return bool(users) and all(
        os.path.exists(path) and _only_follows(reasons.get(user), {job})
        for user in users
        for path in user.outputs
    )


def _only_follows(reason: Reason | None, jobs: set[Job]) -> bool:
    if reason is None:
        return True
    return not replace(reason, follows=[]) and bool(reason.follows) and jobs.issuperset(reason.follows)


def _is_classified(path: str, made: float, plan: Plan, incomplete: frozenset[str]) -> bool:
    landcover = landcover_of(path, plan)
    if landcover is None or path in incomplete or landcover in incomplete:
        return False
    try:
        return os.stat(landcover).st_mtime >= made
    except OSError:
        return False
