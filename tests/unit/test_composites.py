"""Maps per date, month and half-year: placement, weights, gaps, ties, bad input; the mode equals GRASS's."""

import itertools
import subprocess

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.maps import CLASSES, ZONE, read, shares_of, write_classes, write_grid, write_tile
from sealwatch import grass
from sealwatch.composites import maps
from sealwatch.composites.composite import composite
from sealwatch.composites.mosaic import mosaic
from sealwatch.errors import ConfigError, RasterError
from sealwatch.grid import Window

JUNE = ("2021-06-01", "2021-06-30")
FIRST_HALF = ("2021-01-01", "2021-06-30")
METHODS = ("probability", "mode")


def random_probability(rng, shape, gaps=0.3):
    """Class probabilities with cells that were not observed."""
    probability = rng.dirichlet(np.ones(CLASSES), shape).transpose(2, 0, 1).astype("f4")
    probability[:, rng.random(shape) < gaps] = np.nan
    return probability


def test_mosaic_places_tiles_and_prefers_the_clearer_patch(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    left = Window(32633, 496640, 5120000, 640, 4, 4)
    right = Window(32633, 496640 + 2 * 640, 5120640, 640, 5, 5)
    one = np.full((4, 4), 1)
    one[0, 3] = 255
    a = write_classes(tmp_path / "33TVM" / "a.h5", left, one, 0.9, tile="33TVM")
    clear = np.full((5, 5), 0.5)
    clear[2, 0] = 1.0
    b = write_classes(tmp_path / "33TWM" / "a.h5", right, np.full((5, 5), 2), clear, tile="33TWM")
    mosaic([a, b], grid, tmp_path / "m.h5", 1)
    expected = np.array([[1, 1, 1, 2, 2, 2], [1, 1, 2, 1, 2, 2], [1, 1, 1, 1, 2, 2], [1, 1, 1, 1, 2, 2]])
    assert np.array_equal(read(tmp_path / "m.h5", "class"), expected)
    assert read(tmp_path / "m.h5", "clear_fraction")[1, 2] == 1


def test_cells_outside_the_area_stay_empty(tmp_path):
    inside = np.ones(ZONE.shape, "u1")
    inside[0, 0] = 0
    grid = write_grid(tmp_path / "g.h5", inside=inside)
    a = write_classes(tmp_path / "a.h5", ZONE, np.full(ZONE.shape, 1), 1.0)
    mosaic([a], grid, tmp_path / "m.h5", 1)
    assert read(tmp_path / "m.h5", "class")[0, 0] == 255
    assert np.isnan(read(tmp_path / "m.h5", "probability")[:, 0, 0]).all()
    assert read(tmp_path / "m.h5", "clear_fraction")[0, 0] == 0


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_mosaic_does_not_depend_on_the_order_of_tiles(tmp_path_factory, seed):
    """Three overlapping tiles, few values of the clear fraction so that ties abound: all orders give the same bytes."""
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("order")
    grid = write_grid(folder / "g.h5", inside=(rng.random(ZONE.shape) < 0.9).astype("u1"))
    tiles = []
    for name in ("33TVM", "33TWL", "33TWM"):
        window = Window(32633, 496640 + 640 * int(rng.integers(-2, 3)), 5120000, 640, 5, 4)
        clear = rng.choice([0.5, 0.75, 1.0], window.shape)
        # The file's name tells nothing: the tile is what the file says.
        path = folder / f"{rng.integers(10**9)}.h5"
        tiles.append(write_tile(path, window, random_probability(rng, window.shape), clear, name))
    results = set()
    for order in itertools.permutations(tiles):
        mosaic(order, grid, folder / "m.h5", 1)
        results.add((folder / "m.h5").read_bytes())
    assert len(results) == 1


def test_of_equally_clear_patches_the_tile_of_the_first_name_wins(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    a = write_classes(tmp_path / "1.h5", ZONE, np.full(ZONE.shape, 1), 0.8, tile="33TWM")
    b = write_classes(tmp_path / "2.h5", ZONE, np.full(ZONE.shape, 2), 0.8, tile="33TVM")
    mosaic([a, b], grid, tmp_path / "m.h5", 1)
    assert (read(tmp_path / "m.h5", "class") == 2).all()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), method=st.sampled_from(METHODS))
def test_a_composite_of_one_date_equals_that_date(tmp_path_factory, seed, method):
    """Month and half-year of a single scene: its classes exactly, and its probabilities to the last bit."""
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("one")
    grid = write_grid(folder / "g.h5")
    probability = random_probability(rng, ZONE.shape)
    date = write_tile(folder / "date.h5", ZONE, probability, rng.uniform(0.5, 1, ZONE.shape))
    empty = folder / "2021-05.h5"
    composite([], grid, empty, "month", method, ("2021-05-01", "2021-05-31"), 1)
    composite([date], grid, folder / "2021-06.h5", "month", method, JUNE, 1)
    composite([empty, folder / "2021-06.h5"], grid, folder / "2021H1.h5", "half", method, FIRST_HALF, 1)
    for name in ("2021-06.h5", "2021H1.h5"):
        assert np.array_equal(read(folder / name, "class"), read(date, "class"))
        assert np.array_equal(read(folder / name, "observations"), read(date, "class") != 255)
        if method == "probability":
            assert np.array_equal(read(folder / name, "probability"), probability, equal_nan=True)
            assert np.array_equal(read(folder / name, "confidence"), probability.max(axis=0), equal_nan=True)


