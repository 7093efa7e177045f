"""A refresh loses no scene and counts none twice, on items from disk in every dialect."""

import copy
import json
import os
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders.catalogue_items import Product
from sealwatch.catalogue.disk import local_items
from sealwatch.catalogue.inventory import read_inventory
from sealwatch.catalogue.records import read_record
from sealwatch.catalogue.refresh import refresh
from sealwatch.catalogue.selection import Selection, build_records
from sealwatch.errors import CatalogueError

BANDS = ["B02", "B04"]
PERIOD = {"start": "2021-01-01", "end": "2021-12-31"}


class Site:
    """A folder of items and the results of refreshes from it."""

    def __init__(self, folder: Path):
        self.items, self.results = folder / "items", folder / "results"
        self.items.mkdir()
        self.settings = {
            "provider": "local", "url": str(self.items), "collection": "", "signing": "none",
            "tiles": ["33TVM", "33TWM"], "exclude_months": [], "max_cloud_cover": 60,
            "parallel": 2, "timeout_s": 5, "max_retries": 0,
        }  # fmt: skip

    def put(self, *items):
        for item in items:
            (self.items / f"{item['id']}.json").write_text(json.dumps(item))
        return [item["id"] for item in items]

    def take(self, *names):
        for name in names:
            (self.items / f"{name}.json").unlink()

    def refresh(self, **changes):
        return refresh(self.settings | changes, BANDS, PERIOD, "", self.results)

    def keys(self):
        found = read_inventory(self.results / "inventory", ["33TVM", "33TWM"], *PERIOD.values())
        return ["/".join((t, f"{d}_{p}")) for t, d, p in found.scenes]


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


JUNE = Product()
JULY = Product(start="20210704T100029", sensing="20210704T100312", platform="S2B")


def test_new_unchanged_reprocessed_withdrawn_restored(site):
    (first,) = site.put(JUNE.planetary_computer())
    site.put(JULY.earth_search(), Product(tile="33TWM").cdse())
    report = site.refresh()
    assert report.new == ["33TVM/2021-06-14_S2A", "33TVM/2021-07-04_S2B", "33TWM/2021-06-14_S2A"]
    assert site.keys() == report.new
    path = site.results / "inventory/33TVM/2021-06-14_S2A.json"
    os.utime(path, (1e9, 1e9))

    report = site.refresh()
    assert (len(report.unchanged), report.new, report.withdrawn) == (3, [], {})
    assert path.stat().st_mtime == 1e9

    site.take(first)
    report = site.refresh()
    assert report.withdrawn == {"33TVM/2021-06-14_S2A": "no longer in the catalogue"}
    aside = site.results / "withdrawn/33TVM/2021-06-14_S2A.json"
    assert read_record(aside).granules[0].item_id == first
    assert json.loads((site.results / "inventory/32633/2021-06.json").read_text()) == {
        "mosaics": ["2021-06-14_S2A"]
    }

    site.put(JUNE.planetary_computer())
    report = site.refresh()
    assert report.restored == ["33TVM/2021-06-14_S2A"]
    assert not aside.exists()
    assert path.stat().st_mtime == 1e9

    (newer,) = site.put(Product(baseline="05.00", generated="20230605T120000").planetary_computer())
    report = site.refresh()
    assert report.reprocessed == ["33TVM/2021-06-14_S2A"]
    assert report.rejected == {first: f"superseded: by {newer}"}
    assert read_record(path).granules[0].offset_dn == -1000
    assert "scenes reprocessed         1" in report.table()
    assert json.loads((site.results / "catalogue/report.json").read_text()) == report.as_json()


def test_the_newest_baseline_wins_over_the_latest_processing(site):
    # An old baseline processed again later, and the processor's tests, do not replace the newer one.
    site.put(
        Product(baseline="05.11", generated="20240101T000000").planetary_computer(),
        Product(baseline="05.00", generated="20250101T000000").planetary_computer(),
        Product(baseline="99.99", generated="20260101T000000").planetary_computer(),
    )
    report = site.refresh()
    assert len(report.rejected) == 2
    record = read_record(site.results / "inventory/33TVM/2021-06-14_S2A.json")
    assert [g.baseline for g in record.granules] == ["05.11"]


def test_rules_that_change_set_scenes_aside_with_the_reason(site):
    site.put(Product(cloud=30.0).planetary_computer(), JULY.planetary_computer())
    assert len(site.refresh().new) == 2
    report = site.refresh(max_cloud_cover=5)
    assert list(report.withdrawn) == ["33TVM/2021-06-14_S2A"]
    assert report.withdrawn["33TVM/2021-06-14_S2A"].startswith("cloudy: 30.0 %")
    # A month left out is no withdrawal: its records stay, unread, and its map is explicitly empty.
    report = site.refresh(exclude_months=[7])
    assert report.restored == ["33TVM/2021-06-14_S2A"]
    assert report.withdrawn == {}
    assert json.loads((site.results / "inventory/32633/2021-07.json").read_text()) == {"mosaics": []}
    found = read_inventory(site.results / "inventory", ["33TVM"], *PERIOD.values(), [7])
    assert found.scenes == [("33TVM", "2021-06-14", "S2A")]


def test_nothing_found_changes_nothing(site):
    (name,) = site.put(JUNE.cdse())
    site.refresh()
    site.take(name)
    with pytest.raises(CatalogueError, match=r"no item.*33TVM, 33TWM.*period"):
        site.refresh()
    assert site.keys() == ["33TVM/2021-06-14_S2A"]


