"""Parts of the report page: which events are chosen and why, tables, gaps, and pictures in their place."""

import base64
import io
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin
from shapely.geometry import box

from builders.tiny_sheet import write_index
from sealwatch import hdf5
from sealwatch.catalogue.rejections import rejected_by_tile
from sealwatch.files import write_json
from sealwatch.grid import Window
from sealwatch.report.chosen import Period, choose_events, why_confirmed
from sealwatch.report.country import country_map
from sealwatch.report.events import read_sheets
from sealwatch.report.gaps import zone_gaps
from sealwatch.report.indicator_tables import read_indicators
from sealwatch.report.land import NOT_NAMED, land_tables
from sealwatch.report.layers import settings_rows
from sealwatch.report.pictures import Frame, cut_out, cut_out_codes
from sealwatch.report.scenes import scene_summary
from sealwatch.settings import DEFAULTS, read_yaml, shaping


@pytest.mark.parametrize("name", ["sheets.gpkg", "sheets.parquet"])
def test_the_index_of_orthophotos_is_read_in_both_formats(tmp_path, name):
    flights = [("B1", 2024, "2024-06-18", "b.tif"), ("A1", 2021, "2021-05-02", "a.tif")]
    found = read_sheets(write_index(tmp_path / name, flights), 3794)
    assert found[["key", "sheet", "year", "flight_date"]].to_numpy().tolist() == [
        ["B1_2024", "B1", 2024, "2024-06-18"],
        ["A1_2021", "A1", 2021, "2021-05-02"],
    ]
    assert found.crs.to_epsg() == 3794


def events(*rows):
    return pd.DataFrame(rows, columns=["event_id", "status", "from_class", "to_class"])


def test_each_transition_has_its_turn_before_any_has_a_second():
    found = events(
        ("a", "confirmed", "Forest", "Highway"),
        ("b", "confirmed", "Forest", "Highway"),
        ("c", "confirmed", "Pasture", "Highway"),
        ("d", "reversed", "River", "Highway"),
        ("e", "unsure", "River", "Industrial"),
        ("f", "confirmed", None, "Industrial"),
        ("g", "confirmed", "Forest", "Highway"),
    )
    area = {"a": 10.0, "b": 30.0, "c": 20.0, "d": 99.0, "g": 30.0}
    assert list(choose_events(found, area, 12).event_id) == ["b", "c", "f", "g", "a"]
    # The same from any order of the rows.
    assert list(choose_events(found[::-1], area, 3).event_id) == ["b", "c", "f"]
    assert choose_events(found, {}, 0).empty


def test_why_an_event_was_confirmed_names_half_years_classes_and_gaps():
    event = {"before_half": "2021H1", "start_half": "2021H2", "confirm_half": "2023H1", "confidence": 0.876}
    periods = [
        Period("2021H1", "Pasture", 0.9, 5),
        Period("2021H2", "Highway", 0.8, 1),
        Period("2022H1", None, 0.0, 0),
        Period("2022H2", "Industrial", 0.7, 3),
        Period("2023H1", "Highway", 0.9, 2),
        Period("2023H2", "Forest", 0.9, 2),
    ]
    said = why_confirmed(event, periods, (6, 7), 3)
    assert (
        "2021H2 highway (1 clear observation), 2022H2 industrial (3 clear observations), 2023H1 highway (2"
        in said
    )
    assert "after pasture in 2021H1 (5 clear observations)" in said
    assert "Not observed in between: 2022H1." in said
    assert "Confidence 0.88." in said
    assert "Of 7 clear scenes since the start, 6 voted" in said
    assert "2023H2" not in said


def test_left_out_items_are_counted_by_the_tile_in_their_id(tmp_path):
    report = tmp_path / "report.json"
    write_json(
        report,
        {
            "rejected": {
                "S2A_MSIL2A_20230829T100031_R122_T33TVM_20230829T161207": "cloudy: 88.7 % is above",
                "S2B_33TVM_20210521_0_L2A": "cloudy: 99.0 % is above",
                "S2B_33TWM_20210521_0_L2A": "superseded: by another",
                "33TVMX": "incomplete: no image",
            },
            "new": ["33TVM/2021-02-21_S2A"],
        },
    )
    expected = {"": {"incomplete": 1}, "33TVM": {"cloudy": 2}, "33TWM": {"superseded": 1}}
    assert rejected_by_tile(report) == expected
    assert rejected_by_tile(tmp_path / "none.json") == {}
    scenes = [("33TVM", "2021-02-21", "S2A"), ("33TWM", "2021-02-21", "S2A"), ("33TVM", "2021-04-02", "S2B")]
    found = scene_summary(scenes, expected, ("2021-02-01", "2021-04-30"))
    assert [(row.tile, row.scenes, list(row.rejected)) for row in found.tiles] == [
        ("not named", 0, [0, 1, 0]),
        ("33TVM", 2, [2, 0, 0]),
        ("33TWM", 1, [0, 0, 1]),
    ]
    assert found.empty_months == ["2021-03"]
    assert found.years == [("2021", [None, 2, 0, 1] + [None] * 8)]


