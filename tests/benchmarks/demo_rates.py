"""`python -m benchmarks.demo_rates RESULTS`: rates of cost_rates.json that a finished demo's results give."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import h5py
import pandas as pd

from sealwatch.files import write_json

from .table import of_three_digits

RATES = Path(__file__).with_name("cost_rates.json")
SCALED = frozenset(
    """
    change classify eurosat half ingest label_patches month mosaic outline prepare_sheet review_imagery segment
    train_classifier
    """.split()  # noqa: SIM905
)
"""Rules that other rates stand for; all others run once, whatever the size of the country."""


def rates(results: Path) -> dict[str, dict[str, Any]]:
    """Rates from the products and the benchmark files of a run.

    Args:
        results: folder of all products.
    """
    seconds = _seconds(results / "benchmarks")
    demo = "`s` of the demo's benchmark files, two slow cores"
    ortho, segmentation = sorted(results.glob("ortho/*.h5")), sorted(results.glob("segmentation/*.h5"))
    outlines = sorted(results.glob("outline/*.gpkg"))
    return {
        "ortho_bytes": {
            "value": of_three_digits(median(map(_bytes_a_pixel, ortho))),
            "unit": "bytes a pixel",
            "source": f"median of the demo's {len(ortho)} `ortho/*.h5`",
        },
        "segmentation_bytes": {
            "value": of_three_digits(median(map(_bytes_a_pixel, segmentation))),
            "unit": "bytes a pixel",
            "source": f"median of the demo's {len(segmentation)} `segmentation/*.h5`",
        },
        "outline_kb": {
            "value": round(median(path.stat().st_size for path in outlines) / 1000),
            "unit": "kB",
            "source": f"median of the demo's {len(outlines)} `outline/*.gpkg`",
        },
        "review_imagery": {
            "value": of_three_digits(median(seconds["review_imagery"]) / median(map(_pixels, ortho)) * 1e6),
            "unit": "seconds a million pixels of the flagged sheet",
            "source": f"{demo} (median of {len(seconds['review_imagery'])})",
        },
        "once": {
            "value": {
                rule: of_three_digits(median(values))
                for rule, values in seconds.items()
                if rule not in SCALED
            },
            "unit": "seconds",
            "source": f"{demo} (median of a rule)",
        },
    }


def _seconds(folder: Path) -> dict[str, list[float]]:
    """Seconds of the jobs of each rule; `publish/load.tsv` is of rule `load`, `month/....tsv` of `month`.

    By the wall clock: Snakemake's `cpu_time` misses the modules of GRASS that end between two of its looks.
    """
    found = defaultdict(list)
    for path in sorted(folder.rglob("*.tsv")):
        of_rule = path.parent == folder or path.parent.name == "publish"
        rule = path.stem if of_rule else path.parent.name
        found[rule].append(float(pd.read_csv(path, sep="\t")["s"].iloc[-1]))
    return dict(sorted(found.items()))


def _bytes_a_pixel(path: Path) -> float:
    return path.stat().st_size / _pixels(path)


def _pixels(path: Path) -> int:
    """Pixels of the largest image of a file."""
    with h5py.File(path) as file:
        images = [item.shape for item in file.values() if isinstance(item, h5py.Dataset) and item.ndim >= 2]
    return max(shape[-2] * shape[-1] for shape in images)


if __name__ == "__main__":
    write_json(RATES, json.loads(RATES.read_text(encoding="utf-8")) | rates(Path(sys.argv[1])))
