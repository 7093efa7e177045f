"""Wildcards, periods and the lattice of cells."""

import re

import pytest

from sealwatch import grid, keys


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("tile", "33TVM", "33tvm"),
        ("date", "2021-06-14", "20210614"),
        ("platform", "S2C", "Sentinel-2C"),
        ("zone", "32633", "3794"),
        ("month", "2021-06", "2021-06-14"),
        ("half", "2021H1", "2021H3"),
        ("sheet", "D21-01", "D21_01"),
        ("year", "2024", "24"),
    ],
)
def test_wildcards_accept_their_own_form_only(kind, good, bad):
    assert keys.matches(kind, good)
    assert not keys.matches(kind, bad)


def test_no_key_of_one_kind_is_taken_for_another_in_a_file_name():
    name = re.compile("({sheet})_({year})".format(**keys.WILDCARD_CONSTRAINTS))
    assert name.fullmatch("D2101_2024").groups() == ("D2101", "2024")
    assert keys.split_sheet_key("A-1_2024") == ("A-1", "2024")


def test_zone_of_tile_follows_the_hemisphere():
    assert keys.zone_of_tile("33TVM") == "32633"
    assert keys.zone_of_tile("35LNK") == "32735"
    with pytest.raises(ValueError, match="61TVM"):
        keys.zone_of_tile("61TVM")


def test_the_papers_period_has_70_months_and_12_halves():
    assert len(keys.month_range("2020-01-01", "2025-10-31")) == 70
    assert len(keys.half_range("2020-01-01", "2025-10-31")) == 12
    assert keys.half_of("2021-07-01") == "2021H2"
    assert keys.months_of("2021H2")[0] == "2021-07"
    assert keys.days_of_month("2024-02") == ("2024-02-01", "2024-02-29")


def test_tiles_windows_lie_on_one_lattice():
    one = grid.cell_window(32633, (399960, 5090220, 509760, 5200020), 640)
    other = grid.cell_window(32633, (499980, 5090220, 609780, 5200020), 640)
    row, col = other.offset_in(one)
    assert row == 0
    assert one.x_min + col * 640 == other.x_min
    assert grid.cells_inside(32633, (399960, 5090220, 509760, 5200020), 640).x_min == 400000


def test_cell_numbers_do_not_depend_on_the_window():
    large = grid.Window(32633, 496640, 5120000, 640, 12, 8)
    small = grid.Window(32633, 497280, 5119360, 640, 4, 4)
    assert grid.row_col(large, 1, 1) == grid.row_col(small, 0, 0) == (7998, 777)
    assert grid.in_window(large, 7998, 777) == (1, 1)
    assert grid.in_window(small, *grid.row_col(large, 0, 0)) == (-1, -1)


def test_where_windows_lie_over_each_other():
    large = grid.Window(32633, 496640, 5120000, 640, 12, 8)
    inner = grid.Window(32633, 497280, 5119360, 640, 4, 4)
    beyond = grid.Window(32633, 496000, 5120640, 640, 4, 4)
    assert inner.overlap(large) == ((slice(0, 4), slice(0, 4)), (slice(1, 5), slice(1, 5)))
    assert beyond.overlap(large) == ((slice(1, 4), slice(1, 4)), (slice(0, 3), slice(0, 3)))
    assert grid.Window(32633, 496000, 5120640, 640, 1, 1).overlap(large) is None


def test_windows_off_the_lattice_are_refused():
    window = grid.Window(32633, 496640, 5120000, 640, 12, 8)
    with pytest.raises(ValueError, match="aligned"):
        grid.Window(32633, 496650, 5120000, 640, 2, 2).offset_in(window)
    with pytest.raises(ValueError, match="cell size"):
        grid.Window(32633, 496640, 5120000, 320, 2, 2).offset_in(window)
