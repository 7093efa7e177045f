"""`python -m benchmarks.cost`: what a country costs, from rates that were measured, into docs/cost.md.

Rates come from docs/benchmarks.json and, where no row of it has them, from cost_rates.json beside this file, which says
how they were measured.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from builders import national
from sealwatch.catalogue.inventory import group_scenes
from sealwatch.files import write_text
from sealwatch.keys import half_range
from sealwatch.publish.review_scenes import review_scenes, stepped

from .cost_page import Product, Step, page
from .table import DOCS

SHEET_PX = 4500 * 6000
TILE_PX = 10980
MONTHS, HALVES = 69, 12
YEARS = 70 / 12
"""The paper's period, January 2020 to October 2025."""
REFRESHES = 52
TRAINED_PATCHES, EPOCHS = 21_600, 20
"""EuroSAT's 27,000 without the fifth held out; `classifier.epochs`."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is to do."""

    scenes: float
    dates: float
    months: float
    halves: float
    flagged: float
    changes: int


FIRST = Counts(national.PAPER.scenes, national.PAPER.passes, MONTHS, HALVES, national.PAPER.flagged, 1)
YEAR = Counts(
    round(FIRST.scenes / YEARS),
    round(FIRST.dates / YEARS),
    REFRESHES,
    REFRESHES,
    round(FIRST.flagged / YEARS),
    REFRESHES,
)
"""Twelve months more: a refresh each week makes the current month, half-year and changes anew."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Measured rates: rows of the benchmarks by name, and the others."""

    rows: dict[str, dict[str, Any]]
    others: dict[str, dict[str, Any]]

    def in_note(self, row: str, expression: str) -> float:
        """A figure in the note of a row."""
        found = re.search(expression, self.rows[row]["note"])
        if not found:
            raise SystemExit(
                f"docs/benchmarks.json: {row}: no `{expression}` in its note; run make bench ONLY={row}"
            )
        return float(found[1])

    def other(self, name: str) -> Any:
        """A figure that no row has."""
        return self.others[name]["value"]


def read_rates() -> Rates:
    """Rates as they are committed."""
    rows = json.loads((DOCS / "benchmarks.json").read_text(encoding="utf-8"))
    others = json.loads(Path(__file__).with_name("cost_rates.json").read_text(encoding="utf-8"))
    return Rates({row["name"]: row for row in rows}, others)


