"""STAC items become records; no scene is lost, none is counted twice."""

import copy
import json
import os
from pathlib import Path

import pytest

from sealwatch.catalogue.inventory import group_scenes, read_inventory
from sealwatch.catalogue.records import SceneRecord, read_record
from sealwatch.catalogue.selection import Selection, build_records
from sealwatch.errors import CatalogueError
from sealwatch.files import write_json

REAL = (
    Path(os.environ.get("REAL_DATA_DIR", Path(__file__).resolve().parents[3] / "shared/data")) / "stac_items"
)
ASSETS = ["B02", "SCL"]


def item(
    tile="33TVM", platform="A", start="20210614T100031", sensing="20210614T100311", baseline="03.00", **more
):
    generated = more.get("generated", "2021-06-15T00:00:00.0Z")
    return {
        "id": f"S2{platform}_MSIL2A_{start}_R122_T{tile}_{generated[:4]}T{baseline[:2]}{sensing[-4:]}",
        "properties": {
            "platform": f"Sentinel-2{platform}",
            "datetime": f"{start[:4]}-{start[4:6]}-{start[6:8]}T10:00:31.024000Z",
            "s2:mgrs_tile": tile,
            "s2:processing_baseline": baseline,
            "s2:datatake_id": f"GS2{platform}_{start}_031234_N{baseline}",
            "s2:datastrip_id": f"S2{platform}_OPER_MSI_L2A_DS_MSFT_20210615T0000_S{sensing}_N{baseline}",
            "s2:generation_time": generated,
            "eo:cloud_cover": more.get("cloud", 3.0),
        },
        "assets": {a: {"href": f"https://example.org/{tile}_{a}.tif?se=2021&sig=secret"} for a in ASSETS},
    }


def test_offset_follows_the_items_baseline_not_its_date():
    old = item(baseline="02.14")
    reprocessed = item(baseline="05.00", generated="2022-06-15T00:00:00.0Z")
    (record,), rejected = build_records(
        [reprocessed, old], "planetary-computer", ASSETS, Selection(max_cloud_cover=60)
    )
    assert [(g.baseline, g.offset_dn) for g in record.granules] == [("05.00", -1000)]
    assert rejected == {old["id"]: f"superseded: by {reprocessed['id']}"}


def test_split_granules_stay_together():
    items = [item(sensing="20210614T100311"), item(sensing="20210614T100329")]
    (record,), rejected = build_records(items, "planetary-computer", ASSETS, Selection(max_cloud_cover=60))
    assert len(record.granules) == 2
    assert rejected == {}


def test_order_of_the_answer_does_not_matter():
    items = [
        item(),
        item(baseline="05.00", generated="2022-01-01T00:00:00.0Z"),
        item(sensing="20210614T100329"),
        item(tile="33TWM"),
        item(platform="C", start="20250201T100031", sensing="20250201T100311", baseline="05.11"),
    ]
    forward = build_records(items, "planetary-computer", ASSETS, Selection(max_cloud_cover=60))
    assert forward == build_records(items[::-1], "planetary-computer", ASSETS, Selection(max_cloud_cover=60))
    assert [r.key for r in forward[0]] == [
        "33TVM/2021-06-14_S2A",
        "33TVM/2025-02-01_S2C",
        "33TWM/2021-06-14_S2A",
    ]


def test_every_item_left_out_has_its_reason():
    broken = item(tile="33TWM")
    del broken["assets"]["SCL"]
    cloudy = item(cloud=71.0)
    records, rejected = build_records(
        [broken, cloudy], "planetary-computer", ASSETS, Selection(max_cloud_cover=60)
    )
    assert records == []
    assert "SCL" in rejected[broken["id"]]
    assert "max_cloud_cover" in rejected[cloudy["id"]]


def test_addresses_are_kept_without_signature_and_records_survive_the_disk(tmp_path):
    (record,), _ = build_records([item()], "planetary-computer", ASSETS, Selection(max_cloud_cover=60))
    write_json(tmp_path / "r.json", record.as_json())
    assert "sig=" not in (tmp_path / "r.json").read_text()
    assert read_record(tmp_path / "r.json") == record


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "r.json").write_text('{"tile": "33TVM"')
    with pytest.raises(CatalogueError, match=r"r\.json.*snakemake catalogue"):
        read_record(tmp_path / "r.json")
    with pytest.raises(ValueError, match="granule"):
        SceneRecord("33TVM", "2021-06-14", "S2A", ())


def test_inventory_is_listed_by_file_names_within_tiles_and_period(tmp_path):
    for name in (
        "33TVM/2021-06-14_S2A",
        "33TWM/2021-06-14_S2A",
        "33TVM/2021-06-19_S2B",
        "33TXM/2021-06-14_S2A",
    ):
        write_json(tmp_path / f"{name}.json", {})
    found = read_inventory(tmp_path, ["33TVM", "33TWM"], "2021-01-01", "2021-06-18")
    assert found.scenes == [("33TVM", "2021-06-14", "S2A"), ("33TWM", "2021-06-14", "S2A")]
    assert found.tiles_of_mosaic == {("32633", "2021-06-14", "S2A"): ["33TVM", "33TWM"]}
    assert found.mosaics_of_month == {("32633", "2021-06"): [("2021-06-14", "S2A")]}
    assert group_scenes([]).scenes == []


@pytest.mark.skipif(not REAL.is_dir(), reason="REAL_DATA_DIR with stac_items is absent")
def test_real_planetary_computer_items_give_their_key_baseline_and_offset():
    paths = [p for p in REAL.rglob("S2*_MSIL2A_*.json") if "N05" not in p.name and "N0500" not in p.name]
    items = {}
    for path in paths:
        value = json.loads(path.read_text())
        if "s2:mgrs_tile" in value.get("properties", {}):
            items[value["id"]] = value
    assert len(items) > 40
    originals = copy.deepcopy(items)
    records, rejected = build_records(items.values(), "planetary-computer", ["B02", "SCL"], Selection())
    granules = {g.item_id: (r, g) for r in records for g in r.granules}
    assert set(granules) | set(rejected) == set(items)
    assert items == originals
    for identity, (record, granule) in granules.items():
        parts = identity.split("_")
        assert record.platform == parts[0]
        assert record.date.replace("-", "") == parts[2][:8]
        assert record.tile == parts[4][1:]
        assert granule.datatake_start == parts[2]
        baseline = items[identity]["properties"]["s2:processing_baseline"]
        assert granule.offset_dn == (-1000 if baseline >= "04.00" else 0)
