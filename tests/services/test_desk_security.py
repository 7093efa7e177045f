"""What strangers, other sites and accounts without the right get: nothing."""

import json

import psycopg
import pytest
import requests
from desk_case import PLOT

from builders.review_desk import PASSWORD

READS = ("/api/session", "/api/options", "/api/counts", "/api/queue", "/api/polygons?bbox=14,46,15,47",
         "/api/polygons/{id}", "/api/tiles/A1_2024/sentinel2_after/13/0/0.png", f"/api/plots/{PLOT}.svg")  # fmt: skip
WRITES = ("/api/polygons/{id}/decisions", "/api/polygons/{id}/confirm", "/api/polygons/{id}/undo")


@pytest.fixture(scope="module")
def ana(desk):
    return desk.sign_in("ana")


@pytest.fixture
def item(ana):
    return ana.waiting(limit=1)[0]


def decision(item, **more):
    return {"state": "accepted", "evidence": item["evidence"]} | more


def count(desk):
    return desk.rows("SELECT count(*) FROM review")[0][0]


def test_each_operation_asks_who_and_whether(desk, ana, item):
    people = {name: desk.sign_in(name) for name in (None, "rea", "pia")}
    for path in READS:
        path = path.format(id=item["polygon_id"])
        statuses = [person.get(path).status_code for person in people.values()]
        assert statuses == [401, 200, 200], path
    before = count(desk)
    for path in WRITES:
        path = path.format(id=item["polygon_id"])
        body = decision(item) if path.endswith("decisions") else {"evidence": item["evidence"]}
        for name, status in ((None, 401), ("rea", 403)):
            assert people[name].post(path, body).status_code == status, path
            # Who may not write does not learn whether the request was right either.
            assert people[name].post(path, {"nonsense": 1}).status_code == status, path
    assert count(desk) == before
    assert people["pia"].post(WRITES[0].format(id=item["polygon_id"]), decision(item)).status_code == 201


def test_every_operation_of_the_description_is_closed_to_strangers(desk):
    nobody = desk.sign_in(None)
    operations = nobody.get("/api/openapi.json").json()["paths"]
    tried = 0
    for path, methods in operations.items():
        for method in methods:
            if (path, method) == ("/api/session", "post"):
                continue
            filled = path.format(polygon_id="A1-1", event_id=PLOT, sheet_year="A1_2024", layer="sentinel2_after",
                                 sample="first", unit=1, z=1, x=0, y=0, ending="png")  # fmt: skip
            assert nobody.request(method.upper(), filled, params={"bbox": "1,1,2,2"}).status_code == 401, path
            tried += 1
    assert tried >= 10


@pytest.mark.parametrize("method", ["decisions", "confirm", "undo"])
def test_a_write_needs_the_token_of_its_own_session(desk, ana, item, method):
    other = desk.sign_in("bor")
    before = count(desk)
    for token in (None, "", "0" * 64, other.headers["X-CSRF-Token"], "š" * 64, "x" * 5000):
        header = {"X-CSRF-Token": token if token is None else token.encode()}
        answer = ana.post(f"/api/polygons/{item['polygon_id']}/{method}", decision(item), headers=header)
        assert answer.status_code in (403, 422), token
        assert answer.status_code == 403 or len((token or "").encode()) > 100
    assert ana.delete("/api/session", headers={"X-CSRF-Token": None}).status_code == 403
    assert ana.get("/api/session").status_code == 200
    assert count(desk) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_can_neither_write_nor_sign_in(desk, ana, item, headers):
    before = count(desk)
    path = f"/api/polygons/{item['polygon_id']}/decisions"
    assert ana.post(path, decision(item), headers=headers).status_code == 403
    nobody = desk.sign_in(None)
    credentials = {"name": "ana", "password": PASSWORD}
    assert nobody.post("/api/session", credentials, headers=headers).status_code == 403
    assert not nobody.cookies
    assert count(desk) == before


def test_the_own_page_may(desk, ana, item):
    headers = {"Origin": desk.url, "Sec-Fetch-Site": "same-origin"}
    answer = ana.post(f"/api/polygons/{item['polygon_id']}/decisions", decision(item), headers=headers)
    assert answer.status_code == 201


def test_every_answer_protects_its_page(desk, ana):
    for path in (
        "/",
        "/api/session",
        "/api/nothing",
        "/lib/maplibre-gl.js",
        "/static/none",
        "/api/queue?limit=0",
    ):
        answer = ana.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
        assert not path.startswith("/api") or answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
    assert "strict-transport-security" not in answer.headers


