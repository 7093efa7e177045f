"""The reference of earlier sealed land: vectors and rasters in any CRS, mended and cut to the window, in GRASS."""

import itertools

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.features
from rasterio.transform import from_origin
from shapely.geometry import Polygon, box

from builders.tiny_sheet import EPSG, PIXEL_M, X_MIN, Y_MAX, shape_of
from sealwatch import grass
from sealwatch.errors import RasterError, VectorError
from sealwatch.grid import Window
from sealwatch.orthophoto.reference import reference_map

WINDOW = Window(EPSG, X_MIN, Y_MAX, PIXEL_M, 120, 100)
ROOF = (10, 20, 40, 30)


@pytest.fixture(scope="module")
def session():
    with grass.session(EPSG) as opened:
        yield opened


MAPS = itertools.count()


def marked(session, source, **options):
    name = f"map{next(MAPS)}"
    assert reference_map(session, source, WINDOW, name=name, **options) == name
    session.run("g.region", raster=name)
    assert session.region(EPSG) == WINDOW
    return session.export_array(name, "uint8") == 1


def expected(*blocks):
    inside = np.zeros(WINDOW.shape, bool)
    for row, col, height, width in blocks:
        inside[row : row + height, col : col + width] = True
    return inside


def write_shapes(path, shapes, layer="reference", epsg=3794):
    geopandas.GeoDataFrame(geometry=shapes, crs=EPSG).to_crs(epsg).to_file(path, layer=layer)
    return path


def write_density(path, epsg=EPSG, crs=True, pixel=PIXEL_M, **options):
    """Sealed density in per cent, 255 = no data, on a grid of its own that reaches beyond the window."""
    frame = geopandas.GeoSeries([box(*WINDOW.bounds)], crs=EPSG).to_crs(epsg).buffer(40)
    left, bottom, right, top = (round(v) for v in frame.total_bounds)
    rows, cols = round((top - bottom) / pixel), round((right - left) / pixel)
    where = from_origin(left, top, pixel, pixel)
    roof = geopandas.GeoSeries([shape_of(ROOF), shape_of((70, 70, 20, 20))], crs=EPSG).to_crs(epsg)
    values = rasterio.features.rasterize([(roof[0], 80), (roof[1], 5)], (rows, cols), transform=where)
    values[:60][values[:60] == 0] = 255
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "nodata": 255, "transform": where}
    with rasterio.open(
        path, "w", height=rows, width=cols, crs=epsg if crs else None, **profile, **options
    ) as file:
        file.write(values.astype("u1"), 1)
    return path


def test_a_vector_of_another_crs_is_cut_to_the_window_and_its_rings_mended(session, tmp_path, capsys):
    x, y = X_MIN + 40, Y_MAX - 40
    bow_tie = Polygon([(x, y), (x + 10, y + 8), (x + 10, y), (x, y + 8)])
    beyond = shape_of((80, -300, 500, 310))
    source = write_shapes(tmp_path / "reference.gpkg", [shape_of(ROOF), bow_tie, beyond])
    found = marked(session, source)
    assert "reference.gpkg: 1 polygons with invalid rings were mended" in capsys.readouterr().err
    wanted = expected(ROOF, (80, 0, 20, 10))
    mended = (slice(63, 81), slice(80, 101))
    assert found[mended].sum() == pytest.approx(0.5 * 20 * 16, rel=0.15)
    found[mended] = False
    # Corners come back from the other CRS to the millimetre; pixel centres lie 0.25 m from them.
    assert (found == wanted).all()


def test_a_raster_counts_from_its_least_value(session, tmp_path):
    source = write_density(tmp_path / "density.tif")
    assert (marked(session, source, least=30) == expected(ROOF)).all()
    assert (marked(session, source) == expected(ROOF, (70, 70, 20, 20))).all()


def test_a_raster_of_another_crs_is_read_at_the_nearest_pixel(session, tmp_path):
    found = marked(session, write_density(tmp_path / "density.tif", epsg=3794, pixel=0.25), least=30)
    differ = found != expected(ROOF)
    assert differ.sum() <= 0.05 * found.sum()


def test_nothing_in_the_window_gives_an_empty_map(session, tmp_path):
    source = write_shapes(tmp_path / "far.gpkg", [box(X_MIN + 5000, Y_MAX, X_MIN + 5100, Y_MAX + 100)])
    assert not marked(session, source).any()


def test_bad_references_are_named(session, tmp_path):
    with pytest.raises(VectorError, match=r"none\.gpkg: no such file; correct orthophoto\.reference"):
        reference_map(session, tmp_path / "none.gpkg", WINDOW)
    two = write_shapes(tmp_path / "two.gpkg", [shape_of(ROOF)], layer="roads")
    assert (marked(session, two) == expected(ROOF)).all()
    write_shapes(two, [shape_of(ROOF)], layer="roofs")
    with pytest.raises(VectorError, match="has the layers roads, roofs; name that of the reference"):
        reference_map(session, two, WINDOW)
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(VectorError, match="neither a vector nor a raster"):
        reference_map(session, tmp_path / "text.tif", WINDOW)
    with pytest.raises(RasterError, match=r"bare\.tif: has no CRS"):
        reference_map(session, write_density(tmp_path / "bare.tif", crs=False), WINDOW)
    whole = write_density(tmp_path / "whole.tif")
    cut = tmp_path / "cut.tif"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(RasterError, match=r"cut\.tif: cannot be read to its end"):
        reference_map(session, cut, WINDOW)
