"""Ratios, register and tables of the indicators: worked examples computed by hand, and input that is wrong."""

import csv
import json
import math
from pathlib import Path

import pytest
from shapely.geometry import box

from builders.indicator_case import (
    CELL_KM2,
    made,
    outline_file,
    register,
    row_of,
    table,
    towns,
    whole_window,
)
from builders.sample_maps import SERIES, WINDOW, write_zone
from sealwatch.errors import VectorError
from sealwatch.indicators.definitions import DEFINITIONS, markdown
from sealwatch.indicators.population import people, read_population
from sealwatch.indicators.report import COLUMNS
from sealwatch.indicators.sdg import ratio_row

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def zone(tmp_path_factory):
    return write_zone(tmp_path_factory.mktemp("maps"))


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


def test_sdg_by_municipality_and_whole(tmp_path):
    """Sealed from the start: (0, 0) and (0, 4). Levo gains (1, 1) and a quarter of (1, 2) between 2021 and 2023."""
    zone = write_zone(tmp_path, series=SERIES | {(0, 0): "RRRRRRRR", (0, 4): "RRRRRRRR"})
    rows = ["Levo,2021,100", "Levo,2023,110", "Desno,2021,50", "Desno,2022,50"]
    found = made(
        tmp_path, [zone], whole_window(), registries=towns(tmp_path), population=table(tmp_path, *rows)
    )
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
        registries=towns(tmp_path),
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
        4 * CELL_KM2, rel=1e-5
    )
    assert row_of(soil, indicator="sealed_soil", period="end of 2022")["value_km2"] == pytest.approx(
        4 * CELL_KM2, rel=1e-5
    )
    # Net 3 cells in 2022H1 to 2023H2, two years.
    assert row_of(soil, indicator="average_net_sealing")["value_km2"] == pytest.approx(
        1.5 * CELL_KM2, rel=1e-5
    )
    missing = [row for row in soil if row["value_km2"] is None]
    assert {row["indicator"] for row in missing} == {"soil_removal", "settlement_area", "settlement_change"}
    assert all(row["reason"] for row in missing)


def test_the_long_table_holds_every_figure_with_unit_and_definition(zone, tmp_path):
    found = made(
        tmp_path,
        [zone],
        whole_window(),
        registries=towns(tmp_path),
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


def test_same_products_give_the_same_bytes(zone, tmp_path):
    made(tmp_path, [zone], whole_window(), registries=towns(tmp_path))
    first = [(tmp_path / f"indicators.{suffix}").read_bytes() for suffix in ("json", "csv")]
    made(tmp_path, [zone], whole_window(), registries=towns(tmp_path))
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
