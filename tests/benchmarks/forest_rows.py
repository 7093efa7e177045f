"""Prediction of the forest against scikit-learn, ONNX Runtime and nvForest, and by colour against itself."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec

import numba
import numpy as np

from sealwatch.orthophoto.features import OF_PIXEL
from sealwatch.orthophoto.forest import Forest
from sealwatch.orthophoto.gpu import Engine, nvforest_engine
from sealwatch.orthophoto.lookup import ColourTable
from sealwatch.orthophoto.predictor import Predictor

from .forest_case import chips, grown, pixels
from .table import Row, row

PIXELS = int(os.environ.get("FOREST_PIXELS", 10_000_000))
"""Pixels of the row against scikit-learn; slower rivals get a twentieth."""

SAMPLES = int(os.environ.get("FOREST_SAMPLES", 1_000_000))
"""Training pixels; with a million a tree has tens of thousands of nodes."""

RUNS = 5
_CHUNK = 1_000_000
"""Pixels that rivals get at once: they hold floats of all of them."""


def against_sklearn() -> list[Row]:
    """Labels and confidence of the same pixels; CPU and wall seconds."""
    trained, forest = grown(SAMPLES)
    trained.n_jobs = numba.get_num_threads()

    def theirs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = trained.predict_proba(values)
        return share.argmax(axis=1), share.max(axis=1)

    return _compared("sklearn", "scikit-learn's predict_proba", theirs, forest, PIXELS)


def against_onnxruntime() -> list[Row]:
    """ONNX Runtime's TreeEnsembleClassifier with the same forest, float32 inputs."""
    import onnxruntime

    forest = grown(SAMPLES)[1]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = numba.get_num_threads()
    session = onnxruntime.InferenceSession(_onnx(forest), options, providers=["CPUExecutionProvider"])

    def theirs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        label, share = session.run(["label", "share"], {"values": values.astype("f4")})
        return label, share.max(axis=1)

    return _compared("onnxruntime", "ONNX Runtime", theirs, forest, PIXELS // 20)


def against_nvforest() -> list[Row]:
    """Engine nvForest on the processors, where it is installed (nvforest-cu12 and treelite)."""
    if find_spec("nvforest") is None or find_spec("treelite") is None:
        print("forest_cpu_vs_nvforest: not run, nvforest and treelite are not installed")
        return []
    os.environ.setdefault("OMP_NUM_THREADS", str(numba.get_num_threads()))
    forest = grown(SAMPLES)[1]
    return _compared("nvforest", "nvForest", nvforest_engine(forest, "cpu"), forest, PIXELS // 20)


def by_colour() -> list[Row]:
    """A forest of per-pixel features: the table of colours against the predictor, once with the table to fill."""
    forest = grown(min(SAMPLES, 200_000), only=len(OF_PIXEL))[1]
    values = np.asfortranarray(pixels(PIXELS)[0][:, : len(OF_PIXEL)])
    predictor = Predictor(forest)
    expected = predictor.predict(values)
    seen: list[int] = []

    def engine(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(len(part))
        return predictor.predict(part)

    def empty() -> tuple[np.ndarray, np.ndarray]:
        return ColourTable(engine, OF_PIXEL).predict(values)

    table = ColourTable(engine, OF_PIXEL)
    sides = {
        "empty": empty,
        "full": lambda: table.predict(values),
        "predictor": lambda: predictor.predict(values),
    }
    for found in (empty(), table.predict(values)):
        assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
    times = {name: [_timed(side)[0] for _ in range(RUNS)] for name, side in sides.items()}
    rows = []
    for name, words in (("empty", "table empty at the start"), ("full", "all colours known")):
        note = (
            f"our own predictor, equal on every pixel; {PIXELS / 1e6:g} M pixels of {seen[0] / 1e6:.2g} M colours, "
            f"{words}; CPU seconds, {RUNS} runs; {chips()[2]}"
        )
        cpu = {side: [t["cpu"] for t in times[side]] for side in (name, "predictor")}
        rows.append(row(f"forest_by_colour_{name}", cpu[name], cpu["predictor"], "CPU s", note))
    return rows


def _compared(name: str, title: str, theirs: Engine, forest: Forest, count: int) -> list[Row]:
    """Rows `forest_cpu_vs_NAME` in CPU seconds and, with `_wall`, in wall seconds; sides in turns."""
    predictor = Predictor(forest)
    values = _pixels(PIXELS)[:count]
    sides: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
        "ours": predictor.predict,
        "rival": lambda seen: _in_chunks(theirs, seen),
    }
    for side in sides.values():
        side(values[:10_000])  # compiled and loaded before the first run
    times: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    found = {}
    for _ in range(RUNS):
        for side, predict in sides.items():
            seconds, found[side] = _timed(lambda predict=predict: predict(values))  # type: ignore[misc]
            times[side].append(seconds)
    agree = float((found["ours"][0] == found["rival"][0]).mean())
    apart = float(np.abs(found["ours"][1] - found["rival"][1]).max())
    nodes = len(forest.child) / len(forest.root)
    wall = [statistics.median(t["wall"] for t in times[side]) for side in sides]
    note = (
        f"{title}; {count / 1e6:g} M pixels, {len(forest.features)} byte features, {len(forest.root)} trees of depth "
        f"16 with {nodes:.0f} nodes on average; labels equal on {agree:.6f}, confidence within {apart:.1e}; "
        f"{numba.get_num_threads()} threads, {RUNS} runs; wall {wall[0]:.3g} s against {wall[1]:.3g} s; {chips()[2]}"
    )
    rows = []
    for kind, end in (("cpu", ""), ("wall", "_wall")):
        ours, rival = ([t[kind] for t in times[side]] for side in sides)
        rows.append(row(f"forest_cpu_vs_{name}{end}", ours, rival, f"{kind.replace('cpu', 'CPU')} s", note))
    return rows


@lru_cache
def _pixels(count: int) -> np.ndarray:
    return pixels(count)[0]


def _in_chunks(engine: Engine, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    parts = [
        engine(np.ascontiguousarray(values[start : start + _CHUNK]))
        for start in range(0, len(values), _CHUNK)
    ]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _timed(
    side: Callable[[], tuple[np.ndarray, np.ndarray]],
) -> tuple[dict[str, float], tuple[np.ndarray, np.ndarray]]:
    cpu, wall = time.process_time(), time.perf_counter()
    result = side()
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}, result


def _onnx(forest: Forest) -> bytes:
    """The forest as ONNX model with input `values` and outputs `label` and `share`."""
    from onnx import TensorProto, helper

    sizes = np.diff(np.append(forest.root, len(forest.child)))
    tree = np.repeat(np.arange(len(sizes)), sizes)
    node = np.arange(len(tree)) - forest.root[tree]
    leaf = forest.leaf >= 0
    classes = len(forest.classes)
    weights = forest.probability[forest.leaf[leaf]] / len(sizes)
    ensemble = helper.make_node(
        "TreeEnsembleClassifier",
        ["values"],
        ["label", "share"],
        domain="ai.onnx.ml",
        nodes_treeids=tree.tolist(),
        nodes_nodeids=node.tolist(),
        nodes_featureids=forest.feature.tolist(),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_values=forest.threshold.astype("f4").tolist(),
        nodes_truenodeids=np.where(leaf, 0, forest.child).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, forest.child + 1).tolist(),
        class_treeids=np.repeat(tree[leaf], classes).tolist(),
        class_nodeids=np.repeat(node[leaf], classes).tolist(),
        class_ids=np.tile(np.arange(classes), int(leaf.sum())).tolist(),
        class_weights=weights.reshape(-1).tolist(),
        classlabels_int64s=list(range(classes)),
        post_transform="NONE",
    )
    graph = helper.make_graph(
        [ensemble],
        "forest",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, [None, len(forest.features)])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("share", TensorProto.FLOAT, [None, classes]),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


GROUPS: dict[tuple[str, ...], Callable[[], list[Row]]] = {
    ("forest_cpu_vs_sklearn", "forest_cpu_vs_sklearn_wall"): against_sklearn,
    ("forest_cpu_vs_onnxruntime", "forest_cpu_vs_onnxruntime_wall"): against_onnxruntime,
    ("forest_cpu_vs_nvforest", "forest_cpu_vs_nvforest_wall"): against_nvforest,
    ("forest_by_colour_empty", "forest_by_colour_full"): by_colour,
}
