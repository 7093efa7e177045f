"""Engines, precision and recovery of the classification of scenes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from test_landcover import COLS, ROWS, SETTINGS, X_MIN, Y_MAX, write_model, write_scene

from sealwatch import hdf5
from sealwatch.classifier.quantise import label_agreement, quantise_onnx
from sealwatch.errors import ConfigError, ModelError, RasterError
from sealwatch.files import file_digest
from sealwatch.grid import Window
from sealwatch.keys import LAND_COVER_CLASSES
from sealwatch.read_ahead import read_ahead
from sealwatch.sentinel2.engines import has_vnni, open_engine, run_within_memory
from sealwatch.sentinel2.landcover import classify
from sealwatch.sentinel2.model_file import LandCoverModel, read_description
from sealwatch.sentinel2.patch_strips import patch_grid

BANDS = ("B11", "B04", "B02")


def write_network(path: Path, seed: int = 1, width: int = 16) -> Path:
    """A small convolutional network with a residual sum, as the exporter writes it."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)

    arrays = {
        "mean": np.full((1, 3, 1, 1), 2000, np.float32),
        "std": np.full((1, 3, 1, 1), 1000, np.float32),
        "w1": weights(width, 3, 5, 5),
        "w2": weights(width, width, 3, 3),
        "w3": weights(10, width) * 3,
        "b3": np.zeros(10, np.float32),
        "t": np.float32(1.5),
    }
    node = helper.make_node
    graph = helper.make_graph(
        [
            node("Sub", ["reflectance", "mean"], ["centred"], "subtract"),
            node("Div", ["centred", "std"], ["normal"], "divide"),
            node("Conv", ["normal", "w1"], ["c1"], "conv1", strides=[2, 2], pads=[2, 2, 2, 2]),
            node("Relu", ["c1"], ["r1"], "relu1"),
            node("Conv", ["r1", "w2"], ["c2"], "conv2", pads=[1, 1, 1, 1]),
            node("Add", ["c2", "r1"], ["sum"], "add"),
            node("Relu", ["sum"], ["r2"], "relu2"),
            node("GlobalAveragePool", ["r2"], ["pooled"], "pool"),
            node("Flatten", ["pooled"], ["flat"], "flatten"),
            node("Gemm", ["flat", "w3", "b3"], ["logits"], "gemm", transB=1),
            node("Div", ["logits", "t"], ["cooled"], "cool"),
            node("Softmax", ["cooled"], ["probability"], "softmax", axis=1),
        ],
        "network",
        [helper.make_tensor_value_info("reflectance", TensorProto.FLOAT, ["n", 3, 64, 64])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    properties = {
        "sealwatch_model": "landcover",
        "bands": " ".join(BANDS),
        "classes": " ".join(LAND_COVER_CLASSES),
        "normalisation": "zscore-dataset",
        "band_mean": "2000 2000 2000",
        "band_std": "1000 1000 1000",
        "training_data": "sha256:1",
    }
    helper.set_model_props(model, properties)
    onnx.save(model, path)
    return path


def smooth_patches(n: int, seed: int = 2) -> np.ndarray:
    """float32 [n, 3, 64, 64], every patch of another colour and another texture."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 1, (n, 3, 8, 8)).repeat(8, 2).repeat(8, 3) * rng.uniform(50, 900, (n, 1, 1, 1))
    return np.maximum(coarse + rng.uniform(500, 4000, (n, 3, 1, 1)), 1).astype(np.float32)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(tmp_path_factory.mktemp("network") / "landcover.onnx")


@pytest.fixture(scope="module")
def int8(network: Path) -> Path:
    quantise_onnx(network, smooth_patches(64), network.with_name("landcover.int8.onnx"))
    return network.with_name("landcover.int8.onnx")


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    fine = rng.integers(1, 6000, (ROWS * 4, COLS * 4)).repeat(16, 0).repeat(16, 1)
    return write_scene(tmp_path / "scene.h5", fine, fine[::2, ::2], np.full((ROWS * 32, COLS * 32), 4))


def result(path: Path) -> tuple[np.ndarray, dict[str, str]]:
    with h5py.File(path) as file:
        return file["probability"][:], {k: hdf5.read_text(v) for k, v in file.attrs.items()}


def test_both_engines_agree_and_are_named_in_the_result(tmp_path, scene, network, int8):
    found, chosen = {}, "openvino" if has_vnni() else "onnxruntime"
    for engine in ("onnxruntime", "openvino", "auto"):
        for model, precision in ((network, "fp32"), (int8, "int8")):
            target = tmp_path / f"{engine}.h5"
            classify(scene, model, target, SETTINGS, 32, engine=engine)
            found[engine, precision], attributes = result(target)
            assert attributes["engine"] == (chosen if engine == "auto" else engine)
            assert attributes["precision"] == precision
    for precision, tolerance in (("fp32", 2e-4), ("int8", 0.05)):
        a, b = found["onnxruntime", precision], found["openvino", precision]
        np.testing.assert_allclose(a, b, atol=tolerance)
        np.testing.assert_array_equal(found[chosen, precision], found["auto", precision])


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fma avx2 avx_vnni", True), ("avx512f avx512_vnni", True), ("avx2 avx512f", False), (None, False)],
)
def test_processors_with_vnni_are_known_by_their_flags(tmp_path, flags, expected):
    described = tmp_path / "cpuinfo"
    if flags is not None:
        described.write_text(f"processor : 0\nflags : fpu {flags}\n")
    assert has_vnni(described) == expected


def test_openvino_gives_the_same_bytes_for_any_number_of_threads(tmp_path, scene, int8):
    digests = set()
    for threads in (1, 2, 3, 1):
        classify(scene, int8, tmp_path / "out.h5", SETTINGS, 16, threads=threads, engine="openvino")
        digests.add(file_digest(tmp_path / "out.h5"))
    assert len(digests) == 1


def test_int8_keeps_nearly_all_labels_and_the_probabilities_close(network, int8):
    measured = label_agreement(network, int8, smooth_patches(300, seed=9))
    assert measured["n"] == 300
    assert measured["agreement"] > 0.95
    assert 0 < measured["largest_difference"] < 0.15
    assert label_agreement(network, network, smooth_patches(20))["agreement"] == 1


def test_int8_has_int8_weights_and_float_normalisation(network, int8):
    model = onnx.load(int8)
    arrays = {a.name: a for a in model.graph.initializer}
    producer = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            weights = producer[node.input[1]]
            assert weights.op_type == "DequantizeLinear"
            codes = numpy_helper.to_array(arrays[weights.input[0]])
            assert codes.dtype == np.int8
            assert np.abs(codes).max() <= 64, "sums of products in sixteen bits would overflow without VNNI"
            assert len(numpy_helper.to_array(arrays[weights.input[1]])) == codes.shape[0], "per channel"
        elif node.op_type in ("Sub", "Div", "Softmax"):
            assert all("dequant" not in name.lower() for name in node.input[1:]), node
    assert next(n for n in model.graph.node if n.op_type == "Sub").input[0] == "reflectance"
    assert model.graph.node[-1].op_type == "Softmax"
    source = {p.key: p.value for p in onnx.load(network).metadata_props}
    assert {p.key: p.value for p in model.metadata_props} == source | {"precision": "int8"}
    assert int8.stat().st_size < network.stat().st_size + 20_000


def test_int8_has_the_same_bytes_again_and_names_no_place(tmp_path, network, int8):
    other = tmp_path / "other folder"
    other.mkdir()
    copy = other / "x.onnx"
    copy.write_bytes(network.read_bytes())
    quantise_onnx(copy, smooth_patches(64), other / "y.onnx")
    assert file_digest(other / "y.onnx") == file_digest(int8)
    assert b"/tmp" not in int8.read_bytes()
    assert b"other folder" not in (other / "y.onnx").read_bytes()


@pytest.mark.parametrize(
    ("patches", "message"),
    [
        (np.zeros((0, 3, 64, 64), np.float32), "finite patches"),
        (np.full((2, 3, 64, 64), np.nan, np.float32), "finite patches"),
        (np.ones((2, 4, 64, 64), np.float32), "takes 3 bands, the calibration patches have 4"),
    ],
)
def test_calibration_patches_that_do_not_fit_are_refused(tmp_path, network, patches, message):
    with pytest.raises(ModelError, match=message):
        quantise_onnx(network, patches, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_what_is_no_model_is_not_quantised(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        quantise_onnx(tmp_path / "broken.onnx", smooth_patches(4), tmp_path / "out.onnx")


@pytest.mark.parametrize("key", ["normalisation", "band_mean", "band_std"])
def test_a_model_without_statistics_is_refused(tmp_path, key):
    model = write_model(tmp_path / "m.onnx", "B04", **{key: ""})
    with pytest.raises(ModelError, match=r"has no statistics of normalisation.*train it again") as error:
        LandCoverModel(model)
    assert key in str(error.value)


@pytest.mark.parametrize("value", ["1 2", "1 2 x", "1 2 nan"])
def test_statistics_are_one_number_for_each_band(tmp_path, value):
    model = write_model(tmp_path / "m.onnx", "B04", band_std=value)
    with pytest.raises(ModelError, match="for each of its 3 bands"):
        read_description(model)


def test_an_unknown_precision_is_refused(tmp_path):
    with pytest.raises(ModelError, match="int4"):
        read_description(write_model(tmp_path / "m.onnx", "B04", precision="int4"))
    assert read_description(write_model(tmp_path / "m.onnx", "B04")).precision == "fp32"


@pytest.mark.parametrize(
    ("engine", "device", "message"),
    [
        ("auto", "gpu", "int8 models run on CPUs only"),
        ("openvino", "gpu", "CPUs only"),
        ("tensorrt", "auto", "tensorrt"),
    ],
)
def test_engines_that_cannot_be_are_refused(tmp_path, scene, int8, engine, device, message):
    with pytest.raises(ConfigError, match=message):
        classify(scene, int8, tmp_path / "out.h5", SETTINGS, 64, device=device, engine=engine)
    assert not (tmp_path / "out.h5").exists()


def test_a_gpu_that_is_not_there_is_named(network):
    if "CUDAExecutionProvider" in __import__("onnxruntime").get_available_providers():
        pytest.skip("ONNX Runtime is a CUDA build here")
    with pytest.raises(ConfigError, match="finds no CUDA"):
        open_engine(network, "auto", "gpu", "fp32", 1)


def _in_a_process(code: str, *arguments: object, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_job_needs_no_torch_sends_nothing_and_writes_nothing_else(tmp_path, scene, int8):
    home = tmp_path / "home"
    home.mkdir()
    code = """
import json, socket, sys
def refuse(*_): raise AssertionError("the job opened a connection")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from sealwatch.sentinel2.landcover import classify
classify(sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4]), 64, engine="openvino")
print(json.dumps(sorted(sys.modules)))
"""
    target = tmp_path / "results" / "out.h5"
    printed = _in_a_process(code, scene, int8, target, json.dumps(SETTINGS), HOME=str(home))
    modules = set(json.loads(printed))
    assert "openvino" in modules
    assert not {"torch", "torchgeo", "lightning", "openvino_telemetry.main"} & modules
    assert list(home.rglob("*")) == []
    assert [path.name for path in target.parent.iterdir()] == ["out.h5"]


def test_without_openvino_onnx_runtime_does_the_work(network):
    code = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "openvino": raise ModuleNotFoundError(name)
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "openvino" else found(name, package)
from sealwatch.errors import ConfigError
from sealwatch.sentinel2.engines import open_engine
print(open_engine(sys.argv[1], "auto", "auto", "fp32", 1).name)
try:
    open_engine(sys.argv[1], "openvino", "cpu", "fp32", 1)
except ConfigError as error:
    print(error)
"""
    name, message = _in_a_process(code, network).strip().splitlines()
    assert name == "onnxruntime"
    assert "not installed" in message


