"""Decisions under changing evidence: kept, called for again with the cause, or untouched; never lost."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import psycopg
import pytest
import shapely
from databases import RULES, rows
from outline_files import outlines, registry, write

from sealwatch.publish import migrate
from sealwatch.publish.database import connect
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.registries import load_registries
from sealwatch.publish.release import make_release
from sealwatch.publish.review import ReviewError, confirm, decide, history, queue

STALE = (
    "SELECT count(*) FROM verdict v FULL JOIN verdict_now n USING (polygon_id) "
    "WHERE (v.*)::text IS DISTINCT FROM (n.*)::text"
)
TALLIED = "SELECT due, state, sum(polygons) FROM verdict_tally GROUP BY 1, 2 HAVING sum(polygons) <> 0 ORDER BY 1, 2"


def resized(frame, index, share):
    """Let the outline at `index` grow by `share` of its area, with the same south-west corner."""
    x, y, x_max, y_max = frame.geometry[index].bounds
    frame.loc[index, "geometry"] = shapely.box(x, y, x + (x_max - x) * (1 + share), y_max)
    frame.loc[index, "area_m2"] = frame.geometry[index].area


def test_no_decision_of_200_is_lost_when_the_polygons_change(database, tmp_path):
    frame = outlines("A1", 2024, 240).sort_values("polygon_id", ignore_index=True)
    first, second = frame.iloc[:150].copy(), frame.iloc[150:].assign(sheet="B2").reset_index(drop=True)
    paths = [write(first, tmp_path, "A1", 2024), write(second, tmp_path, "B2", 2024)]
    load(paths, tmp_path / "load.json", database, RULES)
    ids = sorted(frame["polygon_id"])
    rng = np.random.default_rng(5)
    decided = sorted(rng.permutation(ids)[:200].tolist())
    for n in range(20):
        state = ("accepted", "rejected", "corrected", "accepted")[n % 4]
        values = {"to_class": "Industrial"} if state == "corrected" else None
        decide(database, decided[n::20], state, ("ana", "bor")[n % 2], f"reason {n}", values)
    before = rows(database, "SELECT * FROM review ORDER BY review_id")
    was = dict(rows(database, "SELECT polygon_id, (start_half, to_class, area_m2, geom)::text FROM polygon"))

    causes: dict[str, list[str]] = {}
    vanished = []
    changes = rng.integers(0, 8, 150)
    for index, change in enumerate(changes):
        polygon = first.loc[index, "polygon_id"]
        if change == 1:
            first.loc[index, "start_half"] = "2022H2"
            causes[polygon] = ["period"]
        elif change == 2:
            first.loc[index, "from_class"] = "SeaLake"
            causes[polygon] = ["transition"]
        elif change == 3:
            resized(first, index, 0.25)
            causes[polygon] = ["area"]
        elif change == 4:
            resized(first, index, 0.05)
        elif change == 5:
            vanished.append(index)
            causes[polygon] = ["vanished"]
        elif change == 6:
            first.loc[index, "start_half"] = "2021H1"
            resized(first, index, -0.3)
            causes[polygon] = ["period", "area"]
        elif change == 7:
            first.loc[index, "geometry"] = shapely.affinity.translate(first.geometry[index], 14.0, 0.0)
            causes[polygon] = ["place"]
    new = outlines("A1", 2024, 20, seed=9).assign(polygon_id=[f"new-{n:02d}" for n in range(20)])
    write(pd.concat([first.drop(index=vanished), new]), tmp_path, "A1", 2024)
    load(paths, tmp_path / "load.json", database, RULES)

    assert rows(database, "SELECT * FROM review ORDER BY review_id") == before
    waiting = {row["polygon_id"]: (row["due"], row["cause"]) for row in queue(database)}
    gone = {first.loc[index, "polygon_id"] for index in vanished}
    expected = {polygon: ("re-review", causes[polygon]) for polygon in decided if polygon in causes}
    candidates = (set(ids) - set(decided) - gone) | set(new["polygon_id"])
    assert waiting == expected | {polygon: ("new", []) for polygon in candidates}
    assert {cause for _, found in expected.values() for cause in found} == {
        "period", "transition", "area", "place", "vanished",
    }  # fmt: skip
    assert len(set(decided) - set(expected)) > 100

    both = rows(
        database,
        "SELECT polygon_id, (start_half_decided, to_class_decided, area_m2_decided, geom_decided)::text, "
        "(start_half, to_class, area_m2, geom)::text FROM re_review",
    )
    now = dict(rows(database, "SELECT polygon_id, (start_half, to_class, area_m2, geom)::text FROM polygon"))
    assert {polygon: (old, fresh) for polygon, old, fresh in both} == {
        polygon: (was[polygon], now[polygon]) for polygon in expected
    }

    again = sorted(expected)
    decide(database, again, "accepted", "ana", "looked at again")
    assert {row["due"] for row in queue(database)} == {"new"}
    assert len(history(database, again[0])) == 2
    assert rows(database, STALE) == [(0,)]


def test_small_changes_do_not_add_up_unseen(database, tmp_path):
    frame = outlines("A1", 2024, 3)
    path = write(frame, tmp_path, "A1", 2024)
    load([path], tmp_path / "load.json", database, RULES)
    decide(database, frame["polygon_id"].tolist(), "accepted", "ana")
    for step, due in [(0.06, 0), (0.06, 1)]:
        resized(frame, 1, step)
        write(frame, tmp_path, "A1", 2024)
        load([path], tmp_path / "load.json", database, RULES)
        assert len(queue(database)) == due
    load([path], tmp_path / "load.json", database, RULES | {"area_change_share": 0.2})
    assert queue(database) == []


def test_four_eyes(database, tmp_path):
    frame = outlines("A1", 2024, 4)
    path, names = write(frame, tmp_path, "A1", 2024), frame["polygon_id"].tolist()
    rules = RULES | {"four_eyes": True}
    load([path], tmp_path / "load.json", database, rules)
    decide(database, names[:3], "accepted", "ana")
    decide(database, names[:1], "accepted", "Ana ")
    confirm(database, names[1:2], "bor")
    decide(database, names[2:3], "rejected", "bor")

    def due():
        return {row["polygon_id"]: row["due"] for row in queue(database)}

    second = "second reviewer"
    assert due() == {names[0]: second, names[2]: second, names[3]: "new"}
    confirm(database, names[2:3], "cene")
    assert due() == {names[0]: second, names[3]: "new"}
    with pytest.raises(ReviewError, match=r"1 polygon.* no decision to confirm"):
        confirm(database, [names[0], names[3]], "bor")

    frame.loc[frame["polygon_id"].isin(names[:2]), "start_half"] = "2022H2"
    write(frame, tmp_path, "A1", 2024)
    load([path], tmp_path / "load.json", database, rules)
    assert due() == {names[0]: "re-review", names[1]: "re-review", names[3]: "new"}
    confirm(database, names[:2], "bor")
    assert due() == {names[0]: second, names[1]: second, names[3]: "new"}
    load([path], tmp_path / "load.json", database, RULES)
    assert due() == {names[3]: "new"}


def test_a_redrawn_outline_is_measured_and_released(database, tmp_path):
    frame = outlines("A1", 2024, 3)
    name = frame["polygon_id"][0]
    load([write(frame, tmp_path, "A1", 2024)], tmp_path / "load.json", database, RULES)
    source = registry(tmp_path, "cadastre", 4)
    load_registries({"cadastre": source}, tmp_path / "registries.json", database)
    enrich(tmp_path / "enrich.json", database)
    half = shapely.set_srid(shapely.affinity.scale(frame.geometry[0], 0.5, 1.0), 32633)
    with pytest.raises(ReviewError, match="lies elsewhere"):
        decide(database, [name], "corrected", "ana", outline=shapely.affinity.translate(half, 500))
    with pytest.raises(ReviewError, match="to_class is none of the classes"):
        decide(database, [name], "corrected", "ana", correction={"to_class": "Industral"})
    with pytest.raises(ReviewError, match="correction_known"):
        decide(database, [name], "corrected", "ana", correction={"start_half": "last year"})
    decide(database, [name], "corrected", "ana", correction={"start_half": "2022H2"}, outline=half)
    enrich(tmp_path / "enrich.json", database)
    make_release(database, tmp_path / "release")
    [(period, area, drawn, distance, expected)] = rows(
        database,
        "SELECT period_of_change, area_m2, ST_Area(geom), (distances->>'cadastre')::float8, "
        "(SELECT min(ST_Distance(r.geom, p.geom)) FROM registry_polygon r) FROM release_polygon p",
    )
    assert period == "2022H2"
    assert area == pytest.approx(200, rel=1e-3)
    assert (area, distance) == (pytest.approx(drawn), pytest.approx(expected, abs=0.01))


def test_a_decision_on_what_the_reviewer_did_not_see_is_refused(database, tmp_path):
    frame = outlines("A1", 2024, 2)
    path = write(frame, tmp_path, "A1", 2024)
    load([path], tmp_path / "load.json", database, RULES)
    seen = {row["polygon_id"]: row["evidence"] for row in queue(database)}
    resized(frame, 0, 0.5)
    write(frame, tmp_path, "A1", 2024)
    load([path], tmp_path / "load.json", database, RULES)
    with pytest.raises(ReviewError, match="has changed since it was looked at"):
        decide(database, sorted(seen), "accepted", "ana", seen=seen)
    assert rows(database, "SELECT count(*) FROM review") == [(0,)]


def test_a_confirmation_does_not_overrule_what_comes_between(database, tmp_path):
    frame = outlines("A1", 2024, 1)
    load([write(frame, tmp_path, "A1", 2024)], tmp_path / "load.json", database, RULES)
    polygon = frame["polygon_id"].iloc[0]
    decide(database, [polygon], "accepted", "ana")
    with (
        psycopg.connect(database["dsn"]) as other,
        psycopg.connect(database["dsn"], autocommit=True) as watch,
    ):
        other.execute("SET search_path = sealwatch, public")
        other.execute(
            "INSERT INTO review (polygon_id, state, reviewer, evidence) "
            "SELECT polygon_id, 'rejected', 'cene', evidence FROM polygon"
        )
        with ThreadPoolExecutor(1) as pool:
            # cene's row is not committed yet: bor repeats ana's decision and waits at the lock.
            waiting = pool.submit(confirm, database, [polygon], "bor")
            asked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            while not waiting.done() and not watch.execute(asked).fetchone():
                time.sleep(0.02)
            other.commit()
            with pytest.raises(ReviewError, match="has changed since it was looked at"):
                waiting.result(30)
    assert [row["reviewer"] for row in history(database, polygon)] == ["ana", "cene"]


def test_reviewers_and_loads_at_the_same_time_agree(database, tmp_path):
    frame = outlines("A1", 2024, 60)
    names = frame["polygon_id"].tolist()
    other = frame.assign(start_half="2023H2").iloc[20:]
    folders = [tmp_path / "even", tmp_path / "odd"]
    paths = []
    for folder, content in zip(folders, (frame, other), strict=True):
        folder.mkdir()
        paths.append(write(content, folder, "A1", 2024))
    load(paths[:1], tmp_path / "load.json", database, RULES)

    def review(seed):
        rng = np.random.default_rng(seed)
        for _ in range(25):
            state = ("accepted", "rejected")[rng.integers(2)]
            decide(database, rng.permutation(names)[:15].tolist(), state, f"reviewer {seed}")
        return 25 * 15

    def reload():
        for n in range(8):
            load([paths[(n + 1) % 2]], tmp_path / "load.json", database, RULES)
        return 0

    with ThreadPoolExecutor() as pool:
        work = [pool.submit(review, seed) for seed in (1, 2, 3)] + [pool.submit(reload)]
        written = sum(task.result(timeout=60) for task in work)
    assert rows(database, "SELECT count(*) FROM review") == [(written,)]
    assert rows(database, STALE) == [(0,)]
    assert rows(database, TALLIED) == rows(
        database, "SELECT due, state, count(*) FROM verdict GROUP BY 1, 2 ORDER BY 1, 2"
    )


def test_decisions_of_the_first_schema_survive_the_migrations(database, tmp_path, migrate_to):
    """Their versions are known only where the polygon has not changed since."""
    migrate_to(database, 1)
    frame = outlines("A1", 2024, 3)
    names = frame["polygon_id"].tolist()
    with connect(database) as connection, connection.transaction():
        for name, now in zip(names, ("one", "two", "two"), strict=True):
            connection.execute(
                "INSERT INTO polygon VALUES (%s, 'A1', 2024, '2024-05-12', NULL, 'e', 'Forest', 'Residential', "
                "'2022H1', '2023H1', 0.8, 0.9, 400, %s, false, now(), "
                "ST_Multi(ST_MakeEnvelope(460000, 100000, 460020, 100020, 3794)))",
                [name, now],
            )
        for name, state, correction in zip(
            names, ("accepted", "corrected"), (None, '{"to_class": "Highway"}'), strict=False
        ):
            connection.execute(
                "INSERT INTO review (polygon_id, state, reviewer, correction, evidence) "
                "VALUES (%s, %s, 'ana', %s, 'one')",
                [name, state, correction],
            )
    migrate.migrate(database)
    assert {row["polygon_id"]: (row["due"], row["cause"]) for row in queue(database)} == {
        names[1]: ("re-review", ["evidence"]),
        names[2]: ("new", []),
    }
    assert rows(database, "SELECT state, reviewer, evidence, db_user FROM review ORDER BY review_id") == [
        ("accepted", "ana", "one", ""),
        ("corrected", "ana", "one", ""),
    ]
    decide(database, names[1:2], "accepted", "bor")
    assert [row["polygon_id"] for row in queue(database)] == names[2:]
