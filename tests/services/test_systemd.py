"""The units of deploy/ under a real systemd, set up as their pages say: nightly run, public services, review desk."""

from pathlib import Path

import pytest
import requests
import yaml
from desk_case import PLOT, tile_at
from psycopg.conninfo import make_conninfo
from public_case import Public, released

from builders.booted import booted, can_boot
from builders.demo import ROOT
from builders.ports import free_port
from builders.receivers import MailServer
from builders.review_desk import Desk
from builders.scheduled_project import write_alerts
from builders.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(not can_boot(), reason="no systemd-nspawn, or not root"),
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


def serving(system, name, url):
    """Wait until a unit answers."""

    def answers():
        try:
            return requests.get(url, timeout=5).status_code < 500
        except requests.ConnectionError:
            return False

    try:
        wait_for(name, answers, 60)
    except TimeoutError:
        raise AssertionError(system.journal(name)) from None


def test_the_public_services_answer_and_come_back_when_killed(cluster):
    name = "sealwatch-services"
    with released(cluster, "unit_services", [7]) as (folder, config, dsn), booted({}) as system:
        system.install(name, config, **{config["services"]["dsn_env"]: f'"{dsn}"'})
        public = Public(f"http://127.0.0.1:{config['services']['port']}", folder, config["database"])
        system.start(name)
        for _ in range(2):
            serving(system, name, public.wfs)
            hits = public.wfs_query(REQUEST="GetFeature", TYPENAMES="newly_sealed", RESULTTYPE="hits")
            assert 'numberMatched="7"' in hits
            items = requests.get(f"{public.ogc}/collections/newly_sealed/items", timeout=30).json()
            assert items["numberMatched"] == 7
            system.call("systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", name)
            wait_for("its end", lambda: "code=killed" in system.journal(name), 30)
        assert "CANARY" not in system.journal(name)


def test_the_review_desk_shows_images_and_takes_decisions(desk):
    name = "sealwatch-desk"
    desk.rows("CREATE ROLE desk_of_unit LOGIN IN ROLE sealwatch_desk")
    desk.folder.chmod(0o755)
    own = make_conninfo(desk.database["dsn"], user="desk_of_unit")
    unit = Desk(desk.folder, free_port(), desk.database)
    section = {key: desk.database[key] for key in ("dsn_env", "schema", "srid")}
    config = {"results": "/srv/sealwatch/results", "desk": {"port": unit.port}, "database": section}
    with booted({desk.folder / "results": Path("/srv/sealwatch/results")}) as system:
        system.install(name, config, **{section["dsn_env"]: f'"{own}"'})
        system.start(name)
        serving(system, name, f"{unit.url}/api/session")
        person = unit.sign_in("bor")
        assert person.get(f"/api/plots/{PLOT}.svg").text.startswith("<svg")
        column, row = tile_at(461_500, 5_100_500, 16)
        tile = f"/api/tiles/A1_2024/orthophoto_after/16/{column}/{row}.png"
        assert person.get(tile).content == desk.sign_in("ana").get(tile).content
        item = person.waiting()[-1]
        assert person.decide(item, "rejected", reason="a roof of before").status_code == 201
        system.call("systemctl", "stop", name)
        assert system.call("systemctl", "is-failed", name, check=False).stdout == "inactive\n"
    decided = "SELECT state, db_user FROM review WHERE polygon_id = %s ORDER BY review_id DESC LIMIT 1"
    assert desk.rows(decided, item["polygon_id"]) == [("rejected", "desk_of_unit")]
