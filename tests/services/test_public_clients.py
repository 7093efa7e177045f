"""The public services as GDAL, geopandas, OWSLib and QGIS see them, and readings that a release falls into."""

import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import geopandas as gpd
import pytest
from owslib.wfs import WebFeatureService
from owslib.wms import WebMapService

from sealwatch.publish.public import published_columns

NAMES = published_columns(["cadastre", "land_use"])
LAYER = "sealwatch:newly_sealed"


def ids_of(text: str) -> list[str]:
    return re.findall(r"<sealwatch:polygon_id>([^<]+)<", text)


def releases_of(text: str) -> set[str]:
    return set(re.findall(r"<sealwatch:release>([^<]+)<", text))


EXPECTED = {1: 3_000, 2: 3_100}
"""Polygons by release."""


def items(public) -> gpd.GeoDataFrame:
    with urllib.request.urlopen(f"{public.ogc}/collections/newly_sealed/items?limit=5000") as response:
        return gpd.GeoDataFrame.from_features(json.load(response)["features"], crs=4326)


def test_gdal_reads_every_layer_by_wfs_and_by_the_ogc_api(public):
    listing = subprocess.run(
        ["ogrinfo", "-so", f"WFS:{public.wfs}", LAYER], capture_output=True, text=True, check=True
    ).stdout
    assert f"Feature Count: {EXPECTED[2]}" in listing
    for name in NAMES:
        assert re.search(rf"^{name}: (String|Real|Integer)", listing, re.MULTILINE), name
    assert re.search(r"^area_m2: Real", listing, re.MULTILINE)
    listing = subprocess.run(
        ["ogrinfo", "-so", f"OAPIF:{public.ogc}", "newly_sealed"], capture_output=True, text=True, check=True
    ).stdout
    assert f"Feature Count: {EXPECTED[2]}" in listing
    listing = subprocess.run(
        ["ogrinfo", f"WFS:{public.wfs}"], capture_output=True, text=True, check=True
    ).stdout
    assert set(re.findall(r"sealwatch:(\w+)", listing)) == {
        "newly_sealed",
        "newly_sealed_1",
        "newly_sealed_2",
    }


def test_geopandas_reads_all_attributes_in_pages(public, monkeypatch):
    monkeypatch.setenv("OGR_WFS_PAGE_SIZE", "700")
    for layer, release in ((LAYER, 2), (f"{LAYER}_1", 1)):
        frame = gpd.read_file(f"WFS:{public.wfs}", layer=layer)
        assert frame["polygon_id"].nunique() == len(frame) == EXPECTED[release]
        assert set(NAMES) <= set(frame.columns)
        assert set(frame["release"]) == {release}
        assert frame.crs.to_epsg() == 3794
        assert frame.area.between(399, 500).all()
    frame = items(public)
    assert len(frame) == EXPECTED[2]
    assert set(NAMES) <= set(frame.columns)


@pytest.mark.parametrize("version", ["2.0.0", "1.1.0"])
def test_owslib_reads_pages(public, version):
    service = WebFeatureService(public.wfs, version=version)
    assert LAYER in service.contents
    assert set(service.get_schema(LAYER)["properties"]) == set(NAMES)
    found = []
    for start in range(0, EXPECTED[2], 1_000):
        answer = service.getfeature(typename=[LAYER], maxfeatures=1_000, startindex=start)
        found += ids_of(answer.read().decode())
    assert len(found) == len(set(found)) == EXPECTED[2]


