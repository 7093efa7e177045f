"""The page of what a country costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NODE_CORES = 16


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the workflow.

    Attributes:
        name: rule or rules.
        count: how often it is done.
        per: what is counted.
        core_s: processor seconds of one.
        source: where that was measured.
        download_gb: of all.
    """

    name: str
    count: float
    per: str
    core_s: float
    source: str
    download_gb: float = 0.0

    @property
    def core_h(self) -> float:
        """Core hours of all."""
        return self.count * self.core_s / 3600


@dataclass(frozen=True, slots=True)
class Product:
    """Files of a folder of the results: how many, GB of one, and where that comes from."""

    name: str
    count: float
    gb: float
    source: str

    @property
    def total_gb(self) -> float:
        """GB of all."""
        return self.count * self.gb


_HEAD = """\
# What a country costs

Made by `make cost` from rates that were measured ([benchmarks.md](benchmarks.md), and those [below](#rates)) and the
counts for Slovenia: 7 tiles, 1,532 scenes on 421 dates in 69 months and 12 half-years, as in the paper, and 3,257
orthophotos of which 200 are flagged. Rates are of two slow cores: measure one job on your nodes and scale.
"""

_ASSUMPTIONS = """\
## Assumptions

- A node has 16 cores and 64 GB and all of its cores are busy: 16 jobs of 2 GB fit, 16 months of 4 GB just so. Time
  spent waiting for images is not counted.
- Every scene is a full tile. Only what lies under the area is read, so a country whose border cuts its tiles costs
  less: Slovenia has 20,271 km² of the 84,000 km² of seven tiles.
- `grid.patch_stride` 64 as in the paper, `classifier.precision` fp32, no test-time flips. Composites were measured on a
  grid with sixteen times as many cells (stride 16), so that they cost less here; so was `change` (10,980²).
- An orthophoto has 4500 x 6000 pixels of 0.5 m; the benchmark's has a quarter of them, and a forest of 100 trees. For
  each flagged one the flight before it is segmented too. That 200 are flagged is an assumption, not a finding.
- "All other rules" are those that run once: their rates are of the demo, which is a tiny country, and were not scaled.
  That of `review_imagery` is of its small sheets too, scaled by their pixels. Both are times by the wall clock, taken
  for times of one core. The services and what people do are not in it.
- SLURM: each job by itself; the groups of `profiles/slurm` save most of it.
- A year brings twelve seventieths of the scenes, dates and flags of the first 70 months, and is refreshed each week:
  month, half-year and changes are made anew each time. Nothing is trained again.
- Images are served without being paid for, and are read once: no retries. Orthophotos are the agency's own.
"""

_GPU = """\
GPU hours: not measured. None of the measurements was made on a GPU, and the paper gives no hours. `classify`, `segment`
and the trainings are the steps that can use one.
"""


def page(
    first: Sequence[Step],
    year: Sequence[Step],
    products: Sequence[Product],
    choices: Mapping[tuple[str, int], float],
    stay: tuple[int, int],
    rates: Mapping[str, Mapping[str, Any]],
) -> str:
    """The page.

    Args:
        first: steps of the first run.
        year: steps of a further year.
        products: what lies on disk after the first run.
        choices: core hours of `classify` in the first run by precision and patch stride.
        stay: scenes that stay on disk with a bound, without and with those for reviewers.
        rates: those that are no rows of the benchmarks, with unit and source.
    """
    one = products[0].gb
    others = sum(product.total_gb for product in products[1:])
    parts = [
        _HEAD,
        "## The first run\n",
        _steps(first),
        _GPU,
        f"`ingest` reads {rates['benchmark_cog']['value']} MB a scene: images made with the noise of a sensor. Real "
        f"ones may be\n{rates['real_share']['value']} times as large, on disk as well (`real_share`).\n",
        "`classify` by precision and patch stride, core hours of the first run:\n",
        "| | 64 | 32 | 16 |\n|---|---:|---:|---:|",
        *(
            f"| {precision} | "
            + " | ".join(_short(choices[precision, stride]) for stride in (64, 32, 16))
            + " |"
            for precision in ("fp32", "int8")
        ),
        "\n## Disk\n",
        "| folder | files | GB each | GB | by |\n|---|---:|---:|---:|---|",
        *(
            f"| {p.name} | {_count(p.count)} | {_short(p.gb)} | {_short(p.total_gb)} | {p.source} |"
            for p in products
        ),
        f"| **all** | | | **{_short(others + products[0].total_gb)}** | |",
        "\nWith `storage.max_acquisitions_gb` ([storage.md](storage.md)) the first row becomes what is set there,\n"
        f"and all other rows stay: {_short(others)} GB. The {stay[0]} scenes behind the report's map and one to come "
        f"need {_short((stay[0] + 1) * one)} GB. Those for\nreviewers come on top: if every tile had flagged sheets of "
        f"every half-year, {stay[1]} scenes would have to stay,\n{_short((stay[1] + 1) * one)} GB with one to come; "
        "where changes are fewer, so are they.\n",
        "## Each further year\n",
        _steps(year),
        _ASSUMPTIONS,
        "## Rates\n",
        "Besides the rows of benchmarks.md:\n",
        "| rate | value | unit | measured |\n|---|---:|---|---|",
        *(
            f"| `{name}` | {_value(rate['value'])} | {rate['unit']} | {rate['source']} |"
            for name, rate in rates.items()
        ),
    ]
    return "\n".join(parts) + "\n"


def _steps(steps: Iterable[Step]) -> str:
    steps = list(steps)
    rows = [
        f"| {s.name} | {_count(s.count)} | {s.per} | {_short(s.core_s)} | {s.source} | {_short(s.core_h)} | "
        f"{_short(s.core_h / NODE_CORES)} | {_short(s.download_gb) if s.download_gb else ''} |"
        for s in steps
    ]
    core_h, download = sum(s.core_h for s in steps), sum(s.download_gb for s in steps)
    return "\n".join(
        [
            "| step | count | per | core s each | by | core h | node h | download, GB |",
            "|---|---:|---|---:|---|---:|---:|---:|",
            *rows,
            f"| **all** | | | | | **{_short(core_h)}** | **{_short(core_h / NODE_CORES)}** | **{_short(download)}** |",
            "",
        ]
    )


def _value(value: Any) -> str:
    """A rate; of several their sum."""
    return _short(sum(value.values())) if isinstance(value, Mapping) else f"{value:g}"


def _count(count: float) -> str:
    return f"{count:,.0f}"


def _short(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
