"""What jobs will take, by the benchmark files of jobs of the same rule that ran before."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from heapq import nlargest
from statistics import mean

from .rules import Rule

NEWEST = 100
"""Benchmark files of a rule that are read: the newest, for data and machine change."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Mean of the newest jobs of a rule: wall and processor seconds of one job, and how many were read."""

    wall_s: float
    cpu_s: float
    jobs: int


def rate_of(rule: Rule) -> Rate | None:
    """Rate of a rule; None where none of its jobs left a benchmark file."""
    if rule.benchmark is None:
        return None
    folder = os.path.dirname(rule.benchmark.beginning)
    try:
        with os.scandir(folder) as entries:
            found = [(entry.stat().st_mtime, entry.path) for entry in entries if entry.is_file()]
    except OSError:
        return None
    rows = [_read(path) for _, path in nlargest(NEWEST, found) if rule.wildcards(path) is not None]
    known = [row for row in rows if row]
    if not known:
        return None
    return Rate(mean(wall for wall, _ in known), mean(cpu for _, cpu in known), len(known))


def _read(path: str) -> tuple[float, float] | None:
    """Wall and processor seconds; None where Snakemake could not measure (`NA`) or the file is damaged."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
        return float(row["s"]), float(row["cpu_time"])
    except (OSError, StopIteration, KeyError, ValueError):
        return None
