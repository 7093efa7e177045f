"""A run of the workflow in batches of scenes, between which acquisitions that are no longer needed are removed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from snakemake.cli import parse_args

from ..errors import StorageError
from ..passing import Passing
from ..plan.graph import Job
from ..plan.plan import Plan, make_plan
from ..scheduled.holder import lock_files
from .bound import GB, KEY, bound_of, check_bound, make_room, next_batch
from .scenes import Scenes, scenes_of


def tidy(arguments: Sequence[str]) -> None:
    """Remove acquisitions that are no longer needed, oldest first, until the rest is within the bound.

    Args:
        arguments: of `snakemake`, without targets.

    Raises:
        PlanError: the workflow or an argument does not do.
        StorageError: no bound is set, or a run is going on.
    """
    _check(arguments)
    _refuse_while_running()
    plan = make_plan(arguments)
    bound = bound_of(plan)
    if bound is None:
        raise StorageError(f"{KEY}: is null, so that all acquisitions are kept; set a bound in GB")
    scenes = scenes_of(plan)
    _free(scenes, bound)
    rest = f"Acquisitions take {scenes.total / GB:.3g} GB of {bound / GB:g} GB"
    needed = "" if scenes.total <= bound else ": all of them are still needed"
    print(f"{rest}{needed}.", flush=True)


def run(arguments: Sequence[str]) -> int:
    """Run the whole workflow with acquisitions within the bound; without a bound, as `snakemake` does.

    Args:
        arguments: of `snakemake`, without targets.

    Returns:
        Snakemake's exit code; 1 where scenes could not be classified.

    Raises:
        PlanError: the workflow or an argument does not do.
        StorageError: what must stay does not fit the bound, or another run is going on.
    """
    _check(arguments)
    _refuse_while_running()
    plan = make_plan(arguments)
    bound = bound_of(plan)
    if bound is None:
        return _snakemake([], arguments)
    tried: set[str] = set()
    flags_asked = fetched_again = False
    while True:
        scenes = scenes_of(plan)
        check_bound(scenes, bound)
        waiting = [job for job in scenes.to_classify if str(job) not in tried]
        if waiting and not scenes.measured:
            tried |= _measure(waiting[0], arguments)
        elif waiting:
            batch, to_come = next_batch(scenes, bound, tried)
            if not batch:
                raise StorageError(
                    f"{KEY}: no scene fits beside those that could not be classified; mend what Snakemake reports "
                    f"of them, or raise the bound of {bound / GB:g} GB"
                )
            _free(scenes, bound, to_come)
            print(f"Next: {len(batch)} of {len(waiting)} scenes, {len(to_come)} to be fetched.", flush=True)
            _snakemake([job.outputs[0] for job in batch], arguments)
            tried |= {str(job) for job in batch}
        elif scenes.to_classify:
            print(f"{len(scenes.to_classify)} scenes failed: see above, and run again.", file=sys.stderr)
            return 1
        elif plan.pending_checkpoint and not flags_asked:
            # Only the flags tell which scenes reviewers will be shown.
            flags_asked = True
            if code := _snakemake([plan.pending_checkpoint.rule.name], arguments):
                return code
        elif scenes.again and not fetched_again:
            fetched_again = True
            if code := _fetch_again(plan, scenes, bound, arguments):
                return code
        else:
            break
        plan = make_plan(arguments)
    _free(scenes, bound, scenes.pending)
    code = _snakemake([], arguments)
    if not code:
        tidy(arguments)
    return code


def _measure(job: Job, arguments: Sequence[str]) -> set[str]:
    """Fetch one scene, which tells how many fit the bound; returns its job's name if that failed."""
    print("Next: one scene, to learn how large they are.", flush=True)
    path = next(source.outputs[0] for source in job.made_from if source.rule.name == "ingest")
    return {str(job)} if _snakemake([path], arguments) else set()


def _fetch_again(plan: Plan, scenes: Scenes, bound: int, arguments: Sequence[str]) -> int:
    """Fetch classified scenes whose file was removed and is needed now, without classifying them once more."""
    paths = [job.outputs[0] for job in scenes.again]
    _free(scenes, bound, paths)
    print(f"Next: {len(paths)} scenes are needed once more.", flush=True)
    code = _snakemake(paths, arguments)
    for job in scenes.again:
        # The same bytes as before: a younger file would have everything after it made anew.
        made = [
            path
            for user in job.used_by
            if user.rule.name == "classify"
            for path in [*user.outputs, user.benchmark]
        ]
        age = min(os.stat(path).st_mtime_ns for path in made if path and os.path.exists(path))
        if os.path.exists(job.outputs[0]):
            os.utime(job.outputs[0], ns=(age, age))
    return code


def _free(scenes: Scenes, bound: int, to_come: Collection[str] = ()) -> None:
    _refuse_while_running()
    before = scenes.total
    removed = make_room(scenes, bound, to_come)
    if removed:
        print(f"Removed {len(removed)} acquisitions: {(before - scenes.total) / GB:.3g} GB.", flush=True)


def _check(arguments: Sequence[str]) -> None:
    """Only the plan of the whole run tells what is needed, and a dry run would leave all as it is."""
    _, given = parse_args([*arguments])
    refused = {"targets": given.targets, "--directory": given.directory, "--dry-run": given.dryrun}
    for name, value in refused.items():
        if value:
            raise StorageError(f"{name}: not taken here; see `make plan` and docs/storage.md")


def _refuse_while_running() -> None:
    if locks := lock_files(Path()):
        raise StorageError(
            f"{locks[0].parent}: a run is going on in this folder, or one was killed; wait for it, or run "
            "snakemake --unlock"
        )


def _snakemake(targets: Sequence[str], arguments: Sequence[str]) -> int:
    """Run Snakemake to its end; an interruption is left to it, and ends this program after it."""
    with Passing(own_session=False) as signals:
        process = subprocess.Popen([sys.executable, "-m", "snakemake", *targets, *arguments])
        signals.pass_to(process)
        code = process.wait()
    if signals.received:
        sys.exit(128 + signals.received[0])
    return code
