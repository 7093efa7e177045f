"""What the desk of the tests holds: accounts, outlines, images and a plot."""

import json
from pathlib import Path

import numpy as np
import rasterio
from databases import RULES
from outline_files import outlines, registry, write
from pyproj import Transformer
from rasterio.transform import from_origin

from builders.review_desk import PASSWORD
from sealwatch.desk import accounts
from sealwatch.files import write_json
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.registries import load_registries

PEOPLE = {"rea": "reader", "ana": "reviewer", "bor": "reviewer", "pia": "publisher"}
SHEETS = {"A1": 40, "B2": 20}
PLOT = "32633-0-7-2022H1"


def fill(database: dict, folder: Path) -> None:
    """Load outlines of two sheets and a register, make accounts, images of sheet A1 and one plot."""
    paths = [write(outlines(s, 2024, n, seed=n), folder, s, 2024) for s, n in SHEETS.items()]
    load(paths, folder / "load.json", database, RULES)
    load_registries({"cadastre": registry(folder, "cadastre", 4)}, folder / "registries.json", database)
    enrich(folder / "enrich.json", database)
    for name, role in PEOPLE.items():
        accounts.add(database, name, role, PASSWORD)
    review = folder / "results" / "review" / "A1_2024"
    review.mkdir(parents=True)
    for n, name in enumerate(("sentinel2_before", "sentinel2_after", "orthophoto_after")):
        image(review / f"{name}.tif", 10.0 if name.startswith("s") else 2.0, seed=n)
    dates = {
        "sentinel2_before": "2021-06-14",
        "sentinel2_after": "2024-06-12",
        "orthophoto_after": "2024-05-12",
    }
    write_json(review / "images.json", {name: {"date": date} for name, date in dates.items()})
    plots = folder / "results" / "change" / "32633_plots"
    plots.mkdir(parents=True)
    (plots / f"{PLOT}.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")


def image(path: Path, cell_m: float, seed: int) -> None:
    """A COG of 2 x 2 km in the south-west of the outlines, one in four pixels masked."""
    size = int(2000 / cell_m)
    pixels = np.random.default_rng(seed).integers(1, 255, (3, size, size), dtype="u1")
    pixels[:, : size // 2, : size // 2] = 0
    with rasterio.open(path, "w", driver="COG", count=3, width=size, height=size, dtype="uint8", crs="EPSG:32633",
                       transform=from_origin(460_000, 5_102_000, cell_m, cell_m), nodata=0, blocksize=256,
                       compress="deflate") as target:  # fmt: skip
        target.write(pixels)


def tile_at(x: float, y: float, zoom: int) -> tuple[int, int]:
    """Column and row of the tile that holds a place in EPSG:32633."""
    east, north = Transformer.from_crs(32633, 3857, always_xy=True).transform(x, y)
    size = 2 * 20037508.342789244 / 2**zoom
    return int((east + 20037508.342789244) / size), int((20037508.342789244 - north) / size)


def geojson(polygon: dict) -> dict:
    """Outline of a polygon as the desk tells it, as a plain Polygon."""
    return {"type": "Polygon", "coordinates": json.loads(json.dumps(polygon["geometry"]["coordinates"][0]))}
