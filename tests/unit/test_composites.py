"""Maps per date, month and half-year: placement, weights, gaps; the mode equals GRASS's."""

import json
import tarfile

import numpy as np
import pystac
import pytest

from sealwatch import grass, hdf5
from sealwatch.composites.composite import composite
from sealwatch.composites.maps import write_map
from sealwatch.composites.mosaic import mosaic
from sealwatch.composites.spacetime import build
from sealwatch.composites.stac import write_item
from sealwatch.grid import Window

ZONE = Window(32633, 496640, 5120000, 640, 6, 4)
CLASSES = 10


def write_grid(path, inside=None):
    with hdf5.create(path, "zone_grid", 1, {}) as file:
        file.set_grid(ZONE)
        file.add("inside", ("y", "x"), "uint8", np.ones(ZONE.shape, "u1") if inside is None else inside)
    return path


def write_classes(path, window, land_cover, weight, name="clear_fraction", share=0.9):
    land_cover = np.asarray(land_cover, "u1")
    probability = np.full((CLASSES, *window.shape), (1 - share) / 9, "f4")
    np.put_along_axis(probability, np.minimum(land_cover, 9)[None].astype(int), share, axis=0)
    probability[:, land_cover == 255] = np.nan
    dtype = "float32" if name == "clear_fraction" else "int32"
    layer = {name: (dtype, np.broadcast_to(weight, window.shape), name)}
    write_map(path, "test", 1, window, probability, land_cover, layer, {})
    return path


def read(path, name):
    with hdf5.read(path) as file:
        return file[name][:]


def test_mosaic_places_tiles_and_prefers_the_clearer_patch(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    left, right = (
        Window(32633, 496640, 5120000, 640, 4, 4),
        Window(32633, 496640 + 2 * 640, 5120640, 640, 5, 5),
    )
    one = np.full((4, 4), 1)
    one[0, 3] = 255
    a = write_classes(tmp_path / "33TVM" / "a.h5", left, one, 0.9)
    clear = np.full((5, 5), 0.5)
    clear[2, 0] = 1.0
    b = write_classes(tmp_path / "33TWM" / "a.h5", right, np.full((5, 5), 2), clear)
    mosaic([a, b], grid, tmp_path / "m.h5", 1)
    expected = np.array([[1, 1, 1, 2, 2, 2], [1, 1, 2, 1, 2, 2], [1, 1, 1, 1, 2, 2], [1, 1, 1, 1, 2, 2]])
    assert np.array_equal(read(tmp_path / "m.h5", "class"), expected)
    assert read(tmp_path / "m.h5", "clear_fraction")[1, 2] == 1


def test_cells_outside_the_area_stay_empty(tmp_path):
    inside = np.ones(ZONE.shape, "u1")
    inside[0, 0] = 0
    grid = write_grid(tmp_path / "g.h5", inside)
    a = write_classes(tmp_path / "33TVM" / "a.h5", ZONE, np.full(ZONE.shape, 1), 1.0)
    mosaic([a], grid, tmp_path / "m.h5", 1)
    assert read(tmp_path / "m.h5", "class")[0, 0] == 255
    assert np.isnan(read(tmp_path / "m.h5", "probability")[:, 0, 0]).all()


def test_probability_composite_weights_by_clear_fraction(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    sources = [
        write_classes(tmp_path / f"{n}.h5", ZONE, np.full(ZONE.shape, code), weight)
        for n, (code, weight) in enumerate([(1, 0.5), (1, 0.5), (2, 1.0), (2, 0.1)])
    ]
    composite(sources, grid, tmp_path / "o.h5", "month", "probability", ("2021-06-01", "2021-06-30"), 1)
    assert (read(tmp_path / "o.h5", "class") == 2).all()
    assert (read(tmp_path / "o.h5", "observations") == 4).all()
    expected = (1.1 * 0.9 + 1.0 * 0.1 / 9) / 2.1
    assert read(tmp_path / "o.h5", "confidence") == pytest.approx(expected, abs=1e-6)
    composite(sources, grid, tmp_path / "v.h5", "month", "mode", ("2021-06-01", "2021-06-30"), 1)
    assert (read(tmp_path / "v.h5", "class") == 1).all()


def test_a_month_without_scenes_is_explicitly_empty(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    composite([], grid, tmp_path / "2021-06.h5", "month", "probability", ("2021-06-01", "2021-06-30"), 1)
    assert (read(tmp_path / "2021-06.h5", "class") == 255).all()
    assert (read(tmp_path / "2021-06.h5", "observations") == 0).all()
    write_item(tmp_path / "2021-06.h5", tmp_path / "2021-06.json", "month", "32633-2021-06")
    item = json.loads((tmp_path / "2021-06.json").read_text())
    assert item["properties"]["sealwatch:observed"] is False
    assert item["assets"]["map"]["href"] == "2021-06.h5"
    parsed = pystac.Item.from_dict(item)
    assert parsed.common_metadata.start_datetime.isoformat() == "2021-06-01T00:00:00+00:00"
    assert parsed.ext.proj.epsg == 32633


def test_mode_equals_grass_and_the_packed_dataset_opens(tmp_path):
    """Months and halves as GRASS datasets; t.rast.aggregate's mode must equal ours on every cell."""
    rng = np.random.default_rng(1)
    grid = write_grid(tmp_path / "g.h5")
    months = []
    for n in range(1, 7):
        land_cover = rng.integers(0, 4, ZONE.shape).astype("u1")
        land_cover[rng.random(ZONE.shape) < 0.3] = 255
        months.append(write_classes(tmp_path / f"2021-{n:02d}.h5", ZONE, land_cover, 1, "observations"))
    half = tmp_path / "2021H1.h5"
    composite(months, grid, half, "half", "mode", ("2021-01-01", "2021-06-30"), 1)
    archive = tmp_path / "spacetime.tar.gz"
    build("32633", {"dates": [], "months": months, "halves": [half]}, archive)
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "db", filter="data")
    with grass.session(32633, tmp_path / "db", "sealwatch_32633", "series") as session:
        assert session.read_pairs("t.info", flags="g", type="strds", input="months")["number_of_maps"] == "6"
        session.run(
            "t.rast.aggregate",
            input="months",
            output="agg",
            basename="agg",
            granularity="6 months",
            method="mode",
        )
        (name,) = session.read("t.rast.list", flags="u", input="agg", columns="name").split()
        assert session.region(32633) == ZONE
        assert np.array_equal(session.export_array(name, "uint8"), read(half, "class"))
