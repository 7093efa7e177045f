"""What the provenance of a polygon tells of decisions and releases, and what it says where products are not there."""

import json

import psycopg
import pytest
import yaml
from databases import account
from outline_files import enriched, write

from sealwatch import settings
from sealwatch.errors import DatabaseError
from sealwatch.provenance.__main__ import main
from sealwatch.provenance.products import ProvenanceError
from sealwatch.provenance.text import as_text
from sealwatch.provenance.trace import trace
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.release import make_release
from sealwatch.publish.review import decide, undo

EVENT = "32633-0-7-2022H1"


@pytest.fixture
def config(database, tmp_path):
    """A configuration whose results folder is empty."""
    own = {key: database[key] for key in ("dsn_env", "schema", "srid")}
    whole = settings.merged([])
    return whole | {"results": str(tmp_path / "results"), "database": whole["database"] | own}


@pytest.fixture
def frame(database, tmp_path):
    """Six enriched candidates of sheet A1, each of an event of its own."""
    return enriched(database, tmp_path, 6)


def move_event(database, tmp_path, frame, place, event_id):
    """Load the sheet again with another event behind one polygon."""
    (tmp_path / "A1_2024.gpkg").unlink()
    moved = frame.assign(event_id=[event_id if i == place else e for i, e in enumerate(frame["event_id"])])
    load([write(moved, tmp_path, "A1", 2024)], tmp_path / "load.json", database)
    enrich(tmp_path / "enrich.json", database)


def test_every_decision_is_told_with_its_reviewer_and_time(database, frame, config):
    polygon = frame["polygon_id"][0]
    decide(database, [polygon], "rejected", "bor", "a greenhouse")
    decide(database, [polygon], "accepted", "ana")
    undo(database, polygon, "ana", "too quick")
    decide(database, [polygon], "corrected", "čuk", "shed", {"to_class": "Industrial"})
    told = trace(polygon, config)["polygons"][0]
    with psycopg.connect(database["dsn"]) as connection:
        rows = connection.execute(
            "SELECT to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), state, reviewer, reason "
            "FROM sealwatch.review WHERE polygon_id = %s ORDER BY review_id",
            [polygon],
        ).fetchall()
    assert len(rows) == 4
    keys = ("decided_at", "state", "reviewer", "reason")
    assert [tuple(decision[key] for key in keys) for decision in told["decisions"]] == rows
    assert [decision["undo"] for decision in told["decisions"]] == [False, False, True, False]
    assert told["decisions"][3]["correction"] == {"to_class": "Industrial"}
    assert (told["state"], told["releases"]) == ("corrected", [])
    said = as_text(trace(polygon, config))
    assert "rejected by bor (a greenhouse)" in said
    assert "takes back: now rejected by ana (too quick)" in said
    assert "in no release" in said


def test_releases_and_the_event_each_decision_was_made_on(database, frame, config, tmp_path):
    polygon, other = frame["polygon_id"][:2]
    decide(database, [polygon, other], "accepted", "ana")
    make_release(database, tmp_path / "release")
    move_event(database, tmp_path, frame, 0, "32633-9-9-2023H1")
    decide(database, [polygon], "accepted", "bor")
    decide(database, [other], "rejected", "bor")
    make_release(database, tmp_path / "release")
    found = trace(polygon, config)
    told = found["polygons"][0]
    assert [row["release"] for row in told["releases"]] == [1, 2]
    assert [row["event_id"] for row in told["releases"]] == [EVENT, "32633-9-9-2023H1"]
    assert [(d["reviewer"], d["event_id"], d["of_this_version"]) for d in told["decisions"]] == [
        ("ana", EVENT, False),
        ("bor", "32633-9-9-2023H1", True),
    ]
    assert [event["event_id"] for event in found["events"]] == ["32633-9-9-2023H1", EVENT]
    assert [row["release"] for row in trace(other, config)["polygons"][0]["releases"]] == [1]
    # The event that the polygon came of before still leads to it, and is alone told of.
    before = trace(EVENT, config)
    assert (before["kind"], [p["polygon_id"] for p in before["polygons"]]) == ("event", [polygon])
    assert [event["event_id"] for event in before["events"]] == [EVENT]


def test_products_that_are_not_there_are_named(frame, config):
    found = trace(frame["polygon_id"][0], config)
    assert found["events"][0]["found"] is False
    assert "change/32633.gpkg" in found["missing"]
    assert "change/32633_evidence.gpkg" in found["missing"]
    said = as_text(found)
    assert f"Event {EVENT}: the change layers no longer hold it" in said
    assert "change/32633.gpkg: not there" in said


def test_an_unknown_id_is_one_clear_message(frame, config):
    for unknown in ("A1-2024-0-0", "32633-1234-5678-2022H1", "'; DROP TABLE review; --"):
        with pytest.raises(ProvenanceError, match="no polygon or event of this id") as refused:
            trace(unknown, config)
        assert str(refused.value).startswith(unknown)


def test_command_line_tells_no_secret_where_the_database_is_away(
    database, frame, config, tmp_path, capsys, monkeypatch
):
    mine = tmp_path / "my.yaml"
    own = {"results": config["results"], "database": {"dsn_env": database["dsn_env"]}}
    mine.write_text(yaml.safe_dump(own))
    polygon = frame["polygon_id"][0]
    assert main([polygon, "--configfile", str(mine), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["polygons"][0]["polygon_id"] == polygon
    assert main([polygon, "--configfile", str(mine)]) == 0
    assert capsys.readouterr().out.startswith(f"Polygon {polygon}: 400 m2")
    assert main(["nowhere", "--configfile", str(mine)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["crate", "--configfile", str(mine)]) == 1
    assert "holds no change layers" in capsys.readouterr().err
    monkeypatch.setenv(database["dsn_env"], "postgresql://ana:hush@127.0.0.1:9/none")
    assert main([polygon, "--configfile", str(mine)]) == 1
    told = capsys.readouterr().err
    assert "cannot connect" in told
    assert "hush" not in told
    with pytest.raises(DatabaseError):
        trace(polygon, config)


def test_reviewers_may_ask_and_the_public_may_not(database, frame, config, monkeypatch):
    with account(database, "ana", "reviewer") as dsn:
        monkeypatch.setenv(database["dsn_env"], dsn)
        assert trace(frame["polygon_id"][0], config)["polygons"]
    with account(database, "rea", "reader") as dsn:
        monkeypatch.setenv(database["dsn_env"], dsn)
        with pytest.raises(DatabaseError):
            trace(frame["polygon_id"][0], config)
