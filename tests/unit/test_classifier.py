"""The land-cover network: bands by name, training on made patches, and the exported file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import onnxruntime
import pytest
import rasterio
from rasterio.transform import from_origin

from sealwatch.classifier import torchvision_ops
from sealwatch.classifier.assessment import assess, expected_calibration_error, fit_temperature, softmax
from sealwatch.classifier.bands import EUROSAT_BANDS, SATLAS_BANDS, check_l2a, positions
from sealwatch.classifier.patches import read_patches
from sealwatch.classifier.splits import random_split, spatial_cells, spatial_folds, spatial_split
from sealwatch.errors import ConfigError, ModelError, RasterError
from sealwatch.files import file_digest
from sealwatch.keys import LAND_COVER_CLASSES

torchvision_ops.ensure()
torch = pytest.importorskip("torch")

from sealwatch.classifier.augmentation import jitter_reflectance, turn  # noqa: E402
from sealwatch.classifier.checkpoint import write_checkpoint  # noqa: E402
from sealwatch.classifier.export import ReflectanceClassifier, export_onnx  # noqa: E402
from sealwatch.classifier.fit import fit, halving, predict_logits  # noqa: E402
from sealwatch.classifier.network import build_network  # noqa: E402
from sealwatch.classifier.normalisation import Normalisation, band_statistics  # noqa: E402
from sealwatch.classifier.train import train  # noqa: E402

PER_CLASS = 9
SETTINGS = {
    "bands": list(SATLAS_BANDS),
    "backbone": "resnet10t",
    "weights": None,
    "normalisation": "zscore-dataset",
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 0.002,
    "validation_share": 0.2,
    "validation_cell_deg": 0.5,
    "jitter": 0.05,
    "centre_mix": 0.0,
    "local_repeats": 1,
    "patch_stride": 64,
    "test_time_flips": False,
    "seed": 3,
    "device": "cpu",
}
FILES = {
    "model": "m.onnx",
    "model_int8": "m.int8.onnx",
    "checkpoint": "m.pt",
    "card": "card.json",
    "card_text": "card.md",
    "confusion": "confusion.svg",
}


def class_pixels(code: int, rng: np.random.Generator) -> np.ndarray:
    """Thirteen bands of 64 x 64 pixels whose spectrum belongs to the class."""
    spectrum = np.random.default_rng(code).integers(300, 5000, (13, 1, 1))
    return (spectrum + rng.normal(0, 150, (13, 64, 64))).clip(1).astype(np.uint16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Patches of all classes in three places, in EuroSAT's layout."""
    root = tmp_path_factory.mktemp("patches")
    rng = np.random.default_rng(0)
    with open(root / "index.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "class", "epsg", "lon", "lat"])
        for code, name in enumerate(LAND_COVER_CLASSES):
            (root / name).mkdir()
            for number in range(PER_CLASS):
                file = f"{name}/{name}_{number}.tif"
                options = {"count": 13, "height": 64, "width": 64, "dtype": "uint16", "crs": "EPSG:32633"}
                place = from_origin(5e5, 5e6, 10, 10)
                with rasterio.open(root / file, "w", driver="GTiff", transform=place, **options) as target:
                    target.write(class_pixels(code, rng))
                writer.writerow([file, name, 32633, 14.1 + number % 5, 46.2])
    return root


def test_bands_are_found_by_name():
    order = positions(SATLAS_BANDS, EUROSAT_BANDS, "patch")
    assert [EUROSAT_BANDS[i] for i in order] == list(SATLAS_BANDS)
    assert positions(["B8A", "B08"], EUROSAT_BANDS, "patch") == [12, 7]
    with pytest.raises(ConfigError, match=r"scene\.h5.*B01"):
        positions(["B01"], ["B02"], "scene.h5")


@pytest.mark.parametrize(
    ("bands", "message"),
    [(["B02", "B10"], "B10"), (["B13"], "B13"), ([], "empty"), (["B02", "B02"], "twice")],
)
def test_bands_that_level_2a_cannot_give_are_refused(bands, message):
    with pytest.raises(ConfigError, match=message):
        check_l2a(bands)


def test_patches_are_read_in_the_order_of_the_bands(folder):
    patches = read_patches(folder, ["B8A", "B02"])
    assert patches.reflectance.shape == (10 * PER_CLASS, 2, 64, 64)
    with rasterio.open(folder / "Forest/Forest_0.tif") as source:
        np.testing.assert_array_equal(patches.reflectance[PER_CLASS], source.read([13, 2]))
    assert patches.labels[PER_CLASS] == LAND_COVER_CLASSES.index("Forest")
    assert patches.digest == read_patches(folder, ["B8A", "B02"]).digest
    assert patches.digest != read_patches(folder, ["B02", "B8A"]).digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lon", "longitude", "lon"),
        ("Forest_0.tif,Forest", "Forest_0.tif,Wood", "Wood"),
        ("14.1", "east", "lon"),
        ("14.1,46.2", "14.1", "lon"),
        (",River,", ",SeaLake,", "no patch of class River"),
        ("Forest_0.tif", "Forest_99.tif", "Forest_99.tif"),
    ],
)
def test_a_faulty_index_is_named(folder, tmp_path, old, new, message):
    for entry in LAND_COVER_CLASSES:
        (tmp_path / entry).symlink_to(folder / entry)
    (tmp_path / "index.csv").write_text((folder / "index.csv").read_text().replace(old, new))
    with pytest.raises((ConfigError, RasterError), match=message):
        read_patches(tmp_path, ["B02"])
    with pytest.raises(ConfigError, match=r"index\.csv"):
        read_patches(tmp_path / "nowhere", ["B02"])


