"""Networks by name: a TorchGeo backbone for any bands, with weights by name, from a file, or none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import torchvision_ops

torchvision_ops.ensure()

import timm  # noqa: E402
import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torchgeo import models  # noqa: E402

from ..errors import ConfigError, ModelError  # noqa: E402
from .checkpoint import Checkpoint, read_checkpoint  # noqa: E402

_WRAPPERS = ("module.", "model.", "backbone.", "encoder.")
"""Prefixes that training frameworks put before the names of a backbone's parameters."""


def build_network(
    backbone: str, bands: Sequence[str], classes: Sequence[str], weights: str | None
) -> nn.Module:
    """Make a network that maps float32 [n, bands, 64, 64] to logits [n, classes].

    Weights of a checkpoint of Sealwatch may be for fewer or other bands: the first layer takes the kernels of the bands
    it knows by their names and zeros for the others, so the network starts as the one it comes from and learns what
    the new bands add. Its last layer is kept where the classes are the same, and new otherwise.

    Args:
        backbone: name of a TorchGeo model that can be built for any number of bands (ResNets, ViTs), or any
            other timm model.
        bands: names of the input bands.
        classes: names of the classes.
        weights: TorchGeo's name of the weights (`ResNet50_Weights.SENTINEL2_MI_MS_SATLAS`), path of a
            checkpoint or state dict, or None for random weights from torch's global generator.

    Raises:
        ConfigError: unknown backbone or weights, or weights for other bands.
        ModelError: a weight file that cannot be read or does not fit the backbone.
    """
    options: dict[str, Any] = {"in_chans": len(bands), "num_classes": len(classes)}
    if backbone in models.list_models() and timm.is_model(backbone):
        network: nn.Module = models.get_model(backbone, **options)
    elif timm.is_model(backbone):
        network = timm.create_model(backbone, **options)
    else:
        known = sorted(name for name in models.list_models() if timm.is_model(name))
        raise ConfigError(f"classifier.backbone: {backbone!r} is unknown; TorchGeo's are {', '.join(known)}")
    if weights is not None:
        from_file = Path(weights).is_file()
        checkpoint = read_checkpoint(weights) if from_file else _named_weights(weights, backbone, bands)
        _load(network, backbone, checkpoint, weights, bands, classes)
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    if first.in_channels != len(bands):
        raise ModelError(
            f"classifier.backbone: {backbone} takes {first.in_channels} bands, not the {len(bands)} of "
            "classifier.bands"
        )
    return network


def _named_weights(weights: str, backbone: str, bands: Sequence[str]) -> Checkpoint:
    try:
        entry = models.get_weight(weights)
    except ValueError:
        raise ConfigError(
            f"classifier.weights: {weights!r} is neither a file nor a name of TorchGeo, such as "
            "ResNet50_Weights.SENTINEL2_MI_MS_SATLAS"
        ) from None
    expected = tuple(entry.meta["bands"])
    if expected != tuple(bands):
        raise ConfigError(
            f"classifier.bands: {weights} needs {' '.join(expected)} in this order, not {' '.join(bands)}"
        )
    if backbone not in models.list_models() or entry not in models.get_model_weights(backbone):
        raise ConfigError(f"classifier.backbone: {weights} are no weights of {backbone}; change one of them")
    try:
        return Checkpoint(entry.get_state_dict(progress=False))
    except OSError as error:
        raise ModelError(
            f"classifier.weights: {weights} cannot be downloaded ({error}); fetch {entry.url} elsewhere "
            "and give the path of the file"
        ) from error


def _first_kernels(kernels: Tensor, own: Sequence[str], wanted: Sequence[str], source: str) -> Tensor:
    # Kernels [out, bands, y, x] of the first layer for the wanted bands; zeros for bands they do not know.
    shared = [band for band in wanted if band in own]
    if not shared:
        raise ConfigError(
            f"classifier.weights: {source} knows {' '.join(own)}, none of classifier.bands "
            f"({' '.join(wanted)})"
        )
    spread = torch.zeros((kernels.shape[0], len(wanted), *kernels.shape[2:]), dtype=kernels.dtype)
    for band in shared:
        spread[:, wanted.index(band)] = kernels[:, own.index(band)]
    return spread


def _load(
    network: nn.Module,
    backbone: str,
    checkpoint: Checkpoint,
    source: str,
    bands: Sequence[str],
    classes: Sequence[str],
) -> None:
    own = network.state_dict()
    found: dict[str, Tensor] = {}
    for name, value in checkpoint.state.items():
        while name not in own and name.startswith(_WRAPPERS):
            name = name.split(".", 1)[1]
        found[name] = value
    head = [name for name in own if name.startswith(("fc.", "head.", "classifier."))]
    first = next(name for name, value in own.items() if value.ndim == 4)
    if first in found and checkpoint.bands is not None:
        found[first] = _first_kernels(found[first], checkpoint.bands, list(bands), source)
    if first in found and found[first].ndim == 4 and found[first].shape[1] != len(bands):
        raise ConfigError(
            f"classifier.weights: {source} takes {found[first].shape[1]} bands, classifier.bands has {len(bands)}"
        )
    wrong = [n for n in own if n not in head and (n not in found or found[n].shape != own[n].shape)]
    if wrong:
        raise ModelError(
            f"{source}: does not fit {backbone} ({len(wrong)} of {len(own)} parameters, first {wrong[0]}); "
            "change classifier.weights or classifier.backbone"
        )
    kept = head if checkpoint.classes == tuple(classes) else []
    network.load_state_dict(
        {n: v for n, v in found.items() if n in own and (n not in head or n in kept)}, strict=False
    )
