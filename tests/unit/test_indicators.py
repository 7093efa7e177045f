"""Areas of change by place and time: worked examples with numbers computed by hand, and sums that are exact."""

import math

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer
from shapely.geometry import Polygon, box

from builders.indicator_case import (
    CELL_KM2,
    checked_sums,
    made,
    outline_file,
    register,
    row_of,
    towns,
    whole_window,
)
from builders.random_fields import generator
from builders.sample_maps import HALVES, WINDOW, write_zone
from sealwatch.errors import RasterError, VectorError
from sealwatch.grid import Window
from sealwatch.indicators.apportion import divide_cells
from sealwatch.indicators.areas import ellipsoid_per_plane
from sealwatch.indicators.report import Settings, write_indicators
from sealwatch.indicators.satellite import ZoneFiles


@pytest.fixture(scope="module")
def zone(tmp_path_factory):
    return write_zone(tmp_path_factory.mktemp("maps"))


def test_change_by_year_and_municipality_is_as_computed_by_hand(zone, tmp_path):
    found = made(tmp_path, [zone], whole_window(), registries=towns(tmp_path))
    national = found["national"]
    # Cells (1, 1), (1, 2) and (7, 9) change in 2022H2; (4, 5) changes in 2022H1 and back in 2023H2.
    year = row_of(national, source="satellite", period="2022")
    assert (year["gross_km2"], year["reverse_km2"]) == (pytest.approx(4 * CELL_KM2, rel=1e-5), 0)
    back = row_of(national, source="satellite", period="2023")
    assert back["net_km2"] == -back["reverse_km2"] == pytest.approx(-CELL_KM2, rel=1e-5)
    total = row_of(national, source="satellite", period="2021-2024")
    assert total["net_km2"] == pytest.approx(3 * CELL_KM2, rel=1e-5)
    # 108 cells, of which (8, 0) and (8, 1) have no state.
    assert total["net_percent_of_area"] == pytest.approx(100 * 3 / 108, rel=1e-5)
    assert total["net_percent_of_observed"] == pytest.approx(100 * 3 / 106, rel=1e-5)
    assert row_of(national, source="area")["not_observed_km2"] == pytest.approx(2 * CELL_KM2, rel=1e-5)
    by_place = {
        place: row_of(found["municipalities"], source="satellite", period="2021-2024", place=place)
        for place in ("Levo", "Desno", "outside any")
    }
    # Column 1 lies in Levo, of column 2 a quarter; column 9 in Desno; columns 10 and 11 in none.
    assert by_place["Levo"]["gross_km2"] == pytest.approx(1.25 * CELL_KM2, rel=1e-5)
    assert by_place["Desno"]["gross_km2"] == pytest.approx(2.75 * CELL_KM2, rel=1e-5)
    assert by_place["Desno"]["net_km2"] == pytest.approx(1.75 * CELL_KM2, rel=1e-5)
    assert by_place["outside any"]["gross_km2"] == 0
    assert row_of(found["municipalities"], source="area", place="outside any")["area_km2"] == pytest.approx(
        18 * CELL_KM2, rel=1e-5
    )


def test_years_in_which_nothing_can_be_confirmed_have_no_figure(zone, tmp_path):
    national = made(tmp_path, [zone], whole_window())["national"]
    for period, halves in (("2021", 0), ("2022", 2), ("2023", 2), ("2024", 0)):
        row = row_of(national, source="satellite", period=period)
        assert row["confirmable_halves"] == halves
        assert (row["gross_km2"] is None) == (halves == 0)


def test_unsure_gains_are_no_change(zone, tmp_path):
    total = row_of(
        made(tmp_path, [zone], whole_window(), min_rise=2.0)["national"],
        source="satellite",
        period="2021-2024",
    )
    assert (total["gross_km2"], total["reverse_km2"]) == (0, 0)
    assert total["unsure_km2"] == pytest.approx(4 * CELL_KM2, rel=1e-5)


def test_stock_of_each_half_year_says_what_was_not_seen(zone, tmp_path):
    national = made(tmp_path, [zone], whole_window())["national"]
    stock = [row_of(national, source="stock", period=half) for half in HALVES]
    in_cells = [round(row["sealed_km2"] / CELL_KM2, 3) for row in stock]
    assert in_cells == [0, 0, 1, 4, 4, 3, 3, 3]
    unseen = [row["not_observed_percent_of_area"] for row in stock]
    assert unseen == pytest.approx([100 / 108] + [200 / 108] * 7, rel=1e-5)


def test_the_area_of_interest_cuts_cells(zone, tmp_path):
    x_min, y_min, x_max, y_max = WINDOW.bounds
    half_of_column_1 = box(x_min + 1.5 * 640, y_min, x_max, y_max)
    found = made(tmp_path, [zone], gpd.GeoSeries([half_of_column_1], crs=32633))
    assert row_of(found["national"], source="satellite", period="2022")["gross_km2"] == pytest.approx(
        3.5 * CELL_KM2, rel=1e-5
    )


def test_municipalities_and_the_rest_add_up_exactly_whatever_their_shape(zone, tmp_path):
    rng = generator(1, "towns")
    x_min, y_min, x_max, y_max = WINDOW.bounds
    for turn in range(5):
        points = rng.uniform((x_min - 900, y_min - 900), (x_max + 900, y_max + 900), (12, 2))
        shapes = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(points)))[:9]
        # Some reach into others, as in a register that was not cleaned.
        rows = [(f"town {n}", shape.buffer(40 * (n % 3))) for n, shape in enumerate(shapes)]
        folder = tmp_path / str(turn)
        folder.mkdir()
        area = gpd.GeoSeries([box(*WINDOW.bounds).buffer(-100).simplify(1)], crs=32633)
        found = made(folder, [zone], area, registries=register(folder, "municipality", rows))
        assert checked_sums(found) > 40


