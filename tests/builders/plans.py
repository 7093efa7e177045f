"""Snakemake's plans for a country without its data: what they list, how long they take and how much memory."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import run

from builders.demo import ROOT, link_checkout
from builders.national import Country

# A process takes over the peak memory of the one that started it, hence a small one in between.
_MEASURE = """
import json, os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, used = os.wait4(process.pid, 0)
figures = [time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]
json.dump(figures, open(sys.argv[1], "w"))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A finished dry run: number of jobs by rule with the sum as `total`, and what the dry run took."""

    jobs: dict[str, int]
    seconds: float
    cpu_s: float
    peak_mib: float
    text: str


def dry_run(country: Country, *options: str) -> Plan:
    """`snakemake -n` with the table of jobs only, in a process of its own."""
    text, *used = _snakemake(country, "-n", "--quiet", "rules", *options)
    jobs = {name: int(number) for name, number in re.findall(r"^(\w+) +(\d+)$", text, re.M)}
    return Plan(jobs, *used, text)


def make_plan(country: Country) -> Plan:
    """`make plan`, in a process of its own."""
    text, *used = _run(country, "sealwatch.plan")
    jobs = {name: int(number) for name, number in re.findall(r"^(\w+) +(\d+) ", text, re.M)}
    return Plan(jobs, *used, text)


def finish(country: Country) -> None:
    """Leave the country as after a run: every product an empty file, recorded by Snakemake as made.

    `--touch` records jobs whose products are absent without its tenth of a second for each; then all products get
    one time, so that none is older than what it was made of.
    """
    country.write_flags()
    _snakemake(country, "--touch", "--cores", "1", "--quiet", "all")
    listed, *_ = _snakemake(country, "--summary")
    rows = [Path(row.split("\t")[0]) for row in listed.splitlines()]
    # Other rows are Snakemake's messages.
    products = [path for path in rows if path.is_relative_to(country.results)]
    # The summary ends at the checkpoint, which counts as pending as long as its inputs are absent.
    for pattern in ("ortho/{}.h5", "segmentation/{}.h5", "outline/{}.gpkg", "review/{}"):
        products += [country.results / pattern.format(key) for key in country.flagged]
    for path in products:
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        else:
            path.mkdir(parents=True, exist_ok=True)
    now = time.time()
    for path in [country.results, *country.results.rglob("*")]:
        os.utime(path, (now, now))


def _snakemake(country: Country, *options: str) -> tuple[str, float, float, float]:
    return _run(country, "snakemake", *options, "--nolock")


def _run(country: Country, module: str, *options: str) -> tuple[str, float, float, float]:
    """Output, seconds, processor seconds and the most memory in MiB."""
    folder = country.config_file.parent
    link_checkout(folder)
    command = [sys.executable, "-m", module, *options, "--configfile", country.config_file]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    with tempfile.TemporaryFile("w+") as output, tempfile.NamedTemporaryFile("r") as figures:
        done = run(
            [sys.executable, "-c", _MEASURE, figures.name, *map(str, command)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            check=False,
        )
        output.seek(0)
        text = output.read()
        if done.returncode:
            raise RuntimeError(f"{module} {' '.join(options)} failed:\n{text[-3000:]}")
        seconds, cpu_s, peak_mib = json.load(figures)
    return text, seconds, cpu_s, peak_mib
