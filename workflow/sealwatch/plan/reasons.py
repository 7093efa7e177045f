"""Why jobs must run, in words: the first causes, and what follows from each."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping

from .files import Records
from .graph import Job
from .needed import Reason

NEW_SCENE = "new scene"
REPROCESSED = "reprocessed scene"
OTHER_SCENES = "changed set of scenes"
WITHDRAWN = "withdrawn scene"
NOT_MADE_YET = "not made yet"

_SCENE_RULE = "ingest"


def first_causes(reasons: Mapping[Job, Reason], records: Records) -> dict[Job, frozenset[str]]:
    """The causes that set off each job: its own, or those of the jobs that it follows.

    Args:
        reasons: jobs that must run, each after those that it reads from.
        records: of earlier runs; they tell a product that was lost from one that was not made yet.
    """
    causes: dict[Job, frozenset[str]] = {}
    shared: dict[frozenset[str], frozenset[str]] = {}
    for job, reason in reasons.items():
        found = own_causes(job, reason)
        for source in reason.follows:
            found |= causes.get(source, frozenset())
        if not found:
            found = {_absence(job, reason, records)}
        causes[job] = shared.setdefault(frozenset(found), frozenset(found))
    return causes


def own_causes(job: Job, reason: Reason) -> set[str]:
    """What sets off a job by itself; a product that is absent is left to the jobs before it."""
    found = set()
    if reason.cut_off:
        found.add("cut off in an earlier run")
    if reason.software:
        found.add("changed software environment")
    for name, (before, now) in reason.params.items():
        found.add("raised baseline" if name == "baseline" else _setting(job, name, before, now))
    # Of an absent product Snakemake compares the age of what was made from it.
    if any(map(os.path.exists, job.outputs)):
        found |= {_newer(job, path) for path in reason.newer}
    found |= _other_inputs(reason)
    # The set of scenes changes with every new or withdrawn one, which says more.
    return found - {OTHER_SCENES} if reason.follows or WITHDRAWN in found else found


def _other_inputs(reason: Reason) -> set[str]:
    come, gone = reason.inputs
    if not come and not gone:
        return set()
    if not any(part in path for path in (*come, *gone) for part in ("/landcover/", "/mosaic/")):
        return {"changed set of input files"} if not reason.follows or gone else set()
    return {WITHDRAWN} if gone else {OTHER_SCENES}


def _setting(job: Job, name: str, before: str | None, now: str | None) -> str:
    """`changed setting outline settings.min_area_m2`; of a mapping the keys that changed."""
    keys = ""
    if before and now:
        old, new = _literal(before), _literal(now)
        if isinstance(old, dict) and isinstance(new, dict):
            changed = sorted(str(k) for k in old.keys() | new.keys() if old.get(k, ...) != new.get(k, ...))
            keys = "." + ",".join(changed)
    return f"changed setting {job.rule.name} {name or '(removed)'}{keys}"


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _newer(job: Job, path: str) -> str:
    if "/inventory/" in path:
        return REPROCESSED if job.rule.name == _SCENE_RULE else OTHER_SCENES
    return f"changed file {path}"


def _absence(job: Job, reason: Reason, records: Records) -> str:
    if any(records.of(path) for path in reason.missing):
        return "product is gone"
    return NEW_SCENE if job.rule.name == _SCENE_RULE else NOT_MADE_YET
