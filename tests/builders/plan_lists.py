"""The list of jobs by `snakemake -n` and by `sealwatch.plan`, each in a fresh process that is quick to start."""

from __future__ import annotations

import io
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from sealwatch.errors import PlanError


class Lister:
    """Lists for a workflow in a folder; with a process that holds the imports, so that a list costs no second."""

    def __init__(self, folder: Path):
        self._folder = folder
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["builders.preloaded", "sealwatch.plan.plan"])
        self._pool = ProcessPoolExecutor(2, context, max_tasks_per_child=1)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()

    def both(self, *arguments: str) -> tuple[set[str] | str, set[str] | str]:
        """Outputs of the jobs that must run, by Snakemake and by the plan; the message where there is no list."""
        asked = [self._pool.submit(ask, self._folder, arguments) for ask in (_by_snakemake, _by_plan)]
        return asked[0].result(), asked[1].result()


def _by_snakemake(folder: Path, arguments: tuple[str, ...]) -> set[str] | str:
    """Outputs of the jobs of a dry run, looked up in Snakemake's own graph at its end."""
    from snakemake import api, cli

    os.chdir(folder)
    jobs: list[set[str]] = []
    execute = api.DAGApi.execute_workflow

    def dry_run(self: api.DAGApi, **options: Any) -> None:
        execute(self, **options)
        needed = self.workflow_api._workflow.dag.needrun_jobs(exclude_finished=False)
        jobs.append({str(path) for job in needed for path in job.output})

    api.DAGApi.execute_workflow = dry_run
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        parser, args = cli.parse_args([*arguments, "--dry-run", "--quiet", "all", "--nolock"])
        cli.args_to_api(args, parser)
    return jobs[0] if jobs else said.getvalue()


def _by_plan(folder: Path, arguments: tuple[str, ...]) -> set[str] | str:
    from sealwatch.plan.plan import make_plan

    os.chdir(folder)
    try:
        plan = make_plan(arguments)
    except PlanError as error:
        return str(error)
    return {path for job in plan.reasons for path in job.outputs}