def test_splits_keep_places_apart_and_classes_in_training():
    rng = np.random.default_rng(5)
    labels, lon, lat = np.repeat(np.arange(10), 30), rng.uniform(13, 17, 300), rng.uniform(45, 47, 300)
    cells = spatial_cells(lon, lat, 0.5)
    held_out = spatial_split(labels, cells, 0.2, seed=1)
    assert 0.1 < held_out.mean() <= 0.2
    assert not set(cells[held_out]) & set(cells[~held_out])
    assert set(labels[~held_out]) == set(range(10))
    at_random = random_split(labels, 0.2, seed=1)
    assert np.bincount(labels[at_random]).tolist() == [6] * 10
    with pytest.raises(ConfigError, match="validation_cell_deg"):
        spatial_split(labels, np.zeros(300, dtype=int), 0.2, seed=1)
    folds = spatial_folds(cells, 5, seed=1)
    assert np.ptp(np.bincount(folds)) <= np.bincount(cells).max()
    assert all(len(np.unique(folds[cells == cell])) == 1 for cell in np.unique(cells))


def test_turns_move_pixels_and_keep_labels():
    corners = torch.arange(4.0).reshape(1, 1, 2, 2).repeat(400, 3, 1, 1)
    corners += 10 * torch.arange(400.0).reshape(-1, 1, 1, 1)
    turned = turn(corners, torch.Generator().manual_seed(1))
    np.testing.assert_array_equal(turned.flatten(1).sort().values, corners.flatten(1).sort().values)
    assert (
        len({tuple(t[0].flatten().tolist()) for t in turned - 10 * torch.arange(400.0).reshape(-1, 1, 1, 1)})
        == 8
    )
    changed = jitter_reflectance(corners + 2000, 0.1, torch.Generator().manual_seed(1))
    assert 0.05 < float((changed / (corners + 2000)).std()) < 0.3


