"""Engines that run the exported network: ONNX Runtime on a GPU or the CPU, OpenVINO on the CPU."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import ConfigError, ModelError

NAMES = ("auto", "onnxruntime", "openvino")
"""Values of `classifier.engine`."""

_CUDA = ("CUDAExecutionProvider", {"use_tf32": "0"})  # TF32 changes the third digit of probabilities

_OPENVINO_BATCH = 16
"""Patches in one request of OpenVINO: the activations of more of them no longer fit the caches."""

_MEMORY_SIGNS = (
    "failed to allocate memory", "out of memory", "alloc_failed", "allocation_failed", "bad_alloc", "bad allocation",
    "is smaller than requested bytes",
)  # fmt: skip
"""What ONNX Runtime, CUDA, cuBLAS and cuDNN say when memory runs out; they share no class of error."""


class Engine(Protocol):
    """What runs a network.

    Attributes:
        name: for the provenance of results.
    """

    name: str

    def run(self, reflectance: np.ndarray) -> np.ndarray:
        """Probabilities, float32 [n, classes], of float32 [n, bands, 64, 64]."""
        ...


class OnnxRuntimeEngine:
    """ONNX Runtime with CUDA, or on the CPU.

    Args:
        path: model file.
        threads: of one run on the CPU.
        cuda: ask for a GPU; whether there was one is said by `on_gpu`.
    """

    def __init__(self, path: str | Path, threads: int, cuda: bool = False) -> None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        providers: list[str | tuple[str, dict[str, str]]] = ["CPUExecutionProvider"]
        if cuda and _CUDA[0] in onnxruntime.get_available_providers():
            providers.insert(0, _CUDA)
        self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        self.on_gpu = _CUDA[0] in self._session.get_providers()
        self.name = "onnxruntime-cuda" if self.on_gpu else "onnxruntime"

    def run(self, reflectance: np.ndarray) -> np.ndarray:
        """Probabilities, float32 [n, classes], of float32 [n, bands, 64, 64]."""
        (output,) = self._session.run(None, {"reflectance": reflectance})
        return output


class OpenVinoEngine:
    """OpenVINO on the CPU: `threads` requests at a time with one thread each.

    Requests of a fixed size on one thread give the same result for any number of threads, and are faster than
    one request on all threads.
    """

    name = "openvino"

    def __init__(self, path: str | Path, threads: int) -> None:
        openvino = _import_openvino()
        core = openvino.Core()
        model = core.read_model(str(path))
        _, *rest = model.input(0).partial_shape
        model.reshape([_OPENVINO_BATCH, *rest])
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",  # bfloat16 would be taken silently where the CPU has it
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "ENABLE_CPU_PINNING": False,  # jobs side by side would all be pinned to the same cores
        }
        self._queue = openvino.AsyncInferQueue(core.compile_model(model, "CPU", settings), threads)
        self._shape = (_OPENVINO_BATCH, *(dimension.get_length() for dimension in rest))
        self._classes = model.output(0).partial_shape[1].get_length()
        self._result = np.empty((0, self._classes), dtype=np.float32)
        self._queue.set_callback(self._collect)

    def _collect(self, request: Any, first: int) -> None:
        part = self._result[first : first + _OPENVINO_BATCH]
        part[:] = request.get_output_tensor(0).data[: len(part)]

    def run(self, reflectance: np.ndarray) -> np.ndarray:
        """Probabilities, float32 [n, classes], of float32 [n, bands, 64, 64]."""
        self._result = np.empty((len(reflectance), self._classes), dtype=np.float32)
        for first in range(0, len(reflectance), _OPENVINO_BATCH):
            part = reflectance[first : first + _OPENVINO_BATCH]
            if len(part) < _OPENVINO_BATCH:
                padded = np.zeros(self._shape, dtype=np.float32)
                padded[: len(part)] = part
                part = padded
            self._queue.start_async({0: part}, first)
        self._queue.wait_all()
        return self._result


def has_vnni(cpuinfo: str | Path = "/proc/cpuinfo") -> bool:
    """Whether the processor has the vector instructions for int8 networks, by Linux's description of it."""
    path = Path(cpuinfo)
    return path.is_file() and re.search(r"\b(avx512_|avx_)vnni\b", path.read_text()) is not None


