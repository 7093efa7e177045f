"""A hundred thousand features in pages, complete and without repeats, while releases are made."""

import json
import re
import urllib.error
import urllib.request

import pytest
from public_case import public_services

COUNT = 100_000


@pytest.fixture(scope="module")
def many(cluster):
    with public_services(cluster, "many", [COUNT], tolerances=[]) as running_services:
        yield running_services


def test_distinct_ids_over_a_hundred_thousand_features_while_releases_happen(many):
    query = {"REQUEST": "GetFeature", "TYPENAMES": "sealwatch:newly_sealed", "COUNT": 20_000,
             "PROPERTYNAME": "polygon_id,release"}  # fmt: skip
    address = f"{many.ogc}/collections/newly_sealed/items?limit=10000&properties=release&geom-column=none"
    wfs, releases, start = [], set(), 0
    ogc: list[str] = []
    while start < COUNT:
        text = many.wfs_query(**query, STARTINDEX=start)
        wfs += re.findall(r"<sealwatch:polygon_id>([^<]+)<", text)
        releases |= set(re.findall(r"<sealwatch:release>([^<]+)<", text))
        for _ in range(2):
            with urllib.request.urlopen(address, timeout=120) as response:
                page = json.load(response)
            ogc += [feature["id"] for feature in page["features"]]
            releases |= {str(feature["properties"]["release"]) for feature in page["features"]}
            address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        if start in (0, 40_000):
            many.release(500 + start)
        start += 20_000
    assert releases == {"1"}
    assert len(wfs) == len(set(wfs)) == COUNT
    assert len(ogc) == len(set(ogc)) == COUNT
    assert set(wfs) == set(ogc)
    assert address == ""
    now = many.wfs_query(**query, RESULTTYPE="hits")
    assert 'numberMatched="40500"' in now


def test_a_reading_broken_off_before_a_release_does_not_stop_the_next(many):
    def page(start, name="sealwatch:newly_sealed"):
        text = many.wfs_query(
            REQUEST="GetFeature",
            TYPENAMES=name,
            COUNT=100,
            STARTINDEX=start,
            PROPERTYNAME="polygon_id,release",
        )
        return set(re.findall(r"<sealwatch:release>([^<]+)<", text))

    # The second name, which MapServer takes too, is a reading that goes on.
    before, other = page(0), page(0, "Newly_Sealed")
    many.release(400)
    assert page(100, "Newly_Sealed") == other == before
    now = page(0)
    assert now != before
    with pytest.raises(urllib.error.HTTPError):  # the page of which of the two?
        page(100)
    assert page(0) == now
    assert page(100) == now
