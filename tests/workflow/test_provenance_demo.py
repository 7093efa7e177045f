"""Provenance of the finished demo beside its files as SQLite, JSON and GDAL show them; the RO-Crate of the run."""

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from datetime import date
from urllib.parse import unquote

import geopandas as gpd
import pandas as pd
import pytest
import rasterio
from rasterio.transform import rowcol

from sealwatch.keys import LAND_COVER_CLASSES
from sealwatch.provenance.crate import write_crate
from sealwatch.provenance.text import as_text
from sealwatch.provenance.trace import trace

pytestmark = pytest.mark.timeout(2700)


@pytest.fixture(scope="module")
def config(demo):
    """Configuration of the demo while its database runs."""
    started = demo.cluster.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(demo.database["dsn_env"], demo.cluster.dsn())
        yield demo.config
    if started:
        demo.cluster.stop()


@pytest.fixture(scope="module")
def polygons(demo):
    """All outlined polygons, from the files."""
    files = sorted((demo.results / "outline").glob("*.gpkg"))
    return pd.concat([gpd.read_file(path).drop(columns="geometry") for path in files], ignore_index=True)


@pytest.fixture(scope="module")
def maps(demo):
    """Class and clear fraction of every scene with bounds and transform, as GDAL reads them."""
    found = {}
    for path in (demo.results / "landcover").glob("*/*.h5"):
        arrays = []
        for variable in ("class", "clear_fraction"):
            with rasterio.open(f'NETCDF:"{path}":{variable}') as image:
                arrays.append(image.read(1))
                found[f"{path.parent.name}/{path.stem}"] = (image.bounds, image.transform, arrays)
    return found


def votes_of(demo, event_id):
    """(date, platform, class) of the votes of an event."""
    with closing(sqlite3.connect(demo.results / "change/32633_evidence.gpkg")) as database:
        query = "SELECT date, platform, class FROM evidence WHERE event_id = ? ORDER BY rowid"
        return database.execute(query, [event_id]).fetchall()


def seen_at(found, place):
    """(class, clear fraction) of a scene's map at a place, None outside the map."""
    (left, bottom, right, top), transform, arrays = found
    if not (left < place[0] < right and bottom < place[1] < top):
        return None
    row, col = rowcol(transform, *place)
    return [array[row, col] for array in arrays]


def expected_scenes(demo, maps, votes, place):
    """For each vote the scenes that reach the cell, with whether each was the one that counted."""
    expected = []
    for day, platform, name in votes:
        members = json.loads((demo.results / f"inventory/32633/{day}_{platform}.json").read_text())
        seen = {scene: seen_at(maps[scene], place) for scene in members["scenes"]}
        here = {scene: value for scene, value in seen.items() if value is not None}
        best = min(
            (s for s, v in here.items() if v[0] != 255), key=lambda s: (-here[s][1], s)
        )  # the clearest, of equals the first by name
        assert LAND_COVER_CLASSES[int(here[best][0])] == name
        expected.append({scene: scene == best for scene in here})
    return expected


def test_every_polygon_names_exactly_the_scenes_of_its_evidence(demo, config, polygons, maps):
    events = gpd.read_file(demo.results / "change/32633.gpkg", layer="events").set_index("event_id")
    assert len(polygons) > 0
    checked = 0
    for event_id, group in polygons.groupby("event_id"):
        found = trace(event_id, config)
        assert [p["polygon_id"] for p in found["polygons"]] == sorted(group["polygon_id"])
        checked += len(found["polygons"])
        votes = votes_of(demo, event_id)
        place = events.geometry[event_id].centroid.coords[0]
        told = found["events"][0]["votes"]
        assert [(v["date"], v["platform"], v["class"]) for v in told] == votes
        assert [
            {scene["scene"]: scene["part"] == "voted" for scene in vote["scenes"]} for vote in told
        ] == expected_scenes(demo, maps, votes, place)
        for scene in (scene for vote in told for scene in vote["scenes"]):
            record = json.loads((demo.results / f"inventory/{scene['scene']}.json").read_text())
            of_record = [(g["item_id"], g["baseline"]) for g in record["granules"]]
            assert sorted((i["item"], i["baseline"]) for i in scene["items"]) == sorted(of_record)
            assert scene["record"] == "current"
            assert scene["record_digest"] == record["digest"]
        assert found["missing"] == {}
    assert checked == len(polygons)
    # A polygon of an event tells of the same event.
    assert trace(group["polygon_id"].iloc[0], config)["events"] == found["events"]


