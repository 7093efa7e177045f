"""Every catalogue's items give the same key, baseline, offset and band names; doubt is said, not hidden."""

import csv
import json
import os
import re
from pathlib import Path

import pytest

from builders.catalogue_items import BANDS, Product
from sealwatch.catalogue.adapters import ADAPTERS, ItemError
from sealwatch.catalogue.addresses import redacted, unsigned
from sealwatch.catalogue.records import Granule, SceneRecord
from sealwatch.catalogue.selection import Selection, build_records

REAL = (
    Path(os.environ.get("REAL_DATA_DIR", Path(__file__).resolve().parents[3] / "shared/data")) / "stac_items"
)
IMAGES = [*BANDS, "SCL"]
PRODUCTS = [
    Product(baseline="02.14"),
    Product(baseline="03.01"),
    Product(baseline="04.00", start="20220126T100301", sensing="20220126T100306"),
    Product(platform="S2C", baseline="05.11", start="20250201T100221", sensing="20250201T100300"),
    Product(platform="S2D", baseline="06.00", start="20270201T100221", sensing="20270201T100300"),
    Product(tile="07HFE", baseline="05.09"),
    # The catalogues' datetime of this one lies on different days; its datatake began on the first of them.
    Product(tile="59ULV", start="20220731T235941", sensing="20220801T000312", baseline="04.00"),
]


def forms(product):
    return {
        "planetary-computer": product.planetary_computer(),
        "earth-search": product.earth_search(delay=product.sensing),
        "cdse": product.cdse(),
    }


@pytest.mark.parametrize("provider", ["planetary-computer", "earth-search", "cdse"])
@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: f"{p.platform}-{p.tile}-{p.baseline}")
def test_synthetic_items_of_each_catalogue_agree(product, provider):
    item = forms(product)[provider]
    tile, date, platform, granule = ADAPTERS[provider](item, IMAGES)
    day = product.start
    assert (tile, date, platform) == (product.tile, f"{day[:4]}-{day[4:6]}-{day[6:8]}", product.platform)
    assert (granule.baseline, granule.offset_dn) == (product.baseline, product.offset)
    assert granule.offset_rule == ("baseline" if provider == "planetary-computer" else "stated")
    assert (granule.datatake_start, granule.sensing_start) == (product.start, product.sensing)
    assert list(granule.assets) == IMAGES
    for band, href in granule.assets.items():
        assert band in href.rsplit("/", 1)[1]
    if provider == "cdse":
        assert granule.assets["B02"].endswith("B02_10m.jp2")
        assert granule.assets["SCL"].endswith("SCL_20m.jp2")
    assert ADAPTERS["local"](item, IMAGES)[3] == granule


@pytest.mark.parametrize(
    ("baseline", "collection", "applied", "stated", "offset", "rule"),
    [
        ("02.14", "sentinel-2-l2a", False, 0.0, 0, "stated"),
        ("05.00", "sentinel-2-l2a", True, 0.0, 0, "stated"),
        ("05.00", "sentinel-2-l2a", True, -0.1, 0, "contradictory"),
        # Known to be wrong for many images of this collection, though the two statements agree.
        ("05.00", "sentinel-2-l2a", False, -0.1, -1000, "contradictory"),
        ("05.00", "sentinel-2-l2a", None, -0.1, -1000, "contradictory"),
        ("05.00", "sentinel-2-c1-l2a", False, -0.1, -1000, "stated"),
        ("05.00", "sentinel-2-c1-l2a", None, -0.1, -1000, "stated"),
        ("05.00", "sentinel-2-c1-l2a", False, 0.0, -1000, "contradictory"),
        ("02.14", "sentinel-2-c1-l2a", False, -0.1, 0, "contradictory"),
    ],
)
def test_offset_of_earth_search(baseline, collection, applied, stated, offset, rule):
    item = Product(baseline=baseline).earth_search(collection, applied, stated)
    granule = ADAPTERS["earth-search"](item, IMAGES)[3]
    assert (granule.offset_dn, granule.offset_rule) == (offset, rule)


