"""Training of the forest: cuML on a GPU, scikit-learn without one; same parameters, same file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import hdf5
from ..errors import ConfigError, ModelError
from ..files import file_digest, write_json
from ..progress import track
from .forest import Forest, Tree, assemble
from .labels import CLASSES
from .predictor import Predictor

TEST_SHARE = 0.2
"""Share of the samples kept from training and used once, for the figures of the model card."""

FOLDS = 3
"""Folds of the stratified cross-validation on the rest."""


def train_forest(
    tables: Sequence[str | Path],
    model: str | Path,
    card: str | Path,
    *,
    settings: Mapping[str, Any],
    baseline: int,
    threads: int = 1,
) -> None:
    """Train the forest on the sampled pixels of all training orthophotos.

    Imbalance between the classes is met by drawing at most `samples_per_class` pixels of each class, without
    class weights: on labelled photographs, weights on top of it lowered the F1 of sealed from 0.63 to 0.46.

    Args:
        tables: HDF5 tables of `labels.label_sheet`.
        model: forest file to write (NumPy archive, see `forest.Forest`).
        card: model card to write (JSON): data, parameters, accuracy, kappa, F1 per class, confusion matrix.
        settings: `engine` (auto, cpu, gpu), `n_estimators`, `max_depth` (or None), `min_samples_leaf`,
            `max_features`, `seed`, `samples_per_class`.
        baseline: the step's baseline number.
        threads: threads of the trainer.

    Raises:
        ModelError: the tables differ in their features, or a class has too few samples.
        ConfigError: engine `gpu` without a usable GPU.
    """
    from sklearn.model_selection import StratifiedKFold, train_test_split

    values, labels, features = _read_tables(tables)
    seed = int(settings["seed"])
    values, labels = _balanced(values, labels, int(settings["samples_per_class"]), seed)
    engine = choose_engine(str(settings["engine"]))
    print(f"training on {len(labels)} samples with {engine}", file=sys.stderr)
    fit = {"cuml": _fit_cuml, "scikit-learn": _fit_sklearn}[engine]
    training = {"engine": engine, "settings": dict(settings), "baseline": baseline}

    def trained(rows: np.ndarray) -> Forest:
        trees = fit(values[rows], labels[rows], settings, threads)
        return assemble(trees, features, CLASSES, training)

    everything = np.arange(len(labels))
    rest, test = train_test_split(everything, test_size=TEST_SHARE, random_state=seed, stratify=labels)
    folds = []
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for inside, outside in track(splitter.split(rest, labels[rest]), "cross-validation", FOLDS):
        folds.append(_figures(trained(rest[inside]), values[rest[outside]], labels[rest[outside]]))
    forest = trained(rest)
    forest.save(model)
    write_json(
        card,
        {
            "features": list(features),
            "classes": list(CLASSES),
            "digest": forest.digest,
            "training": training,
            "trees": len(forest.root),
            "nodes": len(forest.child),
            "tables": {Path(table).name: file_digest(table) for table in tables},
            "samples": _by_class(np.bincount(labels, minlength=len(CLASSES)).tolist()),
            "imbalance": f"at most {settings['samples_per_class']} samples of each class, no class weights",
            "test": {
                "share": TEST_SHARE,
                "split": "random pixels",
                **_figures(forest, values[test], labels[test]),
            },
            "cross_validation": {"folds": FOLDS, "split": "random pixels, stratified", "results": folds},
        },
    )


def choose_engine(wanted: str) -> str:
    """`cuml` or `scikit-learn` for the setting auto, cpu or gpu.

    Raises:
        ConfigError: a GPU is wanted and none can be used.
    """
    if wanted == "cpu":
        return "scikit-learn"
    try:
        import cupy  # type: ignore[import-not-found, unused-ignore]

        count = cupy.cuda.runtime.getDeviceCount()
        # cuML imports on machines without a GPU and fails only when it is used, hence the count of devices
        # first.
        import cuml  # type: ignore[import-not-found, unused-ignore]  # noqa: F401

        reason = "" if count else "no CUDA device"
    except Exception as error:  # cupy raises its own types where there is no driver
        reason = str(error)
    if not reason:
        return "cuml"
    if wanted == "gpu":
        raise ConfigError(
            f"orthophoto.forest.engine: gpu, but it cannot be used ({reason}); set it to auto or cpu"
        )
    print(f"no GPU for the forest ({reason}): scikit-learn trains", file=sys.stderr)
    return "scikit-learn"


def _read_tables(tables: Sequence[str | Path]) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    values, labels, features = [], [], None
    for table in tables:
        with hdf5.read(table) as file:
            names = tuple(hdf5.read_labels(file, "feature"))
            if features is not None and names != features:
                raise ModelError(f"{table}: has other features than {tables[0]}; delete both and run again")
            features = names
            values.append(file["features"][:])
            labels.append(file["label"][:])
    if features is None:
        raise ModelError("there is no training table; draw training polygons (orthophoto.training_polygons)")
    return np.concatenate(values), np.concatenate(labels), features


def _balanced(values: np.ndarray, labels: np.ndarray, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` samples of each class, in their order."""
    rng = np.random.default_rng(seed)
    chosen = []
    for code, name in enumerate(CLASSES):
        rows = np.flatnonzero(labels == code)
        # Two for the test and one for each fold is the least that can be split with every class everywhere.
        if len(rows) < 2 * (FOLDS + 2):
            raise ModelError(
                f"class {name} has {len(rows)} training pixels, too few; draw more polygons of it"
            )
        chosen.append(rng.choice(rows, most, replace=False) if len(rows) > most else rows)
    rows = np.sort(np.concatenate(chosen))
    return values[rows], labels[rows]


