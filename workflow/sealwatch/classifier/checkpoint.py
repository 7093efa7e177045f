"""The trained network as torch sees it: a state dict that knows its bands, to go on training from."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError
from ..files import atomic_path


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights of a network and what they were made for.

    Attributes:
        state: parameters and buffers by name.
        bands: names of the input bands, or None where the file does not say.
        classes: names of the classes of its last layer, or None.
    """

    state: Mapping[str, Tensor]
    bands: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None


def write_checkpoint(target: str | Path, state: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write `{"state_dict": state, **about}`; the same values give the same bytes.

    Args:
        target: file to write.
        state: parameters and buffers by name.
        about: plain values; `bands` and `classes` are lists of names.
    """
    # Through a buffer: torch.save puts the name of a file it opens itself into the archive.
    buffer = io.BytesIO()
    contiguous = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    torch.save({"state_dict": contiguous, **about}, buffer)
    with atomic_path(target) as part:
        part.write_bytes(buffer.getvalue())


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint of Sealwatch, or the state dict of another framework.

    Raises:
        ModelError: it cannot be read or holds no state dict.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path}: no state dict ({reason}); change classifier.weights") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(v, Tensor) for v in state.values()):
        raise ModelError(f"{path}: holds no state dict of torch; change classifier.weights")
    named = state is not content
    bands, classes = (content.get(key) if named else None for key in ("bands", "classes"))
    return Checkpoint(state, tuple(bands) if bands else None, tuple(classes) if classes else None)
