"""Training of the forest from the sampled pixels of all training orthophotos."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import hdf5
from ..errors import ModelError
from ..files import file_digest
from .forest import Forest, assemble
from .forest_card import write_forest_card
from .predictor import Predictor
from .sheets import CLASSES
from .trainers import PARAMETERS, choose_engine, fit_trees, software_of
from .validation import (
    FOLDS,
    Predict,
    Samples,
    choose_parameters,
    cross_validate,
    figures,
    polygon_folds,
    random_folds,
    sheet_folds,
)

TEST_SHARE = 0.2
"""Share of the samples kept from training and used once, for the figures of the model card."""


def train_forest(
    tables: Sequence[str | Path],
    model: str | Path,
    card: str | Path,
    card_text: str | Path,
    *,
    settings: Mapping[str, Any],
    baseline: int,
    threads: int = 1,
) -> None:
    """Train the forest, and measure it by random pixels as the paper does, by polygons and by sheets.

    Imbalance between the classes is met by drawing at most `samples_per_class` pixels of each class, without
    class weights: on labelled photographs, weights on top of it lowered the F1 of sealed from 0.63 to 0.46.
    Equal tables and settings give equal bytes, however many threads there are.

    Args:
        tables: HDF5 tables of `labels.label_sheet`.
        model: forest file to write (NumPy archive, see `forest.Forest`).
        card: model card to write (JSON): data, parameters, figures of each split, digests.
        card_text: the same for readers (Markdown).
        settings: `engine` (auto, cpu, gpu), `n_estimators`, `max_depth` (or None), `min_samples_leaf`,
            `max_features`, `seed`, `samples_per_class`, and `grid`, values to choose from by parameter.
        baseline: the step's baseline number.
        threads: threads of the trainer.

    Raises:
        ModelError: the tables differ in their features, or a class has too few samples.
        ConfigError: engine `gpu` without a usable GPU.
    """
    from sklearn.model_selection import train_test_split

    samples, features = _read_tables(tables)
    seed = int(settings["seed"])
    samples = samples.take(_balanced(samples.labels, int(settings["samples_per_class"]), seed))
    engine = choose_engine(str(settings["engine"]))
    software = software_of(engine)
    print(f"training on {len(samples.labels)} samples with {software}", file=sys.stderr)

    def trained(values: np.ndarray, labels: np.ndarray, used: Mapping[str, Any]) -> Forest:
        training = {"engine": engine, "settings": dict(used), "baseline": baseline}
        return assemble(fit_trees(engine, values, labels, used, threads), features, CLASSES, training)

    def fit(values: np.ndarray, labels: np.ndarray, used: Mapping[str, Any]) -> Predict:
        predictor = Predictor(trained(values, labels, used))
        return lambda seen: predictor.predict(seen)[0]

    everything = np.arange(len(samples.labels))
    kept, apart = train_test_split(
        everything, test_size=TEST_SHARE, random_state=seed, stratify=samples.labels
    )
    rest, test = samples.take(kept), samples.take(apart)
    chosen, grid = choose_parameters(rest, settings, fit)
    forest = trained(rest.values, rest.labels, chosen)
    forest.save(model)
    counts = np.bincount(samples.labels, minlength=len(CLASSES)).tolist()
    by_random = cross_validate(rest, random_folds(rest, seed), fit, chosen, "random folds")
    write_forest_card(
        {
            "features": list(features),
            "classes": list(CLASSES),
            "digest": forest.digest,
            "training": forest.training,
            "software": software,
            "trees": len(forest.root),
            "nodes": len(forest.child),
            "tables": {Path(table).name: file_digest(table) for table in tables},
            "samples": dict(zip(CLASSES, counts, strict=True)),
            "polygons": len(np.unique(samples.polygon)),
            "sheets": len(np.unique(samples.sheet)),
            "imbalance": f"at most {settings['samples_per_class']} samples of each class, no class weights",
            "parameters": {name: chosen[name] for name in PARAMETERS},
            "grid": grid,
            "test": {
                "share": TEST_SHARE,
                **figures(Predictor(forest).predict(test.values)[0], test.labels),
            },
            "cross_validation": by_random,
            "by_polygon": cross_validate(samples, polygon_folds(samples), fit, chosen, "polygon folds"),
            "by_sheet": cross_validate(samples, sheet_folds(samples), fit, chosen, "sheet folds"),
        },
        card,
        card_text,
    )


def _read_tables(tables: Sequence[str | Path]) -> tuple[Samples, tuple[str, ...]]:
    """Samples of all tables, in their order, and the names of their features."""
    if not tables:
        raise ModelError("there is no training table; draw training polygons (orthophoto.training_polygons)")
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("values", "labels", "polygon", "sheet")}
    features: list[tuple[str, ...]] = []
    sheets: list[str] = []
    for table in tables:
        with hdf5.read(table) as file:
            features.append(tuple(hdf5.read_labels(file, "feature")))
            if features[-1] != features[0]:
                raise ModelError(f"{table}: has other features than {tables[0]}; delete both and run again")
            sheets.append(hdf5.read_text(file.attrs["sheet"]))
            parts["values"].append(file["features"][:])
            parts["labels"].append(file["label"][:])
            # Numbers of polygons are those of their layer and occur again in other tables.
            polygon = file["polygon"][:].astype("i8") + (len(sheets) << 32)
            parts["polygon"].append(polygon)
            parts["sheet"].append(np.full(len(polygon), sheets.index(sheets[-1])))
    return Samples(**{name: np.concatenate(arrays) for name, arrays in parts.items()}), features[0]


def _balanced(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Rows of at most `most` samples of each class, ascending."""
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
    return np.sort(np.concatenate(chosen))
