"""Polygons of a map of touching areas: common borders stay common when they are simplified."""

import numpy as np
import shapely
from scipy import ndimage

from builders.tiny_sheet import EPSG, PIXEL_M, X_MIN, Y_MAX
from sealwatch import grass
from sealwatch.grid import Window
from sealwatch.orthophoto.vectorise import draw_polygons

SIZE, TOLERANCE_M = 240, 1.0


def touching_areas(seed=4, number=40):
    """int32 [y, x]: areas with ragged borders that fill the map, each of one piece."""
    rng = np.random.default_rng(seed)
    row, col = rng.uniform(0, SIZE, (2, number))
    y, x = np.mgrid[:SIZE, :SIZE]
    bend, rough = ndimage.gaussian_filter(rng.normal(0, 1, (2, SIZE, SIZE)), (0, 4, 4)) * 40
    distance = np.hypot(y[..., None] + rough[..., None] - row, x[..., None] + bend[..., None] - col)
    nearest, areas = distance.argmin(-1), np.zeros((SIZE, SIZE), "i4")
    for which in range(number):
        pieces, _ = ndimage.label(nearest == which)
        areas += np.where(pieces > 0, pieces + areas.max(), 0).astype("i4")
    return areas


def test_neighbours_keep_their_common_borders_without_overlap_or_sliver():
    areas = touching_areas()
    window = Window(EPSG, X_MIN, Y_MAX, PIXEL_M, SIZE, SIZE)
    with grass.session(EPSG) as session:
        session.set_region(window)
        session.import_array(areas, "areas")
        frame = draw_polygons(session, "areas", TOLERANCE_M, PIXEL_M)
        frame["geometry"] = frame.geometry.make_valid()
        session.run("g.remove", flags="f", type_="vector", pattern="*")
        stairs = draw_polygons(session, "areas", 0, PIXEL_M)
    largest = frame.assign(size=frame.area).sort_values("size").drop_duplicates("cat", keep="last")
    assert set(largest["cat"]) == set(np.unique(areas))
    assert frame.area.sum() - largest.area.sum() < 0.001 * frame.area.sum()
    assert frame.area.min() >= PIXEL_M**2
    # Neither overlap nor gap: the areas add up to that of their union, which has no hole.
    whole = frame.union_all()
    assert abs(frame.area.sum() - whole.area) < 1e-6
    assert whole.geom_type == "Polygon"
    assert not whole.interiors
    assert abs(whole.area - (SIZE * PIXEL_M) ** 2) < 0.01 * whole.area
    # Fewer corners, and no border farther from the true one than the tolerance and the cut corner of a pixel.
    assert shapely.get_num_coordinates(frame.geometry).sum() < 0.6 * sum(
        shapely.get_num_coordinates(stairs.geometry)
    )
    true = {number: shapely.union_all(shapely.box(*_pixels(areas == number))) for number in np.unique(areas)}
    for number, shape in zip(largest["cat"], largest.geometry, strict=True):
        off = shape.symmetric_difference(true[number])
        assert shape.hausdorff_distance(true[number]) <= TOLERANCE_M + PIXEL_M
        assert off.area <= TOLERANCE_M * true[number].length


def _pixels(mask):
    """Edges x_min, y_min, x_max, y_max of a mask's pixels."""
    row, col = np.nonzero(mask)
    left, top = X_MIN + col * PIXEL_M, Y_MAX - row * PIXEL_M
    return left, top - PIXEL_M, left + PIXEL_M, top
