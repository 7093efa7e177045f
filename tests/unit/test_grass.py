"""GRASS sessions: maps in and out, a module's own message, time limits, an untouched environment."""

import os
from pathlib import Path

import numpy as np
import pytest

from builders.tiny_sheet import EPSG, write_segmentation
from sealwatch import grass
from sealwatch.errors import GrassError
from sealwatch.grid import Window

WINDOW = Window(EPSG, 500_000.0, 5_100_000.0, 0.5, 40, 30)


@pytest.fixture(scope="module")
def opened():
    with grass.session(EPSG) as session:
        session.set_region(WINDOW)
        yield session


def test_region_and_arrays_come_back_as_they_went_in(opened):
    assert opened.region(EPSG) == WINDOW
    for dtype, null in (("uint8", 255), ("uint16", 0), ("int32", -1), ("float32", np.nan)):
        array = (np.arange(1200).reshape(30, 40) % 250 + 1).astype(dtype)
        array[3, 5] = null
        opened.import_array(array, f"map_{dtype}")
        np.testing.assert_array_equal(opened.export_array(f"map_{dtype}", dtype), array)
        assert opened.read_pairs("r.univar", flags="g", map=f"map_{dtype}")["null_cells"] == "1"


def test_our_hdf5_is_read_in_place_with_its_georeference(opened, tmp_path):
    path = write_segmentation(tmp_path / "seg.h5", [(0, 0, 10, 20)], size=40, unknown=[(39, 0, 1, 40)])
    opened.import_raster(f'NETCDF:"{path}":class', "linked", link=True)
    info = opened.read_pairs("r.info", flags="g", map="linked")
    assert (float(info["north"]), float(info["west"]), float(info["nsres"])) == (5_100_000.0, 500_000.0, 0.5)
    array = opened.export_array("linked", "uint8")
    assert (array == 0).sum() == 200


def test_a_failing_module_speaks_itself(opened):
    with pytest.raises(GrassError, match=r"r\.mapcalc failed: Invalid map <nowhere>"):
        opened.run("r.mapcalc", expression="x = nowhere + 1")
    with pytest.raises(
        GrassError, match=r"no module r\.nothing; install it with: apt-get install grass-core"
    ):
        opened.run("r.nothing")


def test_a_hung_temporal_module_is_killed_and_tried_again(opened, capfd):
    with pytest.raises(GrassError, match=r"t\.list did not end within 0\.05 s in 2 run"):
        opened.run("t.list", timeout_s=0.05, attempts=2)
    assert "run 2 of 2" in capfd.readouterr().err


def test_a_session_leaves_nothing_behind(tmp_path, monkeypatch):
    before = dict(os.environ)
    with grass.session(EPSG) as session:
        scratch = session.scratch
        assert scratch.is_dir()
    assert not scratch.exists()
    assert dict(os.environ) == before
    with grass.session(EPSG, folder=tmp_path / "kept", location="utm33"):
        pass
    assert Path(tmp_path / "kept" / "utm33" / "work" / "WIND").is_file()
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(GrassError, match="install it with: apt-get install grass-core python3-ply"),
        grass.session(EPSG),
    ):
        pass
