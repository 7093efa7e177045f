"""`python -m sealwatch.plan [--jobs] [arguments of snakemake]`: what a run would do, as a table for people.

With `--jobs` one line for each job, as in the list of `snakemake -n`: rule and wildcards, tab, causes.
"""

from __future__ import annotations

import sys

from ..errors import SealwatchError
from .costs import rate_of
from .files import Records
from .follow import sheets_under_alerts
from .graph import Job
from .plan import Plan, make_plan
from .reasons import first_causes
from .table import render


def main(arguments: list[str]) -> int:
    """Print the plan; 0 if one could be made."""
    one_by_one = "--jobs" in arguments
    try:
        plan = make_plan([argument for argument in arguments if argument != "--jobs"])
        causes = first_causes(plan.reasons, Records())
        if one_by_one:
            for job, why in causes.items():
                print(f"{job}\t{'; '.join(sorted(why))}")
        else:
            print(_text(plan, causes))
    except SealwatchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _text(plan: Plan, causes: dict[Job, frozenset[str]]) -> str:
    may_follow: list[str] = []
    if plan.pending_checkpoint:
        changes = [item.path for item in plan.pending_checkpoint.inputs if item.path.endswith(".gpkg")]
        alerts = [f"{path.removesuffix('.gpkg')}_alerts.parquet" for path in changes]
        (flags,) = plan.pending_checkpoint.outputs
        may_follow = sheets_under_alerts(alerts, plan.config["orthophoto"]["sheets"], flags)
    rates = {name: rate_of(rule) for name, rule in plan.rules.items()} if plan.reasons else {}
    return render(plan, causes, rates, may_follow)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
