"""The plan as text for people: how many jobs of each rule, why, and what they will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from .costs import Rate
from .graph import Job
from .needed import Reason
from .plan import Plan
from .reasons import NEW_SCENE, REPROCESSED

_NAMED = 8
"""Scenes and orthophotos that are named; of the others only the number is told."""


def render(
    plan: Plan, causes: Mapping[Job, frozenset[str]], rates: Mapping[str, Rate | None], may_follow: list[str]
) -> str:
    """The plan as lines of text.

    Args:
        plan: see `make_plan`.
        causes: of each job, see `first_causes`.
        rates: of each rule, see `rate_of`.
        may_follow: orthophotos under provisional alerts.
    """
    if not plan.reasons:
        return f"Nothing to be done: all {plan.jobs} jobs are up to date."
    lines = [f"{len(plan.reasons)} of {plan.jobs} jobs will run.", ""]
    lines += _jobs(plan.reasons, causes, rates)
    for cause, title in ((NEW_SCENE, "New scenes"), (REPROCESSED, "Reprocessed scenes")):
        scenes = [_scene(j) for j in plan.reasons if j.rule.name == "ingest" and cause in causes[j]]
        if scenes:
            lines += ["", f"{title}: {_listed(scenes)}"]
    if plan.pending_checkpoint:
        lines += ["", *_after_checkpoint(plan, rates, may_follow)]
    without = sorted({job.rule.name for job in plan.reasons if job.rule.benchmark} - _measured(rates))
    if without:
        lines += ["", f"Not in the hours, for no job of them has run yet: {', '.join(without)}."]
    return "\n".join(lines)


def _jobs(
    reasons: Mapping[Job, Reason],
    causes: Mapping[Job, frozenset[str]],
    rates: Mapping[str, Rate | None],
) -> list[str]:
    rows = [("rule", "jobs", "CPU h", "GPU h", "why")]
    total_cpu = total_gpu = 0.0
    grouped: dict[str, list[Job]] = {}
    for job in reasons:
        grouped.setdefault(job.rule.name, []).append(job)
    for name, jobs in grouped.items():
        rate, gpus = rates.get(name), jobs[0].rule.gpus
        cpu = rate.cpu_s * len(jobs) / 3600 if rate else None
        gpu = rate.wall_s * gpus * len(jobs) / 3600 if rate and gpus else None
        total_cpu += cpu or 0.0
        total_gpu += gpu or 0.0
        unknown = "?" if jobs[0].rule.benchmark else ""
        rows.append(
            (
                name,
                str(len(jobs)),
                _hours(cpu, unknown),
                _hours(gpu, unknown if gpus else ""),
                _why(jobs, causes),
            )
        )
    rows.append(("total", str(len(reasons)), _hours(total_cpu, ""), _hours(total_gpu or None, ""), ""))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return [
        f"{row[0]:<{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:4], widths[1:], strict=True))
        + f"  {row[4]}".rstrip()
        for row in rows
    ]


def _why(jobs: Iterable[Job], causes: Mapping[Job, frozenset[str]]) -> str:
    """Causes of the jobs of a rule; a number where a cause does not hold for all of them."""
    jobs = list(jobs)
    counted = Counter(cause for job in jobs for cause in causes[job])
    return "; ".join(
        cause if number == len(jobs) else f"{cause} ({number})" for cause, number in counted.most_common()
    )


def _after_checkpoint(plan: Plan, rates: Mapping[str, Rate | None], may_follow: list[str]) -> list[str]:
    assert plan.pending_checkpoint is not None
    lines = [f"{plan.pending_checkpoint.rule.name} runs before what lies below it is known."]
    if plan.waiting:
        counted = Counter(job.rule.name for job in plan.waiting)
        lines.append(
            "If it finds what it found before: " + ", ".join(f"{n} {k}" for k, n in counted.items()) + "."
        )
    if may_follow:
        cost = sum(rate.cpu_s for name in _SHEET_RULES if (rate := rates.get(name)))
        lines.append(
            f"Orthophotos that may follow, under alerts not confirmed yet: {_listed(may_follow)}; "
            f"at most {cost * len(may_follow) / 3600:.1f} CPU h more."
        )
    return lines


_SHEET_RULES = ("prepare_sheet", "segment", "outline", "review_imagery")
"""Rules that run for an orthophoto that is flagged."""


def _measured(rates: Mapping[str, Rate | None]) -> set[str]:
    return {name for name, rate in rates.items() if rate}


def _scene(job: Job) -> str:
    return " ".join(job.wildcards[name] for name in ("tile", "date", "platform"))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} ({', '.join(names[:_NAMED])}{more})"


def _hours(hours: float | None, unknown: str) -> str:
    if hours is None:
        return unknown
    return f"{hours:.2f}" if hours < 10 else f"{hours:.0f}"
