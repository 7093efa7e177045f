"""Anything may be sent to the desk: it answers as described, never fails, and does nothing it was not asked to."""

import itertools
import json

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

INJECTIONS = ("' OR '1'='1", "'; DROP TABLE review; --", "1) UNION SELECT password_hash FROM desk_account --",
              "\\'; SELECT pg_sleep(9); --", "%27%20OR%201=1", "$$;SELECT 1;$$", "../../etc/passwd", "%00", "\x00",
              "{0.__class__}", "${jndi:ldap://x}", "%s%s%n", "\u202e", "9" * 400)  # fmt: skip
SECRETS = ("password_hash", "$argon2", "token_sha256", "psycopg", "Traceback", "SELECT ", "pg_")


@pytest.fixture(scope="module")
def ana(desk):
    return desk.sign_in("ana")


def state_of(desk):
    """What must not change by any of it: accounts, and that decisions are only added."""
    return desk.rows("SELECT account, role, password_hash, locked FROM desk_account ORDER BY 1"), desk.rows(
        "SELECT polygon_id FROM polygon ORDER BY 1"
    )


def test_no_parameter_reaches_the_database_as_sql(desk, ana):
    before = state_of(desk), desk.rows("SELECT count(*) FROM review")
    item = ana.waiting(limit=1)[0]
    known = item["polygon_id"]
    urls = ["/api/queue?due={}", "/api/queue?sheet={}", "/api/queue?after={}", "/api/queue?limit={}",
            "/api/polygons?bbox={}", "/api/polygons?bbox=1,1,2,2&limit={}", "/api/polygons/{}",
            "/api/polygons/" + known + "{}", "/api/plots/{}.svg", "/api/tiles/{}/orthophoto_after/1/0/0.png",
            "/api/tiles/A1_2024/{}/1/0/0.png", "/api/tiles/A1_2024/orthophoto_after/{}/0/0.png",
            "/api/tiles/A1_2024/orthophoto_after/1/{}/0.png", "/api/tiles/A1_2024/orthophoto_after/1/0/{}.png",
            "/api/tiles/A1_2024/orthophoto_after/1/0/0.{}", "/static/{}", "/lib/{}"]  # fmt: skip
    for url, text in itertools.product(urls, INJECTIONS):
        answer = ana.get(url.format(text.replace("\x00", "%00").replace("#", "%23")))
        assert answer.status_code in (400, 404, 422), (url, text, answer.status_code)
        assert not any(secret in answer.text for secret in SECRETS), (url, text, answer.text)
    bodies = [{"state": "accepted", "evidence": "{}"}, {"state": "{}", "evidence": item["evidence"]},
              {"state": "corrected", "correction": {"to_class": "{}"}, "evidence": item["evidence"]},
              {"state": "corrected", "correction": {"start_half": "{}"}, "evidence": item["evidence"]},
              {"state": "corrected", "outline": {"type": "{}"}, "evidence": item["evidence"]}]  # fmt: skip
    for body, text in itertools.product(bodies, INJECTIONS):
        filled = json.loads(json.dumps(body).replace('"{}"', json.dumps(text)))
        answer = ana.post(f"/api/polygons/{known}/decisions", filled)
        assert answer.status_code in (409, 422), (body, text, answer.text)
    for text in (text for text in INJECTIONS if text != "\x00"):
        answer = desk.sign_in(None).get(
            "/api/session", headers={"Cookie": f"sealwatch_session={text}".encode()}
        )
        assert answer.status_code == 401
        answer = desk.sign_in(None).post("/api/session", {"name": text, "password": text})
        assert answer.status_code in (401, 422, 429)
    desk.rows("DELETE FROM desk_attempt")
    assert (state_of(desk), desk.rows("SELECT count(*) FROM review")) == before
    # A reason is free text: it is stored as it was written.
    texts = [text for text in INJECTIONS if text != "\x00"]
    for text in texts:
        evidence = ana.seen(known)["evidence"]
        body = {"state": "rejected", "evidence": evidence, "reason": text}
        assert ana.post(f"/api/polygons/{known}/decisions", body).status_code == 201
    assert [row["reason"] for row in ana.seen(known)["history"]][-len(texts) :] == texts


@pytest.mark.parametrize("name", ["ana", None])
def test_the_desk_answers_as_described_whatever_is_sent(desk, name):
    person = desk.sign_in(name)
    before = state_of(desk)
    schema = schemathesis.openapi.from_url(f"{desk.url}/api/openapi.json")
    headers = {"X-CSRF-Token": person.headers["X-CSRF-Token"]} if name else {}
    cookies = {"sealwatch_session": person.cookies["sealwatch_session"]} if name else {}
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    statuses = set()
    for operation in schema.get_all_operations():
        api = operation.ok()
        if (api.path, api.method) == ("/api/session", "delete"):
            continue

        @given(api.as_strategy(GenerationMode.NEGATIVE) | api.as_strategy())
        @settings(max_examples=6 if name else 3, deadline=None, database=None, derandomize=True,
                  phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
        def send(case):
            answer = case.call(headers=headers, cookies=cookies)
            statuses.add(answer.status_code)
            assert not any(secret in answer.text for secret in SECRETS), answer.text
            case.validate_response(answer, checks=checks)

        send()
    assert statuses >= ({200, 404, 422} if name else {401})
    desk.rows("DELETE FROM desk_attempt")
    assert state_of(desk) == before