def test_tables_of_land_add_up_whatever_the_registers_know():
    outlines = gpd.GeoDataFrame(
        {
            "polygon_id": ["a", "b", "c"],
            "from_class": ["Forest", "Forest", "Pasture"],
            "to_class": ["Highway"] * 3,
            "area_m2": [100.0, 50.0, 50.0],
        },
        geometry=[box(0, 0, 1, 1)] * 3,
        crs=3794,
    )
    known = {"a": {"municipality": "Brdo", "land_use_before": ""}}
    tables = {t.column: t for t in land_tables(outlines, {"towns": "municipality", "x": "objects"}, known)}
    assert set(tables) == {"Municipality", "Land cover before", "Land cover after"}
    assert tables["Municipality"].rows == [("Brdo", 1, 100.0, 50.0), (NOT_NAMED, 2, 100.0, 50.0)]
    assert tables["Land cover before"].rows == [("forest", 2, 150.0, 75.0), ("pasture", 1, 50.0, 25.0)]
    assert {(t.polygons, t.area_m2) for t in tables.values()} == {(3, 200.0)}


def write_map(path, window, **variables):
    with hdf5.create(path, "test", 1, {}) as file:
        file.set_grid(window)
        for name, values in variables.items():
            file.add(name, ("y", "x"), str(values.dtype), values)


def colours(uri):
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    return np.asarray(image.convert("RGBA"))


