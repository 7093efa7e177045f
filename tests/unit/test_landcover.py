"""Classification of an acquisition, with a network that is simple enough to know its answer."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sealwatch import hdf5
from sealwatch.errors import ModelError, RasterError
from sealwatch.files import file_digest
from sealwatch.grid import Window
from sealwatch.keys import LAND_COVER_CLASSES
from sealwatch.sentinel2.landcover import classify
from sealwatch.sentinel2.model_file import LandCoverModel
from sealwatch.sentinel2.patch_strips import AcquisitionStrips, patch_grid

SETTINGS = {"min_clear_fraction": 0.5, "unclear_scl": [0, 1, 3, 8, 9, 10, 11]}
FINE, COARSE = ["B02", "B03", "B04", "B08"], ["B05", "B06", "B07", "B11", "B12"]
ROWS, COLS = 3, 4
X_MIN, Y_MAX = 700 * 640.0, 8000 * 640.0


def write_model(path: Path, band: str, **changes: str) -> Path:
    """A network whose class is the mean of one band in thousands: logits 2km - k^2 peak at k = m."""
    names = ["B11", "B04", "B02"]
    codes = np.arange(10, dtype=np.float32)
    weights = np.zeros((3, 10), dtype=np.float32)
    weights[names.index(band)] = 2 * codes / 1000
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["reflectance", "axes"], ["mean"], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["product"]),
            helper.make_node("Sub", ["product", "squares"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
        ],
        "mean",
        [helper.make_tensor_value_info("reflectance", TensorProto.FLOAT, ["n", 3, 64, 64])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 10])],
        [
            numpy_helper.from_array(np.array([2, 3], dtype=np.int64), "axes"),
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(codes**2, "squares"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    properties = {
        "sealwatch_model": "landcover",
        "bands": " ".join(names),
        "classes": " ".join(LAND_COVER_CLASSES),
        "normalisation": "zscore-dataset",
        "band_mean": "0 0 0",
        "band_std": "1 1 1",
    }
    helper.set_model_props(model, properties | changes)
    onnx.save(model, path)
    return path


def write_scene(path: Path, fine: np.ndarray, coarse: np.ndarray, scl: np.ndarray) -> Path:
    """Acquisition file; `fine` [y, x] fills all bands of 10 m, `coarse` those of 20 m."""
    with hdf5.create(path, "ingest", 1, {"tile": "33TVM", "date": "2021-06-14", "platform": "S2A"}) as file:
        for group, size, names, values in (("m10", 10, FINE, fine), ("m20", 20, COARSE, coarse)):
            file.set_grid(Window(32633, X_MIN, Y_MAX, size, values.shape[1], values.shape[0]), group)
            file.add_axis("band", names, group)
            cube = np.repeat(values[None].astype("u2"), len(names), axis=0)
            edge = 640 // size
            file.add("reflectance", ("band", "y", "x"), "uint16", cube, (len(names), edge, edge), group)
        file.add("scl", ("y", "x"), "uint8", scl.astype("u1"), (32, 32), "m20")
    return path


@pytest.fixture
def place_codes() -> np.ndarray:
    """A class for every cell that encodes its place."""
    return (np.arange(ROWS)[:, None] * 4 + np.arange(COLS) * 3) % 10


@pytest.fixture
def scene_arrays(place_codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    thousands = np.maximum(place_codes * 1000, 1)
    fine, coarse = (np.kron(thousands, np.ones((n, n), int)) for n in (64, 32))
    return fine, coarse[:, ::-1], np.full(coarse.shape, 4)


def test_each_cell_holds_the_class_of_its_place(tmp_path, scene_arrays, place_codes):
    scene = write_scene(tmp_path / "scene.h5", *scene_arrays)
    for band, expected in (("B04", place_codes), ("B11", place_codes[:, ::-1])):
        model = write_model(tmp_path / f"{band}.onnx", band)
        classify(scene, model, tmp_path / "landcover.h5", SETTINGS, 64, baseline=7)
        with h5py.File(tmp_path / "landcover.h5") as file:
            np.testing.assert_array_equal(file["class"][:], expected)
            np.testing.assert_array_equal(file["probability"][:].argmax(axis=0), expected)
            assert (file["clear_fraction"][:] == 1).all()
            assert hdf5.read_window(file) == Window(32633, X_MIN, Y_MAX, 640, COLS, ROWS)
            assert hdf5.read_labels(file, "class_code") == list(LAND_COVER_CLASSES)
            assert hdf5.read_text(file.attrs["platform"]) == "S2A"
            assert file_digest(model) in hdf5.read_text(file.attrs["inputs"])
            assert file.attrs["step_baseline"] == 7


def test_cells_under_clouds_or_without_data_are_filled(tmp_path, scene_arrays, place_codes):
    fine, coarse, scl = scene_arrays
    scl[:20, :32] = 9  # 20 of 32 rows of cell (0, 0)
    scl[:12, 32:64] = 8  # 12 of 32 rows of cell (0, 1)
    scl[32:64, :32] = 255
    fine[64:128, 64:128] = 0
    scene = write_scene(tmp_path / "scene.h5", fine, coarse, scl)
    classify(scene, write_model(tmp_path / "m.onnx", "B04"), tmp_path / "out.h5", SETTINGS, 64)
    with h5py.File(tmp_path / "out.h5") as file:
        classes, clear = file["class"][:], file["clear_fraction"][:]
        filled = np.isnan(file["probability"][:])
    expected = place_codes.copy()
    expected[0, 0] = expected[1, 0] = expected[1, 1] = 255
    np.testing.assert_array_equal(classes, expected)
    np.testing.assert_array_equal(filled, np.broadcast_to(expected == 255, filled.shape))
    assert clear[0, :2].tolist() == [0.375, 0.625]
    assert clear[1, :2].tolist() == [0, 0]


def test_pixels_without_data_do_not_darken_a_patch(tmp_path, scene_arrays, place_codes):
    fine, coarse, scl = scene_arrays
    fine[10:20] = 0
    scene = write_scene(tmp_path / "scene.h5", fine, coarse, scl)
    classify(scene, write_model(tmp_path / "m.onnx", "B04"), tmp_path / "out.h5", SETTINGS, 64)
    with h5py.File(tmp_path / "out.h5") as file:
        np.testing.assert_array_equal(file["class"][:], place_codes)
        np.testing.assert_allclose(file["clear_fraction"][0], 54 / 64)


@pytest.mark.parametrize("stride", [64, 32, 16])
def test_a_patch_is_centred_on_its_cell(tmp_path, stride):
    rng = np.random.default_rng(stride)
    shape = (64 * ROWS, 64 * COLS)
    fine = rng.integers(1, 9000, shape)
    fine = (
        np.kron(rng.integers(1, 9000, (shape[0] // 16, shape[1] // 16)), np.ones((16, 16), int)) // 2
        + fine // 2
        + 1
    )
    scl = np.full((shape[0] // 2, shape[1] // 2), 4)
    scene = write_scene(tmp_path / "scene.h5", fine, fine[::2, ::2], scl)
    model = write_model(tmp_path / "m.onnx", "B04")
    classify(scene, model, tmp_path / "out.h5", SETTINGS, stride)
    with h5py.File(tmp_path / "out.h5") as file:
        window, probability = hdf5.read_window(file), file["probability"][:]
        y, x = file["y"][:], file["x"][:]
    assert window.cell_size_m == stride * 10
    assert window.x_min % window.cell_size_m == 0
    assert window.y_max % window.cell_size_m == 0
    assert window.shape == (
        (64 * ROWS - 64) // stride + stride // 64,
        (64 * COLS - 64) // stride + stride // 64,
    )
    network = LandCoverModel(model)
    for row, col in [(0, 0), (1, 2), (window.height - 1, window.width - 1)]:
        top, left = round((Y_MAX - y[row]) / 10) - 32, round((x[col] - X_MIN) / 10) - 32
        patch = np.broadcast_to(fine[top : top + 64, left : left + 64], (1, 3, 64, 64)).astype(np.float32)
        np.testing.assert_allclose(probability[:, row, col], network.probabilities(patch)[0], atol=1e-4)


def test_the_same_input_gives_the_same_bytes(tmp_path, scene_arrays):
    scene = write_scene(tmp_path / "scene.h5", *scene_arrays)
    model = write_model(tmp_path / "m.onnx", "B04")
    digests = set()
    for name, threads in (("a", 1), ("b", 1), ("c", 2)):
        classify(scene, model, tmp_path / f"{name}.h5", SETTINGS, 64, threads=threads)
        digests.add(file_digest(tmp_path / f"{name}.h5"))
    assert len(digests) == 1


def test_no_patch_fits():
    assert patch_grid(Window(32633, X_MIN, Y_MAX, 10, 63, 640), 64) is None
    assert patch_grid(Window(32633, X_MIN + 80, Y_MAX + 80, 10, 64, 64), 16).cells.shape == (1, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "not found"), (b"no model at all", "no ONNX model"), (b"", "no ONNX model")],
)
def test_a_damaged_model_file_is_named(tmp_path, scene_arrays, content, message):
    scene = write_scene(tmp_path / "scene.h5", *scene_arrays)
    model = tmp_path / "broken.onnx"
    if content is not None:
        model.write_bytes(content)
    with pytest.raises(ModelError, match=message) as error:
        classify(scene, model, tmp_path / "out.h5", SETTINGS, 64)
    assert "broken.onnx" in str(error.value)
    assert "classifier.model" in str(error.value)
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sealwatch_model": "other"}, "no land-cover model"),
        ({"classes": "Forest River"}, "other classes"),
        ({"bands": "B11 B04"}, "input"),
        ({"bands": "B11 B04 B01"}, "needs band B01"),
    ],
)
def test_a_model_of_another_kind_is_refused(tmp_path, scene_arrays, changes, message):
    scene = write_scene(tmp_path / "scene.h5", *scene_arrays)
    model = write_model(tmp_path / "m.onnx", "B04", **changes)
    with pytest.raises(ModelError, match=message):
        classify(scene, model, tmp_path / "out.h5", SETTINGS, 64)


def test_a_damaged_acquisition_is_named(tmp_path):
    scene = tmp_path / "scene.h5"
    with h5py.File(scene, "w") as file:
        file["m10/x"] = [1]
    with pytest.raises(RasterError, match=r"scene\.h5"):
        classify(scene, write_model(tmp_path / "m.onnx", "B04"), tmp_path / "out.h5", SETTINGS, 64)


def test_ground_near_cloud_is_unclear(tmp_path, scene_arrays):
    fine, coarse, scl = scene_arrays
    scl = np.full_like(scl, 4)
    scl[40, 40] = 9
    scl[5, 5] = 11
    scene = write_scene(tmp_path / "scene.h5", fine, coarse, scl)
    with hdf5.read(scene) as file:
        acquisition = AcquisitionStrips(file, ())
        rows = slice(0, 2 * scl.shape[0])
        cols = slice(0, 2 * scl.shape[1])
        plain = acquisition.unclear(rows, cols, SETTINGS["unclear_scl"], 0)
        wide = acquisition.unclear(rows, cols, SETTINGS["unclear_scl"], 100)
        half = acquisition.unclear(slice(64, 100), cols, SETTINGS["unclear_scl"], 100)
    assert plain.sum() == 8
    y, x = np.mgrid[rows, cols]
    away = np.hypot(np.maximum(np.maximum(80 - y, y - 81), 0), np.maximum(np.maximum(80 - x, x - 81), 0)) * 10
    np.testing.assert_array_equal(wide, (away <= 100) | plain)  # snow is not widened
    np.testing.assert_array_equal(half, wide[64:100])