def test_models_flights_decisions_and_release_are_those_of_the_files(demo, config, polygons):
    row = polygons.iloc[0]
    found = trace(row["polygon_id"], config)
    polygon, event = found["polygons"][0], found["events"][0]
    digest = hashlib.sha256((demo.results / "models/landcover.onnx").read_bytes()).hexdigest()
    voted = {s["scene"] for v in event["votes"] for s in v["scenes"] if s["part"] == "voted"}
    assert found["models"]["sentinel2"] == [
        {"digest": f"sha256:{digest}", "file": "landcover.onnx", "scenes": len(voted)}
    ]
    card = json.loads((demo.results / "models/forest.card.json").read_text())
    assert found["models"]["forest"] == [{"digest": card["digest"], "current": True}]
    index = gpd.read_file(demo.folder / "world/sheets.gpkg")
    index = index[index["sheet"] == row["sheet"]].sort_values("flight_date", ascending=False)
    flights = found["orthophotos"][f"{row['sheet']}_{row['year']}"]["flights"]
    assert [(f["flight_date"], f["path"]) for f in flights] == list(
        zip(index["flight_date"].astype(str).str[:10], index["path"], strict=True)
    )
    for flight in flights:
        raster = (demo.folder / "world" / flight["path"]).read_bytes()
        assert flight["raster_digest"] == f"sha256:{hashlib.sha256(raster).hexdigest()}"
    assert [(d["state"], d["reviewer"]) for d in polygon["decisions"]] == [("accepted", "demo")]
    assert [release["release"] for release in polygon["releases"]][:1] == [1]
    confirming = [half["half"] for half in event["halves"] if half["state"] == 1]
    assert len(confirming) == demo.config["change"]["persistence"]
    assert confirming[-1] == row["confirm_half"]


