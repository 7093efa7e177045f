"""The work of a reviewer at the desk: queue, polygons, decisions, undo. Nothing decided is ever lost."""

import json
import signal

import pytest
import requests
import shapely
from desk_case import PLOT, SHEETS, geojson
from pyproj import Transformer

ALL = sum(SHEETS.values())


@pytest.fixture
def ana(desk):
    return desk.sign_in("ana")


@pytest.fixture
def bor(desk):
    return desk.sign_in("bor")


@pytest.fixture
def fresh(desk, ana):
    """Function that gives a polygon nobody has decided on in any test."""

    def take():
        used = {name for (name,) in desk.rows("SELECT DISTINCT polygon_id FROM review")}
        return next(item for item in ana.waiting(due="new", limit=200) if item["polygon_id"] not in used)

    return take


def pages(person, **filters):
    """Ids of all pages."""
    ids, after = [], None
    while True:
        answer = person.get("/api/queue", params=filters | ({"after": after} if after else {})).json()
        ids += [item["polygon_id"] for item in answer["items"]]
        after = answer["next"]
        if after is None:
            return ids


def test_the_queue_is_read_in_pages_each_polygon_once(desk, ana):
    waiting = sorted(name for (name,) in desk.rows("SELECT polygon_id FROM verdict WHERE due <> ''"))
    assert pages(ana, limit=7) == waiting
    assert pages(ana, limit=len(waiting)) == waiting
    assert pages(ana, limit=9, sheet="B2") == [name for name in waiting if name.startswith("B2")]
    assert pages(ana, due="second reviewer") == []
    assert sum(ana.get("/api/counts").json().values()) == ALL


def test_a_polygon_is_told_with_outline_distances_images_and_plot(desk, ana):
    names = dict(desk.rows("SELECT event_id, polygon_id FROM polygon WHERE sheet = 'A1'"))
    one = ana.seen(names[PLOT])
    assert (one["sheet"], one["year"], one["due"], one["decided"], one["history"]) == (
        "A1",
        2024,
        "new",
        None,
        [],
    )
    [(x, y, area)] = desk.rows(
        "SELECT ST_X(c), ST_Y(c), a FROM (SELECT ST_Transform(ST_Centroid(geom), 4326) c, area_m2 a FROM polygon "
        "WHERE polygon_id = %s) p",
        names[PLOT],
    )
    centre = shapely.geometry.shape(one["geometry"]).centroid
    assert (centre.x, centre.y, one["area_m2"]) == (
        pytest.approx(x, abs=1e-7),
        pytest.approx(y, abs=1e-7),
        area,
    )
    assert one["bbox"] == pytest.approx(shapely.geometry.shape(one["geometry"]).bounds, abs=1e-7)
    assert one["distances_m"]["cadastre"] >= 0
    assert set(one["images"]) == {"sentinel2_before", "sentinel2_after", "orthophoto_after"}
    assert one["images"]["orthophoto_after"]["date"] == "2024-05-12"
    assert ana.get(one["plot"]).headers["content-type"].startswith("image/svg+xml")
    other = next(iter(set(names) - {PLOT}))
    assert ana.seen(names[other])["plot"] is None
    assert ana.get("/api/polygons/no-such-polygon").status_code == 404


def test_the_map_shows_what_lies_in_its_part(desk, ana):
    options = ana.get("/api/options").json()
    assert options["halves"][0] == "2020H1"
    assert not options["four_eyes"]
    west, south, east, north = options["bounds"]
    whole = ana.get("/api/polygons", params={"bbox": f"{west},{south},{east},{north}"}).json()
    assert (len(whole["features"]), whole["complete"]) == (ALL, True)
    middle = (west + east) / 2
    answer = ana.get("/api/polygons", params={"bbox": f"-180,-90,{middle},90"})
    assert answer.headers["content-type"].startswith("application/geo+json")
    found = {f["properties"]["polygon_id"] for f in answer.json()["features"]}
    expected = {
        f["properties"]["polygon_id"]
        for f in whole["features"]
        if shapely.geometry.shape(f["geometry"]).bounds[0] < middle - 0.0005
    }
    assert expected <= found < {f["properties"]["polygon_id"] for f in whole["features"]}
    assert ana.get("/api/polygons", params={"bbox": "100,10,101,11"}).json()["features"] == []
    few = ana.get("/api/polygons", params={"bbox": "-180,-90,180,90", "limit": 5}).json()
    assert (len(few["features"]), few["complete"]) == (5, False)
    for wrong in ("1,2,3", "5,1,4,2", "a,b,c,d", "nan,nan,nan,nan", "0,0,inf,1", ""):
        assert ana.get("/api/polygons", params={"bbox": wrong}).status_code == 422


def test_a_decision_stands_under_the_name_of_its_account(desk, ana, fresh):
    item = fresh()
    before = ana.get("/api/counts").json()
    answer = ana.decide(item, "rejected", reason="a greenhouse — plastic")
    assert (answer.status_code, answer.json()["state"], answer.json()["due"]) == (201, "rejected", "")
    after = ana.get("/api/counts").json()
    assert (after["new"], after["rejected"]) == (before["new"] - 1, before["rejected"] + 1)
    [row] = ana.seen(item["polygon_id"])["history"]
    assert (row["state"], row["reviewer"], row["reason"]) == ("rejected", "ana", "a greenhouse — plastic")


