"""The whole chain with profiles/slurm on a real SLURM cluster: every rule, on steps that only fold their inputs."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from builders.demo import ROOT
from builders.eventful_country import EventfulCountry
from builders.folded_steps import Runner, link_for_nodes, products
from builders.slurm_checkout import PARTITIONS

pytestmark = pytest.mark.timeout(1800)

PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
GPU_RULES = {"classify", "train_forest", "segment"}
MEMBERS = {"ingest": 9, "classify": 9, "mosaic": 8, "month": 12, "half": 2}
"""Jobs of each group before the checkpoint: 9 scenes on 8 dates in a year."""

NODE_MB = 8000
"""Memory of a node: enough for every rule, less than the members of some groups ask for together."""


@pytest.fixture(scope="module")
def country(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    made = EventfulCountry(folder / "country", Runner(), seed=0, prepare=link_for_nodes, engine="gpu")
    (made.folder / "profiles").unlink()
    shutil.copytree(ROOT / "profiles", made.folder / "profiles")
    small = {name: limits | {"max_mem_mb": NODE_MB} for name, limits in PARTITIONS.items()}
    (made.folder / "profiles/slurm/partitions.yaml").write_text(yaml.safe_dump({"partitions": small}))
    resources = PROFILE["resources"] | {"mem_mb": NODE_MB}
    (made.folder / "profiles/slurm/config.yaml").write_text(
        yaml.safe_dump(PROFILE | {"resources": resources})
    )
    return made


def snakemake(country, *options, **environment):
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", "--configfile", "my.yaml"]
    done = subprocess.run(
        [*command, *options],
        cwd=country.folder,
        env=os.environ | environment | {"PYTHONPATH": f"{ROOT}/workflow:{ROOT}/tests"},
        capture_output=True,
        text=True,
        timeout=1700,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def chunks(rule):
    """How many SLURM jobs the jobs of a rule are to be."""
    return -(-MEMBERS[rule] // PROFILE["group-components"][rule])


def test_a_dry_run_shows_groups_of_the_size_that_the_profile_gives(country):
    blocks = re.split(r"^(?=\[)", snakemake(country, "-n"), flags=re.M)
    groups = [
        (found[1], block.count("Reason:"))
        for block in blocks
        if (found := re.search(r"Group job (\w+)", block))
    ]
    assert {rule: [name for name, _ in groups].count(rule) for rule in MEMBERS} == {
        rule: chunks(rule) for rule in MEMBERS
    }
    assert all(size <= PROFILE["group-components"][name] for name, size in groups)


def test_every_rule_runs_where_it_should_in_jobs_as_large_as_the_profile_says(country, cluster, tmp_path):
    quick = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10")
    snakemake(country, *quick, "--slurm-jobname-prefix", "chain", **cluster.environment)
    mine = [job for job in cluster.jobs() if job["JobName"].startswith("chain")]
    names = re.findall(r"^ *(?:rule|checkpoint) (\w+):", RULES, re.M)
    rules = {}
    for job in mine:
        # `change_styles` begins with `change`: the longest name is meant.
        rule = max((name for name in names if job["Comment"].startswith(f"rule_{name}")), key=len)
        rules.setdefault(rule, []).append(job)
    assert {job["JobState"] for job in mine} == {"COMPLETED"}
    assert {rule: len(rules[rule]) for rule in MEMBERS} == {rule: chunks(rule) for rule in MEMBERS}
    for rule, jobs in rules.items():
        given = {(job["Partition"], job["NodeList"][:3], job.get("TresPerJob")) for job in jobs}
        expected = ("gpu", "gpu", "gres:gpu:1") if rule in GPU_RULES else ("cpu", "cpu", None)
        assert given == {expected}, rule
    assert rules.keys() >= GPU_RULES | {"flag_sheets", "change", "evidence", "outline", "load", "report"}

    _, expected = country.clean(tmp_path / "clean")
    assert products(country.folder) == expected
