"""Segmentation: look-up by colour, a GPU that is absent or full, a job that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from sealwatch import hdf5
from sealwatch.errors import ModelError
from sealwatch.grid import Window
from sealwatch.orthophoto import gpu
from sealwatch.orthophoto.features import FEATURES, OF_PIXEL
from sealwatch.orthophoto.forest import assemble
from sealwatch.orthophoto.labels import CLASSES
from sealwatch.orthophoto.lookup import ColourTable, sees_only_the_pixel
from sealwatch.orthophoto.predictor import Predictor
from sealwatch.orthophoto.segmentation import segment_sheet
from sealwatch.orthophoto.trainers import trees_of_sklearn, trees_of_treelite

LIBRARY = Path(__file__).resolve().parents[2] / "workflow"

_KILLED = """
import sys
from sealwatch.orthophoto.segmentation import segment_sheet
segment_sheet(*sys.argv[1:], baseline=1)
"""

# An engine that needs 4 KiB a pixel, in a process that may not have more than 300 MiB above what it has.
_FULL = """
import resource, sys
import numpy as np
from sealwatch.orthophoto.forest import load_forest
from sealwatch.orthophoto.gpu import SplittingEngine
from sealwatch.orthophoto.predictor import Predictor

predictor = Predictor(load_forest(sys.argv[1]))
values = np.random.default_rng(0).integers(0, 255, (300_000, %d)).astype("u1")
expected = predictor.predict(values)

def engine(part):
    scratch = np.ones((len(part), 512))
    calls.append(len(part))
    return predictor.predict(part)