def test_baselines_on_both_sides_of_the_offset_are_a_contradiction():
    item = Product(baseline="04.00").planetary_computer()
    item["properties"]["s2:product_uri"] = Product(baseline="03.01").name + ".SAFE"
    granule = ADAPTERS["planetary-computer"](item, IMAGES)[3]
    assert (granule.offset_dn, granule.offset_rule) == (-1000, "contradictory")
    test = Product(baseline="99.99").planetary_computer()
    assert ADAPTERS["planetary-computer"](test, IMAGES)[3].offset_rule == "contradictory"


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda i: i["assets"].pop("SCL"), "SCL"),
        (lambda i: i["assets"]["B04"].update(href=""), "B04"),
        (lambda i: i["properties"].pop("s2:datatake_id"), "s2:datatake_id"),
        (lambda i: i["properties"].update({"platform": "Landsat-8"}), "platform"),
        (lambda i: i["properties"].update({"s2:processing_baseline": "5.1"}), "s2:processing_baseline"),
        (lambda i: i["properties"].update({"s2:product_type": "S2MSI1C"}), "level 2A"),
        (lambda i: i["properties"].update({"eo:cloud_cover": 101.0}), "cloud_cover"),
        (lambda i: i["properties"].update({"eo:cloud_cover": "much"}), "much"),
        (lambda i: i["assets"]["B02"].update({"raster:scale": 0.001, "raster:offset": 0}), "scale"),
        (lambda i: i["assets"]["B02"].update({"raster:scale": None, "raster:offset": 0}), "scale None"),
        (lambda i: i.update(properties=None), "missing"),
        (lambda i: i.update(assets={}), "missing"),
        (lambda i: i.update(assets=None), "missing"),
    ],
)
def test_an_item_that_cannot_be_used_says_why(spoil, word):
    item = Product().planetary_computer()
    spoil(item)
    with pytest.raises(ItemError, match=word):
        ADAPTERS["planetary-computer"](item, IMAGES)
    records, rejected = build_records([item], "planetary-computer", IMAGES, Selection())
    assert (records, list(rejected)) == ([], [item["id"]])
    assert rejected[item["id"]].startswith("incomplete: ")


SAS = "?st=2026-01-01T00%3A00%3A00Z&se=2026-01-02&sp=rl&sv=2024-05-04&sr=c&skoid=c85c&sig=geheim%3D"
SIGNED = [
    f"https://sentinel2l2a01.blob.core.windows.net/a/B02.tif{SAS}",
    "https://bucket.s3.amazonaws.com/B02.tif?X-Amz-Algorithm=AWS4&X-Amz-Credential=k&X-Amz-Signature=geheim",
    "https://example.org/B02.tif?AWSAccessKeyId=a&Signature=geheim&Expires=1700000000",
    "https://storage.googleapis.com/b/B02.tif?X-Goog-Signature=geheim&X-Goog-Expires=60",
    "https://user:geheim@example.org/B02.tif",
    "https://example.org/B02.tif?access_token=geheim",
]


@pytest.mark.parametrize("href", SIGNED)
def test_no_signature_reaches_a_record_or_a_message(href):
    item = Product().planetary_computer()
    item["assets"]["B02"]["href"] = href
    (record,), _ = build_records([item], "planetary-computer", IMAGES, Selection())
    text = json.dumps(record.as_json())
    assert "geheim" not in text
    assert "geheim" not in redacted(f"GET <{href}> failed: '{href}'")
    assert record.granules[0].assets["B02"] == href.split("?")[0].replace("user:geheim@", "")
    with pytest.raises(ValueError, match="signed"):
        Granule("a", "20210614T100031", "20210614T100311", "05.00", "", -1000, 3.0, {"B02": href})


@pytest.mark.parametrize(
    "href",
    [
        "https://example.org/B02.tif?versionId=3&band=2",
        "https://example.org/odata/v1/Products(3c28)/Nodes(x.SAFE)/$value",
        "https://example.org/wms?st=2021&se=2022",
        "s3://eodata/Sentinel-2/B02_10m.jp2",
        "/data/items/B02.tif",
        "C:/data/B02.tif",
    ],
)
def test_other_addresses_are_kept_as_given(href):
    assert unsigned(href) == href
    mixed = href + ("&" if "?" in href else "?") + "sig=x&sp=r"
    if href.startswith("https") and "st=" not in href:
        assert unsigned(mixed) == href