def patches_of_tile(stride: int) -> int:
    """Patches of a full tile."""
    return (TILE_PX // stride) ** 2


def steps(counts: Counts, rates: Rates, training: bool) -> list[Step]:
    """Steps with their processor time, at a patch stride of 64."""
    note = rates.in_note
    sheet = SHEET_PX / (2250 * 3000)
    prepare = sheet * note("sheet_end_to_end", r"prepare \S+ s wall ([\d.]+) s CPU")
    segment = sheet * note("sheet_end_to_end", r"segment \S+ s wall ([\d.]+) s CPU")
    outline = sheet * note("sheet_end_to_end", r"outline \S+ s wall ([\d.]+) s CPU")
    patch_s = note("classify_cpu_fp32", r"CPU ([\d.]+) ms a patch") / 1000
    composite, ends = "composite_national", r" [\d.]+ s \(([\d.]+) s CPU\)"
    found = [
        Step(
            "`ingest`",
            counts.scenes,
            "scene",
            note("ingest_job_memory_tile", r"([\d.]+) s CPU"),
            "`ingest_job_memory_tile`",
            counts.scenes * rates.other("benchmark_cog") / 1000,
        ),
        Step("`classify`", counts.scenes, "scene", patch_s * patches_of_tile(64), "`classify_cpu_fp32`"),
        Step("`mosaic`", counts.dates, "date", note(composite, "mosaic of 4 tiles" + ends), f"`{composite}`"),
        Step("`month`", counts.months, "month", note(composite, "probability" + ends), f"`{composite}`"),
        Step(
            "`half`",
            counts.halves,
            "half-year",
            note(composite, "half-year of 6 months, probability" + ends)
            + note(composite, "web copies of a half-year" + ends),
            f"`{composite}`",
        ),
        Step(
            "`change`",
            counts.changes,
            "run",
            note("change_rule_vs_read", r"CPU ([\d.]+) s"),
            "`change_rule_vs_read`",
        ),
        Step("`prepare_sheet`", 2 * counts.flagged, "flight", prepare, "`sheet_end_to_end`"),
        Step("`segment`", 2 * counts.flagged, "flight", segment, "`sheet_end_to_end`"),
        Step("`outline`", counts.flagged, "flagged sheet", outline, "`sheet_end_to_end`"),
        Step(
            "`review_imagery`",
            counts.flagged,
            "flagged sheet",
            rates.other("review_imagery") * SHEET_PX / 1e6,
            "[review_imagery](#rates)",
        ),
        Step("all other rules", counts.changes, "run", sum(rates.other("once").values()), "[once](#rates)"),
    ]
    if training:
        seconds = TRAINED_PATCHES * EPOCHS * rates.other("fine_tuning")
        found.append(
            Step(
                "`train_classifier`",
                1,
                "run",
                seconds,
                "[fine_tuning](#rates)",
                rates.other("eurosat_download"),
            )
        )
    jobs = 2 * counts.scenes + counts.dates + counts.months + counts.halves + 6 * counts.flagged
    once = len(rates.other("once")) * counts.changes
    found.append(Step("SLURM, at most", jobs + once, "job", rates.other("slurm_job"), "[slurm_job](#rates)"))
    return found


def products(rates: Rates) -> list[Product]:
    """What lies on disk after the first run, in GB."""
    acquisition = rates.in_note("ingest_job_memory_tile", r"([\d.]+) MB written") / 1000
    cells = 2900 * 1800 / 16
    cell = "layout, without compression"
    return [
        Product("acquisition", FIRST.scenes, acquisition, "`ingest_job_memory_tile`"),
        Product("landcover", FIRST.scenes, 45 * patches_of_tile(64) / 1e9, f"45 bytes a patch: {cell}"),
        Product("mosaic", FIRST.dates, 45 * cells / 1e9, f"45 bytes a cell: {cell}"),
        Product("month", FIRST.months, 49 * cells / 1e9, f"49 bytes a cell: {cell}"),
        Product("half", FIRST.halves, 49 * cells / 1e9, f"49 bytes a cell: {cell}"),
        Product(
            "ortho", 2 * FIRST.flagged, rates.other("ortho_bytes") * SHEET_PX / 1e9, "[ortho_bytes](#rates)"
        ),
        Product(
            "segmentation",
            2 * FIRST.flagged,
            rates.other("segmentation_bytes") * SHEET_PX / 1e9,
            "[segmentation_bytes](#rates)",
        ),
        Product("outline", FIRST.flagged, rates.other("outline_kb") / 1e6, "[outline_kb](#rates)"),
    ]


@cache
def scenes_that_stay() -> tuple[int, int]:
    """Scenes behind the report's map, and those with the ones for reviewers if each tile changed in every half-year."""
    with tempfile.TemporaryDirectory() as folder:
        scenes = national.build(
            Path(folder) / "country", size=replace(national.PAPER, sheets=1, flagged=0)
        ).scenes
    tiles = sorted({tile for tile, _, _ in scenes})
    background = {scene for tile in tiles for scene in sorted(s for s in scenes if s[0] == tile)[-3:]}
    shown: set[tuple[str, str, str]] = set()
    for tile in tiles:
        inventory = group_scenes([scene for scene in scenes if scene[0] == tile])
        for start in half_range(*national.PERIOD)[1:-2]:
            event = {"epsg": int("326" + tile[:2]), "bounds": [0, 0, 1, 1], "start_half": start}
            chosen = review_scenes({"events": [event | {"confirm_half": stepped(start, 2)}]}, inventory)
            shown.update(chosen["before"], chosen["after"])
    return len(background), len(background | shown)


def total(found: Iterable[Step]) -> float:
    """Core hours of all steps."""
    return sum(step.core_h for step in found)


def make_page() -> str:
    """The page's text."""
    rates = read_rates()
    int8 = rates.in_note("classify_cpu", r"CPU ([\d.]+) ms a patch") / 1000
    fp32 = rates.in_note("classify_cpu_fp32", r"CPU ([\d.]+) ms a patch") / 1000
    choices = {
        (name, stride): FIRST.scenes * rate * patches_of_tile(stride) / 3600
        for name, rate in (("fp32", fp32), ("int8", int8))
        for stride in (64, 32, 16)
    }
    return page(
        first=steps(FIRST, rates, training=True),
        year=steps(YEAR, rates, training=False),
        products=products(rates),
        choices=choices,
        stay=scenes_that_stay(),
        rates=rates.others,
    )


if __name__ == "__main__":
    write_text(DOCS / "cost.md", make_page())
