"""The folder of a release: complete, verifiable, the same when made twice, and never touched again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import psycopg
import pyarrow.parquet as pq
import pystac
import pytest
import rasterio
from lxml import etree
from ogc_schemas import ISO, holds, schema
from outline_files import outlines, registry, write
from owslib.iso import MD_Metadata

from sealwatch.errors import DatabaseError, ReleaseError
from sealwatch.publish import migrate
from sealwatch.publish.database import connect
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.public import published_columns
from sealwatch.publish.registries import load_registries
from sealwatch.publish.release import make_release
from sealwatch.publish.review import decide

FILES = ["CHANGELOG.md", "SHA256SUMS", "collection.json", "item.json", "metadata.xml", "newly_sealed.gpkg",
         "newly_sealed.parquet", "newly_sealed.tif"]  # fmt: skip
TEXTS = {
    "title": "Sealed <land> & soil",
    "abstract": "For the test.",
    "licence": "CC-BY-4.0",
    "contact": {"organisation": "Agency", "email": "a@example.org"},
}


@pytest.fixture
def settings(database):
    return database | {"generalise_m": [5.0]}


@pytest.fixture
def loaded(settings, tmp_path):
    """Thirty enriched candidates; returns their ids."""
    frame = outlines("A1", 2024, 30)
    frame.loc[:9, "start_half"] = "2021H2"
    load([write(frame, tmp_path, "A1", 2024)], tmp_path / "load.json", settings)
    towns = registry(tmp_path, "towns", 9)
    gpd.read_file(towns["path"]).assign(name="Town").to_file(towns["path"], layer="towns")
    sources = {
        "cadastre": registry(tmp_path, "cadastre", 4),
        "towns": towns | {"kind": "municipality", "field": "name"},
    }
    load_registries(sources, tmp_path / "registries.json", settings)
    enrich(tmp_path / "enrich.json", settings)
    return sorted(frame["polygon_id"])


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_file_holds_the_release(settings, loaded, tmp_path):
    decide(settings, loaded[:20], "accepted", "ana")
    make_release(settings, tmp_path / "release", TEXTS)
    decide(settings, loaded[20:24], "accepted", "ana")
    decide(settings, loaded[:1], "rejected", "ana")
    decide(settings, loaded[1:2], "corrected", "ana", correction={"to_class": "Industrial"})
    folder = make_release(settings, tmp_path / "release", TEXTS).folder
    assert [path.name for path in sorted(folder.iterdir())] == FILES
    assert json.loads((tmp_path / "release/current.json").read_text()) == {"release": 2}
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True)

    package = gpd.read_file(folder / "newly_sealed.gpkg", layer="newly_sealed")
    parquet = gpd.read_parquet(folder / "newly_sealed.parquet")
    assert list(package.columns) == [*published_columns(["cadastre"]), "geometry"]
    assert list(parquet["polygon_id"]) == list(package["polygon_id"]) == loaded[1:24]
    assert parquet.geometry.geom_equals(package.geometry).all()
    assert not package.isna().any().any()
    listing = subprocess.run(
        ["ogrinfo", "-so", str(folder / "newly_sealed.gpkg"), "newly_sealed"], capture_output=True, text=True
    ).stdout
    assert "IDENTIFIER=Sealed <land> & soil, release 2" in listing
    geo = json.loads(pq.read_schema(folder / "newly_sealed.parquet").metadata[b"geo"])
    assert (geo["version"], list(geo["columns"]["geometry"]["covering"])) == ("1.1.0", ["bbox"])

    with rasterio.open(folder / "newly_sealed.tif") as image:
        assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert image.tags()["CODES"] == "44=2021H2 45=2022H1"
        codes = image.read(1)
        places = [image.index(point.x, point.y) for point in package.centroid]
        halves = [codes[place] for place in places]
    assert halves == [{"2021H2": 44, "2022H1": 45}[half] for half in package["period_of_change"]]
    assert np.count_nonzero(codes) * 100 == pytest.approx(package["area_m2"].sum(), rel=0.1)

    text = (folder / "CHANGELOG.md").read_text()
    assert "| added | 4 | 1600 m2 |" in text
    assert "| removed | 1 | 400 m2 |" in text
    assert f"- {loaded[1]}: to_class, transition" in text


def test_metadata_and_stac_are_read_by_others(settings, loaded, tmp_path):
    decide(settings, loaded[:20], "accepted", "ana")
    make_release(settings, tmp_path / "release")
    decide(settings, loaded[20:21], "accepted", "ana")
    folder = make_release(settings, tmp_path / "release", TEXTS).folder
    for number in (1, 2):  # without contact and licence, and with
        assert holds(schema(ISO), etree.parse(folder.parent / f"{number}/metadata.xml").getroot())
    read = MD_Metadata(etree.parse(folder / "metadata.xml"))
    about = read.identification[0]
    assert (read.identifier, read.parentidentifier) == ("sealwatch-newly_sealed-2", "sealwatch-newly_sealed")
    assert (about.title, about.abstract) == ("Sealed <land> & soil, release 2", "For the test.")
    assert (read.contact[0].organization, read.contact[0].email) == ("Agency", "a@example.org")
    assert "Land cover" in [word.name for group in about.keywords for word in group.keywords]
    assert 13 < float(about.bbox.minx) < float(about.bbox.maxx) < 17
    assert "21 polygons of 0.84 ha" in read.dataquality.lineage
    assert "on 1 orthophotos of 1 sheets, flown 2024-05-12 to 2024-05-12" in read.dataquality.lineage
    assert "CC-BY-4.0" in about.otherconstraints

    item, collection = (json.loads((folder / f"{name}.json").read_text()) for name in ("item", "collection"))
    for document in (item, collection):
        # Without extensions, whose schemas would be fetched from the internet.
        assert pystac.validation.validate_dict({**document, "stac_extensions": []})
    assert next(pystac.Collection.from_file(str(folder / "collection.json")).get_items()).id == item["id"]
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    for asset in item["assets"].values():
        assert asset["file:checksum"] == "1220" + sums[asset["href"].removeprefix("./")]
    columns = [column["name"] for column in item["assets"]["geopackage"]["table:columns"]]
    assert columns == [*published_columns(["cadastre"]), "geometry"]
    # The release before was made without texts, and says so.
    assert MD_Metadata(etree.parse(folder.parent / "1/metadata.xml")).contact == []


def test_a_release_that_dies_before_its_folder_is_completed_later(settings, loaded, tmp_path):
    decide(settings, loaded, "accepted", "ana")
    folder = tmp_path / "release"
    code = f"from sealwatch.publish.release import make_release; make_release({settings!r}, {str(folder)!r})"
    root = str(Path(__file__).parents[2] / "workflow")
    child = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": root})
    with psycopg.connect(settings["dsn"], autocommit=True) as connection:
        while connection.execute("SELECT count(*) FROM sealwatch.release").fetchone() == (0,):
            assert child.poll() is None
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert connection.execute("SELECT count(*) FROM sealwatch_public.newly_sealed").fetchone() == (30,)
    assert not (folder / "1").exists()
    assert not (folder / "current.json").exists()

    again = make_release(settings, folder)
    assert (again.number, again.new) == (1, False)
    assert [path.name for path in sorted(folder.iterdir())] == ["1", "current.json"]
    first = bytes_of(folder / "1")
    (folder / "1").rename(tmp_path / "moved")
    make_release(settings, folder)
    assert bytes_of(folder / "1") == first


def test_a_damaged_folder_is_named_and_left_alone(settings, loaded, tmp_path):
    folder = tmp_path / "release"
    decide(settings, loaded[:5], "accepted", "ana")
    make_release(settings, folder)
    with open(folder / "1/newly_sealed.gpkg", "ab") as stream:
        stream.write(b"more")
    before = bytes_of(folder / "1")
    decide(settings, loaded[5:6], "accepted", "ana")
    with pytest.raises(ReleaseError, match=r"release/1: newly_sealed.gpkg is not what SHA256SUMS says; move"):
        make_release(settings, folder)
    assert bytes_of(folder / "1") == before
    assert json.loads((folder / "current.json").read_text()) == {"release": 2}
    (folder / "1").rename(tmp_path / "moved")
    make_release(settings, folder)
    assert (folder / "1/newly_sealed.gpkg").read_bytes() == before["newly_sealed.gpkg"][:-4]


def test_a_number_is_not_given_again_by_a_database_that_lost_it(settings, loaded, tmp_path):
    decide(settings, loaded[:5], "accepted", "ana")
    (tmp_path / "release/3").mkdir(parents=True)
    with pytest.raises(ReleaseError, match=r"release/3: the database has releases up to 0 only"):
        make_release(settings, tmp_path / "release")
    with connect(settings) as connection:
        assert connection.execute("SELECT count(*) FROM release").fetchone() == (0,)


def test_a_register_that_is_not_measured_yet_stops_a_release(settings, loaded, tmp_path):
    decide(settings, loaded, "accepted", "ana")
    towns = tmp_path / "towns.gpkg"
    gpd.read_file(towns).assign(name="Another town").to_file(towns, layer="towns")
    sources = {
        "cadastre": {"path": str(tmp_path / "cadastre.gpkg"), "layer": "cadastre"},
        "towns": {"path": str(towns), "layer": "towns", "kind": "municipality", "field": "name"},
    }
    load_registries(sources, tmp_path / "registries.json", settings)
    with pytest.raises(
        DatabaseError, match="has no distance to every registry; run snakemake --forcerun enrich"
    ):
        make_release(settings, tmp_path / "release")
    enrich(tmp_path / "enrich.json", settings)
    assert make_release(settings, tmp_path / "release").polygons == 30


def test_a_release_may_become_empty(settings, loaded, tmp_path):
    decide(settings, loaded[:5], "accepted", "ana")
    make_release(settings, tmp_path / "release", TEXTS)
    decide(settings, loaded[:5], "rejected", "ana")
    made = make_release(settings, tmp_path / "release", TEXTS)
    assert (made.number, made.polygons) == (2, 0)
    assert len(gpd.read_parquet(made.folder / "newly_sealed.parquet")) == 0
    assert "| removed | 5 | 2000 m2 |" in (made.folder / "CHANGELOG.md").read_text()


def test_an_earlier_schemas_release_keeps_its_columns(settings, tmp_path, migrate_to):
    migrate_to(settings, 4)
    with connect(settings) as connection, connection.transaction():
        connection.execute("INSERT INTO release VALUES (1, 'd', 1, '{cadastre}')")
        connection.execute(
            "INSERT INTO release_polygon VALUES (1, 'p', 'A1', '2024-05-12', '', '2022H1', '2023H1', 'a to b', "
            "'a', 'b', 400, 0.9, 'e', 0.8, '{\"cadastre\": 1.5}', "
            "ST_Multi(ST_MakeEnvelope(460000, 100000, 460020, 100020, 3794)))"
        )
        connection.execute("CREATE VIEW published AS SELECT * FROM release_polygon")
    with pytest.raises(DatabaseError, match="version 4 of the schema"):
        make_release(settings, tmp_path / "release")
    migrate.migrate(settings)
    kept = tmp_path / "release/1/newly_sealed.gpkg"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"as it was")
    folder = make_release(settings, tmp_path / "release").folder
    assert kept.read_bytes() == b"as it was"
    kept.parent.rename(tmp_path / "moved")
    make_release(settings, tmp_path / "release")
    # Nothing is accepted any more, so there is a second release; the first one is as it was.
    assert folder.name == "2"
    found = gpd.read_file(tmp_path / "release/1/newly_sealed.gpkg")
    assert list(found.columns) == [
        *[
            "polygon_id",
            "sheet",
            "vhr_date",
            "vhr_date_before",
            "period_of_change",
            "period_confirmed",
            "transition",
        ],
        *[
            "from_class",
            "to_class",
            "area_m2",
            "distance_cadastre_m",
            "probability",
            "event_id",
            "event_confidence",
        ],
        *("release", "geometry"),
    ]
    assert found["distance_cadastre_m"].tolist() == [1.5]
    assert "| removed | 1 | 400 m2 |" in (folder / "CHANGELOG.md").read_text()
