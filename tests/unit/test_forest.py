"""The forest: same labels as scikit-learn, one file, training from polygons to a segmentation."""

import json

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from builders.tiny_sheet import write_photo, write_training
from sealwatch import hdf5
from sealwatch.errors import ModelError, VectorError
from sealwatch.orthophoto import training
from sealwatch.orthophoto.features import FEATURES, OF_PIXEL, prepare_sheet
from sealwatch.orthophoto.forest import assemble, load_forest
from sealwatch.orthophoto.labels import CLASSES, label_sheet
from sealwatch.orthophoto.predictor import Predictor
from sealwatch.orthophoto.segmentation import segment_sheet
from sealwatch.orthophoto.trainers import trees_of_sklearn

SETTINGS = {
    "engine": "cpu",
    "n_estimators": 12,
    "max_depth": 12,
    "min_samples_leaf": 2,
    "max_features": "sqrt",
    "seed": 3,
    "samples_per_class": 800,
    "grid": {},
}
ROOFS = [(60, 100, 80, 90), (200, 180, 60, 60)]
TRAINING = {
    "sealed": ROOFS[0],
    "low_vegetation": (0, 70, 50, 200),
    "medium_high_vegetation": (20, 5, 200, 45),
}
LABEL = {"sheet": "A", "year": 2022, "samples_per_class": 800, "seed": 3, "baseline": 1}


