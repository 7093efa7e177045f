"""A project of its own in a folder, with a workflow of three rules, for scheduled runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import geopandas
import yaml
from shapely.geometry import box

from builders.demo import ROOT
from sealwatch.change.layers import ALERT_FIELDS
from sealwatch.files import atomic_path

_SNAKEFILE = """
rule all:
    input:
        "results/change/32633_alerts.parquet"

rule catalogue:
    localrule:
        True
    shell:
        "touch refreshed"

rule change:
    input:
        "alerts.parquet"
    output:
        "results/change/32633_alerts.parquet"
    shell:
        "touch started; while test -e hold; do sleep 0.1; done; cp {input} {output}"
"""


class Project:
    """Its alerts are those of `alerts.parquet`; a file `hold` makes the rule wait."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        (folder / "Snakefile").write_text(_SNAKEFILE)
        # Schema and defaults are the project's own.
        config = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
        self.config_file = folder / "my.yaml"
        self.config_file.write_text(yaml.safe_dump({**config, "project": "Testland", "results": "results"}))

    def command(self, *options: str) -> list[str]:
        """Command of a scheduled run."""
        own = ["--configfile", "my.yaml", "--cores", "1", *options]
        return [sys.executable, "-m", "sealwatch.scheduled", *own, "--", "--snakefile", "Snakefile"]

    def environment(self, **variables: str) -> dict[str, str]:
        """Environment of its processes."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SEALWATCH_")}
        return {**kept, "PYTHONPATH": str(ROOT / "workflow"), **variables}

    def run(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A scheduled run, to its end."""
        environment = self.environment(**variables)
        return subprocess.run(
            self.command(*options),
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a process in the folder, a scheduled run where none is named, and come back at once."""
        return subprocess.Popen(
            list(command) or self.command(),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def write_alerts(path: Path, statuses: Mapping[str, str]) -> None:
    """Write alerts of the given status by the last part of their ids."""
    rows = [
        dict.fromkeys(ALERT_FIELDS, "")
        | {
            "alert_id": f"32633-{key}",
            "zone": "32633",
            "row": 1,
            "col": 1,
            "first_month": "2024-05",
            "raised_month": "2024-06",
            "source": "months",
            "from_class": "AnnualCrop",
            "to_class": "Industrial",
            "confidence": 0.8312,
            "status": status,
        }
        for key, status in statuses.items()
    ]
    shapes = [box(500_000, 5_100_000, 500_160, 5_100_160)] * len(rows)
    frame = geopandas.GeoDataFrame(rows, columns=[*ALERT_FIELDS], geometry=shapes, crs=32633)
    with atomic_path(path) as part:
        frame.to_parquet(part, index=False)
