"""Which jobs must run, and why: by the same tests as Snakemake 9 (`DAG.update_needrun`), in the same order."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from snakemake.persistence import RECORD_FORMAT_VERSION

from .files import Files, Records
from .graph import Job, in_order
from .rules import Input

_NO_ENVIRONMENT = hashlib.md5(usedforsecurity=False).hexdigest()
"""Recorded for a job that ran in the environment of Snakemake itself."""


@dataclass(frozen=True, slots=True)
class Triggers:
    """What makes a job run again, besides a missing output and a younger input."""

    params: bool = True
    input: bool = True
    software_env: bool = True


@dataclass(slots=True)
class Reason:
    """Why a job must run.

    Attributes:
        cut_off: it began in an earlier run and did not end.
        missing: outputs that are asked for and absent.
        newer: inputs younger than an output and, where small, of other bytes.
        params: values of parameters by name, before and now, where they changed.
        inputs: inputs that came and that went.
        follows: jobs that run before it and write its inputs.
        software: its software environment changed.
    """

    cut_off: bool = False
    missing: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    params: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    inputs: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    follows: list[Job] = field(default_factory=list)
    software: bool = False

    def __bool__(self) -> bool:
        return bool(
            self.cut_off
            or self.missing
            or self.newer
            or self.params
            or any(self.inputs)
            or self.follows
            or self.software
        )


class Needed:
    """The jobs that must run for the targets.

    Args:
        targets: jobs that are asked for, each with the files meant by it (none for a rule without products).
        files: on disk.
        records: of earlier runs.
        triggers: what is compared.
        cut_off: outputs of jobs that began and did not end.
    """

    def __init__(
        self,
        targets: Mapping[Job, Collection[str]],
        files: Files,
        records: Records,
        triggers: Triggers,
        cut_off: Collection[str],
    ):
        self._targets = targets
        self._files = files
        self._records = records
        self._triggers = triggers
        self._cut_off = cut_off
        self._order: list[Job] = []
        self._present: set[Job] = set()
        self._oldest: dict[Job, float | None] = {}
        self._idle: dict[Job, tuple[tuple[Input, ...], float | None]] = {}

    def jobs(self) -> dict[Job, Reason]:
        """Jobs that must run as the graph is now, with their reasons, each after those that it reads from."""
        self._order = in_order(self._targets)
        self._present = set(self._order)
        self._oldest.clear()
        for job in reversed(self._order):
            self._oldest[job] = self._oldest_output(job)
        reasons: dict[Job, Reason] = {}
        masked: set[Job] = set()
        for job in sorted(self._order, key=self._levels().__getitem__):
            if job in masked:
                continue
            state = (job.inputs, self._oldest[job])
            if self._idle.get(job) == state:
                continue
            reason = self._own_reason(job)
            if reason:
                reasons[job] = reason
                masked.update(self._after(job))
            elif job not in self._targets:
                self._idle[job] = state
        self._spread(reasons)
        for job in masked:
            # It runs in any case; but people want to know of a changed setting, too.
            if job in reasons and self._files.exists(job.outputs[0] if job.outputs else ""):
                self._compare(job, reasons[job])
        return {job: reasons[job] for job in self._order if job in reasons}

    def _levels(self) -> dict[Job, int]:
        levels: dict[Job, int] = {}
        for job in self._order:
            levels[job] = 1 + max((levels[source] for source in job.made_from), default=0)
        return levels

    def _users(self, job: Job) -> list[Job]:
        return [user for user in job.used_by if user in self._present]

    def _after(self, job: Job) -> set[Job]:
        """All jobs that read, at one or more removes, from a job."""
        found: set[Job] = set()
        queue = [job]
        while queue:
            for user in self._users(queue.pop()):
                if user not in found:
                    found.add(user)
                    queue.append(user)
        return found

    def _oldest_output(self, job: Job) -> float | None:
        """Age of a job's oldest product; where it has none, that of a job that read from it."""
        ages = [age for path in job.outputs if (age := self._files.age(path)) is not None]
        if job.benchmark and (age := self._files.age(job.benchmark)) is not None:
            ages.append(age)
        if ages:
            return min(ages)
        followed = (self._oldest.get(user) for user in self._users(job))
        return next((age for age in followed if age is not None), None)

    def _own_reason(self, job: Job) -> Reason:
        """Why a job must run whatever the others do."""
        reason = Reason(cut_off=any(path in self._cut_off for path in job.outputs))
        if job in self._targets and not reason:
            asked = {item.path for user in self._users(job) for item in user.made_from[job]}
            if not job.rule.products:
                asked = {item.path for item in job.inputs}
            reason.missing = self._absent(asked.union(self._targets[job]))
        if reason or job.waits:
            return reason
        oldest = self._oldest[job]
        if oldest is not None:
            reason.newer = [item.path for item in job.inputs if self._is_newer(item, oldest, job)]
        if not reason and job.rule.outputs:
            self._compare(job, reason)
        return reason

    def _absent(self, paths: Collection[str]) -> list[str]:
        return [path for path in sorted(paths) if not self._files.exists(path)]

    def _is_newer(self, item: Input, oldest: float, job: Job) -> bool:
        if item.ancient or not self._files.newer(item.path, oldest):
            return False
        checksum = self._files.checksum(item.path)
        if checksum is None:
            return True
        records = [self._records.of(path) or {} for path in job.outputs]
        known = {(record.get("input_checksums") or {}).get(item.path) for record in records}
        return known not in ({checksum}, {checksum.removeprefix("sha256:")})

    def _compare(self, job: Job, reason: Reason) -> None:
        """Compare a job with the records of its outputs."""
        records = [self._records.of(path) for path in job.outputs]
        known = [record for record in records if record is not None]
        if len(known) < len(records) or any(
            record.get("record_format_version", 0) < RECORD_FORMAT_VERSION for record in known
        ):
            return
        if self._triggers.params:
            now = job.rule.params(job.wildcards)
            for record in known:
                if record.get("params") is not None and set(record["params"]) != set(now.values()):
                    reason.params |= _changes(record["params"], now)
        if self._triggers.input:
            paths = sorted(item.path for item in job.inputs)
            for record in known:
                if record.get("input") is not None and record["input"] != paths:
                    before = set(record["input"])
                    reason.inputs = (sorted(set(paths) - before), sorted(before - set(paths)))
                    # The same files more or less often are another set to Snakemake as well.
                    reason.inputs = reason.inputs if any(reason.inputs) else (paths, [])
        if self._triggers.software_env:
            reason.software = any(
                record.get("software_stack_hash") not in (None, _NO_ENVIRONMENT) for record in known
            )

    def _spread(self, reasons: dict[Job, Reason]) -> None:
        """Add what runs before and after the jobs that must run."""
        queue = deque(reasons)
        while queue:
            job = queue.popleft()
            for source, items in job.made_from.items():
                absent = self._absent({item.path for item in items})
                if absent:
                    if source not in reasons:
                        reasons[source] = Reason()
                        queue.append(source)
                    reasons[source].missing = sorted({*reasons[source].missing, *absent})
            for user in self._users(job):
                if user not in reasons:
                    read = user.made_from[job]
                    if all(item.ancient and self._files.exists(item.path) for item in read):
                        continue
                    reasons[user] = Reason()
                    queue.append(user)
                reasons[user].follows.append(job)


def _changes(before: list[Any], now: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """Parameters that changed, by name; the record holds their values in order of size, without names."""
    gone = [value for value in before if value not in set(now.values())]
    come = {name: value for name, value in now.items() if value not in before}
    if not come:
        return {"": (", ".join(gone), None)}
    return {name: (gone[0] if len(gone) == len(come) == 1 else None, value) for name, value in come.items()}
