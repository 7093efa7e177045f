"""Features through GRASS against their definition, and the errors for rasters that do not fit."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from builders.tiny_sheet import EPSG, write_bands
from sealwatch import hdf5
from sealwatch.errors import ConfigError, RasterError
from sealwatch.orthophoto.features import FEATURES, OF_PIXEL, prepare_sheet


def test_features_are_what_they_are_defined_to_be(tmp_path):
    bands = np.random.default_rng(2).integers(1, 255, (3, 70, 90)).astype("u1")
    bands[:, :, :10] = 0
    write_bands(tmp_path / "photo.tif", bands)
    for name in ("one.h5", "two.h5"):
        prepare_sheet(tmp_path / "photo.tif", tmp_path / name, window_px=5, baseline=1)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    with hdf5.read(tmp_path / "one.h5") as file:
        assert tuple(hdf5.read_labels(file, "feature")) == FEATURES
        window = hdf5.read_window(file)
        values = dict(zip(FEATURES, file["features"][:], strict=True))
    assert (window.epsg, window.shape, window.cell_size_m) == (EPSG, (70, 90), 0.5)
    assert all((layer[:, :10] == 255).all() and (layer[:, 10:] != 255).all() for layer in values.values())
    nir, red, green = np.minimum(bands, 254).astype("f8")
    np.testing.assert_array_equal(values["nir"][:, 10:], nir[:, 10:])
    ndvi = 127 * (1 + (nir - red) / np.maximum(nir + red, 1))
    inside = np.s_[15:-15, 25:-15]
    for name, exact in (("ndvi", np.round(ndvi)), ("green", green)):
        assert np.abs(values[name][inside] - exact[inside]).max() <= 1
        for suffix, edge in (("", 5), ("_wide", 15), ("_wider", 31)):
            mean = uniform_filter(exact, edge)
            deviation = np.sqrt(uniform_filter(exact**2, edge) - mean**2)
            found, spread = (values[f"{name}_{figure}{suffix}"] for figure in ("mean", "std"))
            assert np.abs(found[inside] - mean[inside]).max() <= 1
            assert np.abs(spread[inside] - np.minimum(2 * deviation[inside], 254)).max() <= 1.5
            # Beyond the edge of the sheet and over its black border there is nothing to average.
            reach = edge // 2 + 1
            assert abs(found[-1, -1] - exact[-reach:, -reach:].mean()) <= 1
            assert abs(found[0, 10] - exact[:reach, 10 : 10 + reach].mean()) <= 1


def test_a_window_of_one_pixel_leaves_the_features_of_the_pixel(tmp_path):
    write_bands(tmp_path / "photo.tif", np.random.default_rng(3).integers(1, 255, (3, 20, 30)).astype("u1"))
    read = {}
    for window_px in (1, 5):
        prepare_sheet(tmp_path / "photo.tif", tmp_path / "f.h5", window_px=window_px, baseline=1)
        with hdf5.read(tmp_path / "f.h5") as file:
            read[window_px] = tuple(hdf5.read_labels(file, "feature")), file["features"][:]
    assert read[1][0] == OF_PIXEL
    np.testing.assert_array_equal(read[1][1], read[5][1][: len(OF_PIXEL)])


def test_unfit_rasters_are_named(tmp_path):
    path = tmp_path / "photo.tif"
    for bands, epsg, message in (
        (np.ones((1, 8, 8), "u1"), EPSG, "has 1 band"),
        (np.ones((3, 8, 8), "u2"), EPSG, "bands are uint16; say with orthophoto.value_range"),
        (np.ones((3, 8, 8), "u1"), None, "no projected CRS"),
    ):
        write_bands(path, bands, epsg)
        with pytest.raises(RasterError, match=message):
            prepare_sheet(path, tmp_path / "features.h5", window_px=5, baseline=1)
    path.write_bytes(b"II*\0 and then nothing")
    with pytest.raises(RasterError, match="cannot be read as a raster"):
        prepare_sheet(path, tmp_path / "features.h5", window_px=5, baseline=1)
    with pytest.raises(ConfigError, match="window_px"):
        prepare_sheet(path, tmp_path / "features.h5", window_px=4, baseline=1)
    assert not (tmp_path / "features.h5").exists()
