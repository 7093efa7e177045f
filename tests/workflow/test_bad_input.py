"""What a user sees when something is wrong: one clear line, no traceback, no half-written target."""

import json
import re
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import yaml

from builders.catalogue_items import Product
from builders.demo import ROOT
from sealwatch.sentinel2.scene_reader import BAND_SIZES_M

TILE, DATE, PLATFORM = "33TVM", "2021-06-14", "S2A"
BANDS = {band: size for band, size in BAND_SIZES_M.items() if band != "B8A"} | {"SCL": 20}


@pytest.fixture
def site(tmp_path):
    """A site with one scene of local images and its configuration; returns (folder, config, run)."""
    config = yaml.safe_load((ROOT / "config/demo.yaml").read_text().replace("demo/", f"{tmp_path}/"))
    config["results"] = str(tmp_path / "results")
    config["catalogue"]["max_retries"] = 0
    config["sentinel2"] = {"max_retries": 0}
    (tmp_path / "world").mkdir()
    box = gpd.GeoDataFrame(geometry=[shapely.box(496700, 5118900, 497800, 5119900)], crs=32633)
    box.to_file(tmp_path / "world/aoi.geojson", driver="GeoJSON")
    assets = {}
    for band, size in BANDS.items():
        path = tmp_path / f"{band}.tif"
        profile = {"driver": "GTiff", "width": 1280 // size, "height": 1280 // size, "count": 1}
        transform = rasterio.transform.from_origin(496640, 5120000, size, size)
        with rasterio.open(
            path, "w", dtype="uint8" if band == "SCL" else "uint16", crs=32633, transform=transform, **profile
        ) as image:
            image.write(
                np.full((1, 1280 // size, 1280 // size), 4 if band == "SCL" else 2000, image.dtypes[0])
            )
        assets[band] = str(path)
    record = {
        "tile": TILE,
        "date": DATE,
        "platform": PLATFORM,
        "granules": [
            {
                "item_id": "scene",
                "datatake_start": "20210614T100031",
                "sensing_start": "20210614T100311",
                "baseline": "05.00",
                "generated": "2021-06-15",
                "offset_dn": -1000,
                "cloud_cover": 0.0,
                "assets": assets,
            }
        ],
    }
    target = tmp_path / f"results/inventory/{TILE}/{DATE}_{PLATFORM}.json"
    target.parent.mkdir(parents=True)
    target.write_text(json.dumps(record))

    def run(*arguments):
        config_file = tmp_path / "site.yaml"
        config_file.write_text(yaml.safe_dump(config))
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            "1",
            *arguments,
            "--configfile",
            str(config_file),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        return done.returncode, done.stdout + done.stderr

    return tmp_path, config, run


def product(folder, stage):
    return folder / f"results/{stage}/{TILE}/{DATE}_{PLATFORM}.h5"


def said(output):
    """The one line for the user; fails where there is none, or a traceback."""
    assert "Traceback (most recent" not in output
    lines = [line for line in output.splitlines() if line.startswith("sealwatch: error:")]
    assert len(lines) == 1, output
    return lines[0]


def nothing_left(path):
    return not path.exists() and not list(path.parent.glob(".*part*"))


def test_a_good_scene_is_read_and_harmonised(site):
    folder, _, run = site
    code, output = run(str(product(folder, "acquisition")))
    assert code == 0, output
    with rasterio.open(f"netcdf:{product(folder, 'acquisition')}:/m10/reflectance") as image:
        assert (image.read() == 1000).all()
        assert image.bounds == (496640, 5118720, 497920, 5120000)


def test_wrong_configuration_stops_before_anything_runs(site):
    folder, config, run = site
    config["catalogue"]["tils"] = config["catalogue"].pop("tiles")
    code, output = run("catalogue")
    assert code != 0
    assert "Traceback (most recent" not in output
    assert "site.yaml: catalogue.tils: unknown key; did you mean 'tiles'?" in output
    assert not (folder / "results/logs").exists()


def test_no_inventory_yet_says_what_to_run(site):
    _, _, run = site
    code, output = run("-n")
    assert code != 0
    assert "snakemake catalogue" in output
    assert "Traceback (most recent" not in output


def test_tiles_of_the_area_are_found_by_the_first_refresh(site):
    folder, config, run = site
    config["catalogue"] |= {"tiles": "auto", "provider": "local", "url": str(folder / "items")}
    code, output = run("-n")
    assert code != 0
    assert "tiles of the area are not known yet; run first: snakemake catalogue" in output
    assert "Traceback (most recent" not in output
    (folder / "items").mkdir()
    item = Product(TILE, PLATFORM, "20210614T100031", baseline="05.00").planetary_computer()
    (folder / "items/item.json").write_text(json.dumps(item))
    code, output = run("catalogue")
    assert code == 0, output
    assert "scenes unchanged           1" in output or "scenes reprocessed         1" in output
    assert list(json.loads((folder / "results/inventory/tiles.json").read_text())["tiles"]) == [TILE]
    code, output = run("-n", str(folder / "results/grid/32633.h5"), "--quiet")
    assert code == 0, output


def test_dead_stac_api(site):
    folder, config, run = site
    config["catalogue"]["url"] = "http://127.0.0.1:9"
    code, output = run("catalogue")
    assert code != 0
    line = said(output)
    assert "http://127.0.0.1:9" in line
    assert "catalogue.url" in line
    assert (folder / f"results/inventory/{TILE}/{DATE}_{PLATFORM}.json").exists()
    assert "Traceback" in (folder / "results/logs/catalogue.log").read_text()


@pytest.mark.parametrize("kept", [0, 200, 4000])
def test_truncated_image(site, kept):
    folder, _, run = site
    image = folder / "B05.tif"
    assert len(image.read_bytes()) > 8000
    image.write_bytes(image.read_bytes()[:kept])
    code, output = run(str(product(folder, "acquisition")))
    assert code != 0
    assert "B05.tif: cannot be read" in said(output)
    assert nothing_left(product(folder, "acquisition"))


def test_image_of_another_zone(site):
    folder, _, run = site
    with rasterio.open(folder / "B05.tif", "r+") as image:
        image.crs = rasterio.CRS.from_epsg(32632)
    code, output = run(str(product(folder, "acquisition")))
    assert code != 0
    assert "EPSG:32632" in said(output)
    assert nothing_left(product(folder, "acquisition"))


def test_wrong_model_file(site):
    folder, config, run = site
    model = folder / "model.onnx"
    model.write_text("not a network")
    config["classifier"]["model"] = str(model)
    code, output = run(str(product(folder, "landcover")))
    assert code != 0
    assert "model.onnx" in said(output)
    assert nothing_left(product(folder, "landcover"))
    assert product(folder, "acquisition").exists()


def test_area_of_interest_without_polygons(site):
    folder, _, run = site
    points = gpd.GeoDataFrame(geometry=[shapely.Point(1, 1)], crs=4326)
    points.to_file(folder / "world/aoi.geojson", driver="GeoJSON")
    code, output = run(str(folder / "results/grid/32633.h5"))
    assert code != 0
    assert "polygon" in said(output)


def test_one_bad_scene_does_not_hold_up_the_others_and_is_taken_up_later(site):
    folder, _, run = site
    record = json.loads((folder / f"results/inventory/{TILE}/{DATE}_{PLATFORM}.json").read_text())
    damaged = folder / "damaged.tif"
    record["date"] = "2021-06-04"
    record["granules"][0]["assets"]["B05"] = str(damaged)
    record.pop("digest", None)
    (folder / f"results/inventory/{TILE}/2021-06-04_{PLATFORM}.json").write_text(json.dumps(record))
    bad = folder / f"results/acquisition/{TILE}/2021-06-04_{PLATFORM}.h5"
    # The bad one comes first, so that the other runs only if the failure does not end the run.
    code, output = run(str(bad), str(product(folder, "acquisition")), "--prioritize", str(bad))
    assert code != 0
    assert "damaged.tif" in said(output)
    assert product(folder, "acquisition").exists()
    assert nothing_left(bad)
    damaged.write_bytes((folder / "B05.tif").read_bytes())
    code, output = run(str(bad), str(product(folder, "acquisition")))
    assert code == 0, output
    assert bad.exists()
    assert "1 of 1 steps" in output


def test_the_plan_lists_the_download_and_the_labelled_scenes(site):
    folder, config, run = site
    config["classifier"] |= {"patches": None, "local_labels": str(folder / "labels.gpkg")}
    labels = gpd.GeoDataFrame(
        {"class": ["Forest"], "tile": [TILE], "date": [DATE], "platform": [PLATFORM]},
        geometry=[shapely.Point(497200, 5119400)],
        crs=32633,
    )
    labels.to_file(folder / "labels.gpkg", layer="labels", driver="GPKG")
    code, output = run("-n", f"{folder}/results/models/landcover.int8.onnx")
    assert code == 0, output
    planned = dict(re.findall(r"^(\w+) +(\d+)$", output, re.M))
    assert planned.keys() >= {"eurosat", "ingest", "label_patches", "train_classifier"}
    labels.assign(**{"class": "Wood"}).to_file(folder / "labels.gpkg", layer="labels", driver="GPKG")
    code, output = run("-n")
    assert code != 0
    assert "row 1 has class 'Wood'" in output
    assert "Traceback (most recent" not in output