def train(tables, folder, name="forest", threads=1, **changes):
    """Train and return the card."""
    targets = [folder / f"{name}{end}" for end in (".npz", ".card.json", ".card.md")]
    training.train_forest(tables, *targets, settings={**SETTINGS, **changes}, baseline=1, threads=threads)
    return json.loads(targets[1].read_text())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Features of a tiny sheet, its training table and a forest."""
    folder = tmp_path_factory.mktemp("forest")
    write_photo(folder / "photo.tif", ROOFS)
    prepare_sheet(folder / "photo.tif", folder / "features.h5", window_px=5, baseline=1)
    write_training(folder / "training.gpkg", TRAINING, "A", 2022)
    label_sheet(folder / "features.h5", folder / "training.gpkg", folder / "table.h5", **LABEL)
    train([folder / "table.h5"], folder)
    return folder


def write_table(path, sheet, colours, seed=0):
    """A table as `label_sheet` writes it; polygons of 100 pixels around (class, brightness)."""
    values = np.concatenate([np.full((100, 4), brightness) for _, brightness in colours])
    values = np.clip(values + np.random.default_rng(seed).normal(0, 3, values.shape), 0, 254)
    labels = np.repeat([code for code, _ in colours], 100)
    polygons = np.repeat(np.arange(1, len(colours) + 1), 100)
    with hdf5.create(path, "label_sheet", 1, {"sheet": sheet}) as writer:
        writer.add_axis("sample", np.arange(len(values), dtype="i4"))
        writer.add_axis("feature", OF_PIXEL)
        writer.add("features", ("sample", "feature"), "uint8", data=values.astype("u1"))
        writer.add("label", ("sample",), "uint8", data=labels.astype("u1"), chunks=(4096,))
        writer.add("polygon", ("sample",), "int32", data=polygons.astype("i4"), chunks=(4096,))
    return path


@pytest.fixture(scope="module")
def forest_of_noise():
    """A forest of full depth on noise, where votes are often even, and its trainer."""
    rng = np.random.default_rng(4)
    values = rng.integers(0, 255, (4001, 16)).astype("u1")
    labels = (values[:, 0] // 52 + rng.integers(0, 2, 4001)) % 5
    trained = RandomForestClassifier(10, random_state=0).fit(values, labels)
    names = tuple(f"f{n}" for n in range(16))
    return trained, assemble(trees_of_sklearn(trained), names, tuple("abcde"), {})


@pytest.mark.parametrize(("depth", "trees"), [(3, 15), (None, 15), (None, 1), (11, 130)])
def test_predictor_gives_the_labels_of_scikit_learn(depth, trees, tmp_path):
    rng = np.random.default_rng(4)
    values, other = rng.integers(0, 255, (2, 4001, 8)).astype("u1")
    labels = (values[:, 0] > values[:, 1]).astype(int) + (
        values[:, 2].astype(int) + rng.integers(0, 99, 4001) > 180
    )
    trained = RandomForestClassifier(trees, max_depth=depth, random_state=0).fit(values, labels)
    forest = assemble(trees_of_sklearn(trained), FEATURES, CLASSES, {})
    forest.save(tmp_path / "forest.npz")
    predicted, confidence = Predictor(load_forest(tmp_path / "forest.npz")).predict(other)
    np.testing.assert_array_equal(predicted, trained.predict(other))
    np.testing.assert_allclose(confidence, trained.predict_proba(other).max(axis=1), atol=1e-6)


@pytest.mark.parametrize("count", [1, 8, 20_003])
def test_even_votes_and_odd_numbers_of_pixels(forest_of_noise, count):
    trained, forest = forest_of_noise
    values = np.random.default_rng(5).integers(0, 255, (count, 16)).astype("u1")
    share = trained.predict_proba(values)
    if count > 8:
        best = np.sort(share, axis=1)
        assert (best[:, -1] == best[:, -2]).mean() > 0.1  # the case is there at all
    predicted, confidence = Predictor(forest).predict(values)
    np.testing.assert_array_equal(predicted, share.argmax(axis=1))
    np.testing.assert_allclose(confidence, share.max(axis=1), atol=1e-6)


def test_training_is_repeatable_and_tells_its_figures(prepared, tmp_path):
    again = train([prepared / "table.h5"], tmp_path, threads=2)
    for end in (".npz", ".card.json", ".card.md"):
        assert (prepared / f"forest{end}").read_bytes() == (tmp_path / f"forest{end}").read_bytes()
    assert again["samples"] == dict.fromkeys(CLASSES, 800)
    assert again["test"]["accuracy"] > 0.95
    assert len(again["cross_validation"]["accuracies"]) == 3
    assert again["digest"] == load_forest(prepared / "forest.npz").digest
    text = (prepared / "forest.card.md").read_text()
    assert again["digest"] in text
    assert "no class weights" in text
    assert "two polygons of each class are needed: sealed has 1" in text
    assert "training polygons lie on one sheet only" in text


def test_splits_by_polygon_and_sheet_show_what_random_pixels_hide(tmp_path):
    """Low vegetation in polygons of brightness 40 and 160 on one sheet; sealed looks like that on the other."""
    common = [(2, 220), (2, 222), (0, 100), (0, 102), (1, 60), (1, 61)]
    tables = [
        write_table(tmp_path / "A_2020.h5", "A", [*common, (1, 40)]),
        write_table(tmp_path / "B_2020.h5", "B", [*common, (0, 40)], seed=1),
        write_table(tmp_path / "B_2022.h5", "B", [*common, (0, 41)], seed=2),
    ]
    card = train(tables[:2], tmp_path, min_samples_leaf=1)
    assert card["by_sheet"]["folds"] == 2
    assert card["by_sheet"]["samples"] == 1400
    assert card["by_sheet"]["accuracy"] < card["cross_validation"]["accuracy"] - 0.01
    assert card["by_polygon"]["accuracy"] < card["cross_validation"]["accuracy"] - 0.01
    both_years = train(tables[1:], tmp_path)
    assert both_years["by_sheet"]["not_run"] == "training polygons lie on one sheet only"
    assert both_years["sheets"] == 1
    assert both_years["polygons"] == 14


def test_grid_takes_the_best_by_polygon(tmp_path):
    bright = [(code, 60 + 60 * code + shift) for code in range(3) for shift in (0, 4, 8)]
    table = write_table(tmp_path / "A_2020.h5", "A", bright)
    card = train([table], tmp_path, grid={"max_depth": [1, 6], "min_samples_leaf": [400, 2]})
    assert card["grid"]["split"] == "whole polygons"
    assert len(card["grid"]["results"]) == 4
    best = max(result["macro_f1"] for result in card["grid"]["results"])
    first = next(r["parameters"] for r in card["grid"]["results"] if r["macro_f1"] == best)
    assert card["grid"]["chosen"] == first
    assert first["min_samples_leaf"] == 2
    assert card["training"]["settings"]["min_samples_leaf"] == 2
    assert "(chosen)" in (tmp_path / "forest.card.md").read_text()


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
            [tmp_path / "one.h5"], *[tmp_path / name for name in "abc"], settings=SETTINGS, baseline=1
        )
    for blocks, year, message in (
        ({"water": ROOFS[0]}, 2022, "class water is unknown"),
        ({"sealed": ROOFS[0]}, 2021, "no training polygon for sheet A year 2022"),
        ({"sealed": (900, 900, 50, 50)}, 2022, "lie outside sheet A of year 2022"),
    ):
        polygons = write_training(tmp_path / f"{message[:5]}.gpkg", blocks, "A", year)
        with pytest.raises(VectorError, match=message):
            label_sheet(prepared / "features.h5", polygons, tmp_path / "no.h5", **LABEL)
