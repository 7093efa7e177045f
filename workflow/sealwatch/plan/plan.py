"""The plan that `snakemake -n` would list for the same arguments."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from snakemake import api, cli

from ..errors import PlanError
from .files import Files, Records
from .graph import Graph, Job, in_order
from .needed import Needed, Reason, Triggers
from .rules import Rule

_UNKNOWN_OPTIONS = ("until", "omit_from", "forcerun", "forcetargets", "forceall", "allowed_rules", "batch")
"""Settings of Snakemake that change the list and that are left to `snakemake -n`."""


@dataclass(slots=True)
class Plan:
    """What a run would do.

    Attributes:
        config: configuration of the workflow.
        rules: its rules by name.
        reasons: jobs that must run, each after those that it reads from: the list of `snakemake -n`.
        waiting: jobs below a checkpoint that must run first, as they are known before it; Snakemake lists what is
            left of them once it has run.
        pending_checkpoint: that checkpoint.
        every: all jobs, those with nothing to do included.
    """

    config: dict[str, Any]
    rules: dict[str, Rule]
    reasons: dict[Job, Reason]
    waiting: dict[Job, Reason] = field(default_factory=dict)
    pending_checkpoint: Job | None = None
    every: Sequence[Job] = ()

    @property
    def jobs(self) -> int:
        """Number of all jobs."""
        return len(self.every)


def make_plan(arguments: Sequence[str]) -> Plan:
    """Plan a run.

    Args:
        arguments: of `snakemake`: targets, `--configfile`, `--profile`, `--directory` and the like.

    Raises:
        PlanError: the workflow, its configuration or an argument does not do; the message says what.
    """
    made: list[Plan] = []
    # Snakemake's own way through profiles and configuration, up to the point where it would build its graph.
    said = io.StringIO()
    with (
        patch.object(api.DAGApi, "execute_workflow", lambda self, **_: made.append(_plan(self))),
        redirect_stdout(said),
        redirect_stderr(said),
    ):
        parser, args = cli.parse_args([*arguments, "--dry-run", "--quiet", "all"])
        cli.args_to_api(args, parser)
    if not made:
        raise PlanError(said.getvalue().strip())
    return made[0]


def _plan(dag_api: api.DAGApi) -> Plan:
    workflow = dag_api.workflow_api._workflow
    settings = dag_api.dag_settings
    given = [name for name in _UNKNOWN_OPTIONS if getattr(settings, name)]
    if given:
        raise PlanError(f"--{given[0].replace('_', '-')}: not known to the plan; use snakemake -n")
    files = Files(settings.max_checksum_file_size)
    records = Records()
    rules = {rule.name: Rule(rule) for rule in workflow.rules}
    graph = Graph(rules.values(), files)
    targets: dict[Job, list[str]] = {}
    for name in settings.targets or [workflow.default_target]:
        if name in rules:
            job = graph.add_rule(rules[name])
            targets[job] = job.outputs + ([job.benchmark] if job.benchmark else [])
        else:
            path = name if os.path.isabs(name) else os.path.relpath(name)
            targets.setdefault(graph.add_file(path), []).append(path)
    compared = {trigger.name.lower() for trigger in settings.rerun_triggers}
    triggers = Triggers("params" in compared, "input" in compared, "software_env" in compared)
    began = {path for job in in_order(targets) for path in job.outputs if path in records.incomplete}
    cut_off = {path for path in began if files.exists(path)}
    needed = Needed(targets, files, records, triggers, cut_off)
    reasons = needed.jobs()
    created = workflow.checkpoints.created_output
    created.update(graph.refused_checkpoints())
    checkpoints = [job for job in in_order(targets) if job.rule.is_checkpoint]
    pending = next((job for job in checkpoints if job in reasons), None)
    done = [job for job in checkpoints if job not in reasons]
    for job in done:
        created.update(path for path in job.outputs if files.exists(path))
    if created:
        graph.reopen()
        reasons = needed.jobs()
    plan = Plan(workflow.config, rules, reasons, {}, pending, in_order(targets))
    if pending and all(map(files.exists, pending.outputs)):
        created.update(pending.outputs)
        graph.reopen()
        plan.waiting = {job: reason for job, reason in needed.jobs().items() if job not in reasons}
        plan.every = in_order(targets)
    return plan
