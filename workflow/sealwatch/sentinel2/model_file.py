"""The exported land-cover network as inference sees it: an ONNX file that takes reflectance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ModelError
from ..grid import PATCH_PX
from ..keys import LAND_COVER_CLASSES
from ..symmetry import turned_views
from .engines import Engine, check_device, open_engine, run_within_memory

_BATCH = 256
"""Most patches in one run of the network: 38 MB of input with nine bands."""

_MEND = "train it again, or correct classifier.model"

_LEAST_PROBABILITY = 1e-9
"""Bound below which a probability counts as this, so that its logarithm is finite."""


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What a model file says of itself.

    Attributes:
        bands: names of the input bands in their order.
        precision: `fp32` or `int8`.
    """

    bands: tuple[str, ...]
    precision: str


def _statistics(text: str) -> np.ndarray:
    try:
        return np.array([float(value) for value in text.split()])
    except ValueError:
        return np.array([np.nan])


def read_description(path: str | Path) -> ModelDescription:
    """Read and check what a model file says of itself, without loading the network into an engine.

    Raises:
        ModelError: the file is absent, damaged, no model of this kind, for other classes, or without the
            statistics of its normalisation.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if not Path(path).is_file():
        raise ModelError(f"{path}: model file not found; {_MEND}")
    try:
        model = onnx.load(str(path))
    except (DecodeError, OSError) as error:
        raise ModelError(f"{path}: no ONNX model that can be loaded ({error}); {_MEND}") from error
    if not model.graph.input:
        raise ModelError(f"{path}: no ONNX model that can be loaded (no graph); {_MEND}")
    properties = {entry.key: entry.value for entry in model.metadata_props}
    if properties.get("sealwatch_model") != "landcover" or not {"bands", "classes"} <= properties.keys():
        raise ModelError(f"{path}: an ONNX file, but no land-cover model of Sealwatch; {_MEND}")
    if tuple(properties["classes"].split()) != LAND_COVER_CLASSES:
        raise ModelError(f"{path}: has other classes ({properties['classes']}) than the pipeline; {_MEND}")
    bands = tuple(properties["bands"].split())
    shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim][1:]
    if shape != [len(bands), PATCH_PX, PATCH_PX]:
        raise ModelError(f"{path}: its input is not [n, {len(bands)}, {PATCH_PX}, {PATCH_PX}]; {_MEND}")
    missing = [key for key in ("normalisation", "band_mean", "band_std") if not properties.get(key)]
    if missing:
        raise ModelError(f"{path}: has no statistics of normalisation ({', '.join(missing)}); train it again")
    mean, std = (_statistics(properties[key]) for key in ("band_mean", "band_std"))
    if len(mean) != len(bands) or len(std) != len(bands) or not np.isfinite([mean, std]).all():
        raise ModelError(
            f"{path}: has no statistics of normalisation for each of its {len(bands)} bands; train it again"
        )
    precision = properties.get("precision", "fp32")
    if precision not in ("fp32", "int8"):
        raise ModelError(f"{path}: has precision {precision!r}, neither fp32 nor int8; {_MEND}")
    return ModelDescription(bands, precision)


class LandCoverModel:
    """A network from harmonised reflectance to class probabilities.

    The engine is opened by the first run: a scene without a clear patch costs no loading.

    Attributes:
        bands: names of its input bands in their order.
        precision: `fp32` or `int8`.
        batch: number of patches that suits one call of `probabilities`.

    Args:
        path: ONNX file written by `sealwatch.classifier`.
        device: `auto` takes a CUDA GPU where there is one, `cpu` never, `gpu` insists.
        threads: of the CPU.
        engine: `auto`, `onnxruntime` or `openvino`, see `engines.open_engine`.
        test_time_flips: average over the eight flips and quarter turns of each patch.

    Raises:
        ModelError: the file is absent, damaged, no model of this kind, or has no statistics.
        ConfigError: engine, device and precision do not go together.
    """

    def __init__(
        self,
        path: str | Path,
        device: str = "auto",
        threads: int = 1,
        engine: str = "auto",
        test_time_flips: bool = False,
    ) -> None:
        described = read_description(path)
        check_device(engine, device, described.precision)
        self.bands, self.precision = described.bands, described.precision
        self.batch = _BATCH
        self._arguments = (path, engine, device, described.precision, threads)
        self._engine: Engine | None = None
        self._flips = test_time_flips

    @property
    def engine(self) -> str:
        """Name of the engine that runs the network; `none` before the first run."""
        return "none" if self._engine is None else self._engine.name

    def probabilities(self, reflectance: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 [n, 10], of float32 [n, bands, 64, 64], reflectance x 10000.

        They are rounded to four digits, so that they do not depend on the processor's last bits.

        Raises:
            ConfigError: a GPU or an engine is demanded that is not here.
            ModelError: the engine cannot load the file, or memory does not suffice for a single patch.
        """
        if self._engine is None:
            self._engine = open_engine(*self._arguments)
        results = []
        for view in turned_views(reflectance, self._flips):
            part, self.batch = run_within_memory(self._engine.run, view, self.batch)
            results.append(part)
        if self._flips:
            # The mean of logarithms is that of the logits, for which the model was calibrated.
            logs = np.mean([np.log(np.maximum(part, _LEAST_PROBABILITY)) for part in results], axis=0)
            results = [np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)]
        return np.round(results[0], 4)
