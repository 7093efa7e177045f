"""Attacks on the public services through the web, and many clients at once."""

import http.client
import json
import re
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import psycopg
import pytest
from attacks import BASE, FORBIDDEN, MAP, get_requests, ogc_paths, post_bodies

from benchmarks.wfs_load import load_of, wfs_boxes

TOLD = re.compile(
    r"SELECT |publicly\.|publicly_service|release_polygon|/tmp/|/usr/|sealwatch-|dbname|Traceback|psycopg|asyncpg"
)
"""What no answer may tell, unless the request said it."""


class Client:
    """A connection to the services that is opened again when the server closes it."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url).netloc
        self._connection = None

    def __call__(
        self, method: str, path: str, body: bytes | None = None, kind: str = "text/xml"
    ) -> tuple[int, str]:
        for _ in range(2):
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._place, timeout=60)
            try:
                self._connection.request(
                    method, path, body, {"Content-Type": kind} if body is not None else {}
                )
                answer = self._connection.getresponse()
                return answer.status, answer.read().decode("utf-8", "replace")
            except (http.client.RemoteDisconnected, ConnectionError):
                self._connection = None
        raise AssertionError(f"no answer to {path[:300]}")


def judge(status: int, answer: str, request: str) -> None:
    assert status < 500, (status, request[:400], answer[:400])
    assert "CANARY" not in answer or "CANARY" in request, request[:400]
    told = {match for match in TOLD.findall(answer) if match not in request}
    assert not told, (told, request[:400], answer[:600])


def rows_behind(settings) -> list[tuple]:
    import os

    with psycopg.connect(os.environ[settings["dsn_env"]]) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM publicly.{table}").fetchone()
            for table in ("polygon", "review", "release", "release_polygon")
        ]
        views = connection.execute(
            "SELECT count(*) FROM pg_views WHERE schemaname = 'publicly_public'"
        ).fetchone()
    return [*counts, views]


@pytest.fixture
def unharmed(public):
    """The services are alive after the test, and the tables as they were."""
    before = rows_behind(public.settings)
    yield
    assert rows_behind(public.settings) == before
    assert 'numberReturned="3"' in public.wfs_query(**BASE)
    with urllib.request.urlopen(f"{public.ogc}/collections/newly_sealed/items?limit=3") as response:
        assert json.load(response)["numberReturned"] == 3


def test_attacks_on_wfs_and_wms_get_nothing(public, unharmed):
    client = Client(public.url)
    for parameters in get_requests():
        query = urlencode(parameters, quote_via=quote)
        judge(*client("GET", f"/ows?{query}"), str(parameters))
    for extra in FORBIDDEN:
        for base in (BASE, MAP):
            status, answer = client("GET", f"/ows?{urlencode({**base, **extra})}")
            assert (status, "This parameter is not offered" in answer) == (400, True), extra
    for body in post_bodies():
        judge(*client("POST", "/ows", body.encode()), body)
    judge(*client("POST", "/ows", '<?xml version="1.0"?><!DOCTYPE a>'.encode("utf-16")), "")
    assert client("POST", "/ows", b"<a>" + b"x" * 2_000_000)[0] in (400, 413)
    # MapServer would read these names up to the zero byte; half a million parameters would hold up all others.
    form, service = "application/x-www-form-urlencoded", urlencode(BASE)
    for hidden in ("map%00x=/etc/passwd", "mode%00=map", "a&" * 500_000):
        assert client("POST", "/ows", f"{service}&{hidden}".encode(), form)[0] == 400, hidden[:20]
    status, answer = client("POST", "/ows", f"<&mode=map&{service}".encode(), form)
    assert (status, "This parameter is not offered" in answer) == (400, True)
    for path in (
        "/ows/../../etc/passwd",
        "/ows/etc/passwd",
        f"/ows%3F/x?{service}",
        "/sealwatch.map",
        "/gate.lua",
        "/..%2f..%2fetc/passwd",
    ):
        status, answer = client("GET", path)
        assert "root:" not in answer
        assert "MAP" not in answer
        assert status in (400, 403, 404), path


def test_attacks_on_the_ogc_api_get_nothing(public, unharmed):
    client = Client(public.url)
    for path in ogc_paths():
        judge(*client("GET", f"/ogc{path}"), path + urllib.parse.unquote(path))
    with urllib.request.urlopen(f"{public.ogc}/collections") as response:
        names = {collection["id"] for collection in json.load(response)["collections"]}
    assert all(re.fullmatch(r"newly_sealed(_\d+)?|releases", name) for name in names)
    request = urllib.request.Request(f"{public.ogc}/", headers={"Host": "evil.example"})
    with urllib.request.urlopen(request) as response:
        assert "evil" not in response.read().decode()


def test_only_the_public_views_are_named_and_no_secret_is_in_files_or_logs(public):
    for service, version in (("WFS", "2.0.0"), ("WFS", "1.1.0"), ("WMS", "1.3.0")):
        text = public.wfs_query(SERVICE=service, VERSION=version, REQUEST="GetCapabilities")
        assert "CANARY" not in text
        names = set(re.findall(r"<Name>(?:sealwatch:)?(newly_sealed\w*|polygon|review)</Name>", text))
        assert names
        assert all(name.startswith("newly_sealed") for name in names)
    for file in public.folder.rglob("*"):
        assert not file.is_file() or b"CANARYpassword" not in file.read_bytes(), file
    state = json.loads(next(public.folder.glob("web-*.json")).read_text())
    for file in Path(state["runtime"]).iterdir():
        if file.is_file() and file.name != "pgpass":
            assert b"CANARYpassword" not in file.read_bytes(), file
    assert (Path(state["runtime"]) / "pgpass").stat().st_mode & 0o077 == 0
    running = [p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()]
    assert not any(b"CANARYpassword" in words for words in running)


def test_fifty_clients_for_three_seconds_see_no_error(public):
    found = load_of(wfs_boxes(public.wfs, 1_500), clients=50, seconds=3.0)
    assert found.errors == []
    assert len(found.latencies_s) >= 50
