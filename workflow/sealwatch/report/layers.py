"""Provenance of the layers, from the root attributes of their files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import hdf5
from ..files import value_digest
from .sources import Products


@dataclass(frozen=True, slots=True)
class Layer:
    """A kind of product: what it is, files looked at, and what their attributes say, joined where they differ."""

    step: str
    about: str
    files: int
    software: str
    baseline: str
    inputs: int
    digests: Sequence[tuple[str, str]]


def layers(products: Products) -> list[Layer]:
    """A row for each kind of HDF5 product, in the order of the pipeline.

    Raises:
        RasterError: a file cannot be read.
    """
    kinds = (
        ("area on the grid", products.grids),
        ("scenes (the newest of each tile)", products.scenes),
        ("classified scenes (the newest of each tile)", products.land_cover),
        ("mosaics (the newest of each zone)", products.mosaics),
        ("monthly composites", products.months),
        ("half-year composites", products.halves),
        ("changes", products.cells),
        ("segmented orthophotos", products.segmentations),
    )
    return [_layer(about, paths) for about, paths in kinds if paths]


def _layer(about: str, paths: Sequence[str | Path]) -> Layer:
    every = [hdf5.root_attributes(path) for path in paths]
    inputs = [json.loads(found.get("inputs", "{}")) for found in every]
    models = _distinct(each["model"] for each in inputs if "model" in each)
    models += _distinct(found["model_digest"] for found in every if "model_digest" in found)
    return Layer(
        ", ".join(_distinct(found.get("step", "") for found in every)),
        about,
        len(paths),
        ", ".join(_distinct(found.get("software", "") for found in every)),
        ", ".join(_distinct(str(found.get("step_baseline", "")) for found in every)),
        sum(len(each) for each in inputs),
        [("model", digest) for digest in models],
    )


def settings_rows(settings: Mapping[str, Any]) -> tuple[list[tuple[str, str]], str]:
    """Settings as rows of dotted key and value, and the digest of them all."""
    return list(_flat(settings)), value_digest(dict(settings))


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    for key, value in sorted(settings.items()):
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", json.dumps(value, ensure_ascii=False)


def _distinct(values: Iterable[str]) -> list[str]:
    return sorted(set(values))
