"""Indicators: worked examples with numbers computed by hand, sums that are exact, and input that is wrong."""

import csv
import json
import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer
from shapely.geometry import Polygon, box

from builders.geopackages import write_layer
from builders.random_fields import generator
from builders.sample_maps import HALVES, SERIES, WINDOW, write_zone
from sealwatch.errors import RasterError, VectorError
from sealwatch.grid import Window
from sealwatch.indicators.apportion import divide_cells
from sealwatch.indicators.areas import ellipsoid_per_plane
from sealwatch.indicators.definitions import DEFINITIONS, markdown
from sealwatch.indicators.population import people, read_population
from sealwatch.indicators.report import COLUMNS, Settings, Zone, write_indicators
from sealwatch.indicators.satellite import ZoneFiles
from sealwatch.indicators.sdg import ratio_row

ROOT = Path(__file__).parents[2]
CELL = 640**2 * 1.00080048 / 1e6
"""km2 of a cell on the ellipsoid: at the central meridian the scale is 0.9996."""

BORDER = WINDOW.x_min + 2.25 * 640
"""Three quarters of column 2 lie east of it."""


def made(folder, zones, area, outlines=(), **settings):
    """All indicators of zones that `write_zone` made; `area` is a GeoSeries."""
    gpd.GeoDataFrame(geometry=area).to_file(folder / "area.gpkg")
    files = [
        Zone(
            zone.grid,
            ZoneFiles(
                zone.change,
                zone.change.with_suffix(".gpkg"),
                sorted((zone.change.parents[1] / "half" / zone.change.stem).glob("*.h5")),
            ),
        )
        for zone in zones
    ]
    given = {
        "area_of_interest": str(folder / "area.gpkg"),
        "registries": {},
        "population": None,
        "sealed_land_use": [],
        "statement": None,
        "first_state": 2,
        "persistence": 3,
        "min_rise": 0.3,
    }
    return write_indicators(
        files, outlines, Settings(**(given | settings)), folder / "indicators.json", folder / "indicators.csv"
    )


def register(folder, kind, rows, epsg=32633, field="name"):
    """A register's entry in the configuration; `rows` are pairs of value and polygon."""
    path = folder / f"{kind}.gpkg"
    path.unlink(missing_ok=True)
    frame = gpd.GeoDataFrame({field: [v for v, _ in rows]}, geometry=[g for _, g in rows], crs=epsg)
    write_layer(frame, path, kind)
    return {kind: {"path": str(path), "layer": None, "kind": kind, "field": field}}


def row_of(rows, **wanted):
    (found,) = [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]
    return found


@pytest.fixture(scope="module")
def zone(tmp_path_factory):
    return write_zone(tmp_path_factory.mktemp("maps"))


@pytest.fixture
def towns(tmp_path):
    """West of the border Levo, east of it Desno, which ends before the last two columns."""
    x_min, y_min, x_max, y_max = WINDOW.bounds
    rows = [
        ("Levo", box(x_min - 50, y_min - 50, BORDER, y_max + 50)),
        ("Desno", box(BORDER, y_min - 50, x_max - 2 * 640, y_max + 50)),
    ]
    return register(tmp_path, "municipality", rows)


def whole_window():
    return gpd.GeoSeries([box(*WINDOW.bounds)], crs=32633)


