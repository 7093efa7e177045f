"""Where labelled patches come from: an indexed folder, EuroSAT's RGB images, TorchGeo's download, own scenes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import threading
import warnings
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.errors import NotGeoreferencedWarning
from shapely import Point, box

from builders.patches import write_patches
from sealwatch import hdf5
from sealwatch.classifier import torchvision_ops
from sealwatch.classifier.bands import EUROSAT_RGB_BANDS, SATLAS_BANDS
from sealwatch.classifier.index import write_index
from sealwatch.classifier.local_labels import labelled_scenes
from sealwatch.classifier.local_patches import label_patches, read_local_patches
from sealwatch.classifier.patches import EUROSAT_RGB_STEP, read_patches
from sealwatch.errors import ConfigError, RasterError, VectorError
from sealwatch.files import file_digest
from sealwatch.grid import Window
from sealwatch.keys import LAND_COVER_CLASSES

BANDS = ("B02", "B04", "B11")
CLEAR = {"min_clear_fraction": 0.5, "unclear_scl": [0, 8, 9], "cloud_dilation_m": 0}
X_MIN, Y_MAX = 700 * 640.0, 8000 * 640.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three georeferenced 13-band patches of each class."""
    root = tmp_path_factory.mktemp("patches")
    write_patches(root, 5, per_class=3)
    return root


def test_an_index_is_made_from_georeferenced_patches(folder, tmp_path):
    for name in LAND_COVER_CLASSES:
        (tmp_path / name).symlink_to(folder / name)
    assert write_index(tmp_path) == 30
    columns = ("file", "class", "lon", "lat", "md5_pixels")
    made, known = (
        [[row[c] for c in columns] for row in csv.DictReader((root / "index.csv").open())]
        for root in (tmp_path, folder)
    )
    for own, theirs in zip(made, sorted(known), strict=True):
        assert own[:2] == theirs[:2]
        assert own[4] == theirs[4]
        np.testing.assert_allclose([float(v) for v in own[2:4]], [float(v) for v in theirs[2:4]], atol=2e-4)
    read_patches(tmp_path, BANDS)


def test_a_replaced_patch_is_noticed(folder, tmp_path):
    for name in LAND_COVER_CLASSES[1:]:
        (tmp_path / name).symlink_to(folder / name)
    (tmp_path / "AnnualCrop").mkdir()
    for number, source in enumerate((2, 2, 3), 1):
        (tmp_path / f"AnnualCrop/AnnualCrop_{number}.tif").symlink_to(
            folder / f"AnnualCrop/AnnualCrop_{source}.tif"
        )
    (tmp_path / "index.csv").write_text((folder / "index.csv").read_text())
    with pytest.raises(RasterError, match=r"AnnualCrop_1\.tif.*index the folder again"):
        read_patches(tmp_path, BANDS)


def test_a_folder_without_a_class_is_named(folder, tmp_path):
    for name in LAND_COVER_CLASSES[:-1]:
        (tmp_path / name).symlink_to(folder / name)
    with pytest.raises(ConfigError, match="SeaLake"):
        write_index(tmp_path)