def test_a_record_is_frozen_and_valid():
    (record,), _ = build_records([Product().cdse()], "cdse", IMAGES, Selection())
    with pytest.raises(AttributeError):
        record.tile = "33TWM"
    with pytest.raises(ValueError, match="twice"):
        SceneRecord(record.tile, record.date, record.platform, record.granules * 2)
    with pytest.raises(ValueError, match="offset_rule"):
        Granule("a", "20210614T100031", "20210614T100311", "05.00", "", 0, 3.0, {"B02": "a"}, "guess")


# Real items: what is expected is read from ESA's product name or the item's id, never through the adapters.

PRODUCT = re.compile(r"(S2[A-Z])_MSIL2A_(\d{8})T\d{6}_N(\d\d)(\d\d)_R\d{3}_T(\w{5})_")
PLANETARY = re.compile(r"(S2[A-Z])_MSIL2A_(\d{8})T\d{6}_R\d{3}_T(\w{5})_")


def real_items():
    if not REAL.is_dir():
        return []
    with open(REAL / "index.csv", newline="") as stream:
        indexed = {row["file"]: row["baseline"] for row in csv.DictReader(stream)}
    cases = []
    for path in sorted(REAL.rglob("*.json")):
        item = json.loads(path.read_text())
        if item.get("type") != "Feature":
            continue
        name = str(path.relative_to(REAL))
        prefix = name.split("_")[0]
        provider = {"cdse": "cdse", "e84": "earth-search", "e84v0": "earth-search"}.get(
            prefix, "planetary-computer"
        )
        if name == "stactools_ext_item2.json":
            provider = "local"
        uri = PRODUCT.match(
            item["properties"].get("s2:product_uri")
            or item["properties"].get("sentinel:product_id")
            or item["id"]
        )
        if uri:
            expected = (uri[5], uri[2], uri[1], f"{uri[3]}.{uri[4]}")
        else:
            found = PLANETARY.match(item["id"])
            expected = (found[3], found[2], found[1], indexed[name])
        assert indexed.get(name, expected[3]) == expected[3]
        cases.append(pytest.param(provider, item, expected, id=name))
    return cases


CONTRADICTORY = "S2A_32TMT_20200302_1_L2A"


@pytest.mark.skipif(not REAL.is_dir(), reason="REAL_DATA_DIR with stac_items is absent")
@pytest.mark.parametrize(("provider", "item", "expected"), real_items())
def test_real_items_give_the_right_key_baseline_and_offset(provider, item, expected):
    tile, day, platform, baseline = expected
    found = ADAPTERS[provider](item, IMAGES)
    granule = found[3]
    assert found[:3] == (tile, f"{day[:4]}-{day[4:6]}-{day[6:]}", platform)
    assert granule.baseline == baseline
    if item["id"] == CONTRADICTORY:
        assert granule.offset_rule == "contradictory"
    else:
        assert granule.offset_dn == (-1000 if baseline >= "04.00" else 0)
        assert granule.offset_rule != "contradictory"
    assert list(granule.assets) == IMAGES
    for band in IMAGES:
        assert re.search(rf"{band}(_\d0m)?\.(tif|jp2)$", granule.assets[band])
    assert ADAPTERS["local"](item, IMAGES) == found


@pytest.mark.skipif(not REAL.is_dir(), reason="REAL_DATA_DIR with stac_items is absent")
def test_all_real_items_were_looked_at():
    assert len(real_items()) >= 56


@pytest.mark.skipif(not REAL.is_dir(), reason="REAL_DATA_DIR with stac_items is absent")
def test_real_duplicates_are_one_scene_of_the_newest_baseline():
    files = ["e84_xcube_a_S2A_32TMT_20200302_0_L2A.json", "e84_xcube_b_S2A_32TMT_20200302_1_L2A.json"]
    items = [json.loads((REAL / name).read_text()) for name in files]
    (record,), rejected = build_records(items, "earth-search", IMAGES, Selection())
    assert record.key == "32TMT/2020-03-02_S2A"
    assert [(g.item_id, g.baseline) for g in record.granules] == [(CONTRADICTORY, "05.00")]
    assert rejected == {"S2A_32TMT_20200302_0_L2A": f"superseded: by {CONTRADICTORY}"}