def test_change_by_year_and_municipality_is_as_computed_by_hand(zone, tmp_path, towns):
    found = made(tmp_path, [zone], whole_window(), registries=towns)
    national = found["national"]
    # Cells (1, 1), (1, 2) and (7, 9) change in 2022H2; (4, 5) changes in 2022H1 and back in 2023H2.
    year = row_of(national, source="satellite", period="2022")
    assert (year["gross_km2"], year["reverse_km2"]) == (pytest.approx(4 * CELL, rel=1e-5), 0)
    back = row_of(national, source="satellite", period="2023")
    assert back["net_km2"] == -back["reverse_km2"] == pytest.approx(-CELL, rel=1e-5)
    total = row_of(national, source="satellite", period="2021-2024")
    assert total["net_km2"] == pytest.approx(3 * CELL, rel=1e-5)
    # 108 cells, of which (8, 0) and (8, 1) have no state.
    assert total["net_percent_of_area"] == pytest.approx(100 * 3 / 108, rel=1e-5)
    assert total["net_percent_of_observed"] == pytest.approx(100 * 3 / 106, rel=1e-5)
    assert row_of(national, source="area")["not_observed_km2"] == pytest.approx(2 * CELL, rel=1e-5)
    by_place = {
        place: row_of(found["municipalities"], source="satellite", period="2021-2024", place=place)
        for place in ("Levo", "Desno", "outside any")
    }
    # Column 1 lies in Levo, of column 2 a quarter; column 9 in Desno; columns 10 and 11 in none.
    assert by_place["Levo"]["gross_km2"] == pytest.approx(1.25 * CELL, rel=1e-5)
    assert by_place["Desno"]["gross_km2"] == pytest.approx(2.75 * CELL, rel=1e-5)
    assert by_place["Desno"]["net_km2"] == pytest.approx(1.75 * CELL, rel=1e-5)
    assert by_place["outside any"]["gross_km2"] == 0
    assert row_of(found["municipalities"], source="area", place="outside any")["area_km2"] == pytest.approx(
        18 * CELL, rel=1e-5
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
    assert total["unsure_km2"] == pytest.approx(4 * CELL, rel=1e-5)


def test_stock_of_each_half_year_says_what_was_not_seen(zone, tmp_path):
    national = made(tmp_path, [zone], whole_window())["national"]
    stock = [row_of(national, source="stock", period=half) for half in HALVES]
    in_cells = [round(row["sealed_km2"] / CELL, 3) for row in stock]
    assert in_cells == [0, 0, 1, 4, 4, 3, 3, 3]
    unseen = [row["not_observed_percent_of_area"] for row in stock]
    assert unseen == pytest.approx([100 / 108] + [200 / 108] * 7, rel=1e-5)


def test_the_area_of_interest_cuts_cells(zone, tmp_path):
    x_min, y_min, x_max, y_max = WINDOW.bounds
    half_of_column_1 = box(x_min + 1.5 * 640, y_min, x_max, y_max)
    found = made(tmp_path, [zone], gpd.GeoSeries([half_of_column_1], crs=32633))
    assert row_of(found["national"], source="satellite", period="2022")["gross_km2"] == pytest.approx(
        3.5 * CELL, rel=1e-5
    )


def sums_are_exact(found):
    """Whether all areas of the municipalities and the rest add up to the whole, to the square metre."""
    checked = 0
    for whole in found["national"]:
        parts = [
            row
            for row in found["municipalities"]
            if (row["source"], row["period"]) == (whole["source"], whole["period"])
        ]
        for key, value in whole.items():
            if key.endswith("_km2") and value is not None:
                assert sum(round(row[key] * 1e6) for row in parts if row[key] is not None) == round(
                    value * 1e6
                )
                checked += 1
    return checked


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
        assert sums_are_exact(found) > 40


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


def outline_file(path, rows, epsg=3794):
    """Outlines of (id, half-year, polygon)."""
    frame = gpd.GeoDataFrame(
        {"polygon_id": [r[0] for r in rows], "start_half": [r[1] for r in rows]},
        geometry=[r[2] for r in rows],
        crs=epsg,
    )
    path.unlink(missing_ok=True)
    write_layer(frame, path, "newly_sealed")
    return path


def test_an_outline_across_a_border_is_divided(zone, tmp_path):
    """In the national CRS, whose scale is 0.9999 at its central meridian: 100 m x 100 m are 10,002.0 m2."""
    x, y = Transformer.from_crs(32633, 3794, always_xy=True).transform(500000.0, 5117000.0)
    towns = register(
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
    found = made(tmp_path, [zone], whole_window(), outlines, registries=towns)

    def figure(rows, period, place, key="gross_km2"):
        return row_of(rows, source="outlines", period=period, place=place)[key]

    parts = found["municipalities"]
    assert figure(parts, "2022", "A") == pytest.approx(0.0060012, abs=2e-6)
    assert figure(parts, "2022", "B") == pytest.approx(0.0040008, abs=2e-6)
    assert figure(parts, "2023", "B") == pytest.approx(0.00010002, abs=1e-6)
    assert [figure(parts, "2021-2024", place, "polygons") for place in ("A", "B", "outside any")] == [1, 2, 0]
    assert figure(found["national"], "2021-2024", "all", "polygons") == 2
    assert sums_are_exact(found) > 40
    # Two families of figures: nothing of one is in the other.
    assert row_of(found["national"], source="satellite", period="2023")["gross_km2"] == 0


def test_an_outline_of_another_period_is_named(zone, tmp_path):
    outlines = [outline_file(tmp_path / "one.gpkg", [("P-1", "2019H2", box(0, 0, 1, 1))])]
    with pytest.raises(VectorError, match=r"outline P-1: start_half 2019H2 is not one of 2021H1 to 2024H2"):
        made(tmp_path, [zone], whole_window(), outlines)


def test_maps_of_other_half_years_are_named(zone, tmp_path):
    files = ZoneFiles(zone.change, zone.change.with_suffix(".gpkg"), [])
    whole_window().to_file(tmp_path / "area.gpkg")
    settings = Settings(str(tmp_path / "area.gpkg"), {}, None, [], None, 2, 3, 0.3)
    with pytest.raises(RasterError, match="has other half-years than half/"):
        write_indicators([Zone(zone.grid, files)], [], settings, tmp_path / "i.json", tmp_path / "i.csv")


def test_sdg_11_3_1_is_as_computed_by_hand():
    sealed, people_ = {2021: 10_000_000, 2023: 11_000_000}, {2021: 1000, 2023: 1020}
    row = ratio_row(sealed.__getitem__, people_.get, [2021, 2022, 2023])
    assert (row["from_year"], row["to_year"], row["reason"]) == (2021, 2023, "")
    assert row["land_consumption_rate"] == 0.05  # (11 - 10) / 10 / 2
    assert row["population_growth_rate"] == pytest.approx(0.009901314)  # ln(1.02) / 2
    assert row["ratio"] == pytest.approx(5.049835, abs=1e-6)
    assert row["sealed_per_person_from_m2"] == 10_000


@pytest.mark.parametrize(
    ("sealed", "population", "years", "reason", "known"),
    [
        (
            (5, 6),
            {2021: 10, 2023: 10},
            (2021, 2023),
            "is the same",
            "land_consumption_rate population_growth_rate",
        ),
        (
            (0, 6),
            {2021: 10, 2023: 11},
            (2021, 2023),
            "no sealed land at the end of 2021",
            "population_growth_rate",
        ),
        ((5, 6), {2021: 0, 2023: 11}, (2021, 2023), "nobody lived there", "land_consumption_rate"),
        ((5, 6), {2021: 10}, (2021, 2023), "for fewer than two years between 2021 and 2023", ""),
        ((5, 6), {2021: 10, 2023: 11}, (2023,), "at the end of fewer than two years", ""),
    ],
)
def test_undefined_ratios_are_null_and_say_why(sealed, population, years, reason, known):
    row = ratio_row(lambda year: sealed[0] if year == 2021 else sealed[1], population.get, years)
    assert row["ratio"] is None
    assert reason in row["reason"]
    rates = {"land_consumption_rate", "population_growth_rate"}
    assert {key for key in rates if row[key] is not None} == set(known.split())


def table(folder, *rows, head="municipality,year,population"):
    path = folder / "population.csv"
    path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return str(path)


def test_sdg_by_municipality_and_whole(tmp_path, towns):
    """Sealed from the start: (0, 0) and (0, 4). Levo gains (1, 1) and a quarter of (1, 2) between 2021 and 2023."""
    zone = write_zone(tmp_path, series=SERIES | {(0, 0): "RRRRRRRR", (0, 4): "RRRRRRRR"})
    rows = ["Levo,2021,100", "Levo,2023,110", "Desno,2021,50", "Desno,2022,50"]
    found = made(tmp_path, [zone], whole_window(), registries=towns, population=table(tmp_path, *rows))
    levo = row_of(found["sdg_11_3_1"], place="Levo")
    assert levo["land_consumption_rate"] == pytest.approx(1.25 / 2, rel=1e-5)
    assert levo["ratio"] == pytest.approx(1.25 / math.log(1.1), rel=1e-5)
    desno = row_of(found["sdg_11_3_1"], place="Desno")
    assert (desno["to_year"], desno["ratio"]) == (2022, None)
    # Of 2023 Desno has no number, so neither has the whole; of 2022 Levo has none.
    assert row_of(found["sdg_11_3_1"], place="all")["reason"].startswith(
        "population is given for fewer than two"
    )
    own = made(
        tmp_path,
        [zone],
        whole_window(),
        registries=towns,
        population=table(tmp_path, ",2021,160", ",2023,170"),
    )
    whole = row_of(own["sdg_11_3_1"], place="all")
    # Two cells become 2 + 3: the one that changed back is not in it.
    assert whole["land_consumption_rate"] == pytest.approx(3 / 2 / 2, rel=1e-5)


def test_whole_area_is_the_sum_only_where_each_municipality_has_a_number(tmp_path):
    found = read_population(table(tmp_path, "A,2021,3", "B,2021,4", "A,2022,5", ",2023,9"), ["A", "B"])
    assert [people(found, "", year, ["A", "B"]) for year in (2021, 2022, 2023)] == [7, None, 9]


@pytest.mark.parametrize(
    ("rows", "head", "message"),
    [
        (["A,2021,3"], "municipality,year", r"population\.csv: lacks column\(s\) population"),
        (["A,2021,-3"], None, r"line 2: population '-3' is not a whole number"),
        (["A,2021,1 200"], None, "population '1 200' is not a whole number"),
        (["A,2021"], None, "population '' is not a whole number"),
        (["A,21,5"], None, "year 21 is not between"),
        (["A,2021,5", "Elsewhere,2021,5"], None, "line 3: municipality 'Elsewhere' is not in the register"),
        (["A,2021,5", "A,2021,6"], None, "line 3: a second number for A in 2021"),
        (['"A,2021,5'], None, "cannot be read"),
    ],
)
def test_a_wrong_population_table_is_named(tmp_path, rows, head, message):
    path = table(tmp_path, *rows, **({"head": head} if head else {}))
    with pytest.raises(VectorError, match=message):
        read_population(path, ["A"])


def test_a_table_of_municipalities_without_a_register_is_named(tmp_path):
    with pytest.raises(VectorError, match="municipality 'A' is not in a register, for none is configured"):
        read_population(table(tmp_path, "A,2021,5"), [])
    with pytest.raises(VectorError, match=r"absent\.csv: cannot be read"):
        read_population(tmp_path / "absent.csv", [])


def test_reconciliation_is_as_computed_by_hand(zone, tmp_path):
    """Outlined: 100 m x 100 m, of which a road (3000) covers 60, a field (1100) 50 with 10 in common."""
    x, y = 500000.0, 5117000.0
    rows = [
        (1100, box(x, y, x + 50, y + 100)),
        (3000, box(x + 40, y, x + 100, y + 100)),
        # In cells (1, 1) and (1, 3), of which the first is sealed at the end.
        (3000, box(WINDOW.x_min + 700, WINDOW.y_max - 760, WINDOW.x_min + 720, WINDOW.y_max - 740)),
        (3000, box(WINDOW.x_min + 2000, WINDOW.y_max - 760, WINDOW.x_min + 2010, WINDOW.y_max - 740)),
        # Beside the area, and on a cell without a state.
        (3000, box(WINDOW.x_min - 200, WINDOW.y_max - 760, WINDOW.x_min - 100, WINDOW.y_max - 740)),
        (3000, box(WINDOW.x_min + 100, WINDOW.y_min + 100, WINDOW.x_min + 200, WINDOW.y_min + 200)),
    ]
    entry = register(tmp_path, "land_use", rows, field="raba_id")
    outlines = [outline_file(tmp_path / "o.gpkg", [("P-1", "2022H2", box(x, y, x + 100, y + 100))], 32633)]
    found = made(tmp_path, [zone], whole_window(), outlines, registries=entry, sealed_land_use=["3000"])

    def km2(figure, use=""):
        return row_of(found["reconciliation"], figure=figure, land_use=use)["area_km2"]

    factor = 1.00080048e-6
    assert km2("outlines_by_land_use", "1100") == pytest.approx(5000 * factor, abs=2e-6)
    assert km2("outlines_by_land_use", "3000") == pytest.approx(5000 * factor, abs=2e-6)
    assert km2("outlines_counted_as_built") == km2("outlines_by_land_use", "3000")
    assert km2("outlines_not_counted_as_built") == km2("outlines_by_land_use", "1100")
    assert km2("register_built_on_sealed_cells") == pytest.approx(400 * factor, abs=1e-6)
    assert km2("register_built_on_other_cells") == pytest.approx((6000 + 200) * factor, abs=1e-6)
    everything = made(tmp_path, [zone], whole_window(), outlines, registries=entry)
    assert row_of(everything["reconciliation"], figure="outlines_counted_as_built")["percent"] == 100


def test_a_register_without_its_field_or_values_is_named(zone, tmp_path):
    entry = register(tmp_path, "municipality", [("", box(0, 0, 1, 1))])
    with pytest.raises(VectorError, match=r"registries\.municipality: .*holds no polygon with a name"):
        made(tmp_path, [zone], whole_window(), registries=entry)
    entry["municipality"]["field"] = "label"
    with pytest.raises(VectorError, match=r"registries\.municipality: .*lacks field\(s\) label"):
        made(tmp_path, [zone], whole_window(), registries=entry)


def test_soil_indicators_say_which_are_not_definable(zone, tmp_path):
    soil = made(tmp_path, [zone], whole_window())["soil"]
    assert row_of(soil, indicator="new_sealing", period="2022")["value_km2"] == pytest.approx(
        4 * CELL, rel=1e-5
    )
    assert row_of(soil, indicator="sealed_soil", period="end of 2022")["value_km2"] == pytest.approx(
        4 * CELL, rel=1e-5
    )
    # Net 3 cells in 2022H1 to 2023H2, two years.
    assert row_of(soil, indicator="average_net_sealing")["value_km2"] == pytest.approx(1.5 * CELL, rel=1e-5)
    missing = [row for row in soil if row["value_km2"] is None]
    assert {row["indicator"] for row in missing} == {"soil_removal", "settlement_area", "settlement_change"}
    assert all(row["reason"] for row in missing)


def test_the_long_table_holds_every_figure_with_unit_and_definition(zone, tmp_path, towns):
    found = made(
        tmp_path,
        [zone],
        whole_window(),
        registries=towns,
        population=table(tmp_path, ",2021,160", ",2023,170"),
    )
    with open(tmp_path / "indicators.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert {row["definition"] for row in rows} <= set(DEFINITIONS) == set(found["definitions"])
    keys = [(row["indicator"], row["place"], row["period"]) for row in rows]
    assert len(set(keys)) == len(keys)
    (gross,) = [
        r
        for r in rows
        if (r["indicator"], r["place"], r["period"]) == ("satellite.gross_km2", "Levo", "2022")
    ]
    levo = row_of(found["municipalities"], source="satellite", place="Levo", period="2022")
    assert (float(gross["value"]), gross["unit"]) == (levo["gross_km2"], "km2")


def test_same_products_give_the_same_bytes(zone, tmp_path, towns):
    made(tmp_path, [zone], whole_window(), registries=towns)
    first = [(tmp_path / f"indicators.{suffix}").read_bytes() for suffix in ("json", "csv")]
    made(tmp_path, [zone], whole_window(), registries=towns)
    assert [(tmp_path / f"indicators.{suffix}").read_bytes() for suffix in ("json", "csv")] == first


def test_counted_areas_point_to_the_statement(zone, tmp_path):
    statement = tmp_path / "statement.json"
    statement.write_text(
        json.dumps({"areas_km2": {"change": {"value": 2.0, "low": 1.5, "high": 2.6, "mapped": 1.6}}})
    )
    found = made(tmp_path, [zone], whole_window(), statement=str(statement))
    assert found["statement"]["low_km2"] == 1.5
    assert "not unbiased" in found["definitions"][found["statement"]["definition"]]
    statement.write_text("{}")
    with pytest.raises(VectorError, match=r"statement\.json: is no statement\.json of a review sample"):
        made(tmp_path, [zone], whole_window(), statement=str(statement))


def test_the_page_of_definitions_is_that_of_the_code():
    assert markdown() in (ROOT / "docs/indicators.md").read_text(encoding="utf-8")
