"""Makes `import torchvision` work beside a torch build without CUDA.

The torchvision wheels of the Python package index are CUDA builds. Beside a CPU build of torch their
compiled library does not load, and the import stops because the operator `torchvision::nms` does not
exist; timm, Lightning and TorchGeo stop with it. Nothing here runs these operators, so their names
suffice for the import. Call `ensure` before the first import of any of these packages.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_declared: list[object] = []  # a torch library's declarations live as long as its object


@cache
def ensure() -> str:
    """Load torchvision's compiled operators, or declare their names where that is impossible.

    Returns:
        `native` when the compiled operators are loaded, `declared` when only the names exist.

    Raises:
        ModuleNotFoundError: torchvision is not installed.
    """
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("torchvision is not installed", name="torchvision")
    for library in sorted(Path(spec.origin).parent.glob("_C*")):
        try:
            torch.ops.load_library(library)
        except OSError:
            continue
        return "native"
    operators = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        operators.define(schema)
    _declared.append(operators)
    return "declared"