def _import_openvino() -> Any:
    # The import itself reports to OpenVINO's makers and writes to the home folder, unless this package is absent.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def open_engine(path: str | Path, engine: str, device: str, precision: str, threads: int) -> Engine:
    """Open a model file with the engine that the configuration and the machine allow.

    `auto` takes CUDA where there is a GPU; otherwise OpenVINO where it is installed and the processor multiplies int8
    vectors in one instruction (VNNI), and ONNX Runtime elsewhere: without VNNI it is the faster one (rows
    `openvino_vs_onnxruntime_*` of docs/benchmarks.md).

    Args:
        path: model file.
        engine: one of `NAMES`.
        device: `auto`, `cpu` or `gpu`.
        precision: `fp32` or `int8`, of the file; int8 runs on CPUs.
        threads: of the CPU.

    Raises:
        ConfigError: engine, device and precision that do not go together, or that this machine lacks.
        ModelError: the engine cannot load the file.
    """
    if engine not in NAMES:
        raise ConfigError(f"classifier.engine: {engine!r} is not one of {', '.join(NAMES)}")
    check_device(engine, device, precision)
    installed = importlib.util.find_spec("openvino") is not None
    if engine == "openvino" and not installed:
        raise ConfigError("classifier.engine: openvino is not installed here; install it, or use auto")
    try:
        if device != "cpu" and precision != "int8" and engine != "openvino":
            gpu = OnnxRuntimeEngine(path, threads, cuda=True)
            if gpu.on_gpu:
                return gpu
            if device == "gpu":
                raise ConfigError("classifier.device: gpu, but ONNX Runtime finds no CUDA; use auto or cpu")
            if engine == "onnxruntime":
                return gpu
        if engine == "openvino" or (engine == "auto" and installed and has_vnni()):
            return OpenVinoEngine(path, threads)
        return OnnxRuntimeEngine(path, threads)
    except ConfigError:
        raise
    except Exception as error:  # the engines' errors share no base class of their own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{path}: no ONNX model that can be loaded ({reason}); train it again, or correct classifier.model"
        ) from error


def check_device(engine: str, device: str, precision: str) -> None:
    """Refuse what no machine can do.

    Raises:
        ConfigError: int8 or OpenVINO on a GPU.
    """
    if device == "gpu" and precision == "int8":
        raise ConfigError(
            "classifier.precision: int8 models run on CPUs only; use fp32, or classifier.device auto or cpu"
        )
    if device == "gpu" and engine == "openvino":
        raise ConfigError(
            "classifier.engine: openvino runs on CPUs only; use auto, or classifier.device auto or cpu"
        )


def run_within_memory(
    run: Callable[[np.ndarray], np.ndarray], reflectance: np.ndarray, size: int
) -> tuple[np.ndarray, int]:
    """Run in parts of at most `size` patches, and in halves of that where memory does not suffice.

    Args:
        run: runs a part; one of `Engine.run`.
        reflectance: float32 [n, bands, 64, 64], n > 0.
        size: most patches in a part.

    Returns:
        The results together, and the size that memory allowed, to begin with next time.

    Raises:
        ModelError: not even one patch fits.
    """
    parts: list[np.ndarray] = []
    first = 0
    while first < len(reflectance):
        part = reflectance[first : first + size]
        try:
            parts.append(run(part))
        except Exception as error:  # see _MEMORY_SIGNS
            text = str(error).lower()
            if not isinstance(error, MemoryError) and not any(sign in text for sign in _MEMORY_SIGNS):
                raise
            if len(part) == 1:
                raise ModelError(
                    "out of memory with a single patch; free the GPU, or use classifier.device cpu"
                ) from error
            size = len(part) // 2
            print(f"out of memory with {len(part)} patches at a time; going on with {size}", file=sys.stderr)
            continue
        first += len(part)
    return (parts[0] if len(parts) == 1 else np.concatenate(parts)), size