def test_who_has_not_seen_anothers_decision_cannot_overrule_it(ana, bor, fresh):
    item = fresh()
    assert ana.decide(item, "accepted").status_code == 201
    late = bor.decide(item, "rejected")
    assert late.status_code == 409
    assert "has changed since it was looked at" in late.json()["detail"]
    assert bor.post(
        f"/api/polygons/{item['polygon_id']}/confirm", {"evidence": item["evidence"]}
    ).status_code == 409  # fmt: skip
    again = bor.seen(item["polygon_id"])
    assert bor.decide(again, "rejected").status_code == 201
    assert [row["reviewer"] for row in bor.seen(item["polygon_id"])["history"]] == ["ana", "bor"]


def test_a_drawn_outline_is_stored_where_it_was_drawn(desk, ana, fresh):
    item = fresh()
    one = ana.seen(item["polygon_id"])
    drawn = shapely.affinity.scale(shapely.geometry.shape(geojson(one)), 0.5, 0.5)
    answer = ana.decide(
        one,
        "corrected",
        outline=json.loads(shapely.to_geojson(drawn)),
        correction={"to_class": "Industrial", "start_half": "2022H2"},
    )
    assert answer.status_code == 201, answer.text
    [(wkb, area)] = desk.rows(
        "SELECT ST_AsBinary(geom), area_m2 FROM standing WHERE polygon_id = %s", item["polygon_id"]
    )
    to_map = Transformer.from_crs(4326, 3794, always_xy=True)
    expected = shapely.transform(drawn, to_map.transform, interleaved=False)
    assert shapely.hausdorff_distance(shapely.from_wkb(wkb), expected) < 1e-6
    assert area == pytest.approx(one["area_m2"] / 4, rel=1e-3)
    now = ana.seen(item["polygon_id"])
    assert now["correction"] == {"to_class": "Industrial", "start_half": "2022H2"}
    assert shapely.hausdorff_distance(shapely.geometry.shape(now["geometry"]), drawn) < 1e-7
    assert shapely.geometry.shape(now["found"]["geometry"]).equals_exact(
        shapely.geometry.shape(one["geometry"]), 1e-8
    )
    # Evidence of a polygon with a drawn outline can be decided on too.
    assert ana.decide(now, "accepted").status_code == 201


def test_undo_takes_back_ones_own_decisions_one_after_the_other(desk, ana, bor, fresh):
    item = fresh()
    path = f"/api/polygons/{item['polygon_id']}/undo"
    assert ana.post(path, {"evidence": item["evidence"]}).status_code == 422
    ana.decide(item, "accepted", reason="clear")
    first = ana.seen(item["polygon_id"])
    bor.decide(first, "corrected", correction={"to_class": "Highway"})
    refused = ana.post(path, {"evidence": first["evidence"]})
    assert (refused.status_code, "another person's" in refused.json()["detail"]) == (409, True)
    # As the page does it right after the decision, with the evidence from before it.
    answer = bor.post(path, {"evidence": first["evidence"]})
    assert (answer.status_code, answer.json()["state"]) == (201, "accepted")
    now = bor.seen(item["polygon_id"])
    assert (now["state"], now["reviewer"], now["reason"], now["correction"]) == (
        "accepted",
        "ana",
        "clear",
        None,
    )
    assert [(row["state"], row["reviewer"], row["undo"]) for row in now["history"]] == [
        ("accepted", "ana", False),
        ("corrected", "bor", False),
        ("accepted", "bor", True),
    ]
    assert bor.post(path, {"evidence": now["evidence"]}).status_code == 409
    answer = ana.post(path, {"evidence": now["evidence"]})
    assert (answer.status_code, answer.json()["due"]) == (201, "new")
    assert ana.post(path, {"evidence": answer.json()["evidence"]}).status_code == 422
    assert len(ana.seen(item["polygon_id"])["history"]) == 4


