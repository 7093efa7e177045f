"""The nightly run of deploy/ under a real systemd, set up as docs/scheduled.md says."""

import pytest
import yaml

from builders.booted import booted, can_boot
from builders.demo import ROOT
from builders.receivers import MailServer
from builders.scheduled_project import write_alerts
from builders.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(not can_boot(), reason="no root, or no systemd-nspawn"),
    pytest.mark.timeout(300),
]

SNAKEFILE = """
rule all:
    input:
        "/srv/sealwatch/results/change/32633_alerts.parquet"

rule catalogue:
    shell:
        "true"

rule change:
    input:
        "/srv/sealwatch/alerts.parquet"
    output:
        "/srv/sealwatch/results/change/32633_alerts.parquet"
    shell:
        "cd /srv/sealwatch/results; touch started; while test -e hold; do sleep 0.1; done; cp {input} {output}"
"""
UNIT, TIMER = "sealwatch-run.service", "sealwatch-run.timer"
PRODUCT = "srv/sealwatch/results/change/32633_alerts.parquet"


@pytest.fixture
def mail_server():
    with MailServer() as server:
        yield server


@pytest.fixture
def system(mail_server):
    """A system with the nightly run installed, whose workflow is one rule that can be made to wait."""
    config = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    own = {"project": "Testland", "results": "/srv/sealwatch/results"}
    with booted({}) as made:
        made.install_run(config | own, SEALWATCH_SMTP_URL=f"smtp://127.0.0.1:{mail_server.port}")
        (made.root / "opt/sealwatch/Snakefile").write_text(SNAKEFILE)
        write_alerts(made.root / "srv/sealwatch/alerts.parquet", {"a": "open", "b": "open"})
        yield made


def held(system, *command):
    """Start a run and wait until its rule works, which ends when `let_go` is called."""
    (system.root / "srv/sealwatch/results/hold").touch()
    system.call(*command)
    wait_for("the rule", (system.root / "srv/sealwatch/results/started").exists, 60)


def let_go(system):
    (system.root / "srv/sealwatch/results/hold").unlink()


def test_the_timer_runs_it_and_new_alerts_are_mailed(system, mail_server):
    every_second = "[Timer]\nOnCalendar=\nOnCalendar=*:*:*\nRandomizedDelaySec=0\nAccuracySec=1s\n"
    system.change(TIMER, every_second)
    system.call("systemctl", "enable", "--now", TIMER)
    wait_for("the mail", lambda: mail_server.mails, 120)
    system.call("systemctl", "disable", "--now", TIMER)
    assert mail_server.recipients == ["alerts@example.org"]
    assert mail_server.mails[0]["Subject"] == "Sealwatch Testland: 2 new alerts"
    assert system.call("stat", "--format=%U", f"/{PRODUCT}").stdout == "sealwatch\n"


def test_a_stopped_run_is_no_failure_and_leaves_no_lock(system):
    held(system, "systemctl", "start", "--no-block", UNIT)
    system.call("systemctl", "stop", UNIT)
    assert system.call("systemctl", "is-failed", UNIT, check=False).stdout == "inactive\n"
    assert not system.call("pgrep", "-u", "sealwatch", check=False).stdout
    assert not list((system.root / "opt/sealwatch/.snakemake/locks").glob("*"))
    assert not (system.root / PRODUCT).exists()
    let_go(system)
    system.start(UNIT)
    assert (system.root / PRODUCT).exists()


def test_it_leaves_a_run_by_hand_alone(system):
    in_checkout = ["--uid=sealwatch", "--working-directory=/opt/sealwatch", "--setenv=HOME=/tmp"]
    snakemake = ["/opt/sealwatch/.venv/bin/python", "-m", "snakemake", "--cores", "1"]
    held(system, "systemd-run", "--unit=by-hand", *in_checkout, *snakemake)
    system.start(UNIT)
    assert "works in this folder" in system.journal(UNIT)
    assert system.call("systemctl", "is-active", "by-hand").stdout == "active\n"
    assert not (system.root / PRODUCT).exists()
    let_go(system)
    wait_for("the run by hand", (system.root / PRODUCT).exists, 60)
