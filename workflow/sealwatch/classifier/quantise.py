"""The int8 variant of an exported network for CPUs: static quantisation with calibration patches."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from ..errors import ModelError
from ..files import atomic_path
from ..sentinel2.engines import open_engine

_OPERATORS = ["Conv", "Gemm", "MatMul", "Add", "MaxPool", "Relu", "GlobalAveragePool"]

_LAYERS = ("Conv", "Gemm", "MatMul")
"""Operators with weights: what lies before the first and behind the last of them stays in float."""

_PERCENTILE = 99.99
"""Share of the activations that the eight bits cover; the rest is clipped. Compared with their whole range and with
ranges by entropy on real patches, fewer labels changed in a ResNet18, and as many in a ResNet50."""


class _Patches(CalibrationDataReader):  # type: ignore[misc]
    # One patch at a time, because the tool cannot put together the activations of unequal batches.
    def __init__(self, patches: np.ndarray) -> None:
        self._batches = iter([{"reflectance": patches[i : i + 1]} for i in range(len(patches))])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)


def _float_nodes(model: onnx.ModelProto) -> Iterator[str]:
    # Normalisation before the first layer; temperature and softmax behind the last one.
    nodes = list(model.graph.node)
    layers = [number for number, node in enumerate(nodes) if node.op_type in _LAYERS]
    if layers:
        yield from (node.name for node in (*nodes[: layers[0]], *nodes[layers[-1] + 1 :]))


def quantise_onnx(source: str | Path, calibration: np.ndarray, target: str | Path) -> None:
    """Write the int8 variant of an exported network.

    Weights are int8 per output channel, activations uint8 with a range that covers 99.99 % of what the
    calibration patches give (QDQ nodes of the ONNX standard, so any engine can run the file). Weights use seven
    of their eight bits: processors without VNNI add products of eight bits in sixteen, which would overflow.
    Normalisation, temperature and softmax stay in float. The same input gives the same bytes.

    Args:
        source: ONNX file of `export.export_onnx`.
        calibration: float32 [n, bands, 64, 64], reflectance x 10000, of all classes. The activations of all of
            them are held in memory (ResNet50: 9 MB a patch); 128 suffice.
        target: ONNX file to write; its `metadata_props` are those of the source with `precision: int8`.

    Raises:
        ModelError: the source is no such file, or the patches do not fit it.
    """
    if calibration.ndim != 4 or not len(calibration) or not np.isfinite(calibration).all():
        raise ModelError(
            f"{source}: int8 calibration needs finite patches [n, bands, 64, 64]; check the patches"
        )
    try:
        original = onnx.load(str(source))
        bands = original.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    except Exception as error:  # damaged files raise errors of protobuf, of onnx, or IndexError
        raise ModelError(f"{source}: no ONNX model that can be quantised; train it again") from error
    if calibration.shape[1] != bands:
        raise ModelError(
            f"{source}: takes {bands} bands, the calibration patches have {calibration.shape[1]}"
        )
    properties = {entry.key: entry.value for entry in original.metadata_props} | {"precision": "int8"}
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # the tool advises, on each call, what is done here
    try:
        with tempfile.TemporaryDirectory() as folder:
            prepared, written = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
            quant_pre_process(str(source), str(prepared))
            quantize_static(
                str(prepared),
                str(written),
                _Patches(np.ascontiguousarray(calibration, dtype=np.float32)),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_OPERATORS,
                nodes_to_exclude=list(_float_nodes(onnx.load(str(prepared)))),
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={"CalibPercentile": _PERCENTILE},
            )
            model = onnx.load(str(written))
    finally:
        logger.setLevel(level)
    model.doc_string = ""
    model.graph.name = original.graph.name
    del model.graph.value_info[:]
    onnx.helper.set_model_props(model, dict(sorted(properties.items())))
    onnx.checker.check_model(model)
    with atomic_path(target) as part:
        part.write_bytes(model.SerializeToString(deterministic=True))


def label_agreement(
    first: str | Path, second: str | Path, patches: np.ndarray, threads: int = 1
) -> dict[str, float]:
    """How far two model files agree on patches; both are run as inference runs them on a CPU.

    Args:
        first: ONNX file, usually fp32.
        second: ONNX file, usually int8.
        patches: float32 [n, bands, 64, 64], reflectance x 10000.
        threads: of the CPU.

    Returns:
        `agreement`, the share of patches with the same most probable class; `largest_difference` and
        `mean_difference` of a class probability; `n`.
    """
    reflectance = np.ascontiguousarray(patches, dtype=np.float32)
    a, b = (open_engine(path, "auto", "cpu", "fp32", threads).run(reflectance) for path in (first, second))
    difference = np.abs(a - b)
    return {
        "agreement": float((a.argmax(axis=1) == b.argmax(axis=1)).mean()),
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "n": len(patches),
    }