def test_an_undo_is_no_consent(desk, ana, bor, fresh):
    """Neither to what stands again nor to a version of the polygon that its reviewer has not seen."""
    item, other = fresh(), None
    ana.decide(item, "accepted")
    desk.rows(
        "UPDATE polygon SET evidence = 'sha256:other', start_half = '2023H1' WHERE polygon_id = %s",
        item["polygon_id"],
    )
    now = bor.seen(item["polygon_id"])
    assert (now["due"], now["cause"], now["decided"]["start_half"], now["start_half"]) == (
        "re-review", ["period"], "2022H1", "2023H1",
    )  # fmt: skip
    bor.decide(now, "rejected")
    answer = bor.post(f"/api/polygons/{item['polygon_id']}/undo", {"evidence": now["evidence"]})
    assert (answer.json()["state"], answer.json()["due"]) == ("accepted", "re-review")
    # To make the old decision again on the new evidence is a decision of its own.
    now = ana.seen(item["polygon_id"])
    answer = ana.post(
        f"/api/polygons/{item['polygon_id']}/confirm", {"evidence": now["evidence"], "reason": "same"}
    )
    assert (answer.status_code, answer.json()["due"]) == (201, "")
    other = fresh()
    try:
        desk.rows("UPDATE review_rule SET four_eyes = true")
        path = f"/api/polygons/{other['polygon_id']}"
        assert ana.get("/api/options").json()["four_eyes"]
        assert ana.decide(other, "accepted").json()["due"] == "second reviewer"
        own = ana.seen(other["polygon_id"])
        assert ana.post(f"{path}/confirm", {"evidence": own["evidence"]}).status_code == 409
        bor.decide(bor.seen(other["polygon_id"]), "rejected")
        bor.post(f"{path}/undo", {"evidence": own["evidence"]})
        now = bor.seen(other["polygon_id"])
        assert (now["state"], now["due"], now["reviewer"]) == ("accepted", "second reviewer", "ana")
        answer = bor.post(f"{path}/confirm", {"evidence": now["evidence"]})
        assert (answer.status_code, answer.json()["due"]) == (201, "")
    finally:
        desk.rows("UPDATE review_rule SET four_eyes = false")


SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("outline", "said"),
    [
        ({"type": "Polygon", "coordinates": []}, "empty"),
        ({"type": "MultiPolygon", "coordinates": [[]]}, "empty"),
        ({"type": "Polygon"}, "empty"),
        ({"type": "Point", "coordinates": [0, 0]}, "Polygon or MultiPolygon"),
        ({"type": ["Polygon"], "coordinates": [SQUARE]}, "Polygon or MultiPolygon"),
        ({"type": "Polygon", "coordinates": [SQUARE[:-1]]}, "open"),
        ({"type": "Polygon", "coordinates": [[SQUARE[0], SQUARE[1], SQUARE[0]]]}, "at least four"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}, "Self-intersection"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0.5, 0], [0, 0]]]}, "not valid"),
        ({"type": "Polygon", "coordinates": [[[*p, 300.0] for p in SQUARE]]}, "without a height"),
        ({"type": "Polygon", "coordinates": [[[float("nan"), 0], *SQUARE[1:]]]}, "longitude must lie"),
        ({"type": "Polygon", "coordinates": [[[10**400, 0], *SQUARE[1:]]]}, "longitude must lie"),
        ({"type": "Polygon", "coordinates": [[["0", True], *SQUARE[1:]]]}, "two numbers"),
        ({"type": "Polygon", "coordinates": [[{"a": 1}]]}, "two numbers"),
        ({"type": "Polygon", "coordinates": [SQUARE]}, "beyond the polygon"),
        ({"type": "Polygon", "coordinates": [[[p[0] * 9, p[1] * 90] for p in SQUARE]]}, "beyond the polygon"),
        (
            {"type": "Polygon", "coordinates": [[[14 + n * 1e-7, 46.1234567] for n in range(100_000)]]},
            "100000 vertices",
        ),
    ],
)  # fmt: skip
def test_what_is_no_outline_is_refused_in_one_sentence(desk, ana, fresh, outline, said):
    item = fresh()
    body = json.dumps({"state": "corrected", "evidence": item["evidence"], "outline": outline})
    answer = requests.Session.request(
        ana, "POST", f"{desk.url}/api/polygons/{item['polygon_id']}/decisions", data=body,
        headers={"Content-Type": "application/json"}, timeout=20,
    )  # fmt: skip
    assert answer.status_code == 422, answer.text[:500]
    assert said in answer.json()["detail"]
    assert ana.seen(item["polygon_id"])["history"] == []


def test_an_outline_beside_its_polygon_is_refused(ana, fresh):
    one = ana.seen(fresh()["polygon_id"])
    beside = shapely.affinity.translate(shapely.geometry.shape(geojson(one)), 0.001)
    answer = ana.decide(one, "corrected", outline=json.loads(shapely.to_geojson(beside)))
    assert (answer.status_code, "lies elsewhere" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    "more",
    [
        {"state": "kept"},
        {"state": "corrected"},
        {"state": "accepted", "correction": {"to_class": "Forest"}},
        {"state": "corrected", "correction": {"to_class": "Forrest"}},
        {"state": "corrected", "correction": {"start_half": "1999H1"}},
        {"state": "corrected", "correction": {"start_half": "2022"}},
        {"state": "corrected", "correction": {"area_m2": "1"}},
        {"state": "accepted", "reviewer": "bor"},
        {"state": "accepted", "reason": "a\0b"},
        {"state": "accepted", "reason": "x" * 2001},
    ],
)
def test_what_is_no_decision_is_refused(ana, fresh, more):
    item = fresh()
    answer = ana.decide(item, **more)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)
    assert ana.seen(item["polygon_id"])["history"] == []


def test_a_decision_survives_the_death_of_the_desk_right_after_its_answer(desk, ana, fresh):
    item = fresh()
    answer = ana.decide(item, "accepted")
    desk.stop(signal.SIGKILL)
    assert answer.status_code == 201
    desk.start()
    # The session outlives the process too.
    assert ana.seen(item["polygon_id"])["state"] == "accepted"
