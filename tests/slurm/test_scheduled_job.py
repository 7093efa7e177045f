"""A scheduled run as a job of SLURM that sends the others, by the lines of docs/scheduled.md for scrontab.

Debian's SLURM comes without scrontab: sbatch is given its options and its command.
"""

import re
import shlex
import shutil
import sys

import pytest
import yaml

from builders.demo import ROOT, link_checkout
from builders.receivers import MailServer
from builders.scheduled_project import Project, write_alerts
from builders.slurm_checkout import PARTITIONS
from builders.waiting import wait_for

pytestmark = pytest.mark.timeout(300)


class Nightly:
    """A home with a checkout, its configuration and a file of variables; what it mails comes to `server`."""

    def __init__(self, home, cluster, server):
        self.home, self.cluster, self.server = home, cluster, server
        folder = home / "sealwatch"
        folder.mkdir()
        self.project = Project(folder)
        write_alerts(folder / "alerts.parquet", {"a": "open"})
        link_checkout(folder, ("workflow", "config"))
        (folder / ".venv").symlink_to(sys.prefix)
        shutil.copytree(ROOT / "profiles/slurm", folder / "profiles/slurm")
        (folder / "profiles/slurm/partitions.yaml").write_text(yaml.safe_dump({"partitions": PARTITIONS}))
        profile = yaml.safe_load((folder / "profiles/slurm/config.yaml").read_text())
        quick = {"slurm-init-seconds-before-status-checks": 3, "latency-wait": 10}
        (folder / "profiles/slurm/config.yaml").write_text(yaml.safe_dump(profile | quick))
        smtp = f"smtp://127.0.0.1:{server.port}"
        (home / "run.env").write_text(f"HOME={home}\nSEALWATCH_SMTP_URL={smtp}\n")

    def submit(self):
        """Send the job."""
        page = (ROOT / "docs/scheduled.md").read_text()
        options, command = re.search(r"^#SCRON (.*)\n30 1 \* \* \* (.*)$", page, re.MULTILINE).groups()
        command = command.replace("$HOME", str(self.home)) + " --mail-to people@example.org"
        own = [
            "--time=60",
            f"--output={self.home}/job.log",
            f"--wrap={command}",
        ]  # no partition gives two days
        self.cluster.call("sbatch", *shlex.split(options), *own)

    def states(self):
        """States of the jobs: that of the nightly run, and those that it sent."""
        jobs = [job for job in self.cluster.jobs() if str(self.home) in job["StdOut"]]
        own = [job["JobState"] for job in jobs if job["JobName"] == "nightly_run"]
        return own, [job["JobState"] for job in jobs if job["JobName"] != "nightly_run"]

    def ended(self):
        own, others = self.states()
        return own and not {"PENDING", "RUNNING", "COMPLETING"} & {*own, *others}

    def wait(self):
        """Wait until no job is left."""
        wait_for("the jobs' end", self.ended, 150)

    def log(self):
        return (self.home / "job.log").read_text()


@pytest.fixture
def nightly(cluster, tmp_path):
    with MailServer() as server:
        yield Nightly(tmp_path, cluster, server)


def test_its_jobs_are_cancelled_before_its_time_ends_and_the_next_one_goes_on(nightly):
    folder = nightly.project.folder
    (folder / "hold").touch()
    nightly.submit()
    wait_for("the rule", lambda: (folder / "started").exists() or nightly.ended(), 100)
    (job,) = nightly.cluster.call("squeue", "--noheader", "--name=nightly_run", "--format=%i").split()
    nightly.cluster.call("scancel", "--batch", "--signal=INT", job)
    nightly.wait()
    assert nightly.states() == (["FAILED"], ["CANCELLED"]), nightly.log()
    assert not list((folder / ".snakemake/locks").glob("*"))
    (folder / "hold").unlink()
    nightly.submit()
    nightly.wait()
    assert nightly.states() == (["FAILED", "COMPLETED"], ["CANCELLED", "COMPLETED"]), nightly.log()
    assert nightly.server.mails[-1]["Subject"] == "Sealwatch Testland: 1 new alert"
