"""Training of the land-cover network with TorchGeo and Lightning, measured on places it has not seen."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import torchvision_ops

torchvision_ops.ensure()

import torch  # noqa: E402
from lightning.pytorch import Callback, LightningModule, Trainer  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.optim.lr_scheduler import OneCycleLR  # noqa: E402
from torch.utils.data import DataLoader, IterableDataset  # noqa: E402
from torchgeo.trainers import ClassificationTask  # noqa: E402

from .. import __version__  # noqa: E402
from ..errors import ConfigError  # noqa: E402
from ..keys import LAND_COVER_CLASSES  # noqa: E402
from .assessment import assess, fit_temperature  # noqa: E402
from .augmentation import jitter_reflectance, turn  # noqa: E402
from .bands import check_l2a  # noqa: E402
from .export import ReflectanceClassifier, export_onnx  # noqa: E402
from .model_card import write_model_card  # noqa: E402
from .network import build_network  # noqa: E402
from .normalisation import Normalisation, band_statistics  # noqa: E402
from .patches import PatchSet, random_split, read_patches, spatial_cells, spatial_split  # noqa: E402

_PREDICT_BATCH = 256


class AugmentedBatches(IterableDataset[dict[str, Tensor]]):
    """One epoch of shuffled, augmented, normalised batches, made in memory a batch at a time.

    Args:
        reflectance: uint16 [n, bands, 64, 64].
        labels: int64 [n].
        normalisation: applied after the jitter, as in the exported model.
        settings: `batch_size`, `jitter`, `seed`.
    """

    def __init__(
        self,
        reflectance: np.ndarray,
        labels: np.ndarray,
        normalisation: Normalisation,
        settings: Mapping[str, Any],
    ) -> None:
        self._reflectance = torch.from_numpy(reflectance)
        self._labels = torch.from_numpy(labels)
        self._normalisation = normalisation
        self._batch = min(int(settings["batch_size"]), len(labels))
        self._jitter = float(settings["jitter"])
        self._generator = torch.Generator().manual_seed(int(settings["seed"]))

    def __len__(self) -> int:
        """Batches in an epoch; patches that do not fill one wait for the next shuffle."""
        return len(self._labels) // self._batch

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = torch.randperm(len(self._labels), generator=self._generator)
        for batch in order.split(self._batch)[: len(self)]:
            patches = turn(self._reflectance[batch].float(), self._generator)
            if self._jitter > 0:
                patches = jitter_reflectance(patches, self._jitter, self._generator)
            yield {"image": self._normalisation(patches), "label": self._labels[batch]}


class LandCoverTask(ClassificationTask):
    """TorchGeo's classification task with a checked network and a one-cycle learning rate.

    Args:
        network: maps normalised patches to logits.
        learning_rate: highest rate of the cycle.
        steps: batches of the whole training.
    """

    ignore = ("weights", "network")

    def __init__(self, network: nn.Module, learning_rate: float, steps: int) -> None:
        super().__init__(num_classes=len(LAND_COVER_CLASSES))
        self.model = network
        self._rate, self._steps = learning_rate, steps

    def configure_models(self) -> None:
        """Build nothing: the network comes ready, because TorchGeo drops a first layer that does not fit."""

    def configure_optimizers(self) -> Any:
        """AdamW under the one-cycle policy: robust for short trainings from random weights."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self._rate, weight_decay=0.05)
        schedule = OneCycleLR(optimizer, self._rate, total_steps=self._steps, pct_start=0.25)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class EpochLines(Callback):
    """Prints at most some twenty plain lines over a training."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember the start."""
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print loss and accuracy of the epoch."""
        done, total = trainer.current_epoch + 1, trainer.max_epochs or 1
        if done % max(1, total // 20) and done != total:
            return
        values = trainer.callback_metrics
        print(
            f"epoch {done}/{total}: loss {float(values['train_loss']):.3f}, accuracy of the last batch "
            f"{float(values['train_OverallAccuracy']):.3f}, {time.monotonic() - self._start:.0f} s",
            file=sys.stderr,
            flush=True,
        )


def _accelerator(device: str) -> str:
    if device == "gpu" and not torch.cuda.is_available():
        raise ConfigError("classifier.device: gpu, but torch sees none; use auto, or a CUDA build of torch")
    return "cpu" if device == "cpu" or not torch.cuda.is_available() else "gpu"


def _logits(network: nn.Module, normalisation: Normalisation, reflectance: np.ndarray) -> np.ndarray:
    network = network.eval()
    device = next(network.parameters()).device
    parts = []
    with torch.inference_mode():
        for first in range(0, len(reflectance), _PREDICT_BATCH):
            block = torch.from_numpy(reflectance[first : first + _PREDICT_BATCH]).float()
            parts.append(network(normalisation(block).to(device)).cpu().numpy())
    return np.concatenate(parts)


def fit(
    patches: PatchSet, chosen: np.ndarray, settings: Mapping[str, Any], threads: int
) -> tuple[nn.Module, Normalisation]:
    """Train a network on some of the patches.

    Args:
        patches: all labelled patches.
        chosen: bool [n], True for those to train on.
        settings: the config's `classifier` section.
        threads: of torch on the CPU; for a seed and a number of threads the result is always the same.

    Returns:
        The network in evaluation mode, on the CPU, and its normalisation.

    Raises:
        ConfigError: an unknown backbone, weights or normalisation, or no GPU where one is demanded.
        ModelError: weights that do not fit.
    """
    accelerator = _accelerator(settings["device"])
    torch.set_num_threads(threads)
    torch.manual_seed(int(settings["seed"]))
    reflectance, labels = patches.reflectance[chosen], patches.labels[chosen]
    normalisation = Normalisation(settings["normalisation"], patches.bands, *band_statistics(reflectance))
    network = build_network(settings["backbone"], patches.bands, len(LAND_COVER_CLASSES), settings["weights"])
    batches = AugmentedBatches(reflectance, labels, normalisation, settings)
    epochs = int(settings["epochs"])
    task = LandCoverTask(network, float(settings["learning_rate"]), epochs * len(batches))
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on loader workers, which batches in memory do not need
        trainer = Trainer(
            accelerator=accelerator,
            devices=1,
            max_epochs=epochs,
            deterministic=True,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[EpochLines()],
        )
        trainer.fit(task, DataLoader(batches, batch_size=None))
    return network.cpu().eval(), normalisation


def train(
    patches: str | Path,
    model: str | Path,
    card_json: str | Path,
    card_markdown: str | Path,
    settings: Mapping[str, Any],
    threads: int = 1,
) -> dict[str, Any]:
    """Train, measure, calibrate and export the land-cover network.

    Two validation sets are put aside before training: whole lon/lat cells (places the network has not
    seen) and, from the rest, patches drawn at random (the usual, more flattering figure). The temperature
    is fitted on the first.

    Args:
        patches: folder of labelled patches with its `index.csv`.
        model: ONNX file to write.
        card_json: model card to write as JSON.
        card_markdown: model card to write as Markdown.
        settings: the config's `classifier` section.
        threads: of torch on the CPU.

    Returns:
        The model card.

    Raises:
        ConfigError: settings or index that cannot be used.
        RasterError: a patch that cannot be read.
        ModelError: weights that do not fit.
    """
    bands = check_l2a(settings["bands"])
    data = read_patches(patches, bands)
    share, seed = float(settings["validation_share"]), int(settings["seed"])
    cells = spatial_cells(data.lon, data.lat, float(settings["validation_cell_deg"]))
    spatial = spatial_split(data.labels, cells, share, seed)
    rest = np.flatnonzero(~spatial)
    random = np.zeros(len(data), dtype=bool)
    random[rest[random_split(data.labels[rest], share, seed)]] = True
    chosen = ~(spatial | random)
    counts = f"{chosen.sum()} to train, {spatial.sum()} of other places, {random.sum()} at random"
    print(f"patches: {counts}", file=sys.stderr)

    network, normalisation = fit(data, chosen, settings, threads)
    validation, temperature = {}, 1.0
    for name, held_out in (("spatial", spatial), ("random", random)):
        logits = _logits(network, normalisation, data.reflectance[held_out])
        validation[name] = assess(logits, data.labels[held_out], cells[held_out], LAND_COVER_CLASSES)
        if name == "spatial":
            temperature = fit_temperature(logits, data.labels[held_out])
        print(f"{name} overall accuracy {validation[name]['overall_accuracy']:.3f}", file=sys.stderr)

    card = {
        "model": {
            "backbone": settings["backbone"],
            "weights": settings["weights"] or "none",
            "bands": list(bands),
            "classes": list(LAND_COVER_CLASSES),
            "normalisation": settings["normalisation"],
            "temperature": round(temperature, 6),
            "epochs": int(settings["epochs"]),
            "batch_size": int(settings["batch_size"]),
            "learning_rate": float(settings["learning_rate"]),
            "jitter": float(settings["jitter"]),
            "seed": seed,
            "software": f"sealwatch {__version__}",
        },
        "data": {
            "digest": data.digest,
            "training_patches": int(chosen.sum()),
            "spatial_validation_patches": int(spatial.sum()),
            "random_validation_patches": int(random.sum()),
            "validation_share": share,
            "validation_cell_deg": float(settings["validation_cell_deg"]),
        },
        "validation": validation,
    }
    metadata = {
        "sealwatch_model": "landcover",
        "sealwatch_version": __version__,
        "bands": " ".join(bands),
        "classes": " ".join(LAND_COVER_CLASSES),
        "normalisation": settings["normalisation"],
        "training_data": data.digest,
        "temperature": f"{temperature:.6f}",
    }
    export_onnx(ReflectanceClassifier(normalisation, network, temperature), bands, metadata, model)
    write_model_card(card, card_json, card_markdown)
    return card