def test_cells_that_were_not_seen_are_counted_and_shown(tmp_path):
    window = Window(32633, 640.0, 6400.0, 640.0, 3, 2)
    inside = np.array([[1, 1, 1], [1, 1, 0]], "u1")
    grid = tmp_path / "32633.h5"
    write_map(grid, window, inside=inside)
    for half, counts in (("2021H1", [[0, 1, 2], [3, 4, 0]]), ("2021H2", [[0, 0, 9], [9, 9, 0]])):
        observed = np.array(counts, "i4")
        write_map(
            tmp_path / f"{half}.h5",
            window,
            observations=observed,
            **{"class": np.where(observed, 1, 255).astype("u1")},
        )
    found = zone_gaps(grid, [tmp_path / "2021H1.h5", tmp_path / "2021H2.h5"])
    assert [(h.half, h.cells, h.unseen, h.least, h.median, h.most) for h in found.halves] == [
        ("2021H1", 5, 1, 0, 2.0, 4),
        ("2021H2", 5, 2, 0, 9.0, 9),
    ]
    assert [count for _, count, _ in found.missed] == [3, 1, 1, 0, 0]
    shown = colours(found.halves[0].uri)
    size = shown.shape[1] // 3
    assert tuple(shown[0, 0]) == (213, 94, 0, 255)
    assert shown[size + size // 2, 2 * size + size // 2, 3] == 0  # outside the area


def test_pictures_stand_where_they_belong_in_any_crs(tmp_path):
    frame = Frame(32633, 500_000.0, 5_100_900.0, 900.0)
    pixels = np.zeros((3, 200, 200), "u1")
    pixels[:, 50:100, 150:] = 200
    for name, transform, crs in (
        ("utm.tif", from_origin(500_000, 5_100_900, 4.5, 4.5), 32633),
        ("moved.tif", from_origin(500_450, 5_100_900, 4.5, 4.5), 32633),
    ):
        with rasterio.open(
            tmp_path / name, "w", "GTiff", 200, 200, 3, crs=f"EPSG:{crs}", transform=transform, dtype="uint8"
        ) as image:
            image.write(pixels + 1)
    found, there = cut_out([tmp_path / "utm.tif"], frame, 100, False)
    assert there.all()
    assert (found[0, 25:50, 75:] == 201).all()
    assert (found[0, :25] == 1).all()
    _, half = cut_out([tmp_path / "moved.tif"], frame, 100, True)
    assert half[:, 51:].all()
    assert not half[:, :49].any()
    assert cut_out([tmp_path / "utm.tif"], Frame(32633, 600_000.0, 5_100_900.0, 900.0), 100, True) is None
    # Through another CRS and back: the bright part stays within a pixel of its place.
    shape = gpd.GeoSeries([box(*frame.bounds)], crs=32633).to_crs(3857)
    x_min, y_min, x_max, y_max = shape.total_bounds
    side = max(x_max - x_min, y_max - y_min)
    there_frame = Frame(3857, x_min, y_max, side)
    placed, _ = cut_out([tmp_path / "utm.tif"], there_frame, 100, True)
    bright = gpd.GeoSeries([box(500_675, 5_100_450, 500_900, 5_100_675)], crs=32633).to_crs(3857).centroid[0]
    col, row = (bright.x - x_min) / side * 100, (y_max - bright.y) / side * 100
    assert placed[0, int(row), int(col)] == 201
    rows, cols = np.nonzero(placed[0] > 100)
    assert rows.mean() == pytest.approx(row, abs=1.5)
    assert cols.mean() == pytest.approx(col, abs=1.5)


def test_codes_of_products_are_neither_mixed_nor_moved(tmp_path):
    codes = np.repeat([[0, 1], [2, 255]], 50, axis=0).repeat(50, axis=1).astype("u1")
    write_map(tmp_path / "a.h5", Window(32633, 500_000.0, 5_100_050.0, 0.5, 100, 100), **{"class": codes})
    frame = Frame(32633, 500_000.0, 5_100_050.0, 100.0)
    found = cut_out_codes([tmp_path / "a.h5"], "class", frame, 40, 9)
    assert [found[y, x] for y, x in ((2, 2), (2, 15), (15, 2), (15, 15), (2, 30), (30, 2))] == [
        0,
        1,
        2,
        9,
        9,
        9,
    ]
    assert set(np.unique(found)) == {0, 1, 2, 9}


def test_the_map_has_a_sign_for_every_change_and_a_round_scale_bar():
    area = gpd.GeoDataFrame(geometry=[box(0, 0, 200_000, 100_000)], crs=3794)
    cells = gpd.GeoDataFrame(geometry=[box(x, 1000, x + 640, 1640) for x in (1000, 9000)], crs=3794)
    sheets = gpd.GeoDataFrame({"sheet": ["A", "A"]}, geometry=[box(0, 0, 9000, 9000)] * 2, crs=3794)
    drawn = country_map(
        area, sheets, {"A"}, {"confirmed": cells, "reversed": cells[:0]}, [(1, 1320.0, 1320.0)]
    )
    (signs,) = [line for line in drawn.svg.splitlines() if 'class="sign"' in line]
    assert signs.count("M") == 2
    assert 'href="#event-1"' in drawn.svg
    assert ">50 km<" in drawn.svg
    assert [count for _, _, count in drawn.legend] == [2, 0, 0, 0]


def test_indicators_become_tables_with_units(tmp_path):
    path = tmp_path / "indicators.json"
    rows = [
        {"source": "satellite", "period": "2022", "gross_km2": 1.25, "gross_percent_of_area": None},
        {"source": "outlines", "period": "2022", "polygons": 1234},
    ]
    path.write_text(
        json.dumps(
            {
                "national": rows,
                "municipalities": [
                    {"source": "outlines", "place": place, "period": period, "polygons": number}
                    for number, period in enumerate(("2022", "2021-2022"))
                    for place in ("Brdo", "Polje")
                ],
                "definitions": {"b": "two", "a": "one", "satellite.gross": "gross is"},
            }
        )
    )
    tables, definitions = read_indicators(path)
    assert [list(t.columns) for t in tables] == [
        ["period", "gross, km²", "gross, % of area"],
        ["period", "polygons"],
        ["place", "period", "polygons"],
    ]
    assert tables[0].rows == [[("2022", False), ("1.2500", True), ("not known", False)]]
    assert tables[1].rows == [[("2022", False), ("1,234", True)]]
    assert [[cell[0] for cell in row] for row in tables[2].rows] == [
        ["Brdo", "2021-2022", "1"],
        ["Polje", "2021-2022", "1"],
    ]
    assert [list(table.meanings) for table in tables] == [[("satellite.gross", "gross is")], [], []]
    assert definitions == [("a", "one"), ("b", "two")]
    assert read_indicators(None) == ([], [])


def test_settings_of_the_provenance_name_no_place_and_no_machine():
    found = json.dumps(shaping(read_yaml(DEFAULTS)))
    for word in ("http", "data/", "dsn", "parallel", "retries", "device"):
        assert word not in found
    assert shaping(read_yaml(DEFAULTS))["change"]["persistence"] == 3


def test_the_order_of_a_configuration_does_not_show_in_the_page():
    found = shaping(read_yaml(DEFAULTS))
    turned = {name: dict(reversed(section.items())) for name, section in reversed(found.items())}
    assert settings_rows(turned) == settings_rows(found)
    assert ("change.persistence", "3") in settings_rows(found)[0]