def test_normalisation_modes():
    reflectance = np.random.default_rng(1).integers(1, 9000, (20, 9, 8, 8)).astype(np.uint16)
    statistics = band_statistics(reflectance)
    patches = torch.from_numpy(reflectance.astype(np.float32))
    whole = Normalisation("zscore-dataset", SATLAS_BANDS, *statistics)(patches)
    np.testing.assert_allclose(whole.mean(dim=(0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(whole.std(dim=(0, 2, 3)), 1, atol=1e-2)
    each = Normalisation("zscore-patch", SATLAS_BANDS, *statistics)(patches)
    np.testing.assert_allclose(each.mean(dim=(1, 2, 3)), 0, atol=1e-4)
    satlas = Normalisation("satlas", SATLAS_BANDS, *statistics)(torch.full((1, 9, 1, 1), 1779.0)).flatten()
    np.testing.assert_allclose(satlas, [0.5] * 3 + [1779 / 8160] * 6, rtol=1e-5)
    with pytest.raises(ConfigError, match="minmax"):
        Normalisation("minmax", SATLAS_BANDS, *statistics)


def test_figures_of_a_known_confusion():
    labels = np.array([0, 0, 1, 1])
    logits = np.array([[2.0, 0.0], [0.0, 2.0], [0.0, 2.0], [0.0, 2.0]])
    figures = assess(logits, labels, np.arange(4), ["Forest", "Highway"])
    assert figures["overall_accuracy"] == 0.75
    assert figures["confusion"] == [[1, 1], [0, 2]]
    assert figures["classes"]["Highway"] == {"precision": 0.666667, "recall": 1.0, "f1": 0.8, "patches": 2}
    assert figures["impervious"]["f1"] == 0.8


def test_temperature_mends_overconfidence():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (4000, 5))
    labels = (softmax(logits).cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    temperature = fit_temperature(3 * logits, labels)
    assert temperature == pytest.approx(3, rel=0.1)
    assert expected_calibration_error(softmax(3 * logits), labels) > 0.1
    assert expected_calibration_error(softmax(3 * logits, temperature), labels) < 0.03


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("model")
    train(folder, {key: target / name for key, name in FILES.items()}, SETTINGS, threads=2)
    return target


def test_training_learns_and_reports_both_splits(trained):
    card = json.loads((trained / "card.json").read_text())
    for split in ("spatial", "random"):
        assert card["validation"][split]["overall_accuracy"] >= 0.8
        assert card["validation"][split]["patches"] >= 10
        assert card["int8"][split]["agreement"] >= 0.9
    text = (trained / "card.md").read_text()
    assert "Confusion matrix" in text
    assert "(confusion.svg)" in text
    for key in ("model", "model_int8", "checkpoint"):
        assert card["files"][FILES[key]] == file_digest(trained / FILES[key])


def test_the_confusion_figure_shows_every_class(trained):
    figure = ElementTree.parse(trained / "confusion.svg")
    words = [text.text for text in figure.iter("{http://www.w3.org/2000/svg}text")]
    assert set(LAND_COVER_CLASSES) <= set(words)
    counts = json.loads((trained / "card.json").read_text())["validation"]["spatial"]["confusion"]
    assert sorted(w for w in words if w.isdigit()) == sorted(str(c) for row in counts for c in row if c)


def test_the_model_file_describes_itself_and_names_no_path(trained):
    card = json.loads((trained / "card.json").read_text())
    for name, precision in (("m.onnx", None), ("m.int8.onnx", "int8")):
        properties = {p.key: p.value for p in onnx.load(trained / name).metadata_props}
        assert properties["bands"] == " ".join(SATLAS_BANDS)
        assert properties["classes"] == " ".join(LAND_COVER_CLASSES)
        assert properties["normalisation"] == "zscore-dataset"
        assert [float(v) for v in properties["band_mean"].split()] == card["model"]["band_mean"]
        assert len(properties["band_std"].split()) == len(SATLAS_BANDS)
        assert properties["training_data"] == card["data"]["digest"]
        assert properties.get("precision") == precision
        assert b"site-packages" not in (trained / name).read_bytes()


def test_the_same_training_gives_the_same_files(folder, trained, tmp_path):
    train(folder, {key: tmp_path / name for key, name in FILES.items()}, SETTINGS, threads=2)
    for name in FILES.values():
        assert file_digest(tmp_path / name) == file_digest(trained / name), name


def test_another_seed_trains_another_network(folder):
    patches = read_patches(folder, SATLAS_BANDS)
    chosen = np.arange(len(patches)) % PER_CLASS < 4
    probe = torch.from_numpy(patches.reflectance[:8].astype(np.float32))
    outputs = []
    for seed in (3, 4):
        network, normalisation = fit(patches, chosen, {**SETTINGS, "epochs": 1, "seed": seed}, threads=2)
        with torch.inference_mode():
            outputs.append(network(normalisation(probe)).numpy())
    assert not np.array_equal(*outputs)


@pytest.mark.parametrize(
    ("mode", "backbone"), [("zscore-dataset", "resnet10t"), ("zscore-patch", None), ("satlas", None)]
)
def test_the_exported_file_equals_torch(tmp_path, mode, backbone):
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    statistics = rng.uniform(500, 3000, 9), rng.uniform(300, 1500, 9)
    # The mode changes only what stands before the network: one export of a whole one is enough.
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9 * 64 * 64, len(LAND_COVER_CLASSES)))
    if backbone:
        network = build_network(backbone, SATLAS_BANDS, LAND_COVER_CLASSES, None)
    classifier = ReflectanceClassifier(Normalisation(mode, SATLAS_BANDS, *statistics), network, 1.7).eval()
    export_onnx(classifier, SATLAS_BANDS, {"bands": " ".join(SATLAS_BANDS)}, tmp_path / "m.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]
    reflectance = rng.integers(0, 12000, (5, 9, 64, 64)).astype(np.float32)
    (exported,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"reflectance": reflectance})
    with torch.inference_mode():
        np.testing.assert_allclose(exported, classifier(torch.from_numpy(reflectance)).numpy(), atol=1e-4)
    np.testing.assert_allclose(exported.sum(axis=1), 1, atol=1e-5)


def test_weights_from_a_file(tmp_path):
    own = build_network("resnet10t", SATLAS_BANDS, LAND_COVER_CLASSES, None)
    torch.save(
        {"state_dict": {f"backbone.{k}": v for k, v in own.state_dict().items()}}, tmp_path / "own.pth"
    )
    loaded = build_network("resnet10t", SATLAS_BANDS, LAND_COVER_CLASSES[:4], str(tmp_path / "own.pth"))
    assert torch.equal(
        loaded.state_dict()["layer1.0.conv1.weight"], own.state_dict()["layer1.0.conv1.weight"]
    )
    with pytest.raises(ConfigError, match=r"own\.pth takes 9 bands"):
        build_network("resnet10t", SATLAS_BANDS[:3], LAND_COVER_CLASSES, str(tmp_path / "own.pth"))
    with pytest.raises(ModelError, match="does not fit resnet18"):
        build_network("resnet18", SATLAS_BANDS, LAND_COVER_CLASSES, str(tmp_path / "own.pth"))
    (tmp_path / "broken.pth").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"broken\.pth"):
        build_network("resnet10t", SATLAS_BANDS, LAND_COVER_CLASSES, str(tmp_path / "broken.pth"))