def test_out_of_memory_halves_the_batch_and_goes_on(capsys):
    tried = []

    def run(part: np.ndarray) -> np.ndarray:
        tried.append(len(part))
        if len(part) > 30:
            raise RuntimeError(
                "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv "
                "node. bfc_arena.cc:376 AllocateRawInternal Failed to allocate memory for requested buffer of "
                "size 4294967296"
            )
        return part * 2

    numbers = np.arange(100, dtype=np.float32)
    result, size = run_within_memory(run, numbers, 128)
    np.testing.assert_array_equal(result, numbers * 2)
    assert tried == [100, 50, 25, 25, 25, 25]
    assert size == 25
    assert "out of memory with 100 patches at a time; going on with 50" in capsys.readouterr().err


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 90), st.integers(1, 64), st.integers(1, 90))
def test_no_patch_is_lost_or_moved_whatever_memory_allows(n, size, limit):
    def run(part: np.ndarray) -> np.ndarray:
        if len(part) > limit:
            raise MemoryError
        return part + 1

    result, last = run_within_memory(run, np.arange(n), size)
    np.testing.assert_array_equal(result, np.arange(n) + 1)
    assert last <= size


def test_memory_for_not_even_one_patch_is_an_error_other_errors_are_not_hidden():
    def full(part: np.ndarray) -> np.ndarray:
        raise RuntimeError("CUDA failure 2: out of memory ; GPU=0")

    with pytest.raises(ModelError, match=r"single patch.*classifier.device"):
        run_within_memory(full, np.zeros(8), 8)

    def broken(part: np.ndarray) -> np.ndarray:
        raise RuntimeError("CUDNN_STATUS_EXECUTION_FAILED")

    with pytest.raises(RuntimeError, match="EXECUTION_FAILED"):
        run_within_memory(broken, np.zeros(8), 8)