calls = []
pages = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (pages + (300 << 20),) * 2)
found = SplittingEngine(engine, predictor.predict, int(sys.argv[2])).predict(values)
assert all(np.array_equal(one, other) for one, other in zip(found, expected))
print(len(calls), max(calls, default=0), sum(calls))
"""


def ndvi(nir, red):
    """Any function of the pixel's own bytes."""
    return (127 + 127 * (nir.astype(int) - red) // np.maximum(nir.astype(int) + red, 1)).astype("u1")


def grown(names, seed=0):
    """A forest of some depth over bytes."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 255, (3000, len(names))).astype("u1")
    labels = (values[:, 0] // 64 + values[:, 1] // 100 + rng.integers(0, 2, 3000)) % 3
    trained = RandomForestClassifier(10, max_depth=10, random_state=seed).fit(values, labels)
    return assemble(trees_of_sklearn(trained), tuple(names), CLASSES, {"seed": seed})


def write_features(path, planes, names):
    """A file as `prepare_sheet` writes it."""
    with hdf5.create(path, "prepare_sheet", 1, {}) as writer:
        writer.set_grid(Window(32633, 500_000.0, 5_100_000.0, 0.5, planes.shape[2], planes.shape[1]))
        writer.add_axis("feature", names)
        writer.add("features", ("feature", "y", "x"), "uint8", data=planes)
    return path


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    """Features of a sheet of several blocks with a border without data, and a forest."""
    folder = tmp_path_factory.mktemp("sheet")
    planes = np.random.default_rng(1).integers(0, 255, (len(FEATURES), 2100, 700)).astype("u1")
    planes[:, :, :20] = 255
    write_features(folder / "features.h5", planes, FEATURES)
    grown(FEATURES).save(folder / "forest.npz")
    return folder


def test_table_of_colours_gives_the_labels_of_the_predictor():
    forest = grown(OF_PIXEL)
    colour = np.arange(0, 1 << 24, 23, dtype="u4")
    nir, red, green = (((colour >> shift) & 255).astype("u1") for shift in (16, 8, 0))
    values = np.stack([nir, red, green, ndvi(nir, red)], axis=1)
    expected = Predictor(forest).predict(values)
    asked = []

    def engine(part):
        asked.append(len(part))
        return Predictor(forest).predict(part)

    table = ColourTable(engine, forest.features)
    for _ in range(2):
        twice = np.concatenate([values[:1000], values])
        for one, other in zip(table.predict(twice), expected, strict=True):
            np.testing.assert_array_equal(one, np.concatenate([other[:1000], other]))
    assert sum(asked) == len(colour)  # every colour once, however often it occurs


def test_table_is_used_only_where_colours_tell_everything():
    assert sees_only_the_pixel(OF_PIXEL)
    assert sees_only_the_pixel(("green", "red", "nir"))
    assert not sees_only_the_pixel(FEATURES)
    assert not sees_only_the_pixel(("nir", "red", "ndvi"))


def test_segmentation_by_colour_equals_the_predictor(tmp_path):
    bands = np.random.default_rng(2).integers(0, 40, (3, 700, 300)).astype("u1")
    planes = np.concatenate([bands, ndvi(bands[0], bands[1])[None]])
    planes[:, :5] = 255
    forest = grown(OF_PIXEL)
    forest.save(tmp_path / "forest.npz")
    write_features(tmp_path / "features.h5", planes, OF_PIXEL)
    segment_sheet(tmp_path / "features.h5", tmp_path / "forest.npz", tmp_path / "out.h5", baseline=1)
    label, confidence = Predictor(forest).predict(planes.reshape(4, -1).T)
    with hdf5.read(tmp_path / "out.h5") as file:
        np.testing.assert_array_equal(file["class"][5:], label.reshape(700, 300)[5:])
        np.testing.assert_allclose(file["confidence"][5:], confidence.reshape(700, 300)[5:], atol=1 / 512)
        assert (file["class"][:5] == 255).all()
        assert np.isnan(file["confidence"][:5]).all()


def test_killed_segmentation_leaves_nothing_and_gives_the_same_bytes_again(sheet, tmp_path):
    arguments = [sheet / "features.h5", sheet / "forest.npz"]
    segment_sheet(*arguments, tmp_path / "whole.h5", baseline=1)
    target = tmp_path / "run" / "segmentation.h5"
    command = [sys.executable, "-c", _KILLED, *map(str, arguments), str(target)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(LIBRARY)})
    # Killed as soon as blocks are on their way to the disk.
    while process.poll() is None and not any(p.stat().st_size > 50_000 for p in target.parent.glob(".*")):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not target.exists()
    segment_sheet(*arguments, target, baseline=1)
    assert target.read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_model_from_other_features_is_refused_before_work(sheet, tmp_path):
    grown(OF_PIXEL).save(tmp_path / "other.npz")
    with pytest.raises(
        ModelError, match=r"features\.h5: has features nir .*green_std.* trained on nir red green ndvi;"
    ):
        segment_sheet(sheet / "features.h5", tmp_path / "other.npz", tmp_path / "out.h5", baseline=1)
    assert list(tmp_path.iterdir()) == [tmp_path / "other.npz"]


def test_without_a_gpu_the_processors_predict_and_it_is_said(sheet, tmp_path, capfd):
    reason = gpu.gpu_absent()
    if not reason:
        pytest.skip("there is a GPU")
    for engine in ("cpu", "auto", "gpu"):
        segment_sheet(
            sheet / "features.h5", sheet / "forest.npz", tmp_path / f"{engine}.h5", baseline=1, engine=engine
        )
        said = f"no GPU for the segmentation ({reason}): the processors predict" in capfd.readouterr().err
        assert said == (engine != "cpu")
    assert (tmp_path / "gpu.h5").read_bytes() == (tmp_path / "cpu.h5").read_bytes()


def test_nvforest_gives_our_labels_and_treelite_gives_the_trees_back():
    """On the processors, where nvForest is installed: the same model goes to a GPU."""
    pytest.importorskip("nvforest")
    forest = grown(FEATURES)
    values = np.random.default_rng(3).integers(0, 255, (5000, len(FEATURES))).astype("u1")
    label, confidence = Predictor(forest).predict(values)
    other, share = gpu.nvforest_engine(forest, "cpu")(values)
    assert (label == other).mean() > 0.999
    np.testing.assert_allclose(confidence, share, atol=1e-6)
    trees = trees_of_treelite(gpu.treelite_model(forest))
    again = Predictor(assemble(trees, forest.features, forest.classes, {})).predict(values)
    np.testing.assert_array_equal(label, again[0])


@pytest.mark.parametrize(("smallest", "text"), [(1000, "trying"), (150_001, "the processors predict")])
def test_an_engine_out_of_memory_gets_smaller_blocks_and_in_the_end_none(sheet, smallest, text):
    done = subprocess.run(
        [sys.executable, "-c", _FULL % len(FEATURES), str(sheet / "forest.npz"), str(smallest)],
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "out of memory with 300000 pixels" in done.stderr
    assert text in done.stderr
    calls, largest, pixels = map(int, done.stdout.split())
    if smallest == 1000:
        assert calls >= 4
        assert largest <= 75_000
        assert pixels == 300_000
    else:
        assert calls == 0
