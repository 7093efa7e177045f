"""One ONNX file from reflectance to probabilities: normalisation, network, temperature and softmax."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import torchvision_ops

torchvision_ops.ensure()

import onnx  # noqa: E402
import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from ..files import atomic_path  # noqa: E402
from ..grid import PATCH_PX  # noqa: E402
from .normalisation import Normalisation  # noqa: E402

_OPSET = 18


class ReflectanceClassifier(nn.Module):
    """What is exported: float32 reflectance x 10000 [n, bands, 64, 64] to probabilities [n, classes].

    Args:
        normalisation: turns reflectance into the network's input.
        network: turns that into logits.
        temperature: of the calibrated softmax.
    """

    def __init__(self, normalisation: Normalisation, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.normalisation = normalisation
        self.network = network
        self.temperature = temperature

    def forward(self, reflectance: Tensor) -> Tensor:
        """Class probabilities of each patch."""
        logits: Tensor = self.network(self.normalisation(reflectance))
        return torch.softmax(logits / self.temperature, dim=1)


def export_onnx(
    classifier: ReflectanceClassifier, bands: Sequence[str], metadata: Mapping[str, str], target: str | Path
) -> None:
    """Write the classifier as one self-contained ONNX file with float32 weights.

    Args:
        classifier: on the CPU or a GPU; it is exported in evaluation mode.
        bands: names of the input bands in their order.
        metadata: entries of the file's `metadata_props`.
        target: file to write.
    """
    classifier = classifier.cpu().eval()
    example = torch.zeros((2, len(bands), PATCH_PX, PATCH_PX))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            classifier,
            (example,),
            input_names=["reflectance"],
            output_names=["probability"],
            dynamic_shapes={"reflectance": {0: torch.export.Dim("patches", min=1)}},
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # it is None only when a file name is given
    model = program.model_proto
    # The exporter notes the source line of every node: paths of the machine that trained.
    model.doc_string = ""
    for node in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        node.doc_string = ""
        del node.metadata_props[:]
    for function in model.functions:
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.helper.set_model_props(model, dict(sorted(metadata.items())))
    onnx.checker.check_model(model)
    with atomic_path(target) as part:
        part.write_bytes(model.SerializeToString(deterministic=True))
