"""One private PostGIS cluster per test session, one database per test, a web server where asked for."""

import shutil
import socket
import tempfile
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from sealwatch.publish.cluster import Cluster, running
from sealwatch.publish.server import WebServer, serving

SRID = 3794


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template").format(sql.Identifier(name)))
    monkeypatch.setenv("SEALWATCH_TEST_DSN", cluster.dsn(name))
    yield {"dsn_env": "SEALWATCH_TEST_DSN", "schema": "sealwatch", "srid": SRID, "dsn": cluster.dsn(name)}
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


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
