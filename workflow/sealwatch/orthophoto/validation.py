"""Validation of the forest: splits by pixel, polygon and sheet, figures, and the choice among parameters."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..progress import track
from .sheets import CLASSES

FOLDS = 3
"""Folds of every cross-validation."""

Predict = Callable[[np.ndarray], np.ndarray]
"""uint8 [pixel, feature] -> label [pixel]."""

Fit = Callable[[np.ndarray, np.ndarray, Mapping[str, Any]], Predict]
"""Values, labels and parameters -> what the forest trained on them says."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Training pixels.

    Attributes:
        values: uint8 [sample, feature].
        labels: uint8 [sample], codes of `CLASSES`.
        polygon: int64 [sample], number of the polygon over all tables.
        sheet: int64 [sample], number of the sheet; both years of a sheet are one, for they show the same land.
    """

    values: np.ndarray
    labels: np.ndarray
    polygon: np.ndarray
    sheet: np.ndarray

    def take(self, rows: np.ndarray) -> Samples:
        """The samples at `rows`."""
        return Samples(self.values[rows], self.labels[rows], self.polygon[rows], self.sheet[rows])


def random_folds(samples: Samples, seed: int) -> np.ndarray:
    """Fold of every sample, int64, each class spread evenly: the paper's split, neighbours on both sides of it."""
    from sklearn.model_selection import StratifiedKFold

    fold = np.empty(len(samples.labels), "i8")
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (_, outside) in enumerate(splitter.split(samples.labels, samples.labels)):
        fold[outside] = number
    return fold


def polygon_folds(samples: Samples) -> np.ndarray | str:
    """Fold of every sample with whole polygons together, or why there is none."""
    kinds = {name: np.unique(samples.polygon[samples.labels == c]) for c, name in enumerate(CLASSES)}
    few = [f"{name} has {len(numbers)}" for name, numbers in kinds.items() if len(numbers) < 2]
    if few:
        return f"two polygons of each class are needed: {', '.join(few)}"
    folds = min(FOLDS, *(len(numbers) for numbers in kinds.values()))
    fold = np.empty(len(samples.labels), "i8")
    # Class by class, so that every class is in every fold.
    for code in range(len(CLASSES)):
        rows = np.flatnonzero(samples.labels == code)
        fold[rows] = _deal(samples.polygon[rows], folds)
    return fold


def sheet_folds(samples: Samples) -> np.ndarray | str:
    """Fold of every sample with whole sheets together, or why there is none."""
    sheets = len(np.unique(samples.sheet))
    if sheets < 2:
        return "training polygons lie on one sheet only"
    fold = _deal(samples.sheet, min(FOLDS, sheets))
    for number in range(fold.max() + 1):
        lacking = sorted(set(range(len(CLASSES))) - set(samples.labels[fold != number].tolist()))
        if lacking:
            return f"class {CLASSES[lacking[0]]} is drawn on sheets of one fold only"
    return fold


def _deal(groups: np.ndarray, folds: int) -> np.ndarray:
    """Fold of every sample: groups, the largest first, each to the fold that has least."""
    names, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    filled, fold = np.zeros(folds, "i8"), np.empty(len(names), "i8")
    for group in np.argsort(-sizes, kind="stable"):
        fold[group] = filled.argmin()
        filled[fold[group]] += sizes[group]
    return fold[index]


def cross_validate(
    samples: Samples, fold: np.ndarray | str, fit: Fit, parameters: Mapping[str, Any], title: str
) -> dict[str, Any]:
    """Every sample predicted once by a forest that saw nothing of its fold.

    Returns:
        `folds` and the figures of `figures` over all samples, with the accuracy of each fold in `accuracies`; or
        `not_run` with the reason.
    """
    if isinstance(fold, str):
        return {"not_run": fold}
    predicted = np.empty(len(samples.labels), "u1")
    folds = int(fold.max()) + 1
    for number in track(range(folds), title):
        inside, outside = fold != number, fold == number
        predict = fit(samples.values[inside], samples.labels[inside], parameters)
        predicted[outside] = predict(samples.values[outside])
    right = predicted == samples.labels
    accuracies = [round(float(right[fold == number].mean()), 4) for number in range(folds)]
    return {"folds": folds, "accuracies": accuracies, **figures(predicted, samples.labels)}


def choose_parameters(
    samples: Samples, settings: Mapping[str, Any], fit: Fit
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The best of `settings["grid"]` by the macro F1 of the cross-validation.

    Folds are whole polygons, because pixels of one polygon are so alike that a split within it prefers forests
    that learn polygons by heart; they are random where there are too few polygons. Of equals the first is taken.

    Returns:
        The settings with the chosen parameters, and what the model card tells about the choice.
    """
    names = sorted(settings["grid"])
    if not names:
        return dict(settings), {}
    fold, split = polygon_folds(samples), "whole polygons"
    if isinstance(fold, str):
        print(f"parameters are chosen by random pixels: {fold}", file=sys.stderr)
        fold, split = random_folds(samples, int(settings["seed"])), "random pixels, stratified"
    results = []
    for combination in itertools.product(*(settings["grid"][name] for name in names)):
        parameters = dict(zip(names, combination, strict=True))
        found = cross_validate(samples, fold, fit, {**settings, **parameters}, f"grid {parameters}")
        results.append({"parameters": parameters, "macro_f1": found["macro_f1"]})
    best = max(results, key=lambda result: result["macro_f1"])
    told = {"criterion": "macro F1", "split": split, "chosen": best["parameters"], "results": results}
    return {**settings, **best["parameters"]}, told


def figures(predicted: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Accuracy, balanced accuracy, kappa, F1 per class and their mean, and confusion matrix (rows: truth)."""
    from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, f1_score, recall_score

    codes = list(range(len(CLASSES)))
    options: dict[str, Any] = {"labels": codes, "average": None, "zero_division": 0.0}
    f1 = f1_score(labels, predicted, **options)
    recall = recall_score(labels, predicted, **options)
    return {
        "samples": len(labels),
        "accuracy": round(float(accuracy_score(labels, predicted)), 4),
        "balanced_accuracy": round(float(recall[np.unique(labels)].mean()), 4),
        "kappa": round(float(cohen_kappa_score(labels, predicted)), 4),
        "macro_f1": round(float(f1.mean()), 4),
        "f1": dict(zip(CLASSES, (round(float(value), 4) for value in f1), strict=True)),
        "confusion": confusion_matrix(labels, predicted, labels=codes).tolist(),
    }