def _fit_sklearn(
    values: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any], threads: int
) -> list[Tree]:
    from sklearn.ensemble import RandomForestClassifier

    trained = RandomForestClassifier(**_parameters(settings), n_jobs=threads).fit(values, labels)
    return trees_of_sklearn(trained)


def trees_of_sklearn(trained: Any) -> list[Tree]:
    """The trees of a fitted scikit-learn forest whose classes are 0, 1, 2, ..."""
    trees = []
    for estimator in trained.estimators_:
        t = estimator.tree_
        weight = t.value[:, 0, :]
        share = weight / weight.sum(axis=1, keepdims=True)
        trees.append(Tree(t.children_left, t.children_right, t.feature, t.threshold, share))
    return trees


def _fit_cuml(
    values: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any], threads: int
) -> list[Tree]:
    from cuml.ensemble import RandomForestClassifier  # type: ignore[import-not-found, unused-ignore]

    # One stream: with more, cuML's trees differ from run to run. 256 bins: one for every value of a byte.
    trained = RandomForestClassifier(**_parameters(settings), n_bins=256, n_streams=1)
    trained.fit(values.astype("f4"), labels.astype("i4"))
    return trees_of_treelite(trained.as_treelite())


def trees_of_treelite(model: Any) -> list[Tree]:
    """The trees of a treelite model whose leaves are class distributions (as cuML exports its forests)."""
    classes = int(model.get_header_accessor().get_field("num_class")[0])
    trees = []
    for number in range(model.num_tree):
        tree = model.get_tree_accessor(number)
        left = tree.get_field("cleft").astype("i8")
        begin = tree.get_field("leaf_vector_begin").astype("i8")
        vector = tree.get_field("leaf_vector")
        share = np.zeros((len(left), classes))
        at_leaf = left < 0
        share[at_leaf] = vector[begin[at_leaf, None] + np.arange(classes)]
        share[at_leaf] /= share[at_leaf].sum(axis=1, keepdims=True)
        right, feature = tree.get_field("cright").astype("i8"), tree.get_field("split_index")
        trees.append(Tree(left, right, feature, tree.get_field("threshold"), share))
    return trees


def _parameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    names = ("n_estimators", "max_depth", "min_samples_leaf", "max_features")
    return {**{name: settings[name] for name in names}, "random_state": int(settings["seed"])}


def _figures(forest: Forest, values: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Accuracy, kappa, F1 per class and confusion matrix (rows: truth), through our own predictor."""
    from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, f1_score

    codes = list(range(len(CLASSES)))
    predicted, _ = Predictor(forest).predict(values)
    f1 = f1_score(labels, predicted, labels=codes, average=None, zero_division=0.0)
    return {
        "samples": len(labels),
        "accuracy": round(float(accuracy_score(labels, predicted)), 4),
        "kappa": round(float(cohen_kappa_score(labels, predicted)), 4),
        "f1": _by_class([round(float(value), 4) for value in f1]),
        "confusion": confusion_matrix(labels, predicted, labels=codes).tolist(),
    }


def _by_class(values: list[Any]) -> dict[str, Any]:
    return dict(zip(CLASSES, values, strict=True))