def test_provider_and_address_must_fit(site):
    with pytest.raises(CatalogueError, match="provider: local"):
        site.refresh(provider="cdse")
    with pytest.raises(CatalogueError, match="no folder or file") as error:
        site.refresh(url="https://user:geheim@example.org/?sig=geheim")
    assert "geheim" not in str(error.value)
    with pytest.raises(CatalogueError, match=r"nowhere.*catalogue\.url"):
        site.refresh(url="/nowhere")


def test_a_damaged_or_edited_record_is_named(site):
    site.put(JUNE.cdse())
    site.refresh()
    path = site.results / "inventory/33TVM/2021-06-14_S2A.json"
    path.write_text(path.read_text().replace('"offset_dn": 0', '"offset_dn": -1000'))
    with pytest.raises(CatalogueError, match="digest"):
        read_record(path)
    assert site.refresh().reprocessed == ["33TVM/2021-06-14_S2A"]
    assert read_record(path).granules[0].offset_dn == 0


def test_items_on_disk_in_every_shape(tmp_path):
    one, two = JUNE.planetary_computer(), JULY.earth_search()
    one["assets"]["B02"]["href"] = "images/B02.tif"
    (tmp_path / "a").mkdir()
    (tmp_path / "a/collection.json").write_text('{"type": "Collection", "links": []}')
    (tmp_path / "a/one.json").write_text(json.dumps(one))
    (tmp_path / "two.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [two]}))
    ids = {one["id"], two["id"]}
    assert {i["id"] for i in local_items(tmp_path)} == ids
    catalog = {
        "type": "Catalog",
        "links": [
            {"rel": "self", "href": "catalog.json"},
            {"rel": "child", "href": "./catalog.json"},
            {"rel": "item", "href": "./a/one.json"},
            {"rel": "item", "href": "two.geojson"},
        ],
    }
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    found = {i["id"]: i for i in local_items(tmp_path / "catalog.json")}
    assert set(found) == ids
    assert found[one["id"]]["assets"]["B02"]["href"] == str(tmp_path / "a/images/B02.tif")
    assert [i["id"] for i in local_items(tmp_path / "two.geojson")] == [two["id"]]
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(CatalogueError, match=r"broken\.json"):
        local_items(tmp_path)


products = st.builds(
    Product,
    tile=st.sampled_from(["33TVM", "33TVM", "33TXM"]),
    platform=st.sampled_from(["S2A", "S2A", "S2C"]),
    start=st.sampled_from(["20210614T100031", "20210614T100031", "20210704T100029", "20220104T100031"]),
    sensing=st.sampled_from(["20210614T100311", "20210614T100329"]),
    baseline=st.sampled_from(["03.00", "05.00", "05.11"]),
    generated=st.sampled_from(["20210615T120000", "20230605T120000"]),
    cloud=st.sampled_from([0.0, 59.9, 60.0, 61.0]),
)


@given(st.lists(st.tuples(products, st.booleans(), st.integers(1, 3)), max_size=25), st.randoms())
@settings(max_examples=150, deadline=None)
def test_every_acquisition_is_taken_or_refused_and_none_twice(drawn, order):
    """Whatever the order and the duplicates: each item is in one record or has one reason."""
    made = {}
    for product, whole, _ in drawn:
        # Its id says all that tells products apart; the catalogue's cloud cover belongs to the id.
        item = product.cdse()
        item["id"] += f"_{product.sensing}"
        if item["id"] not in made:
            if not whole:
                item["assets"].pop("SCL_20m")
            made[item["id"]] = (product, item)
    stream = [copy.deepcopy(item) for _, item in made.values() for _ in range(order.randint(1, 3))]
    order.shuffle(stream)
    selection = Selection(["33TVM", "33TWM"], "2021-01-01", "2021-12-31", [7], 60)
    records, rejected = build_records(stream, "cdse", ["B02", "SCL"], selection)

    keys = [r.key for r in records]
    assert keys == sorted(set(keys))
    taken = [g.item_id for r in records for g in r.granules]
    assert len(taken) == len(set(taken))
    assert set(taken).isdisjoint(rejected)
    assert set(taken) | set(rejected) == set(made)
    # The other way round, by a plain restatement of the rules over the whole items.
    acquisitions = {}
    for name, (p, item) in made.items():
        if "SCL_20m" in item["assets"]:
            acquisitions.setdefault((p.tile, p.platform, p.start, p.sensing), []).append(
                (p.baseline, p.generated, name, p)
            )
    newest = [max(group, key=lambda entry: entry[:3])[2:] for group in acquisitions.values()]
    # So few keys are drawn from that most examples hold several processings of one acquisition.
    assert sorted(taken) == sorted(
        name
        for name, p in newest
        if p.tile != "33TXM" and p.start[:4] == "2021" and p.start[4:6] != "07" and p.cloud <= 60
    )
    shuffled = stream[:]
    random.Random(1).shuffle(shuffled)
    assert build_records(shuffled, "cdse", ["B02", "SCL"], selection) == (records, rejected)


@given(st.lists(st.sets(st.integers(0, 5), min_size=1), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_catalogues_leaves_exactly_the_last(tmp_path, states):
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    site = Site(tmp_path)
    days = [Product(start=f"202106{d:02d}T100031", sensing=f"202106{d:02d}T100311") for d in range(11, 17)]
    ever = set()
    for state in states:
        shutil.rmtree(site.items)
        site.items.mkdir()
        site.put(*(days[n].cdse() for n in state))
        report = site.refresh()
        expected = [f"33TVM/2021-06-{11 + n}_S2A" for n in sorted(state)]
        assert site.keys() == expected
        assert sorted(report.unchanged + report.new + report.restored) == expected
        ever |= set(expected)
        aside = {f"33TVM/{p.stem}" for p in (site.results / "withdrawn").rglob("*.json")}
        assert aside == ever - set(expected)
