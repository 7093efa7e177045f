"""Refreshes from a real STAC API (pgstac and stac-fastapi), also when it falters."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest
from stac_faults import proxy

from builders import stac_items
from builders.catalogue_items import Product
from builders.ports import free_port
from builders.stac_server import load_items
from sealwatch.catalogue import refresh as refreshing
from sealwatch.catalogue import search
from sealwatch.catalogue.inventory import read_inventory
from sealwatch.catalogue.records import read_record
from sealwatch.catalogue.refresh import refresh
from sealwatch.catalogue.selection import Selection, build_records
from sealwatch.errors import CatalogueError

ROOT = Path(__file__).resolve().parents[2]
BANDS = ["B02", "B03", "B04", "B08"]
PERIOD = {"start": "2021-05-01", "end": "2021-08-20"}
TILES = ["33TVM", "33TWM"]
SAS = "?se=2026-01-02&sp=rl&sig=geheim%3D"


def days(month, tile="33TVM", every=3):
    return [
        Product(tile=tile, start=f"2021{month:02d}{d:02d}T100031", sensing=f"2021{month:02d}{d:02d}T100311")
        for d in range(1, 29, every)
    ]


@pytest.fixture(scope="module")
def api(cluster, tmp_path_factory):
    """A running STAC API; yields (port, dsn, load)."""
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE stac")
    dsn, port = cluster.dsn("stac"), free_port()
    folder = tmp_path_factory.mktemp("catalogue")
    (folder / "items").mkdir()
    collection = stac_items.collection([13, 45, 17, 47], ("2021-01-01", "2021-12-31"), "test")

    def load(collection_id, items):
        for old in (folder / "items").iterdir():
            old.unlink()
        for item in items:
            (folder / f"items/{item['id']}.json").write_text(json.dumps(item))
        (folder / "collection.json").write_text(json.dumps(collection | {"id": collection_id}))
        load_items(dsn, folder)

    load("sentinel-2-l2a", [])
    command = [sys.executable, "-m", "builders.stac_server", "--dsn", dsn, "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}/workflow:{ROOT}/tests"}
    server = subprocess.Popen(command, env=environment)
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_mgmt/ping", timeout=2)
                break
            except OSError:
                time.sleep(0.25)
        yield port, dsn, load
    finally:
        server.kill()  # asked kindly, it waits for connections that are kept open
        server.wait()


@pytest.fixture
def catalogue(api):
    """The API with four months of two tiles, as in Planetary Computer; yields (load, delete)."""
    _, dsn, load = api

    def delete(names=None):
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SET search_path TO pgstac, public")
            if names is None:
                connection.execute("DELETE FROM items")
            for name in names or []:
                connection.execute("DELETE FROM items WHERE id = %s", [name])

    items = [p.planetary_computer(SAS) for t in TILES for m in (5, 6, 7, 8) for p in days(m, t)]
    delete()
    load("sentinel-2-l2a", items)
    return load, delete


@pytest.fixture
def front(api):
    with proxy(api[0], free_port()) as running:
        yield running


@pytest.fixture
def site(tmp_path, front):
    """Function that refreshes a site through the proxy."""
    settings = {
        "provider": "planetary-computer", "url": front[0], "collection": "sentinel-2-l2a", "signing": "none",
        "tiles": TILES, "exclude_months": [], "max_cloud_cover": 60, "parallel": 4, "timeout_s": 20,
        "max_retries": 3,
    }  # fmt: skip

    def run(period=PERIOD, **changes):
        return refresh(settings | changes, BANDS, period, "", tmp_path)

    return run


def listed(folder):
    return read_inventory(folder / "inventory", TILES, *PERIOD.values()).scenes


def test_all_pages_of_all_months_and_no_signature_on_disk(catalogue, site, front, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "PAGE_ITEMS", 4)
    report = site()
    expected = [
        (t, f"2021-{m:02d}-{d:02d}", "S2A") for t in TILES for m in (5, 6, 7, 8) for d in range(1, 29, 3)
    ]
    expected = [e for e in expected if e[1] <= PERIOD["end"]]
    assert listed(tmp_path) == expected
    assert len(report.new) == len(expected) == 74
    assert len(front[1].seen) == 2 * (3 + 3 + 3 + 2)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert "geheim" not in path.read_text()
    assert len(site().unchanged) == 74


def test_a_shortened_listing_gives_the_same_records(catalogue, site, front, tmp_path, monkeypatch):
    site()
    short, front[1].sent = front[1].sent, 0
    records = {p: p.read_bytes() for p in (tmp_path / "inventory").rglob("*.json")}
    monkeypatch.setattr(refreshing.StacApi, "_shortens", lambda self, client: False)
    assert len(site().unchanged) == 74
    assert {p: p.read_bytes() for p in (tmp_path / "inventory").rglob("*.json")} == records
    print(f"listing: {short} bytes shortened, {front[1].sent} bytes whole")
    assert short < 0.75 * front[1].sent


def test_withdrawn_reprocessed_and_unusable_items(catalogue, site, tmp_path):
    load, delete = catalogue
    site()
    june = days(6)
    delete([june[0].planetary_computer()["id"]])
    again = Product(
        start=june[1].start, sensing=june[1].sensing, baseline="05.00", generated="20230605T120000"
    ).planetary_computer()
    bare = Product(start="20210630T100031", sensing="20210630T100311").planetary_computer()
    del bare["assets"]["B03"]
    load("sentinel-2-l2a", [again, bare])
    report = site()
    assert report.withdrawn == {"33TVM/2021-06-01_S2A": "no longer in the catalogue"}
    assert report.reprocessed == ["33TVM/2021-06-04_S2A"]
    assert report.rejected[bare["id"]] == "incomplete: image B03 is missing"
    assert (tmp_path / "withdrawn/33TVM/2021-06-01_S2A.json").is_file()
    record = read_record(tmp_path / "inventory/33TVM/2021-06-04_S2A.json")
    assert [(g.baseline, g.offset_dn) for g in record.granules] == [("05.00", -1000)]


JULY = "2021-07-01T00:00:00Z/2021-08-01"


@pytest.mark.parametrize(
    "fault",
    [
        [{"status": 429, "headers": {"Retry-After": "1"}}],
        [{"status": 503, "headers": {"Retry-After": "1"}}, {"status": 504}],
        [{"status": 500}, {"status": 502}],
        ["die"],
        ["break"],
    ],
    ids=["429", "503-504", "500-502", "dies", "breaks-off"],
)
def test_a_passing_fault_is_ridden_out(catalogue, site, front, tmp_path, fault):
    front[1].plan[JULY] = list(fault)
    assert len(site().new) == 74
    at = front[1].times(JULY)
    assert len(at) == 2 + len(fault)
    if isinstance(fault[0], dict) and "headers" in fault[0]:
        # The two tiles' searches run side by side: the one that was refused waited as it was told.
        assert max(at) - min(at) >= 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 429, "headers": {"Retry-After": "0"}}, "429"),
        ({"status": 503}, "503"),
        ("die", "Remote end closed connection"),
        ("break", "IncompleteRead"),
        ("html", "no STAC answer"),
        ("undercount", "10 of 11 items"),
        ({"status": 400}, "400"),
    ],
    ids=["429", "503", "dies", "breaks-off", "html", "undercount", "400"],
)
def test_a_failing_month_keeps_its_scenes_and_the_others_go_on(
    catalogue, site, front, tmp_path, fault, reason
):
    load, delete = catalogue
    site()
    july = [p.planetary_computer()["id"] for p in days(7)]
    may = [p.planetary_computer()["id"] for p in days(5)]
    delete([*july, may[0]])
    load("sentinel-2-l2a", [Product(start="20210602T100031", sensing="20210602T100311").planetary_computer()])
    if fault == "undercount":
        load("sentinel-2-l2a", [p.planetary_computer() for p in days(7)])
    front[1].plan[JULY] = [fault]
    front[1].forever.add(JULY)
    with pytest.raises(CatalogueError, match="2 of 8 tile-months") as error:
        site(max_retries=1)
    report = json.loads((tmp_path / "catalogue/report.json").read_text())
    assert set(report["failed"]) == {"33TVM/2021-07", "33TWM/2021-07"}
    assert reason in str(error.value)
    assert report["withdrawn"] == {"33TVM/2021-05-01_S2A": "no longer in the catalogue"}
    assert report["new"] == ["33TVM/2021-06-02_S2A"]
    assert len([s for s in listed(tmp_path) if s[1][:7] == "2021-07"]) == 20
    front[1].plan.clear()
    report = site()
    assert len(report.withdrawn) == (0 if fault == "undercount" else 10)


def test_a_dead_api_changes_nothing_and_is_given_up_soon(catalogue, site, front, tmp_path, monkeypatch):
    site()
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    with pytest.raises(CatalogueError, match=r"127\.0\.0\.1:9.*catalogue\.url"):
        site(url="http://127.0.0.1:9", max_retries=0)
    front[1].plan["sentinel-2-l2a"] = ["die"]
    front[1].forever.add("sentinel-2-l2a")
    front[1].seen.clear()
    monkeypatch.setattr(refreshing, "GIVE_UP_AFTER", 3)
    with pytest.raises(CatalogueError, match="8 of 8"):
        site(max_retries=0, parallel=1)
    assert len(front[1].seen) == 3
    after = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json") if p.name != "report.json"}
    assert after == {p: at for p, at in before.items() if p.name != "report.json"}


def test_an_empty_search_is_an_error_and_changes_nothing(catalogue, site, tmp_path):
    site()
    catalogue[1]()
    with pytest.raises(CatalogueError, match="no item in collection"):
        site()
    assert len(listed(tmp_path)) == 74


REAL = Path(os.environ.get("REAL_DATA_DIR", ROOT.parent / "shared/data")) / "stac_items"


@pytest.mark.skipif(not REAL.is_dir(), reason="REAL_DATA_DIR with stac_items is absent")
def test_real_items_through_the_api_are_the_same_as_from_disk(api, site, front, tmp_path):
    items = [json.loads(path.read_text()) for path in (REAL / "odc-stac_site2_35MNM").glob("*.json")]
    items += [json.loads(path.read_text()) for path in (REAL / "odc-stac_other").glob("*35MNM*.json")]
    api[2]("real-l2a", [item | {"collection": "real-l2a"} for item in items])
    period = {"start": "2020-06-01", "end": "2020-07-31"}
    report = site(tiles=["35MNM"], collection="real-l2a", max_cloud_cover=5, period=period)
    print(f"listing: {front[1].sent} bytes for {len(items)} items of {len(json.dumps(items))} bytes")
    selection = Selection(["35MNM"], *period.values(), max_cloud_cover=5)
    records, rejected = build_records(items, "planetary-computer", [*BANDS, "SCL"], selection)
    assert report.new == [r.key for r in records]
    assert report.rejected == rejected
    assert len(records) == 9
    for record in records:
        assert read_record(tmp_path / f"inventory/{record.key}.json") == record


@pytest.mark.parametrize("provider", ["earth-search", "cdse"])
def test_the_other_catalogues_through_the_same_api(api, site, tmp_path, provider):
    products = days(6) + days(6, "33TWM")
    collection = {"earth-search": "sentinel-2-c1-l2a", "cdse": "cdse-l2a"}[provider]
    items = [p.earth_search() if provider == "earth-search" else p.cdse() for p in products]
    api[2](collection, [item | {"collection": collection} for item in items])
    report = site(provider=provider, collection=collection)
    assert len(report.new) == len(products)
    record = read_record(tmp_path / "inventory/33TVM/2021-06-01_S2A.json")
    assert list(record.granules[0].assets) == [*BANDS, "SCL"]
    assert record.granules[0].offset_rule == "stated"
    assert re.search(r"B08(_10m)?\.(tif|jp2)$", record.granules[0].assets["B08"])
