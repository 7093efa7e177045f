"""The accuracy statement of a sample: accuracies and areas with their 95 % intervals, and what to doubt in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...files import write_json, write_text
from .estimate import Accuracy, Estimate, estimate
from .planner import CLASSES
from .reference import OUTCOMES, Interpreted, outcomes
from .statement_text import csv_text, markdown

FEW_UNITS = 50
"""Labelled units that a stratum should have; Olofsson et al. (2014) advise 50 to 100 for rare classes."""

FEW_OMISSIONS = 5
AGREEMENT = 0.9
PAIRED_UNITS = 20


def make_statement(found: Interpreted, referee: str | None = None) -> dict[str, Any]:
    """Estimate from the labels given so far; units without a label count for nothing.

    Args:
        found: the sample.
        referee: whose labels count before all others.

    Returns:
        Serialisable: the sample, its strata with outcomes, matrices, accuracies and areas (km2) with their limits,
        agreement and warnings. Limits `low` and `high` are the score ones, those under `normal` Olofsson's.

    Raises:
        SampleError: the referee is unknown.
        EstimateError: a stratum has too few labelled units.
    """
    seen = found.units.assign(outcome=outcomes(found.units["unit"], found.labels, referee))
    number = (
        pd.crosstab(seen["stratum"], seen["outcome"])
        .reindex([s["stratum"] for s in found.strata], columns=OUTCOMES, fill_value=0)
        .to_numpy()
    )
    row = [CLASSES.index(s["map_label"]) for s in found.strata]
    accuracy = _estimate(found, row, number[:, :2])
    total_km2 = sum(s["area_m2"] for s in found.strata) / 1e6
    sample, cell_km2 = found.sample, found.sample["cell_size_m"] ** 2 / 1e6
    return {
        "sample": sample["sample"],
        "title": sample["title"],
        "period": [sample["period_start"], sample["period_end"]],
        "closed": sample["closed_at"] is not None,
        "map_digest": sample["map_digest"],
        "buffer_cells": sample["buffer_cells"],
        "area_km2": _rounded(total_km2),
        "unobserved_km2": _rounded(sample["unobserved_cells"] * cell_km2),
        "strata": [
            {
                "stratum": s["stratum"],
                "map_label": s["map_label"],
                "cells": s["cells"],
                "area_km2": _rounded(s["area_m2"] / 1e6),
                "units": s["units"],
                **dict(zip(OUTCOMES, n.tolist(), strict=True)),
            }
            for s, n in zip(found.strata, number, strict=True)
        ],
        "classes": list(CLASSES),
        "matrix_units": [
            sum((n[:2] for n, i in zip(number, row, strict=True) if i == k), np.zeros(2, "i8")).tolist()
            for k in range(2)
        ],
        "matrix_shares": [[_rounded(v) for v in line] for line in accuracy.matrix],
        "overall_accuracy": _limits(accuracy.overall),
        "users_accuracy": dict(zip(CLASSES, map(_limits, accuracy.users), strict=True)),
        "producers_accuracy": dict(zip(CLASSES, map(_limits, accuracy.producers), strict=True)),
        "areas_km2": {
            name: {
                "mapped": _rounded(sum(s["area_m2"] for s in found.strata if s["map_label"] == name) / 1e6),
                **(_limits(share, total_km2) or {}),
            }
            for name, share in zip(CLASSES, accuracy.area, strict=True)
        },
        "change_km2_if_all_others": _if_all_others(found, row, number, total_km2),
        "agreement": found.agreement,
        "warnings": _warnings(found, number, cell_km2),
    }


def write_statement(statement: dict[str, Any], folder: str | Path) -> list[Path]:
    """Write `statement.json`, `statement.md` and `statement.csv` into a folder; returns their paths."""
    paths = [Path(folder, f"statement.{suffix}") for suffix in ("json", "md", "csv")]
    write_json(paths[0], statement)
    write_text(paths[1], markdown(statement))
    write_text(paths[2], csv_text(statement))
    return paths


def _estimate(found: Interpreted, row: list[int], number: np.ndarray) -> Accuracy:
    counts = np.zeros((len(row), 2, 2))
    counts[np.arange(len(row)), row] = number
    return estimate(counts, [s["cells"] for s in found.strata], [s["stratum"] for s in found.strata])


def _if_all_others(
    found: Interpreted, row: list[int], number: np.ndarray, total_km2: float
) -> dict[str, float] | None:
    """Area of change if all units without a label showed change, or none of them did."""
    without = number[:, 2:].sum(axis=1)
    if without.sum() == 0:
        return None
    return {
        name: _rounded(
            _estimate(found, row, number[:, :2] + without[:, None] * (np.arange(2) == k)).area[0].value
            * total_km2
        )
        for k, name in enumerate(CLASSES)
    }


def _limits(found: Estimate | None, factor: float = 1.0) -> dict[str, Any] | None:
    if found is None:
        return None
    low, high = found.score or found.normal
    return {
        "value": _rounded(found.value * factor),
        "low": _rounded(low * factor),
        "high": _rounded(high * factor),
        "standard_error": _rounded(found.standard_error * factor),
        "normal": [_rounded(v * factor) for v in found.normal],
    }


def _rounded(value: float) -> float:
    return round(float(value), 6)


def _warnings(found: Interpreted, number: np.ndarray, cell_km2: float) -> list[str]:
    said = []
    if found.sample["closed_at"] is None:
        said.append("the sample is open: labels may still change")
    for s, n in zip(found.strata, number.tolist(), strict=True):
        name, labelled, without = s["stratum"], sum(n[:2]), sum(n[2:])
        if labelled < min(FEW_UNITS, s["cells"]):
            said.append(f"stratum {name}: {labelled} labelled units; {FEW_UNITS} or more are advised")
        if without:
            reasons = ", ".join(f"{k} {o}" for k, o in zip(n[2:], OUTCOMES[2:], strict=True) if k)
            said.append(
                f"stratum {name}: {without} of {s['units']} units have no label ({reasons}); the others are taken to "
                "stand for them"
            )
        if s["map_label"] != CLASSES[0] and 0 < labelled < s["cells"] and n[0] < FEW_OMISSIONS:
            each = s["cells"] / labelled * cell_km2
            said.append(
                f"stratum {name}: {n[0]} units show change that the map lacks, and each stands for {each:.2f} km2; "
                "read the interval, not the value"
            )
    people = found.labels["reviewer"].nunique()
    if people < 2:
        said.append("fewer than two people have labelled units: how sure the labels are is unknown")
    for pair in found.agreement:
        if pair["units"] >= PAIRED_UNITS and pair["agreed"] < AGREEMENT * pair["units"]:
            said.append(
                f"{pair['reviewer_a']} and {pair['reviewer_b']} gave the same label to only {pair['agreed']} of "
                f"{pair['units']} units; errors of the labels are not in the intervals"
            )
    return said
