"""What scheduled runs send, through real SMTP and HTTP servers: everything arrives, once, and no secret does."""

import json
import os
import stat
from email import message_from_bytes, policy
from pathlib import Path

import geopandas as gpd
import pytest
import yaml

from builders.demo import ROOT
from builders.ports import free_port
from builders.receivers import MailServer, Webhook, make_certificate
from builders.scheduled_project import write_alerts
from sealwatch import settings
from sealwatch.errors import SealwatchError
from sealwatch.feed.about import about
from sealwatch.feed.entries import urn
from sealwatch.feed.write import NOTICE
from sealwatch.files import write_json
from sealwatch.scheduled.runs import Failure
from sealwatch.scheduled.send import Save, chosen_ways
from sealwatch.scheduled.state import State, Told
from sealwatch.scheduled.tell import tell

PEOPLE = ["people@example.org"]


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Configuration of a project that has told nothing yet."""
    for name in [name for name in os.environ if name.startswith("SEALWATCH_")]:
        monkeypatch.delenv(name)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump({"project": "Testland", "results": str(tmp_path / "results")}))
    return settings.merged([ROOT / "config/demo.yaml", own])


@pytest.fixture
def alerts(config, tmp_path):
    """Function that writes the alerts."""

    def write(**statuses):
        write_alerts(tmp_path / "results/change/32633_alerts.parquet", statuses)

    return write


def ended(config, ways, failure=None, always=False):
    """What a scheduled run does once Snakemake has ended; whether all went well."""
    told = Told(Path(config["results"]) / "scheduled/told.json")
    told.begin(ways, lambda: State({}, frozenset(), frozenset()))
    return tell(config, ways, told, failure, "now", always)


def test_each_alert_is_told_once_whatever_becomes_of_it(config, alerts, monkeypatch):
    with MailServer() as server:
        monkeypatch.setenv("SEALWATCH_SMTP_URL", f"smtp://127.0.0.1:{server.port}")
        ways = chosen_ways(PEOPLE, "watch@example.org")
        write_json(Path(config["results"]) / "inventory/33TVM/2024-05-01_S2A.json", {})
        write_json(Path(config["results"]) / "flags/D2101_2024.json", {})
        alerts(a="open", b="open", c="open")
        assert ended(config, ways)
        assert ended(config, ways)
        assert len(server.mails) == 1
        mail = server.mails[0]
        assert (mail["From"], mail["To"]) == ("watch@example.org", "people@example.org")
        assert mail["Subject"] == "Sealwatch Testland: 3 new alerts"
        assert mail.get_content_type() == "text/plain"
        text = mail.get_content()
        assert "New alerts: 3" in text
        assert "32633-a  since 2024-05  AnnualCrop -> Industrial  confidence 0.83  at 46.05" in text
        assert "New scenes: 1 (33TVM/2024-05-01_S2A)" in text
        assert "Orthophotos newly flagged: 1 (D2101_2024)" in text

        alerts(a="confirmed", b="withdrawn", c="open", d="open")
        assert ended(config, ways)
        assert server.mails[1]["Subject"] == "Sealwatch Testland: 1 new alert, 1 confirmed, 1 withdrawn"
        text = server.mails[1].get_content()
        assert "32633-c" not in text
        assert "New scenes" not in text

        # A failed run takes the file away for a while; that is no news of alerts, then or later.
        path = Path(config["results"]) / "change/32633_alerts.parquet"
        path.unlink()
        assert not ended(config, ways, Failure("snakemake ended with status 1"))
        path.write_text("damaged")
        assert not ended(config, ways)
        alerts(a="confirmed", b="withdrawn", c="open", d="open")
        assert ended(config, ways)
        assert len(server.mails) == 4
        assert "run failed, 0 new alerts" in server.mails[2]["Subject"]
        assert f"Failed: {path}: cannot be read" in server.mails[3].get_content()
        assert ended(config, ways, always=True)
        assert server.mails[4]["Subject"] == "Sealwatch Testland: 0 new alerts"


def test_what_could_not_be_told_is_told_by_the_next_run(config, alerts, monkeypatch, capfd):
    with Webhook() as webhook:
        monkeypatch.setenv("SEALWATCH_WEBHOOK_URL", f"http://127.0.0.1:{webhook.port}/hook/s3cret-t0ken")
        monkeypatch.setenv("SEALWATCH_SMTP_URL", f"smtp://watch:pa55w0rd@127.0.0.1:{free_port()}")
        alerts(a="open")
        assert not ended(config, chosen_ways(PEOPLE, None))
        said = capfd.readouterr()
        assert "mail: 127.0.0.1" in said.err
        assert "told at the next run" in said.err
        with MailServer() as server:
            monkeypatch.setenv("SEALWATCH_SMTP_URL", f"smtp://127.0.0.1:{server.port}")
            alerts(a="open", b="open")
            webhook.answers = [503, 429]
            assert ended(config, chosen_ways(PEOPLE, None))
            assert server.mails[0]["Subject"] == "Sealwatch Testland: 2 new alerts"
        # Each way tells what it has not told: the post went out before.
        assert [[alert["alert_id"] for alert in body["alerts"]] for _, body in webhook.posts] == [
            ["32633-a"],
            ["32633-b"],
        ]
        assert webhook.requests == 4
        path, body = webhook.posts[0]
        assert path == "/hook/s3cret-t0ken"
        assert "New alerts: 1" in body["text"]
        assert {"zone": "32633", "status": "open", "to_class": "Industrial"}.items() <= body["alerts"][
            0
        ].items()
        webhook.answers = [404]
        alerts(c="open")
        monkeypatch.delenv("SEALWATCH_SMTP_URL")
        assert not ended(config, chosen_ways([], None))
        assert webhook.requests == 5
    assert not ended(config, chosen_ways([], None))
    said = [*capfd.readouterr(), said.out, said.err]
    assert "did not take it (status 404)" in said[1]
    assert not any("s3cret" in text or "pa55w0rd" in text for text in said)


def test_passwords_go_over_trusted_encryption_only(config, alerts, monkeypatch, tmp_path, capfd):
    alerts(a="open")
    with MailServer() as plain:
        monkeypatch.setenv("SEALWATCH_SMTP_URL", f"smtp://watch:pa55w0rd@127.0.0.1:{plain.port}")
        assert not ended(config, chosen_ways(PEOPLE, None))
        assert plain.logins == []
    certificate = make_certificate(tmp_path / "server.pem")
    with MailServer(certificate) as server:
        monkeypatch.setenv("SEALWATCH_SMTP_URL", f"smtps://watch:pa55%2Fw0rd@localhost:{server.port}")
        assert not ended(config, chosen_ways(PEOPLE, None))
        assert server.logins == []
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        server.refused = {"gone@example.org"}
        assert ended(config, chosen_ways(["gone@example.org", *PEOPLE], None))
        assert server.logins == [["watch", "pa55/w0rd"]]
        assert server.recipients == PEOPLE
        assert len(server.mails) == 1
    said = "".join(capfd.readouterr())
    assert "offers no encryption" in said
    assert "pa55" not in said


def test_sendmail_gets_the_message_and_no_header_of_anothers(config, alerts, monkeypatch, tmp_path):
    program = tmp_path / "bin/sendmail"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s " "$@" >{tmp_path}/options\ncat >{tmp_path}/mail\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SEALWATCH_DSN", "postgresql://watch:pa55w0rd@db/sealwatch")
    alerts(a="open")
    named = {**config, "project": "Čatež\nBcc: thief@example.org"}
    tail = ("cannot reach postgresql://watch:pa55w0rd@db/sealwatch",)
    assert not ended(named, chosen_ways(PEOPLE, None), Failure("snakemake ended with status 1", tail=tail))
    assert (tmp_path / "options").read_text().split() == ["-t", "-i"]
    mail = message_from_bytes((tmp_path / "mail").read_bytes(), policy=policy.default)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Sealwatch Čatež Bcc: thief@example.org: run failed, 1 new alert"
    assert "cannot reach ***" in mail.get_content()
    for address in ("a@example.org\nBcc: b@example.org", "nobody", "a@b, c@d", ""):
        with pytest.raises(SealwatchError, match="is no mail address"):
            chosen_ways([address], None)
    for url in ("hooks.example.org/s3cret", "https://[hooks/s3cret"):
        monkeypatch.setenv("SEALWATCH_WEBHOOK_URL", url)
        with pytest.raises(SealwatchError, match="SEALWATCH_WEBHOOK_URL: is no address") as refused:
            chosen_ways([], None)
        assert "s3cret" not in str(refused.value)


def test_new_alerts_are_saved_for_others_and_stay_until_there_are_newer_ones(config, alerts, tmp_path):
    file = tmp_path / "feed/new.geojson"
    ways = chosen_ways([], None, Save(file, about(config)))
    alerts(a="open", b="open")
    assert ended(config, ways)
    first = gpd.read_file(file)
    assert set(first.alert_id) == {"32633-a", "32633-b"}
    assert list(first.id) == [urn("Testland", key) for key in first.alert_id]  # as in alerts.geojson
    said = json.loads(file.read_text())
    assert (said["notice"], said["attribution"]) == (NOTICE, config["attribution"])
    assert said["licence"] == "CC0-1.0"
    before = file.read_bytes()
    assert ended(config, ways)
    assert file.read_bytes() == before
    alerts(a="confirmed", b="open")
    assert ended(config, ways)
    new = gpd.read_file(file)
    assert (list(new.alert_id), list(new.status)) == (["32633-a"], ["confirmed"])
    assert new.geometry.geom_type.tolist() == ["Point"]
