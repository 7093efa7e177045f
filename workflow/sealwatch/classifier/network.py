"""Networks by name: a TorchGeo backbone for any bands, with weights by name, from a file, or none."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import torchvision_ops

torchvision_ops.ensure()

import timm  # noqa: E402
import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torchgeo import models  # noqa: E402

from ..errors import ConfigError, ModelError  # noqa: E402

_WRAPPERS = ("module.", "model.", "backbone.", "encoder.")
"""Prefixes that training frameworks put before the names of a backbone's parameters."""


def build_network(backbone: str, bands: Sequence[str], classes: int, weights: str | None) -> nn.Module:
    """Make a network that maps float32 [n, bands, 64, 64] to logits [n, classes].

    Args:
        backbone: name of a TorchGeo model that can be built for any number of bands (ResNets, ViTs), or any
            other timm model.
        bands: names of the input bands.
        classes: number of classes; the last layer is always new.
        weights: TorchGeo's name of the weights (`ResNet50_Weights.SENTINEL2_MI_MS_SATLAS`), path of a
            state dict, or None for random weights from torch's global generator.

    Raises:
        ConfigError: unknown backbone or weights, or weights for other bands.
        ModelError: a weight file that cannot be read or does not fit the backbone.
    """
    options: dict[str, Any] = {"in_chans": len(bands), "num_classes": classes}
    if backbone in models.list_models() and timm.is_model(backbone):
        network: nn.Module = models.get_model(backbone, **options)
    elif timm.is_model(backbone):
        network = timm.create_model(backbone, **options)
    else:
        known = sorted(name for name in models.list_models() if timm.is_model(name))
        raise ConfigError(f"classifier.backbone: {backbone!r} is unknown; TorchGeo's are {', '.join(known)}")
    if weights is not None:
        _load(network, backbone, _read_weights(weights, backbone, bands), weights, len(bands))
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    if first.in_channels != len(bands):
        raise ModelError(
            f"classifier.backbone: {backbone} takes {first.in_channels} bands, not the {len(bands)} of "
            "classifier.bands"
        )
    return network


def _read_weights(weights: str, backbone: str, bands: Sequence[str]) -> Mapping[str, Tensor]:
    if not Path(weights).is_file():
        return _named_weights(weights, backbone, bands)
    try:
        content = torch.load(weights, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{weights}: no state dict ({reason}); change classifier.weights") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ModelError(f"{weights}: holds no state dict of torch; change classifier.weights")
    return state


def _named_weights(weights: str, backbone: str, bands: Sequence[str]) -> Mapping[str, Tensor]:
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
        return entry.get_state_dict(progress=False)
    except OSError as error:
        raise ModelError(
            f"classifier.weights: {weights} cannot be downloaded ({error}); fetch {entry.url} elsewhere "
            "and give the path of the file"
        ) from error


def _load(network: nn.Module, backbone: str, state: Mapping[str, Tensor], source: str, bands: int) -> None:
    own = network.state_dict()
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        while name not in own and name.startswith(_WRAPPERS):
            name = name.split(".", 1)[1]
        found[name] = value
    head = [name for name in own if name.startswith(("fc.", "head."))]
    first = next(name for name, value in own.items() if value.ndim == 4)
    if first in found and found[first].shape[1] != bands:
        raise ConfigError(
            f"classifier.weights: {source} takes {found[first].shape[1]} bands, classifier.bands has {bands}"
        )
    wrong = [n for n in own if n not in head and (n not in found or found[n].shape != own[n].shape)]
    if wrong:
        raise ModelError(
            f"{source}: does not fit {backbone} ({len(wrong)} of {len(own)} parameters, first {wrong[0]}); "
            "change classifier.weights or classifier.backbone"
        )
    network.load_state_dict({n: v for n, v in found.items() if n in own and n not in head}, strict=False)
