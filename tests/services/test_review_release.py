"""Decisions that stay and releases that never change, guarded by the database itself."""

import geopandas as gpd
import psycopg
import pytest
from outline_files import enriched

from sealwatch.publish.database import connect
from sealwatch.publish.public import published_columns
from sealwatch.publish.release import make_release
from sealwatch.publish.review import ReviewError, decide, history, main, queue

PACKAGE = "newly_sealed.gpkg"


@pytest.fixture
def loaded(database, tmp_path):
    """Twelve enriched candidates; returns their ids."""
    return sorted(enriched(database, tmp_path, 12)["polygon_id"])


def test_decisions_are_kept_in_order(database, loaded):
    decide(database, loaded[:2], "accepted", "ana")
    decide(database, loaded[:1], "rejected", "bor", "a greenhouse")
    assert [(row["state"], row["reviewer"]) for row in history(database, loaded[0])] == [
        ("accepted", "ana"),
        ("rejected", "bor"),
    ]
    assert [row["polygon_id"] for row in queue(database)] == loaded[2:]


def test_a_decision_must_make_sense(database, loaded):
    with pytest.raises(ReviewError, match="unknown polygon nowhere"):
        decide(database, [loaded[0], "nowhere"], "accepted", "ana")
    with pytest.raises(ReviewError, match="unknown state 'maybe'"):
        decide(database, loaded[:1], "maybe", "ana")
    with pytest.raises(ReviewError, match="reviewer's name"):
        decide(database, loaded[:1], "accepted", " ")
    with pytest.raises(ReviewError, match="needs a correction"):
        decide(database, loaded[:1], "corrected", "ana")
    assert history(database, loaded[0]) == []


def test_command_line(database, loaded, capsys):
    common = ["--dsn-env", database["dsn_env"]]
    assert main([*common, "accept", loaded[0], "--reviewer", "ana", "--reason", "clear"]) == 0
    assert main([*common, "reject", "--all", "--reviewer", "bor"]) == 0
    assert main([*common, "list"]) == 0
    assert main([*common, "history", loaded[0]]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["1 accepted", "11 rejected"]
    assert main([*common, "history", "nowhere"]) == 1
    assert "unknown polygon nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("table", ["review", "release", "release_polygon", "release_generalised"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {0} SET {1} = {1}", "TRUNCATE {} CASCADE"])
def test_the_database_refuses_to_rewrite_history(database, loaded, tmp_path, table, statement):
    decide(database, loaded, "accepted", "ana")
    make_release(database, tmp_path / "release")
    column = "reviewer" if table == "review" else "release"
    with psycopg.connect(database["dsn"]) as connection:
        connection.execute("SET search_path = sealwatch, public")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
            connection.execute(statement.format(table, column))


def test_a_release_takes_no_polygon_later(database, loaded, tmp_path):
    decide(database, loaded, "accepted", "ana")
    make_release(database, tmp_path / "release")
    with psycopg.connect(database["dsn"]) as connection:
        connection.execute("SET search_path = sealwatch, public")
        connection.execute("CREATE TEMP TABLE more AS SELECT * FROM release_polygon LIMIT 1")
        connection.execute("UPDATE more SET polygon_id = 'late'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="a release is never changed"):
            connection.execute("INSERT INTO release_polygon SELECT * FROM more")


def test_releases_are_numbered_and_made_only_for_a_difference(database, loaded, tmp_path):
    folder = tmp_path / "release"
    with pytest.raises(ReviewError, match="no polygon is accepted and 12 wait"):
        make_release(database, folder)
    decide(database, loaded[:5], "accepted", "ana")
    first = make_release(database, folder)
    again = make_release(database, folder)
    assert (first.number, first.new, first.polygons) == (1, True, 5)
    assert (again.number, again.new, again.polygons) == (1, False, 5)

    bytes_of_first = (first.folder / PACKAGE).read_bytes()
    decide(database, loaded[5:6], "corrected", "ana", correction={"to_class": "Industrial"})
    decide(database, loaded[:1], "rejected", "ana")
    second = make_release(database, folder)
    assert (second.number, second.new, second.polygons) == (2, True, 5)
    assert (first.folder / PACKAGE).read_bytes() == bytes_of_first

    frame = gpd.read_file(second.folder / PACKAGE).set_index("polygon_id")
    assert sorted(frame.index) == loaded[1:6]
    assert frame.loc[loaded[5], "transition"].endswith(" to Industrial")
    assert list(gpd.read_file(second.folder / PACKAGE).columns) == [
        *published_columns(["cadastre"]),
        "geometry",
    ]
    with connect(database) as connection:
        kept = connection.execute("SELECT count(*) FROM release_polygon WHERE release = 1").fetchone()
    assert kept == (5,)
