"""The workflow with profiles/slurm on a real SLURM cluster: where jobs run, and what happens when something fails."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from builders.demo import ROOT
from builders.slurm_checkout import GPU_RULES
from builders.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

CPU_RULES = ("prepare_sheet", "outline")

CANCEL_ORPHANS = (
    """squeue --me --noheader --format="%i %j" | awk '$2 ~ /^sealwatch_/ {print $1}' | xargs -r scancel"""
)


def asked_for(job):
    """Memory in MB and time in minutes that a job asked for."""
    memory = re.fullmatch(r"(\d+)([MG])", job["MinMemoryNode"])
    hours, minutes, _ = job["TimeLimit"].split(":")
    return int(memory[1]) * {"M": 1, "G": 1024}[memory[2]], 60 * int(hours) + int(minutes)


def running(cluster, rule):
    """Jobs of a rule that are running."""
    return [job for job in cluster.jobs_of(rule) if job["JobState"] == "RUNNING"]


@pytest.fixture(scope="module")
def overtime(cluster, open_checkout):
    """A run whose only job has one minute, and stands still; it goes on while other tests use the cluster."""
    late = open_checkout("late")
    limits = "prepare_sheet:runtime=attempt"
    run = late.start(
        limits, "--groups", "none=none", "--slurm-jobname-prefix", "late", only=("ortho/F_2022.h5",)
    )
    wait_for("the job", lambda: running(cluster, "prepare_sheet"))
    (job,) = running(cluster, "prepare_sheet")
    wait_for("its processes", lambda: len(list(cluster.processes_of(job["JobId"]))) > 2)
    for process in cluster.processes_of(job["JobId"]):
        process.suspend()
    yield late, run, job["JobId"]
    if run.poll() is None:
        run.kill()


def test_jobs_over_memory_are_tried_again_while_the_controller_is_restarted(overtime, checkout, cluster):
    sheets = ("ortho/W_2022.h5", "ortho/E_2022.h5")
    expected = checkout.site.contents()
    for name in sheets:
        (checkout.site.results / name).unlink()
    little = "prepare_sheet:mem_mb=150 if wildcards.sheet == 'E' and attempt == 1 else 2000"
    run = checkout.start(little, "--groups", "none=none", only=sheets)

    def mine():
        return [j for j in cluster.jobs_of("prepare_sheet") if j["JobName"].startswith("sealwatch_")]

    wait_for("both jobs", lambda: len(mine()) == 2)
    cluster.stop_controller()
    time.sleep(3)
    cluster.start_controller()
    checkout.finish(run)
    attempts = sorted((asked_for(job)[0], job["JobState"]) for job in mine())
    assert attempts == [(150, "FAILED"), (2000, "COMPLETED"), (2000, "COMPLETED")]
    assert checkout.site.contents() == expected


def test_gpu_rules_get_one_gpu_on_the_gpu_partition_and_a_cancelled_group_twice_the_memory_and_time(
    checkout, cluster
):
    expected = checkout.site.contents()
    for folder in ("models", "segmentation", "outline"):
        shutil.rmtree(checkout.site.results / folder)
    run = checkout.start(only=("outline/W_2022.gpkg", "outline/E_2022.gpkg"))
    wait_for("the group of segmentations", lambda: running(cluster, "segment"), 120)
    first = running(cluster, "segment")[0]
    cluster.call("scancel", first["JobId"])
    checkout.finish(run)
    assert checkout.site.contents() == expected
    mine = [job for job in cluster.jobs_of("segment") if job["JobName"].startswith("sealwatch_")]
    one, two = sorted(mine, key=lambda job: int(job["JobId"]))
    assert (one["JobState"], two["JobState"]) == ("CANCELLED", "COMPLETED")
    # Three sheets in turn: the memory of one, the time of all.
    assert (asked_for(one), asked_for(two)) == ((2000, 60), (4000, 120))
    for rule in GPU_RULES:
        for job in cluster.jobs_of(rule):
            given = [job[field] for field in ("Partition", "NodeList", "JOB_GRES", "TresPerJob")]
            assert given == ["gpu", "gpu1", "gpu:fake:1", "gres:gpu:1"]
    for rule in CPU_RULES:
        jobs = cluster.jobs_of(rule)
        assert {job["Partition"] for job in jobs} == {"cpu"}
        assert {(job.get("JOB_GRES", "(null)"), job.get("TresPerJob")) for job in jobs} == {("(null)", None)}


def test_after_kill_9_the_lock_is_explained_and_the_rerun_gives_the_same_bytes(checkout, cluster):
    expected = checkout.site.contents()
    target = "segmentation/E_2022.h5"
    (checkout.site.results / target).unlink()
    run = checkout.start(only=(target,))
    wait_for("the job", lambda: running(cluster, "segment"))
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    assert running(cluster, "segment")

    second = checkout.start(only=(target,))
    said, _ = second.communicate(timeout=60)
    assert second.returncode
    assert "cannot be locked" in said
    assert "--unlock" in said

    assert CANCEL_ORPHANS in (ROOT / "docs/hpc.md").read_text()
    subprocess.run(["bash", "-c", CANCEL_ORPHANS], env=cluster.environment, check=True, timeout=60)
    wait_for("the orphan to end", lambda: not running(cluster, "segment"))
    checkout.run("--unlock", only=(target,))
    checkout.run(only=(target,))
    assert checkout.site.contents() == expected


def test_a_job_of_a_killed_node_is_done_on_another(checkout, cluster):
    expected = checkout.site.contents()
    target = "outline/E_2022.gpkg"
    (checkout.site.results / target).unlink()
    run = checkout.start(only=(target,))
    wait_for("the job", lambda: running(cluster, "outline"))
    (job,) = running(cluster, "outline")
    try:
        cluster.kill_node(job["NodeList"])
        checkout.finish(run)
    finally:
        cluster.start_node(job["NodeList"])
        cluster.call("scontrol", "update", f"NodeName={job['NodeList']}", "State=RESUME")
    (again,) = [found for found in cluster.jobs() if found["JobId"] == job["JobId"]]
    assert (again["JobState"], again["Restarts"]) == ("COMPLETED", "1")
    assert {job["NodeList"], again["NodeList"]} == {"cpu1", "cpu2"}
    assert checkout.site.contents() == expected


def test_a_job_over_its_time_is_tried_again_with_more(overtime, cluster):
    late, run, first = overtime
    late.finish(run)
    jobs = {
        job["JobId"]: job for job in cluster.jobs_of("prepare_sheet") if job["JobName"].startswith("late")
    }
    one, two = jobs.pop(first), *jobs.values()
    assert (one["JobState"], asked_for(one)[1]) == ("TIMEOUT", 1)
    assert (two["JobState"], asked_for(two)[1]) == ("COMPLETED", 2)
    assert (late.site.results / "ortho/F_2022.h5").is_file()