def test_a_scene_that_was_removed_is_reported_and_still_named(demo, config, polygons, tmp_path):
    polygon = polygons["polygon_id"].iloc[0]
    whole = trace(polygon, config)
    scene = whole["events"][0]["votes"][0]["scenes"][0]
    path = demo.results / f"acquisition/{scene['scene']}.h5"
    path.rename(tmp_path / "aside.h5")
    try:
        less = trace(polygon, config)
    finally:
        (tmp_path / "aside.h5").rename(path)
    told = less["events"][0]["votes"][0]["scenes"][0]
    assert told == scene | {"acquisition_kept": False, "record": "unknown"}
    assert told["acquisition_digest"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert list(less["missing"]) == [f"acquisition/{scene['scene']}.h5"]
    said = as_text(less)
    assert "acquisition not kept" in said
    assert "storage.max_acquisitions_gb" in said


@pytest.fixture(scope="module")
def crate(demo, config):
    """Entities of the demo's crate by id, with its text."""
    target = write_crate(config)
    text = target.read_text("utf-8")
    yield json.loads(text), text
    target.unlink()
    for path in (demo.results / "crate").iterdir():
        path.unlink()
    (demo.results / "crate").rmdir()


def values(entity):
    """All single values of an entity's properties."""
    for value in entity.values():
        yield from value if isinstance(value, list) else [value]


def test_the_crate_keeps_the_musts_of_ro_crate_1_1(demo, crate):
    whole, text = crate
    assert whole["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    graph = {entity["@id"]: entity for entity in whole["@graph"]}
    assert len(graph) == len(whole["@graph"])
    about = graph["ro-crate-metadata.json"]
    assert (about["@type"], about["about"]) == ("CreativeWork", {"@id": "./"})
    assert {"@id": "https://w3id.org/ro/crate/1.1"} in about["conformsTo"]
    root = graph["./"]
    assert root["@type"] == "Dataset"
    assert root["name"]
    assert root["description"]
    assert date.fromisoformat(root["datePublished"])
    assert graph[root["license"]["@id"]].keys() >= {"name", "description"}
    assert graph[root["publisher"]["@id"]]["name"] == "Sealwatch demo"
    for entity in graph.values():
        assert re.fullmatch(r"[^\s<>\"{}|\\^`]+", entity["@id"])
        assert not entity["@id"].startswith(("/", "../", "file:"))
        assert not any(isinstance(value, list) and len(value) < 2 for value in entity.values())
        for value in values(entity):
            assert not isinstance(value, dict) or set(value) == {"@id"}
            if isinstance(value, dict) and not value["@id"].startswith("https://"):
                assert value["@id"] in graph
    # Files and folders are reached from the root by hasPart.
    reached, waiting = set(), ["./"]
    while waiting:
        for part in values({"hasPart": graph[waiting.pop()].get("hasPart", [])}):
            assert part["@id"] not in reached
            reached.add(part["@id"])
            waiting.append(part["@id"])
    kinds = {name: set(values({"@type": entity["@type"]})) for name, entity in graph.items()}
    assert reached == {name for name, kind in kinds.items() if kind & {"File", "Dataset"}} - {"./"}
    for name in reached:
        path = demo.results / unquote(name)
        if "Dataset" in kinds[name]:
            assert name.endswith("/")
            assert path.is_dir()
        else:
            content = path.read_bytes()
            assert graph[name]["sha256"] == hashlib.sha256(content).hexdigest()
            assert graph[name]["contentSize"] == str(len(content))
            assert graph[name]["encodingFormat"]
    assert str(demo.folder) not in text


def test_the_crate_is_a_workflow_run_crate(demo, crate):
    graph = {entity["@id"]: entity for entity in crate[0]["@graph"]}
    root = graph["./"]
    for profile in root["conformsTo"]:
        assert graph[profile["@id"]]["@type"] == "CreativeWork"
        assert profile["@id"].endswith(graph[profile["@id"]]["version"])
    assert {"@id": "https://w3id.org/ro/wfrun/workflow/0.5"} in root["conformsTo"]
    workflow = graph[root["mainEntity"]["@id"]]
    assert set(workflow["@type"]) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert workflow["name"]
    language = graph[workflow["programmingLanguage"]["@id"]]
    assert (language["@type"], language["name"]) == ("ComputerLanguage", "Snakemake")
    assert language["url"]
    assert language["version"]
    run = graph[root["mentions"]["@id"]]
    assert run["@type"] == "CreateAction"
    assert run["instrument"] == root["mainEntity"]
    inputs = {value["@id"] for value in run["object"]}
    outputs = {value["@id"] for value in run["result"]}
    assert inputs >= {"crate/config.yaml", "inventory/33TVM/", "models/landcover.onnx", "models/forest.npz"}
    assert outputs >= {"change/32633.gpkg", "release/1/", "report/summary.json", "half/32633/2024H2.h5"}
    assert {f"outline/{path.name}" for path in (demo.results / "outline").iterdir()} <= outputs
    named = [
        item
        for entity in graph.values()
        if entity["@id"].startswith("inventory/")
        for item in values({"identifier": entity.get("identifier", [])})
    ]
    records = [json.loads(path.read_text()) for path in (demo.results / "inventory").glob("33T*/*.json")]
    assert sorted(named) == sorted(g["item_id"] for record in records for g in record["granules"])


def test_the_same_run_gives_the_same_bytes(demo, config, crate):
    assert write_crate(config).read_text("utf-8") == crate[1]
    assert sorted(path.name for path in (demo.results / "crate").iterdir()) == ["Snakefile", "config.yaml"]
