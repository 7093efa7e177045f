"""The review project in a real QGIS on a real database: layers, form, pictures, and decisions of a reviewer."""

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from databases import RULES, account
from outline_files import EPSG, outlines, registry, write
from rasterio.transform import from_origin

from builders.review_project import session
from sealwatch.change.plot import Transition, transition_svg
from sealwatch.files import file_digest
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.qgis.project import write_project
from sealwatch.publish.registries import load_registries
from sealwatch.publish.review import decide, history

HALVES = [f"{year}H{half}" for year in (2021, 2022, 2023) for half in (1, 2)]
COLOURS = {"sentinel2_before": 60, "sentinel2_after": 100, "orthophoto_before": 150, "orthophoto_after": 220}
WEST, NORTH = 460_000, 5_110_000


def pictures(folder, west, without=()):
    """Pictures of one sheet in plain greys, the lower half of the Sentinel-2 ones without data."""
    folder.mkdir(parents=True)
    facts = {}
    for kind, grey in COLOURS.items():
        if kind in without:
            continue
        facts[kind] = {"date": "2021-07-14"} | ({"platform": "S2A"} if "sentinel2" in kind else {})
        size = 10 if "sentinel2" in kind else 5
        profile = {
            "driver": "GTiff",
            "count": 3,
            "height": 10_000 // size,
            "width": 5_000 // size,
            "dtype": "uint8",
        }
        place = {"crs": f"EPSG:{EPSG}", "transform": from_origin(west, NORTH, size, size)}
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(folder / f"{kind}.tif", "w", **profile, **place, compress="deflate") as image,
        ):
            pixels = np.full((3, image.height, image.width), grey, "u1")
            image.write(pixels)
            image.write_mask(pixels[0] > 0)
    (folder / "images.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture
def results(tmp_path):
    """Folder of results with the pictures of two neighbouring sheets, events and a transition plot."""
    frame = outlines("A1", 2024, 4)
    events = gpd.GeoDataFrame(
        {
            "event_id": frame.event_id,
            "site_id": frame.event_id,
            "from_class": frame.from_class,
            "to_class": frame.to_class,
            "start_half": frame.start_half,
            "confirm_half": frame.confirm_half,
            "status": "confirmed",
        },
        geometry=[shape.buffer(300).envelope for shape in frame.geometry],
        crs=EPSG,
    )
    (tmp_path / "change/32633_plots").mkdir(parents=True)
    events.to_file(tmp_path / "change/32633.gpkg", layer="events")
    shown = Transition("a plot", ["2022H1", "2022H2"], [1, 7], [1] * 6 + [7] * 6, [("start", "2022H2")])
    for name in frame.event_id:
        (tmp_path / f"change/32633_plots/{name}.svg").write_text(transition_svg(shown))
    pictures(tmp_path / "review/A1_2024", WEST)
    pictures(tmp_path / "review/A2_2024", WEST + 5_000, ["orthophoto_before"])
    return tmp_path


def project(results, **changes):
    given = {
        "target": results / "publish/review.qgs",
        "folder": results / "publish/qgis",
        "pictures": sorted((results / "review").iterdir()),
        "changes": [results / "change/32633.gpkg"],
        "registries": ["cadastre"],
        "halves": HALVES,
        "database": {"schema": "sealwatch", "srid": 3794},
        "title": "Newly sealed land",
        "pg_service": "sealwatch",
    } | changes
    write_project(**given)
    return given["target"]


@pytest.fixture
def review(database, tmp_path, results):
    """A loaded database with reviewer ana: her DSN, ids of the polygons, function that loads changed outlines."""
    frame = outlines("A1", 2024, 4)

    def reload(changed):
        load([write(changed, tmp_path, "A1", 2024)], tmp_path / "load.json", database, RULES)

    reload(frame)
    load_registries({"cadastre": registry(tmp_path, "cadastre", 4)}, tmp_path / "registries.json", database)
    enrich(tmp_path / "enrich.json", database)
    with account(database, "ana", "reviewer") as dsn:
        yield dsn, sorted(frame.polygon_id), lambda: reload(frame.assign(start_half="2021H2"))


def test_the_project_opens_with_every_layer_and_reviewers_decide_in_it(review, database, results, tmp_path):
    dsn, names, reload = review
    decide(database, names[3:], "accepted", "bor")
    with session(project(results), dsn) as qgis:
        opened = qgis("state")
        layers = opened["layers"]
        assert opened["crs"] == "EPSG:3794"
        assert [key for key, layer in layers.items() if not layer["valid"]] == []
        rasters = {f"{kind}_2024_{EPSG}" for kind in COLOURS}
        vectors = {"review_polygons", "review_decisions", "re_review_decided", "registry_cadastre"}
        assert layers.keys() == rasters | vectors | {"picture_sheets", "change_events"}
        assert layers["review_polygons"]["writes"] == ["ChangeAttributeValues", "ChangeGeometries"]
        assert [key for key, layer in layers.items() if layer.get("writes")] == ["review_polygons"]
        assert layers["review_polygons"]["features"] == 4
        assert layers["registry_cadastre"]["features"] == 60
        assert opened["relations"] == {"polygon_history": True}
        for side, other in (("before", "after"), ("after", "before")):
            assert {key for key in opened["themes"][side] if key in rasters} == {
                key for key in rasters if side in key
            }
            assert "review_polygons" in opened["themes"][other]
        _check_form(qgis("form"))
        shown = qgis("look", polygon=names[0])
        assert (results / "publish" / shown["plot"]).resolve().is_file()
        assert "cadastre" in shown["distances_m"]

        # One of each kind of decision, saved by QGIS, lands in the history under the account's name.
        assert qgis("decide", polygon=names[0], values={"decision": "rejected", "ground": "bare soil"})[
            "saved"
        ]
        assert qgis("decide", polygon=names[1], values={"to_class": "Highway", "remark": "a road"}, grow_m=2)[
            "saved"
        ]
        assert qgis("decide", polygon=names[2], grow_m=1)["saved"]
        assert qgis("decide", polygon=names[2], values={"decision": "accepted"})["saved"]
        first, second, third = (history(database, name) for name in names[:3])
        assert [(r["state"], r["reviewer"], r["reason"]) for r in first] == [("rejected", "ana", "bare soil")]
        assert [(r["state"], r["correction"], r["redrawn"]) for r in second] == [
            ("corrected", {"to_class": "Highway"}, True)
        ]
        assert [row["state"] for row in third] == ["corrected", "accepted"]

        # What changed since it was shown is not decided on, and QGIS says so.
        qgis("look", polygon=names[3])
        decide(database, names[3:], "rejected", "bor")
        late = qgis("decide", polygon=names[3], values={"decision": "accepted"}, fresh=False)
        assert not late["saved"]
        assert "changed since it was looked at" in str(late["errors"])
        qgis("look", polygon=names[3])
        reload()
        late = qgis("decide", polygon=names[3], values={"decision": "accepted"}, fresh=False)
        assert not late["saved"]
        assert [row["reviewer"] for row in history(database, names[3])] == ["bor", "bor"]
        refused = qgis("decide", polygon=names[0], values={"reviewer": "bor", "decision": "accepted"})
        assert not refused["saved"]
        assert "permission denied" in str(refused["errors"])
        assert not qgis("begin_editing", layer="review_decisions")
        assert qgis("state")["layers"]["re_review_decided"]["features"] == 4

        picture = tmp_path / "picture.png"
        assert qgis("picture", polygon=names[0], target=str(picture))["written"]
    with rasterio.open(picture) as image:
        left, right = image.read(1)[300, 40], image.read(1)[300, image.width - 40]
    assert (left, right) == (COLOURS["orthophoto_before"], COLOURS["orthophoto_after"])


def _check_form(form):
    assert form["groups"]["Decision"] == ["decision", "ground", "remark"]
    assert form["groups"]["Land cover over time"] == ["plot"]
    assert form["groups"]["History"] == ["polygon_history"]
    fields = form["fields"]
    assert {name for name, field in fields.items() if field["editable"]} == {
        "decision", "ground", "remark", "from_class", "to_class", "start_half"
    }  # fmt: skip
    assert fields["decision"]["values"] == ["", "candidate", "accepted", "rejected", "corrected"]
    assert {"Forest", "Residential"} < set(fields["to_class"]["values"])
    assert fields["start_half"]["values"] == HALVES
    assert fields["plot"]["widget"] == "ExternalResource"


def test_neighbouring_pictures_become_one_layer_in_which_gaps_stay_open(results):
    project(results)
    with rasterio.open(results / f"publish/qgis/orthophoto_after_2024_{EPSG}.vrt") as image:
        assert image.bounds == (WEST, NORTH - 10_000, WEST + 10_000, NORTH)
        assert (image.read() == COLOURS["orthophoto_after"]).all()
    with rasterio.open(results / f"publish/qgis/orthophoto_before_2024_{EPSG}.vrt") as image:
        assert image.bounds.right == WEST + 5_000
    dates = gpd.read_file(results / "publish/qgis/picture_sheets.fgb")
    assert dates.set_index("sheet").orthophoto_before.to_dict() == {"A1": "2021-07-14", "A2": ""}
    assert dates.sentinel2_after.tolist() == ["2021-07-14 S2A"] * 2


def test_equal_inputs_give_equal_files_without_a_place_or_a_secret(results, tmp_path):
    first = project(results)
    text = first.read_text()
    for word in ("host=", "port=", "user=", "password", "dbname=", "authcfg", str(tmp_path)):
        assert word not in text
    second = project(results, target=tmp_path / "b/review.qgs", folder=tmp_path / "b/qgis")
    assert file_digest(first) == file_digest(second)
    for path in (results / "publish/qgis").iterdir():
        assert file_digest(path) == file_digest(tmp_path / "b/qgis" / path.name)


def test_a_project_without_a_flagged_sheet_opens(review, results):
    with session(project(results, pictures=[]), review[0]) as qgis:
        assert {layer["valid"] for layer in qgis("state")["layers"].values()} == {True}