def test_a_network_goes_on_from_fewer_bands_as_it_was(tmp_path):
    torch.manual_seed(1)
    rgb = build_network("resnet10t", SATLAS_BANDS[:3], LAND_COVER_CLASSES, None).eval()
    about = {"bands": list(SATLAS_BANDS[:3]), "classes": list(LAND_COVER_CLASSES)}
    write_checkpoint(tmp_path / "rgb.pt", rgb.state_dict(), about)
    patches = torch.rand(4, 9, 64, 64)
    swapped = ("B12", "B02", *SATLAS_BANDS[3:8], "B03", "B04")  # the three bands stand in other places
    wide = build_network("resnet10t", swapped, LAND_COVER_CLASSES, str(tmp_path / "rgb.pt")).eval()
    with torch.inference_mode():
        same = wide(patches)
        narrow = rgb(torch.stack([patches[:, swapped.index(b)] for b in SATLAS_BANDS[:3]], dim=1))
    np.testing.assert_allclose(same.numpy(), narrow.numpy(), atol=1e-5)
    fewer = build_network("resnet10t", swapped, LAND_COVER_CLASSES[:4], str(tmp_path / "rgb.pt"))
    assert fewer(patches).shape == (4, 4)
    with pytest.raises(ConfigError, match=r"none of classifier\.bands"):
        build_network("resnet10t", ("B08", "B11"), LAND_COVER_CLASSES, str(tmp_path / "rgb.pt"))


def test_training_with_too_little_gpu_memory_halves_the_batch(capfd):
    tried = []

    def run(batch: int) -> int:
        tried.append(batch)
        if batch > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return batch

    assert halving(run, 64) == 16
    assert tried == [64, 32, 16]
    assert "batches of 16" in capfd.readouterr().err
    with pytest.raises(ModelError, match="smaller network"):
        halving(run, 64, least=32)


def test_flips_and_turns_do_not_change_the_mean_answer(folder):
    network = build_network("resnet10t", SATLAS_BANDS, LAND_COVER_CLASSES, None)
    normalisation = Normalisation("zscore-dataset", SATLAS_BANDS, np.full(9, 2000.0), np.full(9, 900.0))
    patches = read_patches(folder, SATLAS_BANDS).reflectance[:3]
    turned = np.rot90(patches, 1, axes=(2, 3))[..., ::-1].copy()
    mean = predict_logits(network, normalisation, patches, flips=True)
    np.testing.assert_allclose(mean, predict_logits(network, normalisation, turned, flips=True), atol=1e-4)
    assert np.abs(mean - predict_logits(network, normalisation, patches)).max() > 1e-3


def test_patches_given_twice_weigh_twice(folder):
    patches = read_patches(folder, SATLAS_BANDS)
    once = np.arange(0, len(patches), 3)
    settings = {**SETTINGS, "epochs": 1}
    probe = patches.reflectance[:4]
    plain = predict_logits(*fit(patches, once, settings, threads=2), probe)
    heavier = predict_logits(*fit(patches, np.repeat(once, 2), settings, threads=2), probe)
    assert not np.array_equal(plain, heavier)


def test_unknown_networks_and_weights_are_named():
    with pytest.raises(ConfigError, match="resnet5000"):
        build_network("resnet5000", SATLAS_BANDS, LAND_COVER_CLASSES, None)
    with pytest.raises(ConfigError, match="Nowhere"):
        build_network("resnet18", SATLAS_BANDS, LAND_COVER_CLASSES, "Nowhere.Weights")
    with pytest.raises(ConfigError, match="B04 B03 B02 B05"):
        build_network(
            "resnet50", SATLAS_BANDS[::-1], LAND_COVER_CLASSES, "ResNet50_Weights.SENTINEL2_MI_MS_SATLAS"
        )
    with pytest.raises(ConfigError, match="no weights of resnet18"):
        build_network("resnet18", SATLAS_BANDS, LAND_COVER_CLASSES, "ResNet50_Weights.SENTINEL2_MI_MS_SATLAS")
