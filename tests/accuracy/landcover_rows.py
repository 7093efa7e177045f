"""The land-cover network on real patches of places it has not seen."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sealwatch.classifier.assessment import assess
from sealwatch.classifier.bands import SATLAS_BANDS
from sealwatch.classifier.normalisation import MODES
from sealwatch.classifier.patches import PatchSet, read_patches
from sealwatch.classifier.splits import spatial_cells, spatial_folds, spatial_split
from sealwatch.keys import LAND_COVER_CLASSES

from .networks import BACKBONE, KEPT, RGB, TRAINING, imagenet_weights, logits, trained
from .table import REAL_DATA_DIR, Figure, not_run, share

CELL_DEG, SEED, FOLDS = 1.0, 1, 5
_RGB_NAMES, _MS_NAMES = (
    tuple(f"eurosat_{kind}_spatial_{figure}" for figure in ("oa", "oa_one_view", "impervious_f1", "ece"))
    for kind in ("rgb", "ms")
)
_MODE_NAMES = {mode: f"normalisation_{mode.replace('-', '_')}_oa" for mode in MODES}


def rgb_patches() -> PatchSet:
    """All RGB patches of EuroSAT at hand, unpacked once."""
    folder = KEPT / "eurosat_rgb"
    if not (folder / "index.csv").is_file():
        with tarfile.open(REAL_DATA_DIR / "eurosat_rgb" / "eurosat_rgb.tar") as archive:
            archive.extractall(folder, filter="data")
        index = (REAL_DATA_DIR / "eurosat_rgb" / "index.csv").read_bytes()
        (folder / "index.csv").write_bytes(index)
    return read_patches(folder, RGB)


def ms_patches() -> PatchSet:
    """All 13-band patches of EuroSAT at hand, as the nine bands of SATLAS."""
    return read_patches(REAL_DATA_DIR / "eurosat_ms", SATLAS_BANDS)


def rgb_checkpoint_without(cells: set[tuple[int, int]], **further: Any) -> Path:
    """Network trained on RGB patches outside some lon/lat cells of one degree; `further` goes over `TRAINING`."""
    data = rgb_patches()
    places = zip(np.floor(data.lon / CELL_DEG), np.floor(data.lat / CELL_DEG), strict=True)
    outside = np.array([(int(x), int(y)) not in cells for x, y in places])
    return trained(data, outside, {**TRAINING, "epochs": 6, "weights": str(imagenet_weights()), **further})


def ms_fold_settings(first: Mapping[str, Any] | None = None, **further: Any) -> dict[str, Any]:
    """How the folds of the 13-band patches are fine-tuned, from RGB patches of places none of them lies in.

    `further` goes over the settings of both trainings, `first` over those of the one on RGB patches.
    """
    data = ms_patches()
    cells = {
        (int(np.floor(x / CELL_DEG)), int(np.floor(y / CELL_DEG)))
        for x, y in zip(data.lon, data.lat, strict=True)
    }
    weights = str(rgb_checkpoint_without(cells, **{**further, **(first or {})}))
    fine = {"epochs": 20, "batch_size": 32, "learning_rate": 0.0005, "weights": weights}
    return {**TRAINING, **fine, **further}


def rgb() -> list[Figure]:
    """EuroSAT RGB: one fifth of the patches held out as whole cells of one degree."""
    if not (REAL_DATA_DIR / "eurosat_rgb").is_dir():
        return not_run(_RGB_NAMES, "no REAL_DATA_DIR/eurosat_rgb")
    data = rgb_patches()
    cells = spatial_cells(data.lon, data.lat, CELL_DEG)
    held_out = spatial_split(data.labels, cells, 0.2, SEED)
    network = trained(data, ~held_out, {**TRAINING, "epochs": 8, "weights": str(imagenet_weights())})
    said = (
        f"EuroSAT RGB, {(~held_out).sum()} patches to train {BACKBONE} from ImageNet weights, whole cells of "
        "one degree held out"
    )
    found, plain = (
        logits(network, BACKBONE, data.reflectance[held_out], flips=flips) for flips in (True, False)
    )
    return _figures(_RGB_NAMES, found, plain, data.labels[held_out], cells[held_out], said, None)


def ms() -> list[Figure]:
    """EuroSAT 13 bands: five folds of whole cells of one degree."""
    if not (REAL_DATA_DIR / "eurosat_ms").is_dir():
        return not_run(_MS_NAMES, "no REAL_DATA_DIR/eurosat_ms")
    data = ms_patches()
    cells = spatial_cells(data.lon, data.lat, CELL_DEG)
    folds = spatial_folds(cells, FOLDS, SEED)
    settings = ms_fold_settings()
    found, plain = np.empty((2, len(data), len(LAND_COVER_CLASSES)), dtype=np.float32)
    for fold in range(FOLDS):
        network, apart = trained(data, folds != fold, settings), folds == fold
        for answers, flips in ((found, True), (plain, False)):
            answers[apart] = logits(network, BACKBONE, data.reflectance[apart], flips=flips)
    said = (
        f"EuroSAT 13 bands as the nine of SATLAS, {FOLDS} folds of whole cells of one degree; {BACKBONE} from ImageNet "
        "weights, then EuroSAT RGB patches of cells without any of these; baseline: logistic regression on "
        "hand-made features"
    )
    return _figures(_MS_NAMES, found, plain, data.labels, cells, said, 0.86)


def _figures(
    names: tuple[str, ...],
    found: np.ndarray,
    plain: np.ndarray,
    labels: np.ndarray,
    cells: np.ndarray,
    said: str,
    baseline: float | None,
) -> list[Figure]:
    """Figures with test-time flips (`found`), and the accuracy of one view of each patch (`plain`)."""
    n = len(labels)
    hits, plain_hits = (int((answers.argmax(axis=1) == labels).sum()) for answers in (found, plain))
    figures = assess(found, labels, cells, LAND_COVER_CLASSES)
    flips = f"test_time_flips: true; {said}"
    scaled = f"after temperature scaling, the temperature from the other half of the places; baseline: before; {flips}"
    return [
        share(names[0], hits, n, flips, baseline),
        share(names[1], plain_hits, n, f"test_time_flips: false; {said}", baseline),
        Figure(names[2], round(figures["impervious"]["f1"], 4), None, None, None, n, flips),
        Figure(
            names[3], round(figures["ece_after"], 4), None, None, round(figures["ece_before"], 4), n, scaled
        ),
    ]


def normalisations() -> list[Figure]:
    """The three modes on the same folds, from random weights, so that none fits the weights better."""
    if not (REAL_DATA_DIR / "eurosat_ms").is_dir():
        return not_run(_MODE_NAMES.values(), "no REAL_DATA_DIR/eurosat_ms")
    data = ms_patches()
    cells = spatial_cells(data.lon, data.lat, CELL_DEG)
    folds = spatial_folds(cells, FOLDS, SEED)
    figures = []
    for mode, name in _MODE_NAMES.items():
        settings = {**TRAINING, "backbone": "resnet10t", "weights": None, "epochs": 8, "batch_size": 32}
        settings |= {"learning_rate": 0.002, "normalisation": mode}
        hits = 0
        for fold in range(FOLDS):
            network = trained(data, folds != fold, settings)
            found = logits(network, "resnet10t", data.reflectance[folds == fold])
            hits += int((found.argmax(axis=1) == data.labels[folds == fold]).sum())
        said = (
            f"normalisation {mode}; resnet10t from random weights, 8 epochs, EuroSAT 13 bands as nine, "
            f"{FOLDS} folds by place"
        )
        figures.append(share(name, hits, len(data), said))
    return figures


GROUPS = {_RGB_NAMES: rgb, _MS_NAMES: ms, tuple(_MODE_NAMES.values()): normalisations}