def test_qgis_reads_all_features_and_attributes(public):
    script = Path(__file__).with_name("read_with_qgis.py")
    done = subprocess.run(
        ["/usr/bin/python3", script, public.wfs, "2.0.0", LAYER, "1000"],
        capture_output=True, text=True, check=True, timeout=240,
        env={"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "HOME": str(public.folder)},
    )  # fmt: skip
    seen = json.loads(done.stdout)
    assert seen["valid"]
    assert seen["crs"] == "EPSG:3794"
    assert seen["fields"] == NAMES
    assert len({row[0] for row in seen["rows"]}) == len(seen["rows"]) == EXPECTED[2]
    assert {row[NAMES.index("release")] for row in seen["rows"]} == {"2"}
    assert all(399 < area < 501 for area in seen["areas"])


def test_filters_by_box_attribute_and_time(public):
    def matched(condition: str) -> int:
        names = 'xmlns:fes="http://www.opengis.net/fes/2.0" xmlns:gml="http://www.opengis.net/gml/3.2"'
        text = f"<fes:Filter {names}>{condition}</fes:Filter>"
        answer = public.wfs_query(REQUEST="GetFeature", TYPENAMES=LAYER, RESULTTYPE="hits", FILTER=text)
        return int(re.search(r'numberMatched="(\d+)"', answer)[1])

    frame = items(public)
    date = "<fes:ValueReference>vhr_date</fes:ValueReference>"
    day = frame["vhr_date"].astype(str).str[:10]
    after = (
        f"<fes:PropertyIsGreaterThan>{date}<fes:Literal>2023-01-01</fes:Literal></fes:PropertyIsGreaterThan>"
    )
    assert matched(after) == (day > "2023-01-01").sum() > 0
    during = (
        f"<fes:During>{date}<gml:TimePeriod gml:id='t'><gml:beginPosition>2022-01-01</gml:beginPosition>"
        "<gml:endPosition>2022-12-31</gml:endPosition></gml:TimePeriod></fes:During>"
    )
    assert matched(during) == (day < "2023-01-01").sum() > 0
    forest = (
        "<fes:PropertyIsEqualTo><fes:ValueReference>from_class</fes:ValueReference>"
        "<fes:Literal>Forest</fes:Literal></fes:PropertyIsEqualTo>"
    )
    assert matched(forest) == (frame["from_class"] == "Forest").sum() > 0
    answer = public.wfs_query(
        REQUEST="GetFeature",
        TYPENAMES=LAYER,
        OUTPUTFORMAT="geojson",
        BBOX="460110,100110,460290,100290,EPSG:3794",
    )
    native = frame.to_crs(3794)
    inside = native.cx[460110:460290, 100110:100290]
    assert len(json.loads(answer)["features"]) == len(inside) > 0
    address = f"{public.ogc}/collections/newly_sealed/items?limit=5000&"
    with urllib.request.urlopen(
        f"{address}filter=from_class='Forest'%20AND%20vhr_date%3EDATE('2023-01-01')"
    ) as r:
        want = ((frame["from_class"] == "Forest") & (day > "2023-01-01")).sum()
        assert json.load(r)["numberMatched"] == want
    with urllib.request.urlopen(f"{address}datetime=2023-01-01T00:00:00Z/..") as response:
        assert json.load(response)["numberMatched"] == (day > "2023-01-01").sum()


def test_the_ogc_api_describes_itself_under_its_public_address(public):
    seen = {}
    for path in (
        "/",
        "/conformance",
        "/collections",
        "/collections/newly_sealed",
        "/api",
        "/collections/releases/items",
    ):
        with urllib.request.urlopen(f"{public.ogc}{path}") as response:
            text = response.read().decode()
        assert "127.0.0.1" not in text.replace(public.url, ""), path
        seen[path] = json.loads(text)
    for link in seen["/"]["links"]:
        if not link.get("templated"):
            with urllib.request.urlopen(link["href"]) as response:
                json.load(response)
    assert [f["properties"]["polygons"] for f in seen["/collections/releases/items"]["features"]][:2] == [
        3000,
        3100,
    ]
    box = seen["/collections/newly_sealed"]["extent"]["spatial"]["bbox"][0]
    assert 13 < box[0] < box[2] < 17
    assert 45 < box[1] < box[3] < 47


def test_coordinate_systems_agree(public):
    key = ids_of(public.wfs_query(REQUEST="GetFeature", TYPENAMES=LAYER, COUNT=1))[0]
    frames = {}
    for srs in ("EPSG:3794", "EPSG:4326", "EPSG:3857"):
        answer = public.wfs_query(
            REQUEST="GetFeature",
            OUTPUTFORMAT="geojson",
            SRSNAME=srs,
            TYPENAMES=LAYER,
            RESOURCEID=f"newly_sealed.{key}",
        )
        features = json.loads(answer)["features"]
        frames[srs] = gpd.GeoDataFrame.from_features(features, crs=srs)
        assert list(frames[srs]["polygon_id"]) == [key]
    for srs in ("EPSG:4326", "EPSG:3857"):
        assert frames[srs].to_crs(3794).distance(frames["EPSG:3794"]).max() < 0.01
        assert frames[srs].to_crs(3794).area.iloc[0] == pytest.approx(
            frames["EPSG:3794"].area.iloc[0], rel=0.01
        )


def test_wms_draws_outlines_or_their_generalised_copies_by_scale_and_time(public):
    service = WebMapService(public.wfs, version="1.3.0")
    group = service.contents["newly_sealed"]
    assert {layer.name for layer in group.layers} == {
        "newly_sealed_outlines", "newly_sealed_generalised_5m", "newly_sealed_generalised_20m"
    }  # fmt: skip
    assert service.contents["newly_sealed_outlines"].timepositions == ["2022-05-12/2024-05-12"]

    def drawn(layer: str, width_m: int, **more) -> bytes:
        box = (460000, 100000, 460000 + width_m, 100000 + width_m)
        return service.getmap(
            layers=[layer], srs="EPSG:3794", bbox=box, size=(200, 200), format="image/png", **more
        ).read()

    empty = drawn("newly_sealed", 200, time="2022-05-13")
    for width_m, layer in ((200, "outlines"), (1_000, "generalised_5m"), (3_000, "generalised_20m")):
        assert drawn("newly_sealed", width_m) == drawn(f"newly_sealed_{layer}", width_m) != empty
    assert drawn("newly_sealed", 200, time="2022-05-12") not in (empty, drawn("newly_sealed", 200))


def test_every_reading_stays_on_the_release_it_began_with(public):
    query = {"REQUEST": "GetFeature", "TYPENAMES": LAYER, "COUNT": 500, "PROPERTYNAME": "polygon_id,release"}
    hits = public.wfs_query(**query | {"RESULTTYPE": "hits", "PROPERTYNAME": "polygon_id,sheet,release"})
    first = public.wfs_query(**query, STARTINDEX=0)
    with urllib.request.urlopen(f"{public.ogc}/collections/newly_sealed/items?limit=500") as response:
        page = json.load(response)
    number = public.release(1_700)
    # One that had counted before the release, one that pages, one that follows links, and one that begins now.
    counted, start = [], 0
    while start < int(re.search(r'numberMatched="(\d+)"', hits)[1]):
        text = public.wfs_query(**query | {"PROPERTYNAME": "polygon_id,sheet,release"}, STARTINDEX=start)
        counted += ids_of(text)
        start += 500
    ids, seen = ids_of(first), releases_of(first)
    for start in range(500, 3_500, 500):
        text = public.wfs_query(**query, STARTINDEX=start)
        ids += ids_of(text)
        seen |= releases_of(text)
    assert seen == {str(number - 1)}
    assert len(ids) == len(set(ids)) == len(counted) == len(set(counted)) == EXPECTED[2]

    linked = [feature["id"] for feature in page["features"]]
    while following := [link["href"] for link in page["links"] if link["rel"] == "next"]:
        with urllib.request.urlopen(following[0]) as response:
            page = json.load(response)
        linked += [feature["id"] for feature in page["features"]]
    assert sorted(linked) == sorted(ids)

    fresh = public.wfs_query(**query, STARTINDEX=0)
    assert releases_of(fresh) == {str(number)}
    assert releases_of(public.wfs_query(**query | {"release": number - 1})) == {str(number - 1)}
    with urllib.request.urlopen(f"{public.ogc}/collections/newly_sealed/items?limit=1") as response:
        assert json.load(response)["features"][0]["properties"]["release"] == number
    # Nobody can tell which release an unknown page continues, so soon after one was made.
    with pytest.raises(urllib.error.HTTPError, match="400") as refused:
        public.wfs_query(**query | {"COUNT": 77}, STARTINDEX=77)
    assert "A new release came between the pages" in refused.value.read().decode()
    body = (
        '<wfs:GetFeature xmlns:wfs="http://www.opengis.net/wfs/2.0" service="WFS" version="2.0.0" count="400" '
        'startIndex="{}"><wfs:Query typeNames="newly_sealed"/></wfs:GetFeature>'
    )
    posted = []
    for start in range(0, 1_700, 400):
        request = urllib.request.Request(
            public.wfs, body.format(start).encode(), {"Content-Type": "text/xml"}
        )
        with urllib.request.urlopen(request) as response:
            posted += ids_of(response.read().decode())
    assert len(posted) == len(set(posted)) == 1_700
