"""The two networks whose view of the country is measured: trained on pure patches, and with `mix_centre`.

Both are trained by `sealwatch.classifier.train.fit` on the same real patches with the same number of steps, from the
same weights. A third of the patches, whole lon/lat cells, is held out: what the networks say of these, and of
pieces of these pasted into each other, is the observation model of the country.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sealwatch.classifier.assessment import assess, fit_temperature
from sealwatch.classifier.bands import SATLAS_BANDS
from sealwatch.classifier.patches import PatchSet, read_patches, spatial_cells, spatial_split
from sealwatch.files import value_digest, write_json
from sealwatch.keys import LAND_COVER_CLASSES
from sealwatch.sentinel2.model_file import LandCoverModel

SETTINGS: dict[str, Any] = {
    "backbone": "tf_efficientnet_lite0",
    "weights": os.environ.get("COUNTRY_WEIGHTS") or None,
    "normalisation": "zscore-dataset",
    "epochs": 8,
    "batch_size": 32,
    "learning_rate": 0.001,
    "jitter": 0.1,
    "seed": 1,
    "device": "cpu",
}
"""`weights`: a state dict for the nine bands, e.g. of RGB patches of other places; None = random weights."""
CACHE = Path(os.environ.get("ACCURACY_CACHE", Path(tempfile.gettempdir()) / "sealwatch-accuracy"))
"""Networks and their answers, by the digest of what they were made from; delete the folder to make them anew."""
HELD_OUT_SHARE, CELL_DEG, SPLIT_SEED = 0.35, 1.0, 1
MIX_PROBABILITY, MIX_CELL_PX = 0.5, 16


@dataclass(frozen=True, slots=True)
class Network:
    """An exported network and what is known of it.

    Attributes:
        model: ONNX file.
        accuracy: share of held-out pure patches whose class is right.
        impervious_f1: of the same patches, impervious or not.
        held_out: number of these patches.
        text: how it was trained, for the column `data`.
    """

    model: Path
    accuracy: float
    impervious_f1: float
    held_out: int
    text: str

    def classify(self, reflectance: np.ndarray, threads: int = 1) -> np.ndarray:
        """Class probabilities, float32 [n, 10], of uint16 [n, bands, 64, 64]."""
        network = LandCoverModel(self.model, "cpu", threads)
        parts = [
            network.probabilities(reflectance[first : first + 128].astype(np.float32))
            for first in range(0, len(reflectance), 128)
        ]
        return np.concatenate(parts)


def read_split(data: Path) -> tuple[PatchSet, np.ndarray]:
    """The real patches and which are held out, bool [n]."""
    patches = read_patches(data / "eurosat_ms", SATLAS_BANDS)
    cells = spatial_cells(patches.lon, patches.lat, CELL_DEG)
    return patches, spatial_split(patches.labels, cells, HELD_OUT_SHARE, SPLIT_SEED)


def _mixed_epochs(patches: PatchSet, chosen: np.ndarray) -> PatchSet:
    # One freshly mixed copy of the training patches per epoch, to be passed through once.
    import torch

    from sealwatch.classifier.centre_mix import mix_centre

    generator = torch.Generator().manual_seed(SETTINGS["seed"])
    pixels, labels = torch.from_numpy(patches.reflectance[chosen]), torch.from_numpy(patches.labels[chosen])
    copies = [
        mix_centre(pixels, labels, MIX_CELL_PX, MIX_PROBABILITY, generator) for _ in range(SETTINGS["epochs"])
    ]
    lon, lat = (np.tile(v[chosen], SETTINGS["epochs"]) for v in (patches.lon, patches.lat))
    return PatchSet(
        reflectance=torch.cat([p for p, _ in copies]).numpy(),
        labels=torch.cat([c for _, c in copies]).numpy(),
        lon=lon,
        lat=lat,
        bands=patches.bands,
        digest=patches.digest,
    )


def _settings_text(mixed: bool) -> str:
    mix = f", mix_centre {MIX_PROBABILITY:g} for {MIX_CELL_PX} px" if mixed else ", pure patches"
    start = f"weights {Path(SETTINGS['weights']).name}" if SETTINGS["weights"] else "random weights"
    return f"{SETTINGS['backbone']} from {start}, {SETTINGS['epochs']} epochs{mix}"


def train_network(
    patches: PatchSet, held_out: np.ndarray, mixed: bool, folder: Path, threads: int = 1
) -> Network:
    """Train, calibrate and export one network, or take it from `folder` if it was made from the same.

    Args:
        patches: all patches.
        held_out: bool [n], those to keep out of the training; they set the temperature, as in `train`.
        mixed: train with `mix_centre`.
        folder: cache.
        threads: of torch.
    """
    from sealwatch.classifier.export import ReflectanceClassifier, export_onnx
    from sealwatch.classifier.train import _logits, fit

    made_from = {
        "settings": SETTINGS,
        "mix": [MIX_PROBABILITY, MIX_CELL_PX] if mixed else None,
        "patches": patches.digest,
        "held_out": np.flatnonzero(held_out).tolist(),
        "threads": threads,
    }
    stem = folder / f"network_{'centre' if mixed else 'pure'}_{value_digest(made_from)[7:19]}"
    model, notes = stem.with_suffix(".onnx"), stem.with_suffix(".json")
    if not notes.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        if mixed:
            copies = _mixed_epochs(patches, ~held_out)
            every = np.ones(len(copies), bool)
            network, normalisation = fit(copies, every, {**SETTINGS, "epochs": 1}, threads)
        else:
            network, normalisation = fit(patches, ~held_out, SETTINGS, threads)
        logits = _logits(network, normalisation, patches.reflectance[held_out])
        labels = patches.labels[held_out]
        cells = spatial_cells(patches.lon, patches.lat, CELL_DEG)[held_out]
        temperature = fit_temperature(logits, labels)
        export_onnx(
            ReflectanceClassifier(normalisation, network, temperature),
            patches.bands,
            _metadata(patches, temperature),
            model,
        )
        write_json(notes, assess(logits, labels, cells, LAND_COVER_CLASSES) | {"temperature": temperature})
    card = json.loads(notes.read_text(encoding="utf-8"))
    f1 = card["impervious"]["f1"]
    return Network(model, card["overall_accuracy"], f1, int(held_out.sum()), _settings_text(mixed))


def _metadata(patches: PatchSet, temperature: float) -> Mapping[str, str]:
    return {
        "sealwatch_model": "landcover",
        "bands": " ".join(patches.bands),
        "classes": " ".join(LAND_COVER_CLASSES),
        "normalisation": SETTINGS["normalisation"],
        "training_data": patches.digest,
        "temperature": f"{temperature:.6f}",
    }
