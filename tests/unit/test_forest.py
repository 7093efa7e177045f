"""The forest: same labels as scikit-learn, one file, training from polygons to a segmentation."""

import json

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from builders.tiny_sheet import write_photo, write_training
from sealwatch import hdf5
from sealwatch.errors import ModelError, VectorError
from sealwatch.orthophoto import training
from sealwatch.orthophoto.features import FEATURES, prepare_sheet
from sealwatch.orthophoto.forest import assemble, load_forest
from sealwatch.orthophoto.labels import CLASSES, label_sheet
from sealwatch.orthophoto.predictor import Predictor
from sealwatch.orthophoto.segmentation import segment_sheet

SETTINGS = {
    "engine": "cpu",
    "n_estimators": 12,
    "max_depth": 12,
    "min_samples_leaf": 2,
    "max_features": "sqrt",
    "seed": 3,
    "samples_per_class": 800,
}
ROOFS = [(60, 100, 80, 90), (200, 180, 60, 60)]
TRAINING = {
    "sealed": ROOFS[0],
    "low_vegetation": (0, 70, 50, 200),
    "medium_high_vegetation": (20, 5, 200, 45),
}
LABEL = {"sheet": "A", "year": 2022, "samples_per_class": 800, "seed": 3, "baseline": 1}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Features of a tiny sheet, its training table and a forest."""
    folder = tmp_path_factory.mktemp("forest")
    write_photo(folder / "photo.tif", ROOFS)
    prepare_sheet(folder / "photo.tif", folder / "features.h5", window_px=5, baseline=1)
    write_training(folder / "training.gpkg", TRAINING, "A", 2022)
    label_sheet(folder / "features.h5", folder / "training.gpkg", folder / "table.h5", **LABEL)
    for name in ("forest", "again"):
        targets = folder / f"{name}.npz", folder / f"{name}.card.json"
        training.train_forest([folder / "table.h5"], *targets, settings=SETTINGS, baseline=1)
    return folder


@pytest.mark.parametrize("depth", [3, None])
def test_predictor_gives_the_labels_of_scikit_learn(depth, tmp_path):
    rng = np.random.default_rng(4)
    values, other = rng.integers(0, 255, (2, 4001, 8)).astype("u1")
    labels = (values[:, 0] > values[:, 1]).astype(int) + (
        values[:, 2].astype(int) + rng.integers(0, 99, 4001) > 180
    )
    trained = RandomForestClassifier(15, max_depth=depth, random_state=0).fit(values, labels)
    forest = assemble(training.trees_of_sklearn(trained), FEATURES, CLASSES, {})
    forest.save(tmp_path / "forest.npz")
    predicted, confidence = Predictor(load_forest(tmp_path / "forest.npz")).predict(other)
    np.testing.assert_array_equal(predicted, trained.predict(other))
    np.testing.assert_allclose(confidence, trained.predict_proba(other).max(axis=1), atol=1e-6)


def test_training_is_repeatable_and_tells_its_figures(prepared):
    assert (prepared / "forest.npz").read_bytes() == (prepared / "again.npz").read_bytes()
    card = json.loads((prepared / "forest.card.json").read_text())
    assert card["samples"] == dict.fromkeys(CLASSES, 800)
    assert card["test"]["accuracy"] > 0.95
    assert len(card["cross_validation"]["results"]) == 3
    assert card["digest"] == load_forest(prepared / "forest.npz").digest


def test_segmentation_finds_a_roof_it_was_not_shown(prepared):
    segment_sheet(
        prepared / "features.h5", prepared / "forest.npz", prepared / "seg.h5", baseline=1, threads=2
    )
    with hdf5.read(prepared / "seg.h5") as file:
        classes, confidence = file["class"][:], file["confidence"][:]
    assert (classes[205:255, 185:235] == 0).mean() > 0.99
    assert (classes[150:190, 100:280] == 1).mean() > 0.95
    assert confidence.min() > 0.3
    assert confidence.max() <= 1.0


def test_unfit_models_and_labels_are_named(prepared, tmp_path):
    damaged = bytearray((prepared / "forest.npz").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.npz").write_bytes(damaged)
    for name in ("damaged.npz", "none.npz"):
        with pytest.raises(ModelError, match=r"train it again|damaged"):
            load_forest(tmp_path / name)
    forest = load_forest(prepared / "forest.npz")
    with pytest.raises(ModelError, match="has features nir red, but the forest was trained on"):
        forest.check_features(["nir", "red"], "features.h5")
    one_class = write_training(tmp_path / "one.gpkg", {"sealed": ROOFS[0]}, "A", 2022)
    label_sheet(prepared / "features.h5", one_class, tmp_path / "one.h5", **LABEL)
    with pytest.raises(ModelError, match="class low_vegetation has 0 training pixels"):
        training.train_forest(
            [tmp_path / "one.h5"], tmp_path / "m.npz", tmp_path / "m.json", settings=SETTINGS, baseline=1
        )
    for blocks, year, message in (
        ({"water": ROOFS[0]}, 2022, "class water is unknown"),
        ({"sealed": ROOFS[0]}, 2021, "no training polygon for sheet A year 2022"),
        ({"sealed": (900, 900, 50, 50)}, 2022, "lie outside sheet A of year 2022"),
    ):
        polygons = write_training(tmp_path / f"{message[:5]}.gpkg", blocks, "A", year)
        with pytest.raises(VectorError, match=message):
            label_sheet(prepared / "features.h5", polygons, tmp_path / "no.h5", **LABEL)
