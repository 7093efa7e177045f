"""Training samples: which pixels they are, what polygons and references give, and what is refused."""

import geopandas
import numpy as np
import pytest
from shapely.geometry import Polygon

from builders.tiny_sheet import EPSG, PIXEL_M, X_MIN, Y_MAX, shape_of, write_bands, write_training
from sealwatch import hdf5
from sealwatch.errors import VectorError
from sealwatch.grid import Window
from sealwatch.orthophoto.labels import label_sheet

WIDTH, HEIGHT = 230, 1100
BLOCKS = {
    "sealed": (500, 20, 30, 40),  # across the border of two blocks of rows
    "low_vegetation": (10, 10, 40, 50),
    "medium_high_vegetation": (1030, 100, 50, 60),
}
EMPTY = (20, 10, 5, 50)
ROAD = (100, 0, 600, 30)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """Features that tell their place: row and column in two bytes each, and a strip without data."""
    row, col = np.indices((HEIGHT, WIDTH))
    values = np.stack([row % 250, row // 250, col % 250, col // 250]).astype("u1")
    top, left, height, width = EMPTY
    values[:, top : top + height, left : left + width] = 255
    path = tmp_path_factory.mktemp("labels") / "features.h5"
    with hdf5.create(path, "prepare_sheet", 1, {}) as writer:
        writer.set_grid(Window(EPSG, X_MIN, Y_MAX, PIXEL_M, WIDTH, HEIGHT))
        writer.add_axis("feature", ["a", "b", "c", "d"])
        writer.add("features", ("feature", "y", "x"), "uint8", data=values)
    return path


@pytest.fixture
def sampled(features, tmp_path):
    """A function that samples polygons and returns row, column, label and polygon of each sample."""

    def sample(polygons, most=10**6, seed=1, **options):
        if isinstance(polygons, dict):
            polygons = write_training(tmp_path / "training.gpkg", polygons, "A", 2022)
        given = {"sheet": "A", "year": 2022, "baseline": 1, "seed": seed, "samples_per_class": most}
        label_sheet(features, polygons, tmp_path / "table.h5", **given, **options)
        with hdf5.read(tmp_path / "table.h5") as file:
            a, b, c, d = file["features"][:].astype(int).T
            return b * 250 + a, d * 250 + c, file["label"][:], file["polygon"][:]

    return sample


def inside(block, row, col):
    return (row >= block[0]) & (row < block[0] + block[2]) & (col >= block[1]) & (col < block[1] + block[3])


def test_all_pixels_of_the_polygons_with_data_are_samples(sampled):
    row, col, label, polygon = sampled(BLOCKS)
    assert len(set(zip(row, col, strict=True))) == len(row)
    for code, block in enumerate(BLOCKS.values()):
        mine = label == code
        assert inside(block, row[mine], col[mine]).all()
        assert set(polygon[mine]) == {code + 1}
        assert mine.sum() == block[2] * block[3] - (EMPTY[2] * EMPTY[3] if code == 1 else 0)


def test_a_part_is_drawn_evenly_and_repeatably(sampled):
    first = sampled(BLOCKS, most=300)
    assert [int((first[2] == code).sum()) for code in range(3)] == [300, 300, 300]
    for one, other in zip(first, sampled(BLOCKS, most=300), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (sampled(BLOCKS, most=300, seed=2)[0] != first[0]).any()
    # 12 of the 30 rows of the sealed polygon lie in the first block of rows; 4 standard deviations.
    upper = (first[0][first[2] == 0] < 512).mean()
    assert abs(upper - 0.4) < 4 * np.sqrt(0.4 * 0.6 / 300)


@pytest.mark.parametrize("raster", [False, True])
def test_sealed_land_of_the_reference_is_sampled_away_from_its_edge(sampled, tmp_path, raster):
    polygons = {**BLOCKS, "low_vegetation": (300, 10, 20, 10)}
    if raster:
        density = np.zeros((1, HEIGHT, WIDTH), "u1")
        density[0, ROAD[0] : ROAD[0] + ROAD[2], ROAD[1] : ROAD[1] + ROAD[3]] = 80
        density[0, 800:900] = 20
        reference = tmp_path / "density.tif"
        write_bands(reference, density)
    else:
        reference = tmp_path / "reference.gpkg"
        geopandas.GeoDataFrame(geometry=[shape_of(ROAD)], crs=EPSG).to_crs(3794).to_file(reference)
    row, col, label, polygon = sampled(polygons, reference=reference, reference_min=30)
    road = polygon < 0
    assert (label[road] == 0).all()
    # Two pixels less on the three sides that lie on the sheet, without the polygons on it.
    assert inside((102, 0, 596, 28), row[road], col[road]).all()
    assert road.sum() == 596 * 28 - 20 * 10 - 30 * 8
    assert (label[inside(polygons["low_vegetation"], row, col)] == 1).all()
    # Squares of 100 m: 200 pixels.
    numbers = [set(polygon[road & (row // 200 == square)]) for square in range(4)]
    assert [len(number) for number in numbers] == [1, 1, 1, 1]
    assert len(set.union(*numbers)) == 4


def test_polygons_beyond_the_sheet_are_cut_or_named(sampled, capsys):
    partly = {**BLOCKS, "sealed": (500, 200, 30, 100)}
    _, col, label, _ = sampled(partly)
    assert (label == 0).sum() == 30 * 30
    assert col.max() < WIDTH
    assert "row(s) 1 reach beyond sheet A of year 2022; what lies inside is used" in capsys.readouterr().err
    with pytest.raises(
        VectorError, match=r"row\(s\) 1 of layer training_polygons lie outside sheet A of year"
    ):
        sampled({**BLOCKS, "sealed": (500, 900, 30, 100)})


def test_polygons_without_a_pixel_are_told(sampled, tmp_path, capsys):
    tiny = write_training(tmp_path / "tiny.gpkg", BLOCKS, "A", 2022)
    frame = geopandas.read_file(tiny)
    corner = [(10.01, -10.01), (10.1, -10.01), (10.1, -10.1)]
    frame.loc[0, "geometry"] = Polygon([(X_MIN + x, Y_MAX + y) for x, y in corner])
    frame.to_file(tiny, layer="training_polygons")
    assert set(sampled(tiny)[2]) == {1, 2}
    assert "row(s) 1 cover no pixel with data" in capsys.readouterr().err
    with pytest.raises(VectorError, match="no polygon of sheet A year 2022 covers a pixel with data"):
        sampled({"sealed": EMPTY})


def test_rings_that_touch_themselves_are_mended_and_bow_ties_named(sampled, tmp_path):
    path = write_training(tmp_path / "rings.gpkg", BLOCKS, "A", 2022)
    frame = geopandas.read_file(path)

    def ring(*pixels):
        return Polygon([(X_MIN + col * PIXEL_M, Y_MAX - row * PIXEL_M) for row, col in pixels])

    # A square of 20 x 20 pixels that goes around a hole of 10 x 10 and comes back to its own corner.
    frame.loc[0, "geometry"] = ring(
        (500, 20), (500, 40), (520, 40), (520, 20), (500, 20), (510, 25), (515, 35), (505, 30), (500, 20)
    )
    assert not frame.geometry[0].is_valid
    frame.to_file(path, layer="training_polygons")
    _, _, label, _ = sampled(path)
    hole = ring((500, 20), (510, 25), (515, 35), (505, 30))
    assert (label == 0).sum() == pytest.approx(400 - hole.area / PIXEL_M**2, abs=10)
    frame.loc[0, "geometry"] = ring((500, 20), (520, 40), (520, 20), (500, 40))
    frame.to_file(path, layer="training_polygons")
    with pytest.raises(VectorError, match=r"row 1 is invalid \(Self-intersection\[.*; draw its outline anew"):
        sampled(path)
