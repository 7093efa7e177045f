"""Decisions by editing a row of view `review_form`, as an account of the reviewers' role."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from databases import RULES, account
from outline_files import outlines, write
from psycopg import errors

from sealwatch.publish.load import load
from sealwatch.publish.review import decide, history


@pytest.fixture
def form(database, tmp_path):
    """Connection of reviewer ana, after three polygons were loaded; their names; a function that loads anew."""
    frame = outlines("A1", 2024, 3)

    def reload(changed):
        load([write(changed, tmp_path, "A1", 2024)], tmp_path / "load.json", database, RULES)

    reload(frame)
    with account(database, "ana", "reviewer") as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET search_path = sealwatch, public")
        yield connection, sorted(frame["polygon_id"]), lambda: reload(frame.assign(start_half="2021H2"))


def edit(connection, polygon, changes, version=None):
    version = (
        version
        or connection.execute("SELECT version FROM review_form WHERE polygon_id = %s", [polygon]).fetchone()[
            0
        ]
    )
    connection.execute(
        f"UPDATE review_form SET {changes} WHERE polygon_id = %s AND version = %s", [polygon, version]
    )
    return version


def test_an_edit_becomes_a_decision_of_the_account(form, database):
    connection, names, _ = form
    edit(connection, names[0], "decision = 'rejected', ground = 'greenhouse', remark = 'glass roof'")
    (row,) = history(database, names[0])
    assert (row["state"], row["reviewer"], row["reason"]) == ("rejected", "ana", "greenhouse: glass roof")
    # Changed classes or a moved outline make it a correction, whatever was chosen; an unchanged value is none.
    edit(connection, names[1], "to_class = 'Industrial', from_class = from_class, decision = 'accepted'")
    edit(connection, names[2], "geom = ST_Multi(ST_Buffer(geom, 1, 'join=mitre'))")
    assert history(database, names[1])[0]["correction"] == {"to_class": "Industrial"}
    assert history(database, names[2])[0]["redrawn"]
    shown = connection.execute(
        "SELECT state, to_class, decision, remark, round(area_m2) FROM review_form ORDER BY polygon_id"
    ).fetchall()
    assert [row[0] for row in shown] == ["rejected", "corrected", "corrected"]
    assert shown[1][1] == "Industrial"
    assert {row[2:4] for row in shown} == {("", "")}
    assert shown[2][4] == 484
    # A correction is kept when it is confirmed, and gone when the polygon is accepted as found.
    edit(connection, names[1], "decision = 'corrected'")
    assert history(database, names[1])[1]["correction"] == {"to_class": "Industrial"}
    edit(connection, names[1], "decision = 'accepted'")
    assert history(database, names[1])[2]["correction"] is None


def test_who_saw_an_older_version_is_told_and_writes_nothing(form, database):
    connection, names, reload = form
    seen = edit(connection, names[0], "decision = 'accepted'")
    edit(connection, names[0], "decision = 'rejected'", seen)  # a second thought of one's own
    decide(database, names[:1], "accepted", "bor")
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="reload the layer"):
        edit(connection, names[0], "decision = 'rejected'", seen)
    seen = connection.execute("SELECT version FROM review_form WHERE polygon_id = %s", names[1:2]).fetchone()[
        0
    ]
    reload()
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="reload the layer"):
        edit(connection, names[1], "decision = 'accepted'", seen)
    assert [row["reviewer"] for row in history(database, names[0])] == ["ana", "ana", "bor"]
    assert history(database, names[1]) == []
    edit(connection, names[1], "decision = 'accepted'")


def test_two_decisions_at_the_same_moment_do_not_pass_each_other(form, database):
    connection, names, _ = form
    with psycopg.connect(database["dsn"]) as other:
        other.execute("SET search_path = sealwatch, public")
        other.execute(
            "INSERT INTO review (polygon_id, state, reviewer, evidence) "
            "SELECT polygon_id, 'rejected', 'bor', evidence FROM polygon WHERE polygon_id = %s", names[:1],
        )  # fmt: skip
        # bor's row is not committed yet: ana sees the old version and waits at the lock.
        with ThreadPoolExecutor(1) as pool, psycopg.connect(database["dsn"], autocommit=True) as watch:
            waiting = pool.submit(edit, connection, names[0], "decision = 'accepted'")
            asked = "SELECT 1 FROM pg_stat_activity WHERE usename = 'ana' AND wait_event_type = 'Lock'"
            while not waiting.done() and not watch.execute(asked).fetchone():
                time.sleep(0.02)
            other.commit()
            with pytest.raises(errors.ObjectNotInPrerequisiteState, match="look again"):
                waiting.result(30)
    assert [row["reviewer"] for row in history(database, names[0])] == ["bor"]


def test_an_edit_that_makes_no_sense_is_refused(form, database):
    connection, names, _ = form
    for changes, said in (
        ("remark = 'hm'", "choose a decision"),
        ("decision = 'corrected'", "needs another class, period or outline"),
        ("decision = 'rejected', to_class = 'Industrial'", "cannot go with a corrected"),
        ("decision = 'gone'", "review_state_check"),
        ("geom = ST_Multi(ST_Translate(geom, 5000, 0))", "lies elsewhere"),
        ("geom = ST_GeomFromText('MULTIPOLYGON(((0 0, 9 9, 9 0, 0 9, 0 0)))', 3794)", "is not valid"),
    ):
        with pytest.raises(errors.CheckViolation, match=said):
            edit(connection, names[0], changes)
    assert history(database, names[0]) == []


def test_nothing_else_of_the_form_can_be_written(form):
    connection = form[0]
    for statement in (
        "UPDATE review_form SET state = 'accepted'",
        "UPDATE review_form SET reviewer = 'bor', decision = 'accepted'",
        "UPDATE review_form SET area_m2 = 1",
        "DELETE FROM review_form",
        "INSERT INTO review_form (polygon_id) VALUES ('x')",
        "UPDATE registry_shape SET attribute = ''",
    ):
        with pytest.raises((errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState)):
            connection.execute(statement)