def test_pieces_of_cells_are_those_of_plain_intersections(tmp_path):
    rng = generator(2, "pieces")
    window = Window(32633, 496640, 5120000, 640, 7, 5)
    points = rng.uniform((496000, 5116000), (502000, 5121000), (9, 2))
    regions = list(shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(points))))[:6]
    area = Polygon([(496700, 5119900), (500900, 5119700), (499000, 5117000)])
    pieces = divide_cells(window, area, regions)
    rows, cols = np.divmod(np.arange(35), 7)
    for cell, row, col in zip(range(35), rows, cols, strict=True):
        left, top = 496640 + col * 640, 5120000 - row * 640
        part = box(left, top - 640, left + 640, top).intersection(area)
        factor = ellipsoid_per_plane(window, np.array([row]), np.array([col]))[0]
        for number, region in enumerate(regions):
            chosen = (pieces.whole == cell) & (pieces.region == number)
            assert pieces.area_m2[chosen].sum() == pytest.approx(
                part.intersection(region).area * factor, abs=1e-3
            )


def test_where_zones_overlap_a_place_counts_once(tmp_path):
    """Everything changes in both zones' maps: the area of change is that of the land, not twice that."""
    corners = [(11.9, 46.05), (12.12, 46.05), (12.12, 46.11), (11.9, 46.11)]
    area = gpd.GeoSeries([Polygon(corners)], crs=4326)
    zones = []
    for epsg in (32632, 32633):
        x_min, y_min, x_max, y_max = area.to_crs(epsg).total_bounds
        left, top = math.floor(x_min / 640), math.ceil(y_max / 640)
        window = Window(
            epsg, left * 640, top * 640, 640, math.ceil(x_max / 640) - left, top - math.floor(y_min / 640)
        )
        series = {(r, c): "FFFRRRRR" for r in range(window.height) for c in range(window.width)}
        zones.append(write_zone(tmp_path, window, series))
    found = made(tmp_path, zones, area)
    # Its northern and southern edges run straight in the plane of each zone: a line of points does, too.
    xs, ys = zip(*shapely.get_coordinates(shapely.segmentize(Polygon(corners), 0.001)).tolist(), strict=True)
    expected = abs(Geod(ellps="WGS84").polygon_area_perimeter(xs, ys)[0]) / 1e6
    total = row_of(found["national"], source="satellite", period="2021-2024")
    assert total["gross_km2"] == row_of(found["national"], source="area")["area_km2"]
    assert total["gross_km2"] == pytest.approx(expected, rel=2e-4)
    alone = made(tmp_path, zones[:1], area)
    assert row_of(alone["national"], source="area")["area_km2"] == pytest.approx(expected, rel=2e-4)


def test_an_outline_across_a_border_is_divided(zone, tmp_path):
    """In the national CRS, whose scale is 0.9999 at its central meridian: 100 m x 100 m are 10,002.0 m2."""
    x, y = Transformer.from_crs(32633, 3794, always_xy=True).transform(500000.0, 5117000.0)
    across = register(
        tmp_path,
        "municipality",
        [("A", box(x - 9000, y - 9000, x, y + 9000)), ("B", box(x, y - 9000, x + 9000, y + 9000))],
        3794,
    )
    square = box(x - 60, y, x + 40, y + 100)
    outlines = [
        outline_file(tmp_path / "one.gpkg", [("P-1", "2022H2", square)]),
        outline_file(tmp_path / "two.gpkg", [("P-2", "2023H1", box(x + 200, y, x + 210, y + 10))]),
    ]
    found = made(tmp_path, [zone], whole_window(), outlines, registries=across)

    def figure(rows, period, place, key="gross_km2"):
        return row_of(rows, source="outlines", period=period, place=place)[key]

    parts = found["municipalities"]
    assert figure(parts, "2022", "A") == pytest.approx(0.0060012, abs=2e-6)
    assert figure(parts, "2022", "B") == pytest.approx(0.0040008, abs=2e-6)
    assert figure(parts, "2023", "B") == pytest.approx(0.00010002, abs=1e-6)
    assert [figure(parts, "2021-2024", place, "polygons") for place in ("A", "B", "outside any")] == [1, 2, 0]
    assert figure(found["national"], "2021-2024", "all", "polygons") == 2
    assert checked_sums(found) > 40
    # Two families of figures: nothing of one is in the other.
    assert row_of(found["national"], source="satellite", period="2023")["gross_km2"] == 0


def test_an_outline_of_another_period_is_named(zone, tmp_path):
    outlines = [outline_file(tmp_path / "one.gpkg", [("P-1", "2019H2", box(0, 0, 1, 1))])]
    with pytest.raises(VectorError, match=r"outline P-1: start_half 2019H2 is not one of 2021H1 to 2024H2"):
        made(tmp_path, [zone], whole_window(), outlines)


def test_maps_of_other_half_years_are_named(zone, tmp_path):
    files = ZoneFiles(zone.grid, zone.change, zone.change.with_suffix(".gpkg"), [])
    whole_window().to_file(tmp_path / "area.gpkg")
    settings = Settings(str(tmp_path / "area.gpkg"), {}, None, [], None, 2, 3, 0.3)
    with pytest.raises(RasterError, match="has other half-years than half/"):
        write_indicators([files], [], settings, tmp_path / "i.json", tmp_path / "i.csv")
