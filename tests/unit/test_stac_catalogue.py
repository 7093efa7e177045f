"""The static STAC catalogue: valid, self-contained, in agreement with the files; web copies are cloud-optimised.

Core schemas are those that pystac carries. The extensions' schemas are on the internet only, so their required fields
are checked by a small list of rules written from their specifications.
"""

import json
import re
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pystac
import pystac.validation
import pytest
import rasterio
from pyproj import Transformer
from shapely.geometry import box, shape

from builders.maps import ZONE, read, write_classes, write_grid
from sealwatch import hdf5
from sealwatch.composites.cog import change_assets, change_cogs, half_assets, half_cogs, write_codes
from sealwatch.composites.composite import composite
from sealwatch.composites.mosaic import mosaic
from sealwatch.composites.stac import EXTENSIONS, write_catalogue, write_item
from sealwatch.errors import RasterError
from sealwatch.files import file_digest
from sealwatch.grid import Window
from sealwatch.keys import LAND_COVER_CLASSES

HALVES = ("2021H1", "2021H2")


def write_change(path):
    """A change map with two gains in one cell and none elsewhere."""
    start = np.zeros((2, *ZONE.shape), "u2")
    start[:, 1, 2] = 1, 2
    to_class = np.where(start > 0, np.array([3, 7])[:, None, None], 255).astype("u1")
    with hdf5.create(path, "change", 1, {"halves": " ".join(HALVES)}) as file:
        file.set_grid(ZONE)
        file.add_axis("event", np.arange(1, 3, dtype="i4"))
        file.add("start", ("event", "y", "x"), "uint16", start)
        file.add("to_class", ("event", "y", "x"), "uint8", to_class)
        confidence = np.where(start > 0, 0.75, np.nan).astype("f4")
        file.add("confidence", ("event", "y", "x"), "float32", confidence)
        file.add("state", ("y", "x"), "uint8", np.ones(ZONE.shape, "u1"))
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder with a date, an empty and an observed month, two half-years, changes, copies and catalogue."""
    root = tmp_path_factory.mktemp("run") / "results"
    catalogue = root / "stac/catalog.json"
    grid = write_grid(root / "grid/32633.h5")
    land_cover = np.arange(24).reshape(ZONE.shape) % 10
    land_cover[0, 0] = 255
    tile = write_classes(root / "landcover/33TVM/2021-06-14_S2A.h5", ZONE, land_cover, 0.9)
    date = root / "mosaic/32633/2021-06-14_S2A.h5"
    mosaic([tile], grid, date, 1, ("2021-06-14", "S2A"))
    items = {"dates": [date.with_suffix(".json")], "months": [], "halves": [], "change": []}
    write_item(date, items["dates"][0], "dates", "32633-2021-06-14-S2A", catalogue)
    for month, sources in (("2021-06", [date]), ("2021-07", [])):
        path = root / f"month/32633/{month}.h5"
        composite(sources, grid, path, "month", "probability", (f"{month}-01", f"{month}-30"), 1)
        items["months"].append(path.with_suffix(".json"))
        write_item(path, items["months"][-1], "months", f"32633-{month}", catalogue)
    spans = (("2021-01-01", "2021-06-30"), ("2021-07-01", "2021-12-31"))
    for half, month, span in zip(HALVES, ("2021-06", "2021-07"), spans, strict=True):
        path = root / f"half/32633/{half}.h5"
        composite([root / f"month/32633/{month}.h5"], grid, path, "half", "probability", span, 1)
        copies = [root / f"cog/32633/{half}_{kind}.tif" for kind in ("class", "confidence")]
        half_cogs(path, *copies)
        items["halves"].append(path.with_suffix(".json"))
        write_item(path, items["halves"][-1], "halves", f"32633-{half}", catalogue, half_assets(*copies))
    change = write_change(root / "change/32633.h5")
    copies = [root / f"cog/32633/change_{kind}.tif" for kind in ("start", "to_class", "confidence")]
    names = change_cogs(change, *copies)
    items["change"] = [change.with_suffix(".json")]
    write_item(change, items["change"][0], "change", "32633-change", catalogue, change_assets(*copies, names))
    write_catalogue(items, catalogue, "demo", "Synthetic imagery.")
    return root


def documents(root):
    """Every STAC file of a results folder with its content."""
    paths = [
        *root.glob("stac/**/*.json"),
        *(p for k in ("mosaic", "month", "half", "change") for p in root.glob(f"{k}/**/*.json")),
    ]
    return {path: json.loads(path.read_text()) for path in paths}


def items_of(root):
    return {path: value for path, value in documents(root).items() if value["type"] == "Feature"}


def test_every_document_is_valid_against_the_core_schemas(results):
    found = documents(results)
    assert sorted({d["type"] for d in found.values()}) == ["Catalog", "Collection", "Feature"]
    for document in found.values():
        # Without extensions, whose schemas would be fetched from the internet.
        assert pystac.validation.validate_dict({**document, "stac_extensions": []})


def test_the_catalogue_leads_to_every_item_from_any_place(results, tmp_path):
    """Copied elsewhere, as onto a web server: nothing points back to where it was made."""
    moved = tmp_path / "elsewhere"
    shutil.copytree(results, moved)
    catalogue = pystac.Catalog.from_file(str(moved / "stac/catalog.json"))
    listed = {child.id: sorted(i.id for i in child.get_items()) for child in catalogue.get_children()}
    assert listed == {
        "dates": ["32633-2021-06-14-S2A"],
        "months": ["32633-2021-06", "32633-2021-07"],
        "halves": ["32633-2021H1", "32633-2021H2"],
        "change": ["32633-change"],
    }
    for item in catalogue.get_items(recursive=True):
        assert item.get_collection().id == item.collection_id
        for asset in item.assets.values():
            assert Path(asset.get_absolute_href()).is_file()
            assert Path(asset.get_absolute_href()).is_relative_to(moved)


def test_all_links_are_relative_and_resolve(results):
    for path, document in documents(results).items():
        hrefs = [link["href"] for link in document["links"]]
        hrefs += [asset["href"] for asset in document.get("assets", {}).values()]
        for href in hrefs:
            assert not re.match(r"[a-z]+:|/", href), (path, href)
            assert (path.parent / href).is_file(), (path, href)
        rels = {link["rel"] for link in document["links"]}
        assert "self" not in rels  # a catalogue that may be moved has none
        assert "root" in rels
        if document["type"] != "Catalog":
            assert "parent" in rels
        if document["type"] == "Feature":
            assert "collection" in rels


def test_ids_times_and_places_are_those_of_the_files(results):
    found = items_of(results)
    ids = [item["id"] for item in found.values()]
    assert len(ids) == len(set(ids))
    for path, item in found.items():
        assert re.fullmatch(r"[A-Za-z0-9_-]+", item["id"])
        fields = item["properties"]
        start, end = (datetime.fromisoformat(fields[f"{edge}_datetime"]) for edge in ("start", "end"))
        assert fields["datetime"] is None
        assert start < end
        with hdf5.read(path.with_suffix(".h5")) as file:
            window = hdf5.read_window(file)
        assert fields["proj:bbox"] == list(window.bounds)
        corners = Transformer.from_crs(window.epsg, 4326, always_xy=True).transform_bounds(*window.bounds, 21)
        assert item["bbox"] == pytest.approx(corners, abs=1e-6)
        outline = shape(item["geometry"])
        assert outline.is_valid
        assert outline.exterior.is_ccw
        assert outline.bounds == pytest.approx(item["bbox"], abs=1e-9)
        assert outline.area / box(*item["bbox"]).area > 0.95
        for asset in item["assets"].values():
            place = path.parent / asset["href"]
            assert asset["file:checksum"] == "1220" + file_digest(place).removeprefix("sha256:")
            assert asset["file:size"] == place.stat().st_size
    halves = {item["id"]: item["properties"] for item in found.values() if item["collection"] == "halves"}
    assert halves["32633-2021H2"]["start_datetime"] == "2021-07-01T00:00:00Z"
    assert halves["32633-2021H2"]["end_datetime"] == "2021-12-31T23:59:59Z"


def test_extensions_have_their_required_fields(results):
    """Projection 2.0: code, shape, transform. Raster 2.0: sampling, resolution. Classification 2.0: value, name."""
    for path, item in items_of(results).items():
        assert item["stac_extensions"] == list(EXTENSIONS)
        fields = item["properties"]
        assert re.fullmatch(r"EPSG:\d+", fields["proj:code"])
        assert fields["proj:shape"] == [ZONE.height, ZONE.width]
        assert len(fields["proj:transform"]) == 6
        with hdf5.read(path.with_suffix(".h5")) as file:
            bands = {band["name"]: band for band in item["assets"]["map"]["bands"]}
            assert set(bands) == {n for n in file if "grid_mapping" in file[n].attrs}
            for name, band in bands.items():
                assert band["data_type"] == str(file[name].dtype)
                fill = file[name].attrs["_FillValue"][0]
                assert band["nodata"] == ("nan" if np.isnan(fill) else fill)
                assert band["raster:sampling"] == "area"
                assert band["raster:spatial_resolution"] == ZONE.cell_size_m
        classified = [b for b in bands.values() if "classification:classes" in b]
        classified += [a for a in item["assets"].values() if "classification:classes" in a]
        assert classified
        for holder in classified:
            values = [c["value"] for c in holder["classification:classes"]]
            assert len(values) == len(set(values))
            for entry in holder["classification:classes"]:
                assert isinstance(entry["value"], int)
                assert re.fullmatch(r"[0-9A-Za-z_-]+", entry["name"])
                assert re.fullmatch(r"[0-9A-F]{6}", entry["color_hint"])


def test_empty_periods_say_so(results):
    items = {item["id"]: item for item in items_of(results).values()}
    for identity, observed in (("32633-2021-06", True), ("32633-2021-07", False), ("32633-2021H2", False)):
        fields = items[identity]["properties"]
        assert fields["sealwatch:observed"] is observed
        assert ("Nothing was observed" in fields.get("description", "")) is not observed
    collection = json.loads((results / "stac/months/collection.json").read_text())
    assert collection["summaries"]["sealwatch:observed"] == [False, True]


def test_extents_span_the_items(results):
    for name in ("dates", "months", "halves", "change"):
        collection = json.loads((results / f"stac/{name}/collection.json").read_text())
        members = [i for i in items_of(results).values() if i["collection"] == name]
        ((start, end),) = collection["extent"]["temporal"]["interval"]
        assert start == min(m["properties"]["start_datetime"] for m in members)
        assert end == max(m["properties"]["end_datetime"] for m in members)
        assert collection["extent"]["spatial"]["bbox"] == [members[0]["bbox"]]


def test_the_same_maps_give_the_same_documents(results, tmp_path):
    item = results / "half/32633/2021H1.json"
    before = item.read_bytes()
    copies = [results / f"cog/32633/2021H1_{kind}.tif" for kind in ("class", "confidence")]
    map_file = item.with_suffix(".h5")
    half_cogs(map_file, *copies)
    write_item(map_file, item, "halves", "32633-2021H1", results / "stac/catalog.json", half_assets(*copies))
    assert item.read_bytes() == before


def test_a_map_without_a_time_and_a_damaged_item_are_named(results, tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    with pytest.raises(RasterError, match=r"g\.h5: does not say its date or period"):
        write_item(grid, tmp_path / "g.json", "months", "g", tmp_path / "catalog.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(RasterError, match=r"bad\.json: is no STAC item"):
        write_catalogue({"dates": [tmp_path / "bad.json"]}, tmp_path / "catalog.json", "x", "y")
    with pytest.raises(RasterError, match="there is no item to list"):
        write_catalogue({"dates": []}, tmp_path / "catalog.json", "x", "y")


def assert_cloud_optimised(path):
    """Tiled, with overviews down to one tile, first the image then the overviews, as GDAL's COG driver says."""
    with rasterio.open(path) as image:
        assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert image.profile["tiled"]
        assert image.block_shapes == [(512, 512)]
        assert max(image.shape) // max(image.overviews(1), default=1) <= 512
        levels = [None, *range(len(image.overviews(1)))]
        offsets = [int(image.get_tag_item("IFD_OFFSET", "TIFF", 1, level)) for level in levels]
        data = [int(image.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", 1, level)) for level in levels]
    assert offsets == sorted(offsets)  # all directories stand before the pixels
    assert data == sorted(data, reverse=True)  # and the coarsest pixels before the finer ones
    assert max(offsets) < min(data)


def test_copies_hold_the_maps_values(results):
    for half in HALVES:
        source = results / f"half/32633/{half}.h5"
        with rasterio.open(results / f"cog/32633/{half}_class.tif") as image:
            assert np.array_equal(image.read(1), read(source, "class"))
            assert (image.nodata, image.crs.to_epsg(), tuple(image.bounds)) == (255, 32633, ZONE.bounds)
            assert image.colormap(1)[LAND_COVER_CLASSES.index("Highway")] == (215, 25, 28, 255)
        with rasterio.open(results / f"cog/32633/{half}_confidence.tif") as image:
            assert np.array_equal(image.read(1), read(source, "confidence"), equal_nan=True)
            assert np.isnan(image.nodata)


def test_the_change_copy_shows_the_latest_gain(results):
    values = {}
    for name in ("start", "to_class", "confidence"):
        with rasterio.open(results / f"cog/32633/change_{name}.tif") as image:
            values[name] = image.read(1)
    assert (values["start"] != 255).sum() == 1
    assert (values["start"][1, 2], values["to_class"][1, 2], values["confidence"][1, 2]) == (2, 7, 0.75)
    item = json.loads((results / "change/32633.json").read_text())
    periods = item["assets"]["start"]["classification:classes"]
    assert [(p["value"], p["name"]) for p in periods] == [(1, "2021H1"), (2, "2021H2")]
    assert item["properties"]["start_datetime"] == "2021-01-01T00:00:00Z"
    assert item["properties"]["end_datetime"] == "2021-12-31T23:59:59Z"


def test_a_large_copy_is_cloud_optimised_and_its_overviews_are_modes(results, tmp_path):
    window = Window(32633, 496640, 5120000, 160, 1500, 1100)
    rng = np.random.default_rng(1)
    codes = np.repeat(np.repeat(rng.integers(0, 10, (550, 750)), 2, axis=0), 2, axis=1).astype("u1")
    codes[::2, ::2] = 3  # a quarter of each block: never its mode, unless it was there before
    codes[1000:] = 255
    write_codes(tmp_path / "a.tif", window, codes, ["ff0000"] * 10, LAND_COVER_CLASSES)
    assert_cloud_optimised(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as overview:
        small = overview.read(1)
    assert np.array_equal(small[:500], codes[1:1000:2, 1::2])
    assert (small[500:] == 255).all()
    for path in results.glob("cog/32633/*.tif"):
        assert_cloud_optimised(path)
