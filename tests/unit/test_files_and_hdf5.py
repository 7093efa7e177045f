"""Files are whole or absent, the same input gives the same bytes, and every reader sees the georeference."""

import subprocess

import numpy as np
import pytest
import rasterio
import xarray

from sealwatch import files, hdf5
from sealwatch.errors import RasterError
from sealwatch.grid import Window

WINDOW = Window(32633, 496640, 5120000, 640, 12, 8)


def write_example(path, fail=False):
    with hdf5.create(path, "example", 1, {"items": ["a", "b"]}) as file:
        file.set_grid(WINDOW)
        file.add_axis("class_code", ["x", "y"])
        file.add("map", ("y", "x"), "uint8", np.arange(96, dtype="u1").reshape(8, 12))
        file.add("share", ("class_code", "y", "x"), "float32", np.full((2, 8, 12), 0.5, "f4"))
        if fail:
            raise RuntimeError("stopped")


def test_an_interrupted_write_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="stopped"):
        write_example(tmp_path / "a.h5", fail=True)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_rewrite_keeps_the_old_file(tmp_path):
    write_example(tmp_path / "a.h5")
    before = files.file_digest(tmp_path / "a.h5")
    with pytest.raises(RuntimeError, match="stopped"):
        write_example(tmp_path / "a.h5", fail=True)
    assert files.file_digest(tmp_path / "a.h5") == before


def test_the_same_input_gives_the_same_bytes(tmp_path):
    write_example(tmp_path / "a.h5")
    write_example(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_json_is_written_only_when_it_changes(tmp_path):
    target = tmp_path / "a.json"
    assert files.write_json_if_changed(target, {"b": 1, "a": 2})
    stamp = target.stat().st_mtime_ns
    assert not files.write_json_if_changed(target, {"a": 2, "b": 1})
    assert target.stat().st_mtime_ns == stamp
    assert files.write_json_if_changed(target, {"a": 3, "b": 1})


def test_rasterio_xarray_and_gdalinfo_agree_on_place_and_values(tmp_path):
    path = tmp_path / "a.h5"
    write_example(path)
    with rasterio.open(f"netcdf:{path}:map") as image:
        assert image.crs.to_epsg() == 32633
        assert tuple(image.bounds) == WINDOW.bounds
        assert image.nodata == 255
        assert np.array_equal(image.read(1), np.arange(96).reshape(8, 12))
    with xarray.open_dataset(path) as data:
        assert data.x.values[0] == 496640 + 320
        assert data.y.values[0] == 5120000 - 320
        assert float(data["map"].sel(x=496960, y=5119680)) == 0
    text = subprocess.run(
        ["gdalinfo", f'NETCDF:"{path}":share'], capture_output=True, text=True, check=True
    ).stdout
    assert 'ID["EPSG",32633]' in text
    assert "Origin = (496640.0" in text
    with hdf5.read(path) as file:
        assert hdf5.read_window(file) == WINDOW
        assert hdf5.read_labels(file, "class_code") == ["x", "y"]


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "a.h5"
    write_example(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(RasterError, match=r"a\.h5.*delete it"), hdf5.read(path):
        pass
