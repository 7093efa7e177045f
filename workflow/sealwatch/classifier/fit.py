"""Fitting the land-cover network with TorchGeo and Lightning."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from . import torchvision_ops

torchvision_ops.ensure()

import torch  # noqa: E402
from lightning.pytorch import Callback, LightningModule, Trainer  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.optim.lr_scheduler import OneCycleLR  # noqa: E402
from torch.utils.data import DataLoader, IterableDataset  # noqa: E402
from torchgeo.trainers import ClassificationTask  # noqa: E402

from ..errors import ConfigError, ModelError  # noqa: E402
from ..keys import LAND_COVER_CLASSES  # noqa: E402
from ..symmetry import turned_views  # noqa: E402
from .augmentation import jitter_reflectance, turn  # noqa: E402
from .centre_mix import mix_centre  # noqa: E402
from .network import build_network  # noqa: E402
from .normalisation import Normalisation, band_statistics  # noqa: E402
from .patches import PatchSet  # noqa: E402

_PREDICT_BATCH = 256
_LEAST_BATCH = 8

T = TypeVar("T")


class AugmentedBatches(IterableDataset[dict[str, Tensor]]):
    """One epoch of shuffled, augmented, normalised batches, made in memory a batch at a time.

    Args:
        reflectance: uint16 [n, bands, 64, 64].
        labels: int64 [n].
        normalisation: applied after the jitter, as in the exported model.
        settings: `batch_size`, `jitter`, `centre_mix`, `patch_stride`, `seed`.
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
        self._centre_mix, self._cell_px = float(settings["centre_mix"]), int(settings["patch_stride"])
        self._generator = torch.Generator().manual_seed(int(settings["seed"]))

    def __len__(self) -> int:
        """Batches in an epoch; patches that do not fill one wait for the next shuffle."""
        return len(self._labels) // self._batch

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = torch.randperm(len(self._labels), generator=self._generator)
        for batch in order.split(self._batch)[: len(self)]:
            patches, labels = self._reflectance[batch].float(), self._labels[batch]
            if self._centre_mix > 0:
                patches, labels = mix_centre(
                    patches, labels, self._cell_px, self._centre_mix, self._generator
                )
            patches = turn(patches, self._generator)
            if self._jitter > 0:
                patches = jitter_reflectance(patches, self._jitter, self._generator)
            image = self._normalisation(patches).contiguous(memory_format=torch.channels_last)
            yield {"image": image, "label": labels}


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
    """Prints at most twenty-one plain lines over a training."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember the start."""
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print loss and accuracy of the epoch."""
        done, total = trainer.current_epoch + 1, trainer.max_epochs or 1
        if done % -(-total // 20) and done != total:
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


def halving(run: Callable[[int], T], batch: int, least: int = _LEAST_BATCH) -> T:
    """Call `run(batch)`, again with half the batch each time the GPU's memory does not suffice.

    Raises:
        ModelError: not even `least` patches fit.
    """
    while True:
        try:
            return run(batch)
        except torch.OutOfMemoryError:
            if batch // 2 < least:
                raise ModelError(
                    f"classifier.backbone: the GPU's memory does not hold {batch} patches; choose a smaller network, "
                    "free the GPU, or set classifier.device: cpu"
                ) from None
        batch //= 2
        torch.cuda.empty_cache()
        print(f"the GPU's memory is full: going on with batches of {batch}", file=sys.stderr, flush=True)


def predict_logits(
    network: nn.Module, normalisation: Normalisation, reflectance: np.ndarray, flips: bool = False
) -> np.ndarray:
    """Logits, float32 [n, classes], of uint16 [n, bands, 64, 64] reflectance x 10000.

    Args:
        network: maps normalised patches to logits.
        normalisation: made for it.
        reflectance: the patches.
        flips: mean over the eight flips and quarter turns of each patch, as at inference.
    """
    if flips:
        views = turned_views(reflectance, every=True)
        return np.mean([predict_logits(network, normalisation, view) for view in views], axis=0)
    network = network.eval()
    device = next(network.parameters()).device

    def run(batch: int) -> np.ndarray:
        parts = []
        for first in range(0, len(reflectance), batch):
            block = torch.from_numpy(reflectance[first : first + batch].astype(np.float32))
            image = normalisation(block).contiguous(memory_format=torch.channels_last)
            parts.append(network(image.to(device)).cpu().numpy())
        return np.concatenate(parts)

    with torch.inference_mode():
        return halving(run, _PREDICT_BATCH)


def fit(
    patches: PatchSet, chosen: np.ndarray, settings: Mapping[str, Any], threads: int
) -> tuple[nn.Module, Normalisation]:
    """Train a network on some of the patches.

    Args:
        patches: all labelled patches.
        chosen: bool [n], True for those to train on, or int64 indices of them, where repeated ones count repeatedly.
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
    wanted = int(settings["batch_size"])
    return halving(
        lambda batch: _fit(patches, chosen, {**settings, "batch_size": batch}, accelerator),
        wanted,
        min(_LEAST_BATCH, wanted),
    )


def _fit(
    patches: PatchSet, chosen: np.ndarray, settings: Mapping[str, Any], accelerator: str
) -> tuple[nn.Module, Normalisation]:
    torch.manual_seed(int(settings["seed"]))
    reflectance, labels = patches.reflectance[chosen], patches.labels[chosen]
    normalisation = Normalisation(settings["normalisation"], patches.bands, *band_statistics(reflectance))
    network = build_network(settings["backbone"], patches.bands, LAND_COVER_CLASSES, settings["weights"])
    # A third faster on CPUs.
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
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
    network = network.cpu().to(memory_format=torch.contiguous_format)
    return network.eval(), normalisation
