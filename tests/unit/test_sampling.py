"""Strata of change maps and the random draw from them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.stats import chisquare

from builders.sample_maps import CHANGED, WINDOW, write_zone
from sealwatch.errors import ConfigError, RasterError
from sealwatch.grid import Window, row_col
from sealwatch.publish.sampling import strata
from sealwatch.publish.sampling.draw import Design, draw, random_numbers
from sealwatch.publish.sampling.store import unit_squares

ALL = Design({"change": 999, "buffer": 999, "stable": 999}, 1, 1, 0.3, None, 2, 3)


@pytest.fixture(scope="module")
def zone(tmp_path_factory):
    inside = np.ones(WINDOW.shape, "u1")
    inside[:, 11] = 0
    return write_zone(tmp_path_factory.mktemp("sampling"), inside=inside)


def picture(found):
    """Strata as letters on the map; `-` is not in the population."""
    letters = np.full(WINDOW.shape, "-")
    for row in range(WINDOW.height):
        for col in range(WINDOW.width):
            place = row_col(WINDOW, row, col)
            here = found.units[(found.units.row == place[0]) & (found.units.col == place[1])]
            if len(here):
                letters[row, col] = {"change": "C", "buffer": "b", "stable": "."}[here.stratum.iloc[0]]
    return ["".join(line) for line in letters]


def test_each_observed_cell_of_the_area_is_in_one_stratum_and_the_others_are_counted(zone):
    found = draw([zone], ALL)
    assert picture(found) == [
        "bbbb.......-",
        "bCCb.......-",
        "bbbb.......-",
        "....bbb....-",
        "....bbb....-",  # the reversed event stands in the middle
        "....bbb....-",
        "........bbb-",
        "........bCb-",
        "--......bbb-",
    ]
    assert found.period == ("2022H1", "2023H2")
    assert found.cells == {"change": 3, "buffer": 27, "stable": 67}
    assert found.excluded == {"outside": 9, "unobserved": 2, "other zone": 0}
    assert sum(found.cells.values()) + sum(found.excluded.values()) == WINDOW.height * WINDOW.width
    start = found.units.set_index("stratum").map_start_half
    assert set(start["change"]) == {"2022H2"}
    assert set(start["stable"]) | set(start["buffer"]) == {""}


def test_unsure_events_and_those_of_another_time_are_in_the_buffer(zone):
    for other in ({"min_rise": 0.9}, {"period": ("2023H1", "2023H2")}):
        found = draw([zone], dataclasses.replace(ALL, **other))
        assert found.cells == {"change": 0, "buffer": 30, "stable": 67}


@pytest.mark.parametrize("block", [1, 2, 5])
@pytest.mark.parametrize("buffer_cells", [0, 1, 3])
def test_blocks_leave_no_trace(zone, monkeypatch, block, buffer_cells):
    design = dataclasses.replace(
        ALL, sizes={"change": 2, "buffer": 7, "stable": 20}, buffer_cells=buffer_cells
    )
    whole = draw([zone], design)
    monkeypatch.setattr(strata, "BLOCK", block)
    parts = draw([zone], design)
    pd.testing.assert_frame_equal(parts.units, whole.units)
    assert (parts.cells, parts.excluded) == (whole.cells, whole.excluded)


def test_maps_seed_and_sizes_fix_the_units_and_a_larger_sample_holds_the_smaller(zone):
    small = dataclasses.replace(ALL, sizes={"change": 1, "buffer": 5, "stable": 10})
    first = draw([zone], small).units
    pd.testing.assert_frame_equal(first, draw([zone], small).units)
    assert not first.equals(draw([zone], dataclasses.replace(small, seed=2)).units)
    more = draw([zone], dataclasses.replace(small, sizes={"change": 2, "buffer": 9, "stable": 30})).units
    assert set(map(tuple, first.to_numpy())) < set(map(tuple, more.to_numpy()))
    assert draw([zone], dataclasses.replace(small, seed=None)).seed >= 0


def test_every_cell_has_the_same_chance_and_the_order_says_nothing_of_the_stratum(zone):
    sizes = {"change": 2, "buffer": 9, "stable": 11}
    drawn, rank = {}, []
    for seed in range(120):
        units = draw([zone], dataclasses.replace(ALL, sizes=sizes, seed=seed)).units
        for place in zip(units.stratum, units.row, units.col, strict=True):
            drawn[place] = drawn.get(place, 0) + 1
        rank += [(stratum, number) for number, stratum in enumerate(units.stratum)]
    for stratum, cells in {"change": 3, "buffer": 27, "stable": 67}.items():
        times = [count for place, count in drawn.items() if place[0] == stratum]
        assert len(times) == cells
        assert chisquare(times).pvalue > 0.001
    ranks = pd.DataFrame(rank, columns=["stratum", "rank"])
    middle = (sum(sizes.values()) - 1) / 2
    for stratum, values in ranks.groupby("stratum")["rank"]:
        error = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - middle) < 4 * error, stratum


def test_random_numbers_are_the_same_for_ever():
    numbers = random_numbers(1, 32633, np.array([7999, 8000]), np.array([776, 776]))
    assert numbers.tolist() == [5812484273099674046, 5144439154291545886]
    grid = random_numbers(5, 32633, np.arange(300)[:, None], np.arange(300)[None])
    share = np.bincount((grid >> np.uint64(56)).ravel().astype(int), minlength=256)
    assert chisquare(share).pvalue > 0.001
    assert len(np.unique(grid)) == grid.size


def test_where_zones_overlap_each_place_is_drawn_in_its_own_zone_only(tmp_path):
    """Zones 33 and 34 meet at 18 degrees east, there 731 km and 268 km east of their origins at 46 degrees north."""
    west = write_zone(tmp_path, Window(32633, 729600, 5120000, 640, 10, 8), {(3, 3): CHANGED})
    east = write_zone(tmp_path, Window(32634, 264320, 5120000, 640, 12, 8), {(3, 9): CHANGED})
    found = draw([west, east], ALL)
    assert found.excluded["other zone"] > 20
    squares = unit_squares(found.units, 640, 3035)
    longitude = shapely.get_x(
        shapely.centroid(np.array(unit_squares(found.units, 640, 4326).tolist(), dtype=object))
    )
    assert ((longitude < 18) == (found.units.zone == 32633)).all()
    tree = shapely.STRtree(squares)
    a, b = tree.query(squares, predicate="overlaps")
    seam = found.units.zone.to_numpy()[a] != found.units.zone.to_numpy()[b]
    shared = shapely.area(shapely.intersection(squares[a], squares[b]))
    assert shared[~seam].max(initial=0) < 5  # neighbours of one grid, square metres
    assert shared[seam].max() < 640**2
    alone = draw([west], ALL)
    assert alone.excluded["other zone"] == 0


def test_maps_that_do_not_fit_are_named(zone, tmp_path):
    other = write_zone(tmp_path, Window(32634, 264320, 5120000, 320, 6, 6), {})
    with pytest.raises(RasterError, match=r"32634\.h5: other half-years or cells"):
        draw([zone, other], ALL)
    with pytest.raises(RasterError, match="its grid is not that of"):
        draw([strata.ZoneMap(zone.change, other.grid)], ALL)
    with pytest.raises(RasterError, match="no change map"):
        draw([], ALL)
    for design, message in (
        (dataclasses.replace(ALL, period=("2019H1", "2023H2")), "2019H1 is not in the change maps"),
        (dataclasses.replace(ALL, period=("2023H2", "2022H1")), "exchange the two"),
    ):
        with pytest.raises(ConfigError, match=message):
            draw([zone], design)
    with pytest.raises(ConfigError, match="at least one above 0"):
        dataclasses.replace(ALL, sizes={"change": 0, "buffer": 0, "stable": 0})