def test_onnx_runtime_itself_out_of_memory_is_recognised(tmp_path):
    model = write_network(tmp_path / "wide.onnx", width=64)
    code = """
import resource, sys
import numpy as np
from sealwatch.sentinel2.engines import has_vnni, open_engine, run_within_memory
engine = open_engine(sys.argv[1], "onnxruntime", "cpu", "fp32", 1)
patches = np.ones((1024, 3, 64, 64), np.float32)
few = engine.run(patches[:2])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200_000_000, resource.RLIM_INFINITY))
result, size = run_within_memory(engine.run, patches, 1024)
assert len(result) == 1024 and np.allclose(result, few[:1], atol=1e-5)
print(size)
"""
    assert 1 <= int(_in_a_process(code, model)) < 1024


def test_probabilities_that_are_no_numbers_name_file_and_cell(tmp_path, scene):
    model = write_model(tmp_path / "m.onnx", "B04")
    network = onnx.load(model)
    for array in network.graph.initializer:
        if array.name == "weights":
            array.CopyFrom(numpy_helper.from_array(np.full((3, 10), np.nan, np.float32), "weights"))
    onnx.save(network, model)
    with pytest.raises(ModelError, match=r"m\.onnx.*scene\.h5.*row 0, column 0") as error:
        classify(scene, model, tmp_path / "out.h5", SETTINGS, 64)
    assert f"{X_MIN + 320:.0f} {Y_MAX - 320:.0f}" in str(error.value)
    assert not (tmp_path / "out.h5").exists()


