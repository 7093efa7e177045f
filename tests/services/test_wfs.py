"""The published layer as clients see it, and the servers' own behaviour."""

import json
import re
import subprocess
import urllib.request
from urllib.parse import quote

import geopandas as gpd
import pytest
from outline_files import outlines, registry, write

from sealwatch.errors import DatabaseError, ServiceError
from sealwatch.publish.cluster import Cluster
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.mapserver import make_service
from sealwatch.publish.public import published_columns
from sealwatch.publish.registries import load_registries
from sealwatch.publish.release import make_release
from sealwatch.publish.review import decide
from sealwatch.publish.server import WebServer

COUNT = 2_300


def get(server, **query):
    text = "&".join(f"{key}={quote(str(value), safe=',:')}" for key, value in query.items())
    with urllib.request.urlopen(f"{server.wfs_url}?SERVICE=WFS&{text}", timeout=30) as response:
        return response.read().decode()


@pytest.fixture
def published(database, services, serve, tmp_path):
    """A server of a release of `COUNT` polygons with three registries."""
    frame = outlines("A1", 2024, COUNT)
    load([write(frame, tmp_path, "A1", 2024)], tmp_path / "load.json", database)
    names = ("cadastre", "planned_land_use", "land_use")
    sources = {name: registry(tmp_path, name, seed) for seed, name in enumerate(names)}
    load_registries(sources, tmp_path / "registries.json", database)
    enrich(tmp_path / "enrich.json", database)
    decide(database, list(frame["polygon_id"]), "accepted", "ana")
    make_release(database, tmp_path / "release")
    make_service(tmp_path / "sealwatch.map", services, database)
    return serve(tmp_path / "sealwatch.map")


def test_clients_read_every_attribute_and_every_feature_once(published, monkeypatch):
    names = published_columns(["cadastre", "planned_land_use", "land_use"])

    listing = subprocess.run(
        ["ogrinfo", "-so", f"WFS:{published.wfs_url}", "sealwatch:newly_sealed"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"Feature Count: {COUNT}" in listing
    for name in names:
        assert re.search(rf"^{name}: \w+", listing, re.MULTILINE), listing
    assert re.search(r"^distance_cadastre_m: Real", listing, re.MULTILINE)

    monkeypatch.setenv("OGR_WFS_PAGE_SIZE", "500")
    frame = gpd.read_file(f"WFS:{published.wfs_url}")
    assert set(names) <= set(frame.columns)
    assert frame["polygon_id"].nunique() == len(frame) == COUNT
    assert frame.crs.to_epsg() == 3794
    # No earlier flight; registries without such attributes.
    empty = ["vhr_date_before", "land_use_before", "municipality"]
    assert [name for name in names if frame[name].isna().any()] == empty
    assert set(frame["vhr_date"].astype(str)) == {"2024-05-12"}
    assert set(frame["transition"]) >= {"Forest to Residential"}

    ids = []
    for start in range(0, COUNT, 400):
        page = get(
            published,
            VERSION="2.0.0",
            REQUEST="GetFeature",
            TYPENAMES="sealwatch:newly_sealed",
            COUNT=400,
            STARTINDEX=start,
        )
        ids += re.findall(r"<sealwatch:polygon_id>([^<]+)<", page)
    assert len(ids) == len(set(ids)) == COUNT


def test_formats_versions_filters(published):
    described = get(
        published, VERSION="2.0.0", REQUEST="DescribeFeatureType", TYPENAMES="sealwatch:newly_sealed"
    )
    assert 'name="area_m2"' in described
    assert "MultiSurfacePropertyType" in described
    common = {"REQUEST": "GetFeature", "TYPENAMES": "sealwatch:newly_sealed", "COUNT": 5}
    assert "http://www.opengis.net/gml/3.2" in get(published, VERSION="2.0.0", **common)
    old = get(
        published, VERSION="1.1.0", REQUEST="GetFeature", TYPENAME="sealwatch:newly_sealed", MAXFEATURES=5
    )
    assert old.count("<sealwatch:polygon_id>") == 5
    answer = json.loads(
        get(published, VERSION="2.0.0", OUTPUTFORMAT="geojson", SRSNAME="EPSG:4326", **common)
    )
    assert len(answer["features"]) == 5
    feature = answer["features"][0]
    assert feature["properties"]["period_of_change"] == "2022H1"
    assert isinstance(feature["properties"]["distance_land_use_m"], float)
    wanted = feature["properties"]["polygon_id"]
    one = (
        '<fes:Filter xmlns:fes="http://www.opengis.net/fes/2.0"><fes:PropertyIsEqualTo><fes:ValueReference>polygon_id'
        f"</fes:ValueReference><fes:Literal>{wanted}</fes:Literal></fes:PropertyIsEqualTo></fes:Filter>"
    )
    assert re.findall(
        r"<sealwatch:polygon_id>([^<]+)<", get(published, VERSION="2.0.0", FILTER=one, **common)
    ) == [wanted]
    by_id = get(published, VERSION="2.0.0", REQUEST="GetFeature", RESOURCEID=f"newly_sealed.{wanted}")
    assert re.findall(r"<sealwatch:polygon_id>([^<]+)<", by_id) == [wanted]
    refused = get(published, VERSION="2.0.0", REQUEST="GetCapabilities", MAP="/etc/passwd")
    assert "WFS_Capabilities" not in refused or "newly_sealed" in refused


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
