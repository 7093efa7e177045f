"""One private PostGIS cluster per test session, one database per test, a web server where asked for."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest
from databases import new_database
from desk_case import fill
from page_case import desk_for_the_page
from playwright.sync_api import expect, sync_playwright
from psycopg import sql
from public_case import public_services

from builders.chromium import launch
from builders.ports import free_port
from builders.review_desk import PASSWORD, Desk
from sealwatch.publish import migrate
from sealwatch.publish.cluster import Cluster, running
from sealwatch.publish.server import WebServer, serving

SRID = 3794
SAID_BY_CHROMIUM = re.compile("Failed to load resource|GPU stall|GL Driver Message")
"""Lines of the console that tell of answers like 401 and of the graphics driver."""


@pytest.fixture(scope="session")
def cluster():
    # Not below pytest's own folder: that is closed to user postgres when the tests run as root.
    folder = Path(tempfile.mkdtemp(prefix="sealwatch-test-"))
    folder.chmod(0o711)
    try:
        with running(Cluster(folder / "postgres", free_port()), ["template"]) as started:
            yield started
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def database(cluster, monkeypatch, request):
    """Configuration of an empty database of its own."""
    name = f"t{abs(hash(request.node.nodeid)):x}"
    dsn = new_database(cluster, name)
    monkeypatch.setenv("SEALWATCH_TEST_DSN", dsn)
    yield {"dsn_env": "SEALWATCH_TEST_DSN", "schema": "sealwatch", "srid": SRID, "dsn": dsn}
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def migrate_to(monkeypatch):
    """Function that makes the tables of an earlier version of the schema, as that version left them."""

    def make(settings, version):
        earlier = migrate.migrations()[:version]
        with monkeypatch.context() as patch:
            patch.setattr(migrate, "migrations", lambda: earlier)
            patch.setattr(migrate, "grant_roles", lambda *_: None)
            patch.setattr(migrate, "publish_views", lambda *_: None)
            migrate.migrate(settings)

    return make


@pytest.fixture
def services():
    return {
        "title": "Newly sealed land",
        "abstract": "Land sealed since the previous orthophoto",
        "host": "127.0.0.1",
        "port": free_port(),
        "ogc_api_port": free_port(),
        "public_url": None,
        "trusted_proxies": [],
        "dsn_env": "SEALWATCH_READER_DSN",
        "srs": ["EPSG:3794", "EPSG:4326", "EPSG:3857", "EPSG:32633"],
    }


@pytest.fixture
def serve(tmp_path, services, database):
    """Function that serves a mapfile until the test ends; returns the server."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(mapfile: Path) -> WebServer:
            server = WebServer(tmp_path / "web", services["port"], mapfile=mapfile, dsn=database["dsn"])
            return stack.enter_context(serving(server))

        yield start


@pytest.fixture(scope="session")
def desk(cluster, tmp_path_factory):
    """The review desk with outlines of two sheets, accounts, images and a plot; one for all tests."""
    database = {
        "dsn_env": "SEALWATCH_DESK_TEST_DSN",
        "schema": "sealwatch",
        "srid": SRID,
        "dsn": new_database(cluster, f"desk{free_port()}"),
    }
    os.environ[database["dsn_env"]] = database["dsn"]
    started = Desk(tmp_path_factory.mktemp("desk"), free_port(), database)
    try:
        fill(database, started.folder)
        started.start()
        yield started
    finally:
        started.stop()
        del os.environ[database["dsn_env"]]


@pytest.fixture(scope="session")
def page_desk(cluster, tmp_path_factory):
    """The review desk with what the page is tried on."""
    with desk_for_the_page(cluster, tmp_path_factory.mktemp("page")) as started:
        yield started


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        expect.set_options(timeout=15_000)
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def signed_in(page_desk, browser):
    """Cookies by account, each signed in once."""
    states = {}

    def state(name):
        if name not in states:
            context = browser.new_context()
            credentials = {"name": name, "password": PASSWORD}
            assert context.request.post(page_desk.url + "/api/session", data=credentials).ok
            states[name] = context.storage_state()
            context.close()
        return states[name]

    return state


@pytest.fixture
def visit(page_desk, browser, signed_in):
    """Function that opens the page, with `meddle` before decisions; no script may fail, no other host be asked."""
    contexts, faults = [], []

    def watch(page):
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("request", lambda request: faults.append(request.url)
                if not request.url.startswith((page_desk.url, "blob:", "data:")) else None)  # fmt: skip

    def go(path="", name="ana", size=(1150, 700), meddle=None, **more):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            storage_state=signed_in(name) if name else None,
            reduced_motion="reduce",
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        watch(page)
        if meddle:
            # Before the first request: set later, Chromium may not heed it yet.
            page.route("**/decisions", meddle)
        page.goto(f"{page_desk.url}/{path}")
        return page

    yield go
    for context in contexts:
        context.close()
    assert [fault for fault in faults if not SAID_BY_CHROMIUM.search(fault)] == []


@pytest.fixture(scope="session")
def public(cluster):
    """The public services over two releases."""
    with public_services(cluster, "publicly", [3_000, 3_100]) as running_services:
        yield running_services