def test_a_scene_under_cloud_is_an_empty_map_without_a_run(tmp_path, int8):
    size = (ROWS * 64, COLS * 64)
    cloud = write_scene(tmp_path / "c.h5", np.ones(size, int), np.ones((96, 128), int), np.full((96, 128), 9))
    classify(cloud, int8, tmp_path / "out.h5", SETTINGS, 64)
    probability, attributes = result(tmp_path / "out.h5")
    assert np.isnan(probability).all()
    assert attributes["engine"] == "none"
    with h5py.File(tmp_path / "out.h5") as file:
        assert (file["class"][:] == 255).all()
        assert (file["clear_fraction"][:] == 0).all()


@pytest.mark.parametrize("stride", [64, 32, 16])
def test_every_cell_is_the_network_on_the_patch_centred_on_it(tmp_path, scene, network, stride):
    classify(scene, network, tmp_path / "out.h5", SETTINGS, stride)
    probability, _ = result(tmp_path / "out.h5")
    with hdf5.read(scene) as file:
        fine, coarse = file["m10/reflectance"][0], file["m20/reflectance"][0].repeat(2, 0).repeat(2, 1)
    with hdf5.read(tmp_path / "out.h5") as file:
        window = hdf5.read_window(file)
    patches, model = [], LandCoverModel(network)
    for row in range(window.height):
        for col in range(window.width):
            top = round((Y_MAX - window.y_max + (row + 0.5) * window.cell_size_m) / 10) - 32
            left = round((window.x_min - X_MIN + (col + 0.5) * window.cell_size_m) / 10) - 32
            box = np.s_[top : top + 64, left : left + 64]
            patches.append([coarse[box], fine[box], fine[box]])
    expected = model.probabilities(np.array(patches, dtype=np.float32))
    np.testing.assert_allclose(probability.reshape(10, -1).T, expected, atol=1.1e-4)
    wide = patch_grid(Window(32633, X_MIN, Y_MAX, 10, COLS * 64, ROWS * 64), 64)
    nested = wide.cells.refined(stride * 10)
    row, col = window.offset_in(nested)
    assert row >= 0
    assert col >= 0
    assert row + window.height <= nested.height
    assert col + window.width <= nested.width


