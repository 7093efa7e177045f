"""Orthophotos as agencies deliver them: band orders, 16 bits, borders without data, and what is refused."""

import geopandas
import numpy as np
import pytest
import rasterio

from builders.tiny_sheet import EPSG, shape_of, write_bands
from sealwatch import grass
from sealwatch.errors import ConfigError, RasterError
from sealwatch.orthophoto.features import prepare_sheet
from sealwatch.orthophoto.photo import check_photo, import_photo

SHAPE = (40, 60)
NRG = np.random.default_rng(5).integers(1, 255, (3, *SHAPE)).astype("u1")
NRGA = np.concatenate([NRG, np.full((1, *SHAPE), 255, "u1")])


@pytest.fixture
def brought(tmp_path):
    """A function that writes bands, brings them into GRASS and returns the maps nir, red, green."""

    def bring(photo, write=(), **options):
        write_bands(tmp_path / "photo.tif", photo, **dict(write))
        with grass.session(EPSG) as session:
            import_photo(session, check_photo(tmp_path / "photo.tif", **options))
            return np.array([session.export_array(name, "uint8") for name in ("nir", "red", "green")])

    return bring


def as_bytes(bands, empty):
    return np.where(empty, np.uint8(255), np.minimum(bands, 254))


def test_bands_are_found_by_name_even_where_gdal_calls_one_alpha(brought, tmp_path):
    blue = np.full((1, *SHAPE), 9, "u1")
    maps = brought(np.concatenate([NRG[1:], blue, NRG[:1]]), bands=["red", "green", "blue", "nir"])
    with rasterio.open(tmp_path / "photo.tif") as photo:
        assert photo.colorinterp[3].name == "alpha"
    np.testing.assert_array_equal(maps, as_bytes(NRG, False))


def test_land_without_data_is_told_from_dark_land(brought):
    empty = np.zeros(SHAPE, bool)
    empty[:, :7] = True
    dark = NRG.copy()
    dark[:, empty] = 0
    dark[0, 5:9, 20:30] = 0  # water without near infrared is no border
    want = as_bytes(dark, empty)
    np.testing.assert_array_equal(brought(dark), want)
    np.testing.assert_array_equal(brought(dark, {"nodata": 0}), want)
    white = np.where(empty, np.uint8(255), NRG)
    white[1, 5:9, 20:30] = 255  # nor is a bright roof
    np.testing.assert_array_equal(brought(white, {"nodata": 255}), as_bytes(white, empty))


def test_masks_say_where_there_is_data(brought, tmp_path):
    masked = NRGA.copy()
    masked[3, 10:20] = 0
    want = as_bytes(NRG, masked[3] == 0)
    np.testing.assert_array_equal(brought(masked), want)
    path = tmp_path / "mask.tif"
    write_bands(path, NRG, photometric="minisblack")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as photo:
        photo.write_mask(masked[3] > 0)
    with grass.session(EPSG) as session:
        import_photo(session, check_photo(path))
        np.testing.assert_array_equal(session.export_array("nir", "uint8"), want[0])


def test_sixteen_bits_are_rescaled_by_the_configured_range(brought):
    bands = np.random.default_rng(6).integers(0, 12000, (3, *SHAPE)).astype("u2")
    bands[:, :, :7] = 0
    bands[:, 3, 10] = 200, 8000, 9000
    maps = brought(bands, value_range=[200, 9000])
    exact = np.clip(254 * (bands - 200.0) / 8800, 1, 254)
    assert (maps[:, :, :7] == 255).all()
    assert np.abs(maps[:, :, 7:] - exact[:, :, 7:]).max() <= 0.5 + 1e-6
    assert list(maps[:, 3, 10]) == [1, 225, 254]


def test_values_below_zero_that_sum_to_zero_are_data(brought):
    bands = np.full((3, *SHAPE), 500, "i2")
    bands[:, 3, 10] = -200, 100, 100
    bands[:, 4, 10] = 0
    maps = brought(bands, value_range=[-1000, 1540])
    assert list(maps[:, 3, 10]) == [80, 110, 110]
    assert list(maps[:, 4, 10]) == [255, 255, 255]


@pytest.mark.parametrize(
    ("bands", "epsg", "options", "message"),
    [
        (NRGA[:2], EPSG, {}, r"has 2 band\(s\), not the 3 named nir, red, green; name all of them"),
        (np.concatenate([NRG, NRG]), EPSG, {}, r"has 6 band\(s\), not the 3 named"),
        (NRG, EPSG, {"bands": ["red", "green", "blue", "nir"]}, r"has 3 band\(s\), not the 4 named"),
        (NRG.astype("u2"), EPSG, {}, "bands are uint16; say with orthophoto.value_range which values"),
        (NRG.astype("f4"), EPSG, {"value_range": [0, 1]}, "bands are float32, must be uint8, or uint16"),
        (NRG, None, {}, "has no projected CRS with an EPSG code; .* name it in field crs"),
        (NRG, 4326, {}, "has EPSG:4326, which is not projected; warp it with gdalwarp -t_srs"),
        (NRG, EPSG, {"epsg": 3794}, "is in EPSG:32633, the index says EPSG:3794; mend field crs"),
        (NRG, 2263, {}, "EPSG:2263 counts in .*foot.*; warp it to a CRS in metres"),
    ],
)
def test_a_raster_that_does_not_fit_is_named(tmp_path, bands, epsg, options, message):
    write_bands(tmp_path / "photo.tif", bands, epsg)
    with pytest.raises(RasterError, match=rf"photo\.tif: {message}"):
        check_photo(tmp_path / "photo.tif", **options)


def test_the_range_must_ascend(tmp_path):
    write_bands(tmp_path / "photo.tif", NRG.astype("u2"))
    with pytest.raises(ConfigError, match="value_range: 9, 9 is not ascending"):
        check_photo(tmp_path / "photo.tif", value_range=[9, 9])


def test_the_index_may_name_a_crs_that_is_missing(tmp_path):
    write_bands(tmp_path / "photo.tif", NRG, None)
    assert check_photo(tmp_path / "photo.tif", epsg=EPSG).window.epsg == EPSG


def test_the_footprint_must_lie_in_the_raster(tmp_path):
    write_bands(tmp_path / "photo.tif", NRG)

    def footprint(*block):
        return geopandas.GeoSeries([shape_of(block)], crs=EPSG).to_crs(3794)

    for block in ((0, 0, *SHAPE), (5, 5, 20, 30)):
        check_photo(tmp_path / "photo.tif", footprint=footprint(*block))
    with pytest.raises(RasterError, match=r"photo\.tif: 50% of its footprint in the index lies outside it"):
        check_photo(tmp_path / "photo.tif", footprint=footprint(0, 30, *SHAPE))


@pytest.mark.parametrize("share", [0.3, 0.97])
@pytest.mark.parametrize(
    "options", [{}, {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "lzw"}]
)
def test_a_truncated_raster_stops_and_leaves_nothing(tmp_path, share, options):
    write_bands(tmp_path / "whole.tif", NRG, **options)
    content = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[: int(share * len(content))])
    with pytest.raises(RasterError, match=r"cut\.tif: cannot be read .*; replace the file"):
        prepare_sheet(tmp_path / "cut.tif", tmp_path / "features.h5", window_px=5, baseline=1)
    assert not list(tmp_path.glob("*features*"))
