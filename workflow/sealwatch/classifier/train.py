"""Training of the land-cover network from labelled patches to model files and model card."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..files import file_digest
from ..keys import LAND_COVER_CLASSES
from .assessment import assess, compare, fit_temperature
from .bands import check_l2a
from .checkpoint import write_checkpoint
from .export import ReflectanceClassifier, export_onnx
from .exported import exported_probabilities
from .figure import confusion_figure
from .fit import fit, predict_logits
from .local_patches import read_local_patches
from .model_card import write_model_card
from .patches import read_patches
from .quantise import quantise_onnx
from .splits import random_split, spatial_cells, spatial_split

_CALIBRATION_PATCHES = 128
"""Training patches whose activations set the scales of the int8 model; ONNX Runtime holds all of them at once."""

_HYPERPARAMETERS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "jitter",
    "centre_mix",
    "local_repeats",
    "test_time_flips",
    "seed",
)


def train(
    patches: str | Path,
    outputs: Mapping[str, str | Path],
    settings: Mapping[str, Any],
    threads: int = 1,
    local_patches: str | Path | None = None,
) -> dict[str, Any]:
    """Train, measure, calibrate and export the land-cover network.

    Two validation sets are put aside before training: whole lon/lat cells (places the network has not
    seen) and, from the rest, patches drawn at random (the usual, more flattering figure). The temperature
    is fitted on the first, with test-time flips where inference uses them.

    Args:
        patches: folder of labelled patches with its `index.csv`.
        outputs: files to write: `model` (ONNX, float32), `model_int8` (ONNX, static int8 for CPUs), `checkpoint`
            (torch), `card` (JSON), `card_text` (Markdown) and `confusion` (SVG).
        settings: the config's `classifier` section, with `patch_stride` of the grid.
        threads: of torch on the CPU.
        local_patches: file of `local_patches.label_patches`: patches of the user's own scenes.

    Returns:
        The model card.

    Raises:
        ConfigError: settings or index that cannot be used.
        RasterError: a patch that cannot be read.
        ModelError: weights that do not fit.
    """
    bands = check_l2a(settings["bands"])
    data = read_patches(patches, bands)
    repeats = np.ones(len(data), dtype=np.int64)
    if local_patches is not None:
        own = read_local_patches(local_patches, bands)
        data = data.joined(own)
        repeats = np.concatenate([repeats, np.full(len(own), int(settings["local_repeats"]))])
    share, seed = float(settings["validation_share"]), int(settings["seed"])
    cells = spatial_cells(data.lon, data.lat, float(settings["validation_cell_deg"]))
    spatial = spatial_split(data.labels, cells, share, seed)
    rest = np.flatnonzero(~spatial)
    random = np.zeros(len(data), dtype=bool)
    random[rest[random_split(data.labels[rest], share, seed)]] = True
    chosen = ~(spatial | random)
    counts = f"{chosen.sum()} to train, {spatial.sum()} of other places, {random.sum()} at random"
    print(f"patches: {counts}", file=sys.stderr)

    network, normalisation = fit(data, np.repeat(np.flatnonzero(chosen), repeats[chosen]), settings, threads)
    held_out = {"spatial": spatial, "random": random}
    logits = {
        name: predict_logits(network, normalisation, data.reflectance[which], settings["test_time_flips"])
        for name, which in held_out.items()
    }
    temperature = fit_temperature(logits["spatial"], data.labels[spatial])
    validation = {
        name: assess(logits[name], data.labels[which], cells[which], LAND_COVER_CLASSES)
        for name, which in held_out.items()
    }
    for name, figures in validation.items():
        print(f"{name} overall accuracy {figures['overall_accuracy']:.3f}", file=sys.stderr)

    about = {
        "backbone": settings["backbone"],
        "bands": list(bands),
        "classes": list(LAND_COVER_CLASSES),
        "normalisation": settings["normalisation"],
        "band_mean": [round(float(value), 6) for value in normalisation.mean],
        "band_std": [round(float(value), 6) for value in normalisation.std],
        "temperature": round(temperature, 6),
        "software": f"sealwatch {__version__}",
    }
    metadata = {
        "sealwatch_model": "landcover",
        "sealwatch_version": __version__,
        "training_data": data.digest,
        **{k: " ".join(map(str, v)) if isinstance(v, list) else str(v) for k, v in about.items()},
    }
    write_checkpoint(outputs["checkpoint"], network.state_dict(), about)
    export_onnx(ReflectanceClassifier(normalisation, network, temperature), bands, metadata, outputs["model"])
    calibration = np.random.default_rng(seed).permutation(np.flatnonzero(chosen))[:_CALIBRATION_PATCHES]
    quantise_onnx(
        outputs["model"], data.reflectance[np.sort(calibration)].astype(np.float32), outputs["model_int8"]
    )
    int8 = {}
    for name, which in held_out.items():
        exact, small = (
            exported_probabilities(outputs[file], data.reflectance[which]) for file in ("model", "model_int8")
        )
        int8[name] = compare(exact, small, data.labels[which], LAND_COVER_CLASSES)
    card = {
        "model": {
            **about,
            "weights": settings["weights"] or "none",
            **{key: settings[key] for key in _HYPERPARAMETERS},
        },
        "data": {
            "digest": data.digest,
            "training_patches": int(chosen.sum()),
            "spatial_validation_patches": int(spatial.sum()),
            "random_validation_patches": int(random.sum()),
            "local_patches": len(own) if local_patches is not None else 0,
            "validation_share": share,
            "validation_cell_deg": float(settings["validation_cell_deg"]),
        },
        "files": {
            Path(outputs[k]).name: file_digest(outputs[k]) for k in ("model", "model_int8", "checkpoint")
        },
        "validation": validation,
        "int8": int8,
    }
    write_model_card(card, outputs["card"], outputs["card_text"], Path(outputs["confusion"]).name)
    confusion_figure(
        validation["spatial"]["confusion"],
        LAND_COVER_CLASSES,
        f"Other places, {int(spatial.sum())} patches",
        outputs["confusion"],
    )
    return card
