"""The plan of a run for a country and for several against Snakemake's dry run, and what one new scene sets off."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from builders import national
from builders.national import Country
from builders.plans import Plan, dry_run, finish, make_plan

from .table import Row, row

GOALS = {"plan_paper": (1, 6.0), "plan_27k": (8, 15.0), "plan_110k": (31, 60.0)}
"""Zones, each with the paper's tiles, scenes and sheets, and the seconds that the plan may take."""

PEAK_MIB, NEW_SCENE_JOBS, RUNS = 512, 12, 3


def paper() -> list[Row]:
    """The paper's country: the plan from nothing, with nothing to do and with one new scene."""
    with tempfile.TemporaryDirectory() as name:
        country = national.build(Path(name))
        rows = [_row("plan_paper", country, RUNS, "from nothing")]
        finish(country)
        (country.results / "change/32633_alerts.parquet").unlink()  # empty here
        rows.append(_row("plan_paper_idle", country, RUNS, "with nothing to do"))
        country.add_scene()
        rows.append(_row("plan_paper_new_scene", country, RUNS, "with one new scene"))
        jobs = dry_run(country).jobs
    note = (
        f"against the goal; listed by the dry run after one new scene in a finished country of {len(country.scenes)} "
        f"scenes and {len(country.flagged)} flagged sheets, without the target `all`, which does nothing"
    )
    return [*rows, row("new_scene_jobs", [jobs["total"] - jobs["all"]], [NEW_SCENE_JOBS], "jobs", note)]


def many(name: str) -> Callable[[], list[Row]]:
    """The plan from nothing for a number of zones."""

    def measure() -> list[Row]:
        with tempfile.TemporaryDirectory() as folder:
            return [_row(name, national.build(Path(folder), GOALS[name][0]), 1, "from nothing")]

    return measure


def _row(name: str, country: Country, runs: int, state: str) -> Row:
    ours: list[Plan] = []
    theirs: list[Plan] = []
    for _ in range(runs):
        ours.append(make_plan(country))
        theirs.append(dry_run(country))
    if ours[0].jobs != theirs[0].jobs:
        raise SystemExit(f"{name}: the lists differ: {ours[0].jobs} and {theirs[0].jobs}")
    zones, seconds = GOALS.get(name, GOALS["plan_paper"])
    note = (
        f"`snakemake -n --quiet rules`, which lists the same {theirs[0].jobs.get('total', 0)} jobs; {state}, {zones} "
        f"times the paper's 7 tiles, 1,532 scenes and 3,257 sheets; {seconds:.0f} s and {PEAK_MIB} MiB allowed; CPU "
        f"{_cpu(ours):.1f} s against {_cpu(theirs):.1f} s, peak memory {_peak(ours):.0f} MiB against "
        f"{_peak(theirs):.0f} MiB; {runs} runs"
    )
    return row(name, [plan.seconds for plan in ours], [plan.seconds for plan in theirs], "s", note)


def _cpu(plans: list[Plan]) -> float:
    return median(plan.cpu_s for plan in plans)


def _peak(plans: list[Plan]) -> float:
    return max(plan.peak_mib for plan in plans)


GROUPS: dict[tuple[str, ...], Callable[[], list[Row]]] = {
    ("plan_paper", "plan_paper_idle", "plan_paper_new_scene", "new_scene_jobs"): paper,
    ("plan_27k",): many("plan_27k"),
    ("plan_110k",): many("plan_110k"),
}
"""Row names, and the function that measures them together."""
