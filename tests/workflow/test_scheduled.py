"""Scheduled runs through Snakemake: one at a time, stopped in order, locks of dead runs explained and cleared."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from builders import national
from builders.demo import ROOT, link_checkout
from builders.receivers import MailServer
from builders.scheduled_project import Project, write_alerts
from builders.waiting import wait_for

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def project(tmp_path):
    """A project whose rule waits until it is let go; whatever was started in its folder ends with the test."""
    made = Project(tmp_path)
    write_alerts(tmp_path / "alerts.parquet", {"a": "open", "b": "open"})
    yield made
    (tmp_path / "hold").unlink(missing_ok=True)
    for process in processes_in(tmp_path):
        process.kill()


def processes_in(folder):
    """Processes whose working directory is the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            pass
    return found


def started(project, *command):
    """Start a run and wait until its rule works."""
    (project.folder / "hold").touch()
    (project.folder / "started").unlink(missing_ok=True)
    process = project.start(*command)
    wait_for("the rule", lambda: (project.folder / "started").exists() or process.poll() is not None, 60)
    assert process.poll() is None
    return process


def test_one_run_at_a_time_and_the_lock_of_a_dead_one(project):
    first = started(project)
    second = project.run()
    assert second.returncode == 75
    begun = json.loads((project.results / "scheduled.lock").read_text())
    assert f"(process {first.pid} on {os.uname().nodename}, started {begun['started']})" in second.stderr
    assert second.stderr.count("\n") == 1
    assert project.run("--unlock").returncode == 75

    # Its Snakemake lives on: the lock is not let go.
    first.kill()
    first.wait()
    orphaned = project.run()
    assert orphaned.returncode == 75
    assert "was killed, but the Snakemake it started still works" in orphaned.stderr

    for process in processes_in(project.folder):
        process.kill()
    wait_for("the processes' end", lambda: not processes_in(project.folder), 20)
    project.run()
    dead = project.run()  # still explained the night after
    assert dead.returncode == 1
    assert "run failed" in dead.stdout
    assert f"process {first.pid} on" in dead.stderr
    assert "was killed and left it" in dead.stderr
    assert "squeue" in dead.stderr
    assert (project.folder / ".snakemake/locks/0.input.lock").exists()  # nothing is unlocked on its own

    (project.folder / "hold").unlink()
    command = re.search(r"Then clear the lock: (.*)", dead.stderr)[1]
    unlocked = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert "unlocked" in unlocked.stdout
    with MailServer() as server:
        people = ["--mail-to", "people@example.org"]
        done = project.run(*people, SEALWATCH_SMTP_URL=f"smtp://127.0.0.1:{server.port}")
    assert done.returncode == 0, done.stderr
    assert (project.folder / "refreshed").exists()
    assert server.recipients == ["people@example.org"]
    assert server.mails[0]["Subject"] == "Sealwatch Testland: 2 new alerts"
    assert "32633-a  since 2024-05  AnnualCrop -> Industrial" in server.mails[0].get_content()


def test_a_run_by_hand_goes_first_and_is_not_unlocked(project):
    by_hand = started(project, sys.executable, "-m", "snakemake", "--cores", "1", "--snakefile", "Snakefile")
    for options in ([], ["--unlock"]):
        refused = project.run(*options)
        assert refused.returncode == 75
        assert f"process {by_hand.pid} on" in refused.stderr
        assert "works in this folder" in refused.stderr
    assert (project.folder / ".snakemake/locks").is_dir()
    assert not (project.folder / "refreshed").exists()
    (project.folder / "hold").unlink()
    assert by_hand.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_leaves_no_lock(project, number):
    process = started(project)
    process.send_signal(number)
    if number == signal.SIGTERM:
        time.sleep(1)
        assert process.poll() is None  # the running job may end
        (project.folder / "hold").unlink()
    assert process.wait(60) == 128 + number
    assert not list((project.folder / ".snakemake/locks").glob("*"))
    assert (project.results / "change/32633_alerts.parquet").exists() == (number == signal.SIGTERM)
    told = json.loads((project.results / "scheduled/told.json").read_text())
    assert told["print"]["alerts"] == {}


def test_the_real_workflow_tells_which_log_to_open(tmp_path):
    country = national.build(tmp_path / "country", size=national.SMALL)
    link_checkout(tmp_path / "country")
    away = tmp_path / "away.yaml"
    away.write_text("catalogue: {provider: local, url: /nowhere}")
    command = [sys.executable, "-m", "sealwatch.scheduled", "--configfile", country.config_file, away]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(
        command, cwd=country.config_file.parent, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "snakemake catalogue ended with status 1" in done.stderr
    assert f"Open: {country.results}/logs/catalogue.log\n" in done.stdout
    assert "/nowhere" in done.stdout