@pytest.mark.parametrize("method", METHODS)
def test_a_composite_does_not_depend_on_the_order_of_its_sources(tmp_path, method):
    rng = np.random.default_rng(4)
    grid = write_grid(tmp_path / "g.h5")
    dates = [
        write_tile(tmp_path / f"d{n}.h5", ZONE, random_probability(rng, ZONE.shape), rng.uniform(0.5, 1))
        for n in range(5)
    ]
    for name, order in (("a", dates), ("b", dates[::-1])):
        composite(order, grid, tmp_path / f"{name}.h5", "month", method, JUNE, 1)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_probability_composite_weights_by_clear_fraction(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    sources = [
        write_classes(tmp_path / f"{n}.h5", ZONE, np.full(ZONE.shape, code), weight)
        for n, (code, weight) in enumerate([(1, 0.5), (1, 0.5), (2, 1.0), (2, 0.1)])
    ]
    composite(sources, grid, tmp_path / "o.h5", "month", "probability", JUNE, 1)
    assert (read(tmp_path / "o.h5", "class") == 2).all()
    assert (read(tmp_path / "o.h5", "observations") == 4).all()
    expected = (1.1 * 0.9 + 1.0 * 0.1 / 9) / 2.1
    assert read(tmp_path / "o.h5", "confidence") == pytest.approx(expected, abs=1e-6)
    composite(sources, grid, tmp_path / "v.h5", "month", "mode", JUNE, 1)
    assert (read(tmp_path / "v.h5", "class") == 1).all()


def test_a_half_year_weights_months_by_their_observations_and_counts_them(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    months = [
        write_classes(tmp_path / f"2021-0{n}.h5", ZONE, np.full(ZONE.shape, code), seen, "observations")
        for n, (code, seen) in enumerate([(1, 1), (1, 2), (2, 9)], 1)
    ]
    composite(months, grid, tmp_path / "p.h5", "half", "probability", FIRST_HALF, 1)
    assert (read(tmp_path / "p.h5", "class") == 2).all()
    assert (read(tmp_path / "p.h5", "observations") == 12).all()
    composite(months, grid, tmp_path / "v.h5", "half", "mode", FIRST_HALF, 1)
    assert (read(tmp_path / "v.h5", "class") == 1).all()
    assert (read(tmp_path / "v.h5", "observations") == 12).all()
    assert read(tmp_path / "v.h5", "confidence") == pytest.approx(2 / 3)


@pytest.mark.parametrize("method", METHODS)
def test_a_month_without_scenes_is_explicitly_empty(tmp_path, method):
    grid = write_grid(tmp_path / "g.h5")
    composite([], grid, tmp_path / "2021-06.h5", "month", method, JUNE, 1)
    assert (read(tmp_path / "2021-06.h5", "class") == 255).all()
    assert np.isnan(read(tmp_path / "2021-06.h5", "probability")).all()
    assert (read(tmp_path / "2021-06.h5", "observations") == 0).all()
    text = subprocess.run(
        ["gdalinfo", "-stats", f'NETCDF:"{tmp_path / "2021-06.h5"}":observations'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "STATISTICS_MAXIMUM=0" in text


def test_blocks_of_rows_and_columns_give_the_whole_map(tmp_path, monkeypatch):
    """A map of many blocks, some without data, equals the same map made in one block; also under the majority prior."""
    rng = np.random.default_rng(7)
    window = Window(32633, 496640, 5120000, 160, 70, 50)
    grid = write_grid(tmp_path / "g.h5", window)
    probability = random_probability(rng, window.shape)
    probability[:, 16:32, 32:48] = np.nan
    results = {}
    for block in (512, 16):
        monkeypatch.setattr(maps, "BLOCK", block)
        tiles = [
            write_tile(tmp_path / f"{n}.h5", window, np.roll(probability, n, axis=0), 0.5 + n / 4, name)
            for n, name in enumerate(("33TVM", "33TWM"))
        ]
        mosaic(tiles, grid, tmp_path / "m.h5", 1)
        composite(
            [tmp_path / "m.h5", tiles[0]], grid, tmp_path / "c.h5", "month", "probability", JUNE, 1, 0.2, 5
        )
        results[block] = [
            read(tmp_path / file, name)
            for file, name in (("m.h5", "class"), ("m.h5", "clear_fraction"), ("c.h5", "probability"))
        ]
    for whole, parts in zip(*results.values(), strict=True):
        np.testing.assert_array_equal(whole, parts)


def test_mode_equals_grass_on_ties_and_gaps(tmp_path):
    """t.rast.aggregate, method mode, over the months' files; few classes and many gaps, so that ties abound."""
    rng = np.random.default_rng(1)
    window = Window(32633, 496640, 5120000, 640, 60, 40)
    grid = write_grid(tmp_path / "g.h5", window)
    months = []
    for n in range(1, 7):
        land_cover = rng.integers(0, CLASSES if n % 2 else 3, window.shape).astype("u1")
        land_cover[rng.random(window.shape) < 0.4] = 255
        months.append(write_classes(tmp_path / f"2021-{n:02d}.h5", window, land_cover, 1, "observations"))
    composite(months, grid, tmp_path / "2021H1.h5", "half", "mode", FIRST_HALF, 1)
    with grass.session(32633) as session:
        session.set_region(window)
        lines = []
        for path in months:
            name = f"m{path.stem[5:]}"
            session.import_raster(f'NETCDF:"{path}":class', name, link=True)
            lines.append(f"{name}|{path.stem}-01|2021-{int(path.stem[5:]) + 1:02d}-01")
        session.run("t.create", output="months", title="m", description="m")
        (session.scratch / "list").write_text("\n".join(lines))
        session.run("t.register", input="months", file=session.scratch / "list")
        session.run(
            "t.rast.aggregate",
            input="months",
            output="agg",
            basename="agg",
            granularity="6 months",
            method="mode",
        )
        (name,) = session.read("t.rast.list", flags="u", input="agg", columns="name").split()
        assert np.array_equal(session.export_array(name, "uint8"), read(tmp_path / "2021H1.h5", "class"))
    assert (read(tmp_path / "2021H1.h5", "class") == 255).any()


def test_another_grid_is_named(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    moved = Window(32633, ZONE.x_min + 640, ZONE.y_max, 640, ZONE.width, ZONE.height)
    other = write_classes(tmp_path / "moved.h5", moved, np.full(ZONE.shape, 1))
    with pytest.raises(RasterError, match=r"moved\.h5: its grid .*497280.* is not the zone's.*delete it"):
        composite([other], grid, tmp_path / "o.h5", "month", "mode", JUNE, 1)
    half_off = Window(32633, ZONE.x_min + 320, ZONE.y_max, 640, 4, 4)
    tile = write_classes(tmp_path / "tile.h5", half_off, np.full((4, 4), 1))
    with pytest.raises(RasterError, match=r"tile\.h5: does not lie on the zone's grid"):
        mosaic([tile], grid, tmp_path / "o.h5", 1)
    assert not (tmp_path / "o.h5").exists()


def test_a_code_that_is_no_class_is_named_with_its_place(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    land_cover = np.full(ZONE.shape, 1)
    path = write_classes(tmp_path / "a.h5", ZONE, land_cover)
    with h5py.File(path, "r+") as file:
        file["class"][2, 3] = 17
    for make in (
        lambda: composite([path], grid, tmp_path / "o.h5", "month", "mode", JUNE, 1),
        lambda: mosaic([path], grid, tmp_path / "o.h5", 1),
    ):
        with pytest.raises(
            RasterError, match=r"a\.h5: class has code 17 at row 2, column 3; codes are 0 to 9"
        ):
            make()


def test_a_damaged_map_is_named_and_leaves_no_file(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    path = write_tile(tmp_path / "a.h5", ZONE, shares_of(np.full(ZONE.shape, 1)))
    with h5py.File(path, "r") as file:
        chunk = file["probability"].id.get_chunk_info(0)
    with open(path, "r+b") as stream:
        stream.seek(chunk.byte_offset)
        stream.write(b"\xff" * chunk.size)
    with pytest.raises(RasterError, match=r"a\.h5: variable probability is damaged .*delete the file"):
        composite([path], grid, tmp_path / "o.h5", "month", "probability", JUNE, 1)
    with h5py.File(path, "r+") as file:
        del file["clear_fraction"]
    with pytest.raises(RasterError, match=r"a\.h5: variable clear_fraction is missing"):
        mosaic([path], grid, tmp_path / "o.h5", 1)
    assert not list(tmp_path.glob("*o*.h5"))


def test_tiles_without_a_name_or_with_the_same_are_refused(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    a, b = (write_classes(tmp_path / f"{n}.h5", ZONE, np.full(ZONE.shape, 1)) for n in "ab")
    with pytest.raises(RasterError, match=r"b\.h5: tile 33TVM is also that of .*a\.h5"):
        mosaic([a, b], grid, tmp_path / "m.h5", 1)
    nameless = write_classes(tmp_path / "c.h5", ZONE, np.full(ZONE.shape, 1), 1, "observations")
    with pytest.raises(RasterError, match=r"c\.h5: attribute tile is missing"):
        mosaic([nameless], grid, tmp_path / "m.h5", 1)


def test_an_even_window_is_refused(tmp_path):
    grid = write_grid(tmp_path / "g.h5")
    with pytest.raises(ConfigError, match=r"composites\.majority_px: 4 is even"):
        composite([], grid, tmp_path / "o.h5", "month", "mode", JUNE, 1, majority_px=4)