def test_flips_are_averaged(tmp_path, scene, network):
    patches = smooth_patches(20)
    plain, averaged = LandCoverModel(network), LandCoverModel(network, test_time_flips=True)
    views = [np.rot90(patches, turns, (2, 3))[..., ::step] for turns in range(4) for step in (1, -1)]
    answers = [np.maximum(plain.probabilities(np.ascontiguousarray(view)), 1e-9) for view in views]
    expected = np.exp(np.mean(np.log(answers), axis=0))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(averaged.probabilities(patches), expected, atol=2e-3)
    assert np.abs(expected - plain.probabilities(patches)).max() > 0.001
    turned = averaged.probabilities(np.rot90(patches, 1, (2, 3)).copy())
    np.testing.assert_allclose(averaged.probabilities(patches), turned, atol=2e-4)
    classify(scene, network, tmp_path / "out.h5", SETTINGS, 64, test_time_flips=True)
    assert result(tmp_path / "out.h5")[1]["test_time_flips"] == "true"


def test_reading_ahead_keeps_order_and_brings_the_readers_error():
    assert list(read_ahead(iter(range(100)), depth=3)) == list(range(100))
    assert list(read_ahead([])) == []

    def damaged():
        yield 1
        yield 2
        raise OSError("chunk 7 is damaged")

    ahead = read_ahead(damaged())
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(OSError, match="chunk 7"):
        next(ahead)


def test_reading_ahead_is_bounded_and_ends_with_its_caller():
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield taken[-1]

    before = threading.active_count()
    ahead = read_ahead(endless(), depth=2)
    assert next(ahead) == 0
    ahead.close()
    assert threading.active_count() == before
    assert len(taken) <= 5


def test_a_damaged_chunk_reaches_the_user(tmp_path, scene, network):
    with h5py.File(scene) as file:
        place = file["m10/reflectance"].id.get_chunk_info(5)
    with open(scene, "r+b") as stream:
        stream.seek(place.byte_offset)
        stream.write(b"\xff" * place.size)
    with pytest.raises(RasterError, match=r"scene\.h5: m10/reflectance is damaged.*run again"):
        classify(scene, network, tmp_path / "out.h5", SETTINGS, 64)
    assert not (tmp_path / "out.h5").exists()
