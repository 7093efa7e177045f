"""A checkout as a user of a SLURM cluster has it, with a site of tiny orthophotos to run on."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path

import yaml

from builders.demo import ROOT, link_checkout
from builders.sheet_site import SheetSite
from builders.slurm_cluster import SlurmCluster

PARTITIONS = {
    "cpu": {"max_runtime": 480, "max_mem_mb": 16000, "max_threads": 8},
    "gpu": {"max_runtime": 480, "max_mem_mb": 16000, "max_threads": 8, "max_gpu": 1},
}

GPU_RULES = ("train_forest", "segment")
"""Rules that ask for a GPU here. There is no real one: the work is done by the processor."""


class Checkout:
    """A site of tiny orthophotos, run by Snakemake with the profile in a working directory of its own."""

    def __init__(self, folder: Path, cluster: SlurmCluster) -> None:
        self.folder, self.cluster = folder, cluster
        (folder / "profiles").mkdir(parents=True)
        link_checkout(folder, ("config", "envs", "scripts", "workflow", "profiles/default"))
        shutil.copytree(ROOT / "profiles/slurm", folder / "profiles/slurm")
        (folder / "profiles/slurm/partitions.yaml").write_text(yaml.safe_dump({"partitions": PARTITIONS}))
        (folder / "home/snakemake").mkdir(parents=True)
        (folder / "home/snakemake/slurm").symlink_to(folder / "profiles/slurm")
        (folder / "site").mkdir()
        self.site = SheetSite(folder / "site")

    def on(self, cluster: SlurmCluster) -> Checkout:
        """The same checkout and site on another cluster."""
        other = copy.copy(self)
        other.cluster = cluster
        return other

    def start(self, *options: str, only: tuple[str, ...] | None = None) -> subprocess.Popen[str]:
        """Begin a run on the cluster."""
        asks = [f"{rule}:gpu=1" for rule in GPU_RULES]
        command = [
            *self.site.command("--profile", "slurm", only=only),
            *("--set-resources", *asks, *options),
            # A quiet machine answers sooner than a busy cluster.
            *("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10"),
        ]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.cluster.environment | {"XDG_CONFIG_HOME": str(self.folder / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> str:
        """Wait for the end of a run that must succeed; returns what it says."""
        said, _ = process.communicate(timeout=400)
        assert process.returncode == 0, said
        return said

    def run(self, *options: str, only: tuple[str, ...] | None = None) -> str:
        """A run on the cluster that must succeed; returns what it says."""
        return self.finish(self.start(*options, only=only))
