"""The graph of jobs behind the targets, made from the rules as Snakemake makes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from snakemake.exceptions import WorkflowError

from ..errors import PlanError
from .files import Files
from .rules import Input, Rule


class Job:
    """A rule with wildcards.

    Attributes:
        made_from: jobs that make its inputs, each with those inputs.
        used_by: jobs that read its outputs.
        waits: whether an input function waits for a checkpoint.
    """

    __slots__ = ("_values", "inputs", "made_from", "rule", "used_by", "waits")

    def __init__(self, rule: Rule, wildcards: dict[str, str]):
        self.rule = rule
        self._values = tuple(wildcards.values())
        self.inputs: tuple[Input, ...] = ()
        self.made_from: dict[Job, list[Input]] = {}
        self.used_by: list[Job] = []
        self.waits = False

    def __str__(self) -> str:
        return " ".join((self.rule.name, *self._values))

    @property
    def wildcards(self) -> dict[str, str]:
        """Values of the rule's wildcards."""
        return dict(zip(self.rule.wildcard_names, self._values, strict=True))

    @property
    def outputs(self) -> list[str]:
        """Output files."""
        wildcards = self.wildcards
        return [pattern.fill(wildcards) for pattern in self.rule.outputs]

    @property
    def benchmark(self) -> str | None:
        """Benchmark file."""
        return self.rule.benchmark.fill(self.wildcards) if self.rule.benchmark else None


class MissingInput(PlanError):
    """A job cannot run: an input file is absent and no rule makes it."""


class Graph:
    """Jobs behind the targets.

    Args:
        rules: of the workflow.
        files: on disk.
    """

    def __init__(self, rules: Iterable[Rule], files: Files):
        self._files = files
        self._exact: dict[str, Rule] = {}
        self._patterns: dict[str, list[Rule]] = {}
        for rule in rules:
            for pattern in rule.products:
                if pattern.names:
                    same = self._patterns.setdefault(pattern.beginning, [])
                    if rule not in same:
                        same.append(rule)
                else:
                    self._exact.setdefault(pattern.text, rule)
        self._lengths = sorted({len(beginning) for beginning in self._patterns})
        self._producers: dict[str, Job | None] = {}
        self._plain_inputs: dict[str, Input] = {}
        self._jobs: dict[tuple[str, ...], Job] = {}
        self._refused: dict[Job, PlanError] = {}
        self._complete: set[Job] = set()

    def add_rule(self, rule: Rule) -> Job:
        """The job of a rule without wildcards, with all jobs behind it."""
        job = self._job(rule, {})
        self._finish(job)
        if job in self._refused:
            raise self._refused[job]
        return job

    def add_file(self, path: str) -> Job:
        """The job that makes a file, with all jobs behind it."""
        job = self._producer(path)
        if job is None:
            raise PlanError(f"{path}: no rule makes this file; name a rule or a product of one")
        return job

    def reopen(self) -> None:
        """Look again at the jobs that wait for a checkpoint."""
        waiting = [job for job in self._complete if job.waits]
        for job in waiting:
            for source in job.made_from:
                source.used_by.remove(job)
            job.made_from.clear()
            self._complete.discard(job)
        for job in waiting:
            self._finish(job)
            if job in self._refused:
                raise self._refused[job]

    def refused_checkpoints(self) -> list[str]:
        """Outputs of checkpoints that cannot run, for want of an input, and whose outputs stand."""
        found = [path for job in self._refused if job.rule.is_checkpoint for path in job.outputs]
        return [path for path in found if self._files.exists(path)]

    def _job(self, rule: Rule, wildcards: dict[str, str]) -> Job:
        key = (rule.name, *wildcards.values())
        if key not in self._jobs:
            self._jobs[key] = Job(rule, wildcards)
        return self._jobs[key]

    def _producer(self, path: str) -> Job | None:
        """The job that makes a file; None for a file that lies there and that nothing can make."""
        if path not in self._producers:
            job = self._find(path)
            if job is not None:
                self._finish(job)
                if job in self._refused:
                    if not self._files.exists(path):
                        raise self._refused[job]
                    job = None
            self._producers[path] = job
        return self._producers[path]

    def _find(self, path: str) -> Job | None:
        if path in self._exact:
            return self._job(self._exact[path], {})
        found = []
        for length in self._lengths:
            for rule in self._patterns.get(path[:length], ()):
                wildcards = rule.wildcards(path)
                if wildcards is not None:
                    found.append((rule, wildcards))
        if len(found) > 1:
            names = " and ".join(rule.name for rule, _ in found)
            raise PlanError(f"{path}: rules {names} both make this file; see snakemake -n")
        return self._job(*found[0]) if found else None

    def _finish(self, job: Job) -> None:
        """Give a job its inputs and, behind them, its jobs; of one that cannot run, say why."""
        if job in self._complete or job in self._refused:
            return
        try:
            inputs: Sequence[Input] = job.rule.inputs(job.wildcards)
            producers = [self._producer(item.path) for item in inputs]
        except WorkflowError as error:
            self._refused[job] = PlanError(str(error))
            return
        except PlanError as error:
            self._refused[job] = error
            return
        for item, producer in zip(inputs, producers, strict=True):
            if producer is None and not self._files.exists(item.path):
                what = (
                    f"rule {job.rule.name}: input {item.path} is absent and no rule makes it; bring the file"
                )
                self._refused[job] = MissingInput(what)
                return
        # Many jobs read the same files: one object for each keeps a large country's graph small.
        job.inputs = inputs = tuple(
            self._plain_inputs.setdefault(item.path, item) if item.plain else item for item in inputs
        )
        job.waits = any(item.checkpoint for item in inputs)
        for item, producer in zip(inputs, producers, strict=True):
            if producer is not None:
                if producer not in job.made_from:
                    job.made_from[producer] = []
                    producer.used_by.append(job)
                job.made_from[producer].append(item)
        self._complete.add(job)


def in_order(targets: Iterable[Job]) -> list[Job]:
    """Targets and all jobs behind them, each after those that it reads from."""
    found: dict[Job, None] = {}
    for target in targets:
        _collect(target, found)
    return list(found)


def _collect(job: Job, found: dict[Job, None]) -> None:
    for source in job.made_from:
        if source not in found:
            _collect(source, found)
    found[job] = None
