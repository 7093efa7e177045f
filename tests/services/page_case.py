"""What the review page is tried on: four sheets of squares, one of them found again with another size, and images."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from databases import RULES, new_database
from desk_case import PEOPLE
from outline_files import EPSG, outlines, write
from playwright.sync_api import Page, expect
from rasterio.transform import from_origin

from builders.ports import free_port
from builders.review_desk import PASSWORD, Desk
from sealwatch.desk import accounts
from sealwatch.files import write_json
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.registries import load_registries
from sealwatch.publish.review import decide, history

WEST, SOUTH, SIDE_M, STEP_M = 460_000.0, 5_100_000.0, 60.0, 80.0
SHEETS = {"A0": 5, "B1": 12, "C1": 2}
"""Polygons by sheet: A0 is worked through in order, B1 polygon by polygon, C1 comes back for review."""
GREEN, RED, BLUE = (0, 160, 0), (190, 0, 0), (0, 60, 200)
"""Colours of the images before and after, and of Sentinel-2."""
HOSTILE = '<img src=x onerror="document.title=1">'


@contextmanager
def desk_for_the_page(cluster, folder: Path) -> Iterator[Desk]:
    """The desk's process on a database of its own, filled."""
    port = free_port()
    name, variable = f"page{port}", "SEALWATCH_PAGE_TEST_DSN"
    database = {"dsn_env": variable, "schema": "sealwatch", "srid": 3794, "dsn": new_database(cluster, name)}
    os.environ[variable] = database["dsn"]
    desk = Desk(folder, port, database)
    try:
        fill(database, folder)
        desk.start()
        yield desk
    finally:
        desk.stop()
        del os.environ[variable]


def squares(sheet: str, side_m: float = SIDE_M) -> gpd.GeoDataFrame:
    """Outlines of a sheet: squares in a row, ids `A0-2024-00` and so on."""
    count, row = SHEETS[sheet], list(SHEETS).index(sheet)
    frame = outlines(sheet, 2024, count)
    x, y = WEST + STEP_M * np.arange(count), SOUTH + STEP_M * row
    frame.geometry = [shapely.box(west, y, west + side_m, y + side_m) for west in x]
    frame["area_m2"] = frame.area
    frame["polygon_id"] = [f"{sheet}-2024-{n:02d}" for n in range(count)]
    return frame


def fill(database: dict, folder: Path) -> None:
    """Polygons, registers, accounts and images of sheet B1."""
    paths = [write(squares(sheet), folder, sheet, 2024) for sheet in SHEETS]
    load(paths, folder / "load.json", database, RULES)
    decide(database, [f"C1-2024-{n:02d}" for n in range(2)], "accepted", "bor", HOSTILE)
    write(squares("C1", 50.0), folder, "C1", 2024)
    load(paths, folder / "load.json", database, RULES)
    place = gpd.GeoDataFrame(
        {"use": [HOSTILE]},
        geometry=[shapely.box(WEST - 500, SOUTH - 500, WEST + 5000, SOUTH + 5000)],
        crs=EPSG,
    )
    place.to_file(folder / "land_use.gpkg", layer="land_use")
    register = {"path": str(folder / "land_use.gpkg"), "layer": None, "kind": "land_use", "field": "use"}
    load_registries({"land_use": register}, folder / "registries.json", database)
    enrich(folder / "enrich.json", database)
    for name, role in PEOPLE.items():
        accounts.add(database, name, role, PASSWORD)
    review = folder / "results" / "review" / "B1_2024"
    review.mkdir(parents=True)
    images = {
        "sentinel2_before": ("2021-06-14", 10.0, BLUE),
        "sentinel2_after": ("2024-06-12", 10.0, BLUE),
        "orthophoto_before": ("2021-06-01", 2.0, GREEN),
        "orthophoto_after": ("2024-05-12", 2.0, RED),
    }
    for name, (_, cell_m, colour) in images.items():
        plain_image(review / f"{name}.tif", cell_m, colour)
    write_json(review / "images.json", {name: {"date": values[0]} for name, values in images.items()})


def plain_image(
    path: Path,
    cell_m: float,
    colour: tuple[int, int, int],
    corner: tuple[float, float] = (WEST - 500, SOUTH + 1500),
    side_m: float = 2000.0,
) -> None:
    """A COG of one colour, from its north-western corner on; by default about the squares."""
    size = int(side_m / cell_m)
    with rasterio.open(path, "w", driver="COG", count=3, width=size, height=size, dtype="uint8", crs=f"EPSG:{EPSG}",
                       transform=from_origin(*corner, cell_m, cell_m), nodata=None, blocksize=256,
                       compress="deflate") as target:  # fmt: skip
        target.write(np.broadcast_to(np.array(colour, "u1")[:, None, None], (3, size, size)))


def open_polygon(visit, polygon: str, **more) -> Page:
    """The page at a polygon."""
    page = visit(f"#/polygon/{polygon}", **more)
    expect(page.locator("#subject .id")).to_have_text(polygon)
    return page


def decided(desk: Desk, polygon: str) -> list[tuple[str, str]]:
    """State and reviewer of each decision on a polygon."""
    return [(row["state"], row["reviewer"]) for row in history(desk.database, polygon)]
