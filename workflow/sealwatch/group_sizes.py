"""Groups of SLURM jobs keep the size that the profile gives them, however often Snakemake looks at its graph again.

Snakemake 9 forms its groups anew whenever a checkpoint has run, out of the ones it had merged before, so that a group
of four holds sixteen jobs after the second look (https://github.com/snakemake/snakemake/issues/1217 and 1628). It would
also put jobs that are running into a group with jobs that wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from snakemake.dag import DAG
from snakemake.jobs import GroupJob, GroupJobFactory

_merge_components = DAG._update_group_components


def _new(_: GroupJobFactory, group: str, jobs: Iterable[Any], resources: Any) -> GroupJob:
    """A group of connected jobs; never one from before, which may hold others by now."""
    return GroupJob(group, frozenset(jobs), resources)


def _merge_waiting(dag: DAG) -> None:
    """Merge the groups that wait; those that run stay as they are."""
    running = {job: group for group in dag._running if group.is_group() for job in group}
    dag._group = {job: group for job, group in dag._group.items() if job not in running}
    _merge_components(dag)
    dag._group |= running


def keep() -> None:
    """Let Snakemake form its groups so."""
    GroupJobFactory.new = _new
    DAG._update_group_components = _merge_waiting