def test_rgb_images_become_reflectance(tmp_path):
    grey = np.random.default_rng(1).integers(0, 256, (3, 64, 64)).astype(np.uint8)
    rows = []
    for name in LAND_COVER_CLASSES:
        options = {"driver": "PNG", "count": 3, "height": 64, "width": 64, "dtype": "uint8"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(tmp_path / f"{name}.png", "w", **options) as target:
                target.write(grey)
        rows.append(f"{name}.png,{name},14.5,46.1")
    (tmp_path / "index.csv").write_text("\n".join(["file,class,lon,lat", *rows]) + "\n")
    patches = read_patches(tmp_path, ("B02", "B04"))
    np.testing.assert_array_equal(patches.reflectance[0], np.rint(grey[[2, 0]] * EUROSAT_RGB_STEP))
    assert EUROSAT_RGB_BANDS[2] == "B02"
    with pytest.raises(ConfigError, match="no band B08"):
        read_patches(tmp_path, ("B08",))


class Quiet(SimpleHTTPRequestHandler):
    """A file server without a log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(folder, tmp_path):
    """EuroSAT's files as TorchGeo expects them, served on loopback; gives TorchGeo's class for that address."""
    torchvision_ops.ensure()
    from torchgeo.datasets import EuroSAT

    served = tmp_path / "served"
    served.mkdir()
    archive = io.BytesIO()
    names = []
    with zipfile.ZipFile(archive, "w") as pack:
        for file in sorted(folder.glob("*/*.tif")):
            pack.write(file, f"{EuroSAT.base_dir}/{file.relative_to(folder)}")
            names.append(file.with_suffix(".jpg").name)
    (served / EuroSAT.filename).write_bytes(archive.getvalue())
    for split, part in zip(EuroSAT.splits, (names[::3], names[1::3], names[2::3]), strict=True):
        (served / EuroSAT.split_filenames[split]).write_text("\n".join(part))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=served))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def md5(name: str) -> str:
        return hashlib.md5((served / name).read_bytes()).hexdigest()

    class Mirror(EuroSAT):
        url = f"http://127.0.0.1:{server.server_port}/"
        split_md5s = {split: md5(name) for split, name in EuroSAT.split_filenames.items()}  # noqa: RUF012

    Mirror.md5 = md5(EuroSAT.filename)
    yield Mirror
    server.shutdown()


def test_eurosat_comes_through_torchgeo(mirror, folder, tmp_path):
    from sealwatch.classifier.eurosat import fetch_eurosat

    assert fetch_eurosat(tmp_path / "eurosat/index.csv", mirror) == 30
    patches = read_patches(tmp_path / "eurosat", SATLAS_BANDS)
    expected = read_patches(folder, SATLAS_BANDS)
    np.testing.assert_array_equal(patches.reflectance, expected.reflectance)
    mirror.url = "http://127.0.0.1:1/"  # what is there is not fetched again
    assert fetch_eurosat(tmp_path / "eurosat/index.csv", mirror) == 30


def test_a_failed_download_says_what_to_do(mirror, tmp_path):
    from sealwatch.classifier.eurosat import fetch_eurosat

    mirror.url = "http://127.0.0.1:1/"
    with pytest.raises(ConfigError, match="on a machine with internet"):
        fetch_eurosat(tmp_path / "eurosat/index.csv", mirror)
    assert not (tmp_path / "eurosat/index.csv").exists()


@pytest.fixture
def scene(tmp_path) -> Path:
    return write_scene(tmp_path, "33TVM")


def write_scene(folder: Path, tile: str) -> Path:
    """An acquisition of 3 x 4 patches whose pixels encode their place; the first patch lies under cloud."""
    path = folder / tile / "2021-06-14_S2A.h5"
    path.parent.mkdir()
    rows, cols = np.mgrid[: 3 * 64, : 4 * 64]
    fine = (1 + rows * 256 + cols).astype("u2")
    with hdf5.create(path, "ingest", 1, {"tile": tile, "date": "2021-06-14", "platform": "S2A"}) as file:
        for group, size, names, values in (
            ("m10", 10, ["B02", "B04"], fine),
            ("m20", 20, ["B11"], fine[::2, ::2]),
        ):
            file.set_grid(Window(32633, X_MIN, Y_MAX, size, values.shape[1], values.shape[0]), group)
            file.add_axis("band", names, group)
            cube = np.repeat(values[None], len(names), axis=0)
            file.add("reflectance", ("band", "y", "x"), "uint16", cube, group=group)
        scl = np.full((96, 128), 4, dtype="u1")
        scl[:32, :32] = 9
        file.add("scl", ("y", "x"), "uint8", scl, group="m20")
    return path


def write_labels(path: Path, rows: list[tuple]) -> Path:
    keys = {"tile": "33TVM", "date": "2021-06-14", "platform": "S2A"}
    frame = gpd.GeoDataFrame(
        [{"class": name, **keys, **changes} for name, _, changes in rows],
        geometry=[geometry for _, geometry, _ in rows],
        crs=32633,
    )
    frame.to_crs(4326).to_file(path, layer="labels", driver="GPKG")
    return path


def test_patches_are_cut_where_labels_lie(scene, tmp_path):
    centre = Point(X_MIN + 1000, Y_MAX - 900)
    field = box(X_MIN + 640, Y_MAX - 1920, X_MIN + 1920, Y_MAX - 640)
    labels = write_labels(
        tmp_path / "labels.gpkg",
        [
            ("Industrial", centre, {}),
            ("Forest", field.buffer(-1), {}),
            ("River", Point(X_MIN + 320, Y_MAX - 320), {}),  # under cloud
            ("River", Point(X_MIN + 100, Y_MAX - 900), {}),  # over the scene's edge
            ("River", Point(X_MIN + 1500, Y_MAX - 1000).buffer(30), {}),  # small: the patch around it
        ],
    )
    assert labelled_scenes(labels) == ["33TVM/2021-06-14_S2A"]
    assert label_patches(labels, [scene], BANDS, CLEAR, tmp_path / "local.h5", 1) == 6
    patches = read_local_patches(tmp_path / "local.h5", ("B11", "B02"))
    assert np.bincount(patches.labels, minlength=10)[[1, 4, 8]].tolist() == [4, 1, 1]
    point = patches.reflectance[patches.labels == 4][0]
    top, left = 90 - 32, 100 - 32
    assert point[1, 0, 0] == 1 + top * 256 + left
    assert point[0, 0, 0] == 1 + top * 256 + left
    lon, lat = Transformer.from_crs(32633, 4326, always_xy=True).transform(centre.x, centre.y)
    np.testing.assert_allclose(
        [patches.lon[patches.labels == 4][0], patches.lat[patches.labels == 4][0]], [lon, lat], atol=1e-4
    )
    corners = sorted(int(p[1, 0, 0]) - 1 for p in patches.reflectance[patches.labels == 1])
    assert corners == [r * 256 + c for r in (64, 128) for c in (64, 128)]


def test_every_scene_is_named_with_its_digest(scene, tmp_path):
    place = Point(X_MIN + 1000, Y_MAX - 900)
    labels = write_labels(
        tmp_path / "labels.gpkg", [("River", place, {}), ("River", place, {"tile": "33TWM"})]
    )
    scenes = [scene, write_scene(tmp_path, "33TWM")]
    label_patches(labels, scenes, BANDS, CLEAR, tmp_path / "local.h5", 1)
    with h5py.File(tmp_path / "local.h5") as file:
        inputs = json.loads(file.attrs["inputs"])
    names = ["33TVM/2021-06-14_S2A", "33TWM/2021-06-14_S2A"]
    assert inputs == {
        "labels": file_digest(labels),
        **dict(zip(names, map(file_digest, scenes), strict=True)),
    }


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"class": "Wood"}, VectorError, "Wood"),
        ({"date": "14.6.2021"}, VectorError, "row 1 has date"),
        ({"platform": "S2B"}, RasterError, "no acquisition of 33TVM/2021-06-14_S2B"),
    ],
)
def test_bad_labels_are_named(scene, tmp_path, changes, error, message):
    labels = write_labels(tmp_path / "labels.gpkg", [("River", Point(X_MIN + 900, Y_MAX - 900), changes)])
    with pytest.raises(error, match=message):
        label_patches(labels, [scene], BANDS, CLEAR, tmp_path / "local.h5", 1)
    with pytest.raises(VectorError, match="no such file"):
        labelled_scenes(tmp_path / "nowhere.gpkg")
