"""The published layer as clients see it, and the servers' own behaviour."""

import urllib.request
from urllib.parse import quote

import pytest

from sealwatch.errors import DatabaseError, ServiceError
from sealwatch.publish.cluster import Cluster
from sealwatch.publish.load import load
from sealwatch.publish.mapserver import make_service
from sealwatch.publish.server import WebServer


def get(server, **query):
    text = "&".join(f"{key}={quote(str(value), safe=',:')}" for key, value in query.items())
    with urllib.request.urlopen(f"{server.wfs_url}?SERVICE=WFS&{text}", timeout=30) as response:
        return response.read().decode()


def test_an_empty_layer_is_served_before_the_first_release(database, services, serve, tmp_path):
    load([], tmp_path / "load.json", database)
    make_service(tmp_path / "sealwatch.map", services, database)
    assert "secret" not in (tmp_path / "sealwatch.map").read_text()
    server = serve(tmp_path / "sealwatch.map")
    answer = get(server, VERSION="2.0.0", REQUEST="GetFeature", TYPENAMES="sealwatch:newly_sealed")
    assert 'numberReturned="0"' in answer


def test_files_are_served_in_ranges(tmp_path, services):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "image.tif").write_bytes(bytes(range(256)))
    server = WebServer(tmp_path / "web", services["port"], files=tmp_path / "files")
    assert server.start()
    try:
        assert not server.start()
        request = urllib.request.Request(f"{server.url}/image.tif", headers={"Range": "bytes=10-13"})
        with urllib.request.urlopen(request, timeout=10) as response:
            assert (response.status, response.read()) == (206, bytes([10, 11, 12, 13]))
        other = WebServer(tmp_path / "other", services["port"], files=tmp_path / "files")
        with pytest.raises(ServiceError, match=f"port {services['port']} is taken"):
            other.start()
        assert not other.stop()
    finally:
        assert server.stop()
    assert not server.stop()


def test_a_cluster_is_started_once_and_names_a_taken_port(cluster):
    assert not cluster.start(["template"])
    with pytest.raises(DatabaseError, match=f"already runs on port {cluster.port}"):
        Cluster(cluster.folder, cluster.port + 1).start()
    with pytest.raises(DatabaseError, match=f"port {cluster.port} is taken"):
        Cluster(cluster.folder.parent / "second", cluster.port).start()
