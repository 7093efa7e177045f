"""The sheet index in both formats, what it refuses, and the orthophotos of the training polygons."""

import geopandas
import pytest
from shapely.geometry import box

from builders.tiny_sheet import EPSG, write_index, write_training
from sealwatch.errors import VectorError
from sealwatch.orthophoto.sheets import CLASSES, find_sheet, read_footprints, read_index, training_sheets

ROWS = [("A", 2022, "2022-06-01", "a22.tif"), ("A", 2019, "2019-06-01", "old/a19.tif")]
GOOD = ("A", 2022, "2022-06-01", "a.tif")


@pytest.mark.parametrize("name", ["sheets.gpkg", "sheets.parquet"])
def test_both_formats_hold_the_same_index(tmp_path, name):
    index = write_index(
        tmp_path / name, ROWS, epsg=3794, crs=["EPSG:3794", None], bands=["Red,Green,Blue,NIR", None]
    )
    old, new = read_index(index)
    assert (old.key, old.file, old.epsg, old.bands) == ("A_2019", tmp_path / "old/a19.tif", None, ())
    assert (new.flight_date, new.epsg, new.bands) == ("2022-06-01", 3794, ("red", "green", "blue", "nir"))
    (tmp_path / "a22.tif").touch()
    assert find_sheet(index, "A", "2022") == new
    footprint = read_footprints(index, new)
    assert (list(footprint["key"]), footprint.crs.to_epsg()) == (["A_2022"], 3794)
    assert footprint.to_crs(EPSG).area.iloc[0] == pytest.approx(150 * 150)
    assert sorted(read_footprints(index)["key"]) == ["A_2019", "A_2022"]
    changed = write_index(tmp_path / name, [GOOD])
    assert [sheet.path for sheet in read_index(changed)] == ["a.tif"]


@pytest.mark.parametrize(
    ("row", "fields", "message"),
    [
        (("A_1", 2022, "2022-06-01", "a.tif"), {}, "row 1 of layer sheets: sheet 'A_1' is not an id"),
        (("A", 22, "2022-06-01", "a.tif"), {}, "year 22 is not an integer year"),
        (("A", 2022, "June", "a.tif"), {}, "flight_date 'June' is not a date"),
        (("A", 2022, "2022-06-01", ""), {}, "path '' names no file"),
        (GOOD, {"crs": ["D96/TM"]}, "crs 'D96/TM' is not an EPSG code such as EPSG:3794"),
        (GOOD, {"bands": ["R,G,B,NIR"]}, "bands 'R,G,B,NIR' must name red, green once"),
        (GOOD, {"bands": ["nir,red,green,red"]}, "must name red once"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, fields, message):
    with pytest.raises(VectorError, match=message):
        read_index(write_index(tmp_path / "sheets.gpkg", [row], **fields))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (("A", 2022, "2022-07-01", "b.tif"), "row 2 of layer sheets: sheet A with year 2022 is listed twice"),
        (
            ("A", 2023, "2022-06-01", "b.tif"),
            "sheet A with flight_date 2022-06-01 is listed twice, first in row 1",
        ),
        (
            ("B", 2022, "2022-06-01", "x/../a.tif"),
            r"file .*/a\.tif is listed twice, first in row 1; keep one row",
        ),
    ],
)
def test_a_row_given_twice_is_named(tmp_path, second, message):
    with pytest.raises(VectorError, match=message):
        read_index(write_index(tmp_path / "sheets.gpkg", [GOOD, second]))


def test_unreadable_indexes_are_named(tmp_path):
    with pytest.raises(VectorError, match=r"none\.gpkg: no such file; name a GeoPackage or GeoParquet"):
        read_index(tmp_path / "none.gpkg")
    for name, kind in (("text.gpkg", "a GeoPackage"), ("text.parquet", "GeoParquet")):
        (tmp_path / name).write_text("not a database, but long enough to be looked at as one" * 40)
        with pytest.raises(VectorError, match=f"{name}: cannot be read as {kind}"):
            read_index(tmp_path / name)
    frame = geopandas.GeoDataFrame({"sheet": ["A"], "year": [2022]}, geometry=[box(0, 0, 1, 1)], crs=EPSG)
    frame.to_parquet(tmp_path / "short.parquet")
    frame.to_file(tmp_path / "short.gpkg", layer="sheets")
    for name in ("short.parquet", "short.gpkg"):
        with pytest.raises(VectorError, match=r"lacks field\(s\) flight_date, path; add them"):
            read_index(tmp_path / name)
    with pytest.raises(VectorError, match="has no layer training_polygons"):
        training_sheets(tmp_path / "short.gpkg", tmp_path / "short.gpkg")


def test_a_sheet_that_is_not_there_is_named(tmp_path):
    index = write_index(tmp_path / "sheets.gpkg", [GOOD])
    with pytest.raises(VectorError, match="lists no sheet B of year 2022; add its row"):
        find_sheet(index, "B", 2022)
    with pytest.raises(VectorError, match=r"path 'a\.tif' names no file \(looked for /"):
        find_sheet(index, "A", 2022)


def test_training_polygons_name_listed_orthophotos_and_every_class(tmp_path):
    index = write_index(tmp_path / "sheets.gpkg", [GOOD])
    blocks = dict.fromkeys(CLASSES, (0, 0, 10, 10))
    polygons = write_training(tmp_path / "good.gpkg", blocks, "A", 2022)
    assert training_sheets(polygons, index) == ["A_2022"]
    elsewhere = write_training(tmp_path / "elsewhere.gpkg", blocks, "B", 2022)
    with pytest.raises(VectorError, match=r"row 1 of layer training_polygons: is drawn on B_2022, which"):
        training_sheets(elsewhere, index)
    unknown = write_training(tmp_path / "unknown.gpkg", {**blocks, "water": (0, 0, 9, 9)}, "A", 2022)
    with pytest.raises(VectorError, match="row 4 of layer training_polygons: class 'water' is unknown"):
        training_sheets(unknown, index)
    del blocks["sealed"]
    green = write_training(tmp_path / "green.gpkg", blocks, "A", 2022)
    with pytest.raises(VectorError, match="holds no polygon of class sealed; draw some for every class"):
        training_sheets(green, index)
    assert training_sheets(green, index, given=["sealed"]) == ["A_2022"]
