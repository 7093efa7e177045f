"""What a classifier is worth: accuracy, per-class figures, calibration and its temperature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from ..keys import IMPERVIOUS_CLASSES

_ECE_BINS = 15


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities, float64 [n, classes], of logits divided by a temperature."""
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Temperature that minimises the negative log-likelihood of held-out patches, between 0.1 and 10.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2.
    """

    def loss(log_temperature: float) -> float:
        own = softmax(logits, float(np.exp(log_temperature)))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(own, 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.1), np.log(10.0)), method="bounded").x))


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean distance between confidence and accuracy over 15 equal bins, weighted by their patches.

    Source: Guo et al. 2017, equation 3.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * _ECE_BINS).astype(int), _ECE_BINS - 1)
    gaps = np.bincount(bins, weights=confidence - correct, minlength=_ECE_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def cross_fitted_probabilities(logits: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Calibrated probabilities where each half of the groups uses the temperature of the other half.

    So the error after scaling is measured on patches, and places, that did not set the temperature.

    Args:
        logits: float [n, classes].
        labels: int [n].
        groups: int [n], e.g. the lon/lat cell of each patch.
    """
    second = np.isin(groups, np.unique(groups)[1::2])
    probabilities = np.empty(logits.shape, dtype=np.float64)
    for half in (second, ~second):
        others = ~half if (~half).any() else half
        probabilities[half] = softmax(logits[half], fit_temperature(logits[others], labels[others]))
    return probabilities


def _ratio(part: float, whole: float) -> float | None:
    return round(float(part / whole), 6) if whole else None


def _precision_recall_f1(hits: float, predicted: float, actual: float) -> dict[str, float | None]:
    return {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, actual),
        "f1": _ratio(2 * hits, predicted + actual),
    }


def impervious_figures(
    predicted: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> dict[str, float | None]:
    """Precision, recall and F1 of impervious yes or no, of class codes int [n]."""
    codes = np.flatnonzero(np.isin(classes, IMPERVIOUS_CLASSES))
    said, true = np.isin(predicted, codes), np.isin(labels, codes)
    return _precision_recall_f1((said & true).sum(), said.sum(), true.sum())


def compare(
    exact: np.ndarray, quantised: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> dict[str, float | None]:
    """Figures of a quantised model beside the exact one's answers to the same patches.

    Args:
        exact: calibrated probabilities [n, classes] of the float32 model.
        quantised: those of the int8 model.
        labels: int [n].
        classes: names in the order of the probabilities.

    Returns:
        `overall_accuracy`, `impervious_f1` and `ece` of the quantised model, `agreement`, the share of patches to
        which both give the same class, and `largest_difference` of a probability.
    """
    predicted = quantised.argmax(axis=1)
    return {
        "overall_accuracy": round(float((predicted == labels).mean()), 6),
        "impervious_f1": impervious_figures(predicted, labels, classes)["f1"],
        "ece": round(expected_calibration_error(quantised, labels), 6),
        "agreement": round(float((predicted == exact.argmax(axis=1)).mean()), 6),
        "largest_difference": round(float(np.abs(quantised - exact).max()), 6),
    }


def assess(
    logits: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Figures of one validation set as JSON values.

    Args:
        logits: float [n, classes] before temperature scaling.
        labels: int [n].
        groups: int [n], place of each patch, for the cross-fitted calibration error.
        classes: class names in the order of the logits.

    Returns:
        `patches`, `overall_accuracy`, `classes` (precision, recall, f1, patches of each; null where
        undefined), `impervious` (the same for yes/no), `confusion` (rows actual, columns predicted) and
        `ece_before`, `ece_after` temperature scaling.
    """
    predicted = logits.argmax(axis=1)
    size = len(classes)
    confusion = np.bincount(labels * size + predicted, minlength=size * size).reshape(size, size)
    return {
        "patches": len(labels),
        "overall_accuracy": round(float(np.trace(confusion) / confusion.sum()), 6),
        "classes": {
            name: {
                **_precision_recall_f1(confusion[i, i], confusion[:, i].sum(), confusion[i].sum()),
                "patches": int(confusion[i].sum()),
            }
            for i, name in enumerate(classes)
        },
        "impervious": impervious_figures(predicted, labels, classes),
        "confusion": confusion.tolist(),
        "ece_before": round(expected_calibration_error(softmax(logits), labels), 6),
        "ece_after": round(
            expected_calibration_error(cross_fitted_probabilities(logits, labels, groups), labels), 6
        ),
    }
