"""What an exported model file answers, for the model card: through ONNX Runtime on the CPU, as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

_BATCH = 256


def exported_probabilities(model: str | Path, reflectance: np.ndarray) -> np.ndarray:
    """Class probabilities, float32 [n, classes], of uint16 [n, bands, 64, 64] reflectance x 10000."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    parts = []
    for first in range(0, len(reflectance), _BATCH):
        batch = reflectance[first : first + _BATCH].astype(np.float32)
        parts.append(session.run(None, {"reflectance": batch})[0])
    return np.concatenate(parts)
