"""Answers of WFS and WMS against the schemas of OGC, offline."""

from urllib.error import HTTPError

import pytest
from lxml import etree
from ogc_schemas import OGC, WMS, holds, parser, schema, schema_of

LAYER = "sealwatch:newly_sealed"
OWS = "{http://www.opengis.net/ows/1.1}"
FES = "{http://www.opengis.net/fes/2.0}"


def read(text: str) -> etree._Element:
    return etree.fromstring(text.encode(), parser())


def test_features_are_valid_gml_of_the_described_type(public):
    described = public.wfs_query(REQUEST="DescribeFeatureType", TYPENAMES=LAYER)
    application = schema_of(described)
    answer = read(public.wfs_query(REQUEST="GetFeature", TYPENAMES=LAYER, COUNT=50))
    members = answer.findall("{http://www.opengis.net/wfs/2.0}member")
    assert len(members) == 50
    for member in members:
        assert holds(application, member[0])
    wrong = members[0][0]
    wrong.find("{urn:sealwatch}area_m2").text = "much"
    with pytest.raises(AssertionError, match="area_m2"):
        holds(application, wrong)


def test_the_parts_of_the_capabilities_are_valid(public):
    capabilities = read(public.wfs_query(REQUEST="GetCapabilities"))
    ows, fes = schema(OGC / "ows/1.1.0/owsAll.xsd"), schema(OGC / "filter/2.0/filterAll.xsd")
    for name in ("ServiceIdentification", "ServiceProvider", "OperationsMetadata"):
        assert holds(ows, capabilities.find(f"{OWS}{name}"))
    assert holds(fes, capabilities.find(f"{FES}Filter_Capabilities"))
    wms = read(public.wfs_query(SERVICE="WMS", VERSION="1.3.0", REQUEST="GetCapabilities"))
    assert holds(schema(WMS / "capabilities_1_3_0.xsd"), wms)


def test_exceptions_are_valid(public):
    ows = schema(OGC / "ows/1.1.0/owsAll.xsd")
    by_gate, by_mapserver = {"map": "/etc/passwd"}, {"TYPENAMES": "nothing"}
    for faulty in (by_gate, by_mapserver):
        with pytest.raises(HTTPError) as refused:
            public.wfs_query(**{"REQUEST": "GetFeature", "TYPENAMES": LAYER} | faulty)
        report = read(refused.value.read().decode())
        assert holds(ows, report)
    answer = public.wfs_query(SERVICE="WMS", VERSION="1.3.0", REQUEST="GetMap", LAYERS="nothing")
    assert holds(schema(WMS / "exceptions_1_3_0.xsd"), read(answer))


def test_every_answer_of_older_versions_is_well_formed(public):
    for version in ("1.1.0", "1.0.0"):
        for request in ("GetCapabilities", "DescribeFeatureType", "GetFeature"):
            text = public.wfs_query(VERSION=version, REQUEST=request, TYPENAME=LAYER, MAXFEATURES=3)
            assert "Exception" not in read(text).tag
