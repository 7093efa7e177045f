"""The two networks whose view of the country is measured: trained on pure patches, and with `classifier.centre_mix`.

Both are fine-tuned by the library's trainer on the same real patches, each from a network trained its way on RGB
patches of other places; the mixed one takes twice the epochs, because its task is harder and its patches never the
same. A third of the patches, whole lon/lat cells, is held out: what the networks say of these, and of pieces of these
pasted into each other, is the observation model of the country.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sealwatch.classifier.assessment import assess, fit_temperature, softmax
from sealwatch.classifier.patches import PatchSet
from sealwatch.classifier.splits import spatial_cells, spatial_split
from sealwatch.keys import LAND_COVER_CLASSES

from .landcover_rows import CELL_DEG, SEED, ms_fold_settings, ms_patches
from .networks import BACKBONE, logits, trained

HELD_OUT_SHARE = 0.35
MIX_SHARE, MIX_CELL_PX = 0.75, 16
MIX_EPOCHS_RGB, MIX_EPOCHS = 12, 40
_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Network:
    """A trained network and what is known of it.

    Attributes:
        checkpoint: of the trainer.
        temperature: of its calibrated softmax, fitted on the held-out patches as in rule `train_classifier`.
        accuracy: share of held-out pure patches whose class is right.
        impervious_f1: of the same patches, impervious or not.
        held_out: number of these patches.
        text: how it was trained, for the column `data`.
    """

    checkpoint: Path
    temperature: float
    accuracy: float
    impervious_f1: float
    held_out: int
    text: str

    def classify(self, reflectance: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 [n, 10], of uint16 [n, bands, 64, 64]."""
        parts = [
            softmax(logits(self.checkpoint, BACKBONE, reflectance[first : first + _BATCH]), self.temperature)
            for first in range(0, len(reflectance), _BATCH)
        ]
        return np.concatenate(parts).astype(np.float32)


def read_split() -> tuple[PatchSet, np.ndarray]:
    """The real patches and which are held out, bool [n]."""
    patches = ms_patches()
    cells = spatial_cells(patches.lon, patches.lat, CELL_DEG)
    return patches, spatial_split(patches.labels, cells, HELD_OUT_SHARE, SEED)


def train_network(patches: PatchSet, held_out: np.ndarray, mixed: bool) -> Network:
    """Train and calibrate one network, or take it from the kept ones.

    Args:
        patches: all patches.
        held_out: bool [n], those to keep out of the training.
        mixed: train with `classifier.centre_mix`.
    """
    if mixed:
        mix = {"centre_mix": MIX_SHARE, "patch_stride": MIX_CELL_PX, "epochs": MIX_EPOCHS}
        settings = ms_fold_settings({"epochs": MIX_EPOCHS_RGB}, **mix)
    else:
        settings = ms_fold_settings()
    checkpoint = trained(patches, ~held_out, settings)
    labels = patches.labels[held_out]
    found = logits(checkpoint, BACKBONE, patches.reflectance[held_out])
    cells = spatial_cells(patches.lon, patches.lat, CELL_DEG)[held_out]
    figures = assess(found, labels, cells, LAND_COVER_CLASSES)
    how = "pure patches"
    if mixed:
        how = f"centre_mix {MIX_SHARE:g} for {MIX_CELL_PX} px, on RGB patches too"
    return Network(
        checkpoint,
        fit_temperature(found, labels),
        figures["overall_accuracy"],
        figures["impervious"]["f1"],
        len(labels),
        f"{BACKBONE}, {int((~held_out).sum())} patches, {settings['epochs']} epochs, {how}",
    )
