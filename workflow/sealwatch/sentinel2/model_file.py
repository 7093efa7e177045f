"""The exported land-cover network as inference sees it: an ONNX file that takes reflectance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from ..errors import ConfigError, ModelError
from ..grid import PATCH_PX
from ..keys import LAND_COVER_CLASSES

_GPU_PROVIDER = ("CUDAExecutionProvider", {"use_tf32": "0"})  # TF32 changes the third digit of probabilities


class LandCoverModel:
    """A network from harmonised reflectance to class probabilities.

    Attributes:
        bands: names of its input bands in their order.

    Args:
        path: ONNX file written by `sealwatch.classifier.export`.
        device: `auto` takes a CUDA GPU where there is one, `cpu` never, `gpu` insists.
        threads: of one run on the CPU.

    Raises:
        ModelError: the file is absent, damaged, or no model of this kind.
        ConfigError: `gpu` is demanded and there is none.
    """

    bands: tuple[str, ...]

    def __init__(self, path: str | Path, device: str = "auto", threads: int = 1) -> None:
        mend = "train it again, or correct classifier.model"
        if not Path(path).is_file():
            raise ModelError(f"{path}: model file not found; {mend}")
        onnxruntime.set_default_logger_severity(4)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        providers: list[str | tuple[str, dict[str, str]]] = ["CPUExecutionProvider"]
        if device != "cpu" and _GPU_PROVIDER[0] in onnxruntime.get_available_providers():
            providers.insert(0, _GPU_PROVIDER)
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            reason = str(error).splitlines()[0]
            raise ModelError(f"{path}: no ONNX model that can be loaded ({reason}); {mend}") from error
        if device == "gpu" and _GPU_PROVIDER[0] not in self._session.get_providers():
            raise ConfigError("classifier.device: gpu, but ONNX Runtime finds no CUDA; use auto or cpu")
        properties = self._session.get_modelmeta().custom_metadata_map
        if properties.get("sealwatch_model") != "landcover" or not {"bands", "classes"} <= properties.keys():
            raise ModelError(f"{path}: an ONNX file, but no land-cover model of Sealwatch; {mend}")
        if tuple(properties["classes"].split()) != LAND_COVER_CLASSES:
            raise ModelError(f"{path}: has other classes ({properties['classes']}) than the pipeline; {mend}")
        self.bands = tuple(properties["bands"].split())
        expected = [len(self.bands), PATCH_PX, PATCH_PX]
        if self._session.get_inputs()[0].shape[1:] != expected:
            raise ModelError(f"{path}: its input is not [n, {', '.join(map(str, expected))}]; {mend}")

    def probabilities(self, reflectance: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 [n, 10], of float32 [n, bands, 64, 64], reflectance x 10000.

        They are rounded to four digits, so that they do not depend on the processor's last bits.
        """
        (output,) = self._session.run(None, {"reflectance": reflectance})
        return np.round(output, 4)
