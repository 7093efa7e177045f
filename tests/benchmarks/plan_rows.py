"""Snakemake's dry run for a country and for several, and what one new scene sets off, against the goals."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from builders import national
from builders.plans import Plan, dry_run, finish

from .table import Row, row

GOALS = {"dry_run_paper": (1, 6.0), "dry_run_27k": (8, 15.0), "dry_run_110k": (31, 60.0)}
"""Zones, each with the paper's tiles, scenes and sheets, and the seconds that the dry run may take."""

PEAK_MIB, NEW_SCENE_JOBS, RUNS = 512, 12, 3


def paper() -> list[Row]:
    """The paper's country: the plan from nothing, with nothing to do and with one new scene."""
    with tempfile.TemporaryDirectory() as name:
        country = national.build(Path(name))
        from_nothing = [dry_run(country) for _ in range(RUNS)]
        finish(country)
        idle = [dry_run(country) for _ in range(RUNS)]
        country.add_scene()
        added = [dry_run(country) for _ in range(RUNS)]
    if any(plan.jobs for plan in idle):
        raise SystemExit(f"a finished country has jobs: {idle[0].jobs}")
    jobs = added[0].jobs["total"] - added[0].jobs["all"]
    note = (
        f"against the goal; listed by the dry run after one new scene in a finished country of {len(country.scenes)} "
        f"scenes and {len(country.flagged)} flagged sheets, without the target `all`, which does nothing; "
        f"dry run {_cost(added)}; with nothing to do {_cost(idle)}"
    )
    return [
        _row("dry_run_paper", from_nothing),
        row("new_scene_jobs", [jobs], [NEW_SCENE_JOBS], "jobs", note),
    ]


def many(name: str) -> Callable[[], list[Row]]:
    """The plan from nothing for a number of zones."""

    def measure() -> list[Row]:
        with tempfile.TemporaryDirectory() as folder:
            country = national.build(Path(folder), GOALS[name][0])
            return [_row(name, [dry_run(country)])]

    return measure


def _row(name: str, plans: list[Plan]) -> Row:
    zones, goal = GOALS[name]
    note = (
        f"against the goal; `snakemake -n --quiet rules` of {plans[0].jobs['total']} jobs, {zones} times the paper's 7 "
        f"tiles, 1,532 scenes and 3,257 sheets; CPU {median(p.cpu_s for p in plans):.1f} s, peak memory "
        f"{max(p.peak_mib for p in plans):.0f} MiB of {PEAK_MIB} allowed; {len(plans)} runs"
    )
    return row(name, [p.seconds for p in plans], [goal], "s", note)


def _cost(plans: list[Plan]) -> str:
    return f"{median(p.seconds for p in plans):.1f} s, {max(p.peak_mib for p in plans):.0f} MiB"


GROUPS: dict[tuple[str, ...], Callable[[], list[Row]]] = {
    ("dry_run_paper", "new_scene_jobs"): paper,
    ("dry_run_27k",): many("dry_run_27k"),
    ("dry_run_110k",): many("dry_run_110k"),
}
"""Row names, and the function that measures them together."""