def test_requests_are_only_taken_under_the_desks_name_and_size(desk, ana, item):
    assert ana.get("/api/session", headers={"Host": "evil.example"}).status_code == 400
    path = f"/api/polygons/{item['polygon_id']}"
    large = ana.post(f"{path}/confirm", {"evidence": "x" * 100_000})
    assert (large.status_code, isinstance(large.json()["detail"], str)) == (413, True)
    chunks = (b"x" * 65536 for _ in range(100))
    assert ana.request("POST", f"{path}/decisions", data=chunks).status_code == 413
    for body in (b"[" * 100_000, b"{", b"\xff", b"null", b'{"state": NaN}', b'{"evidence": "\\ud800"}'):
        answer = ana.request(
            "POST", f"{path}/decisions", data=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422), body[:20]
        assert isinstance(answer.json()["detail"], str)
    answer = ana.request("POST", f"{path}/decisions", data=json.dumps(decision(item)))
    assert answer.status_code == 422  # no JSON by its own word, as a form of another site would send it
    lone = b'{"name": "ana", "password": "\\ud800 and some more"}'
    answer = desk.sign_in(None).request(
        "POST", "/api/session", data=lone, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


def test_the_description_is_there_only_where_asked_for(desk):
    nobody = desk.sign_in(None)
    assert nobody.get("/api/openapi.json").status_code == 200
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert nobody.get(path).status_code == 404


def test_behind_tls_cookies_and_origins_are_those_of_the_public_address(desk):
    """And the desk works with an account of its own that has the desk's role and no more."""
    desk.stop()
    desk.rows("CREATE ROLE desk_account_of_its_own LOGIN IN ROLE sealwatch_desk")
    try:
        own = desk.database["dsn"].replace("postgres@", "desk_account_of_its_own@")
        desk.start(own, openapi=False, public_url="https://review.example.org")
        body = {"name": "ana", "password": PASSWORD}
        headers = {"Host": "review.example.org", "Origin": "https://review.example.org"}
        headers |= {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https"}
        answer = requests.post(f"{desk.url}/api/session", json=body, headers=headers, timeout=20)
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-sealwatch_session=")
        assert "secure" in cookie.lower()
        assert "strict-transport-security" in answer.headers
        token = cookie.split("=", 1)[1].split(";")[0]
        headers |= {"Cookie": f"__Host-sealwatch_session={token}", "X-CSRF-Token": answer.json()["csrf"]}
        item = requests.get(f"{desk.url}/api/queue?limit=1", headers=headers, timeout=20).json()["items"][0]
        path = f"{desk.url}/api/polygons/{item['polygon_id']}/decisions"
        wrong = headers | {"Origin": desk.url}
        assert requests.post(path, json=decision(item), headers=wrong, timeout=20).status_code == 403
        assert requests.post(path, json=decision(item), headers=headers, timeout=20).status_code == 201
        assert requests.get(f"{desk.url}/api/openapi.json", headers=headers, timeout=20).status_code == 404
        assert desk.rows("SELECT db_user FROM review ORDER BY review_id DESC LIMIT 1") == [
            ("desk_account_of_its_own",)
        ]
        bad = {"name": "ana", "password": "wrong password"}
        requests.post(f"{desk.url}/api/session", json=bad, headers=headers, timeout=20)
        assert desk.rows("SELECT DISTINCT address FROM desk_attempt WHERE address <> '127.0.0.1'") == [
            ("10.1.2.3",)
        ]
        assert "10.1.2.3" in desk.log.read_text(encoding="utf-8")
    finally:
        desk.stop()
        desk.rows("DELETE FROM desk_attempt")
        desk.rows("DROP ROLE desk_account_of_its_own")
        desk.start()


def test_a_database_that_went_away_is_said_and_found_again(desk, ana, item):
    ana.get("/api/counts")
    with psycopg.connect(desk.database["dsn"], autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        statuses = [ana.get("/api/counts").status_code for _ in range(12)]
    assert set(statuses) <= {200, 503}
    assert statuses[-1] == 200


def test_a_polygon_that_is_being_loaded_is_said_to_be(desk, ana, item):
    with psycopg.connect(desk.database["dsn"]) as connection:
        connection.execute(
            "SELECT 1 FROM sealwatch.polygon WHERE polygon_id = %s FOR UPDATE", [item["polygon_id"]]
        )
        answer = ana.post(f"/api/polygons/{item['polygon_id']}/decisions", decision(item))
        assert (answer.status_code, "being loaded" in answer.json()["detail"]) == (503, True)
    assert ana.post(f"/api/polygons/{item['polygon_id']}/decisions", decision(item)).status_code == 201


def test_the_log_holds_no_secret(desk, ana):
    desk.sign_in(None).post("/api/session", {"name": "ana", "password": "wrong-secret-password"})
    ana.post("/api/session", {"name": "ana", "password": ["a-list-secret"]})
    said = ana.post("/api/session", {"name": "ana", "password": {"a": "an-object-secret"}}).text
    log = desk.log.read_text(encoding="utf-8")
    assert "ana signed in from 127.0.0.1" in log
    secrets = [PASSWORD, "wrong-secret-password", "a-list-secret", "an-object-secret", "$argon2"]
    secrets += [ana.cookies["sealwatch_session"], ana.headers["X-CSRF-Token"], desk.database["dsn"]]
    for secret in secrets:
        assert secret not in log
        assert secret not in said
