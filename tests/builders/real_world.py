"""A staged world of real pixels: monthly series, EuroSAT patches inserted at known months, aerial photos.

Same folder layout as `builders.world`, but on a small area and one tile. What is real and what is staged:

- Background: two real Level-2A monthly series of Belgium, mirrored to fill the area and repeated by calendar
  month; the scene classification is derived from thresholds. No true change is known in them.
- Known changes: real EuroSAT patches (Level-1C) stand as whole cells and are exchanged for patches of another
  class in a known month; some only for one or two months. They are kept out of the training patches.
- Orthophotos: real aerial images of three years of a site where a large hall was built, laid on a cell that
  changes, and of a site without change, laid on one that does not. Flight dates are staged. The newly sealed
  land is not known as polygons, so there is no `truth.gpkg`.
- Training polygons: labels of other real photos, laid beside the area, and a few boxes drawn by eye on the
  photos of the changed site. Registries: real parcels and land use, moved.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
from shapely.geometry import box, mapping

from sealwatch.files import write_json, write_text
from sealwatch.grid import Window, row_col
from sealwatch.keys import month_range

from .acquisitions import Acquisition
from .geopackages import write_layer
from .real_orthophotos import FLIGHTS, write_real_orthophotos
from .real_scenes import Insertion, RealSceneMaker
from .sentinel2_scenes import CogWriter
from .stac_items import Granule, baseline_of, collection, write_granule

VERSION = 3
EPSG = 32633
PERIOD = ("2021-01-01", "2024-12-31")
TILE = "33TVM"
CELLS = Window(EPSG, 496640, 5120000, 640, 6, 4)
WINDOW = Window(EPSG, 496380, 5120280, 10, 438, 312)
"""Part of the tile that the assets cover."""

INSERTIONS = (
    Insertion("gain", 0, 4, "HerbaceousVegetation", "Industrial", "2022-07"),
    Insertion("gain", 1, 1, "Forest", "Residential", "2022-01"),
    Insertion("gain", 2, 4, "Pasture", "Highway", "2022-07"),
    Insertion("gain", 3, 2, "HerbaceousVegetation", "Residential", "2023-01"),
    Insertion("gain", 0, 0, "PermanentCrop", "Industrial", "2022-01"),
    Insertion("gain", 3, 5, "AnnualCrop", "Residential", "2022-01"),
    Insertion("blip", 1, 4, "Pasture", "Industrial", "2022-08", "2022-08"),
    Insertion("blip", 2, 1, "Forest", "Residential", "2022-09", "2022-10"),
    Insertion("blip", 3, 4, "AnnualCrop", "Highway", "2023-03", "2023-04"),
    Insertion("provisional", 3, 3, "HerbaceousVegetation", "Industrial", "2024-07"),
    Insertion("stable", 0, 2, "Residential"),
    Insertion("stable", 2, 2, "Industrial"),
    Insertion("stable", 3, 0, "Forest"),
    Insertion("stable", 1, 5, "Pasture"),
)
"""Cells with EuroSAT patches: what stands there first, what from a month on (to a last month)."""

CHANGED_SITE, STABLE_SITE = ("riverside", 83), ("long_beach", 49)
_SITES = {CHANGED_SITE: (0, 4), STABLE_SITE: (0, 2)}


def _training_folder(data: Path, folder: Path, held_out: set[str]) -> int:
    """Link the EuroSAT patches that are not shown in the world; returns how many there are."""
    source = data / "eurosat_ms"
    with open(source / "index.csv", newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))
    kept = [row for row in rows if row[0] not in held_out]
    for row in kept:
        target = folder / row[0]
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source / row[0], target)
        except OSError:  # another file system
            shutil.copyfile(source / row[0], target)
    write_text(folder / "index.csv", "".join(",".join(row) + "\n" for row in [header, *kept]))
    return len(kept)


def _truth() -> dict[str, Any]:
    lists: dict[str, list[dict[str, Any]]] = {"gain": [], "blip": [], "provisional": [], "stable": []}
    for one in INSERTIONS:
        row, col = row_col(CELLS, one.row, one.col)
        entry: dict[str, Any] = {"row": row, "col": col, "from": one.before}
        if one.kind == "stable":
            entry = {"row": row, "col": col, "class": one.before}
        else:
            half = f"{one.since[:4]}H{1 if one.since[5:] <= '06' else 2}"
            entry |= {"to": one.after, "start_half": half, "start_month": one.since, "end_month": one.until}
        lists[one.kind].append(entry)
    cells = []
    for one in INSERTIONS:
        row, col = row_col(CELLS, one.row, one.col)
        cells.append({"row": row, "col": col, "class": one.before})
    return {
        "epsg": EPSG,
        "cell_size_m": CELLS.cell_size_m,
        "cells": cells,
        "gains": lists["gain"],
        "blips": lists["blip"],
        "reversals": [],
        "provisional": lists["provisional"],
        "stable": lists["stable"],
        "flights": {str(year): day for year, day in FLIGHTS.items()},
    }


def _write_registries(data: Path, folder: Path) -> None:
    """Real parcels and land use, moved so that their centre lies in the middle of the area."""
    centre = ((CELLS.x_min + CELLS.x_max) / 2, (CELLS.y_min + CELLS.y_max) / 2)

    def moved(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        layer = layer.to_crs(EPSG)
        x_min, y_min, x_max, y_max = layer.total_bounds
        layer["geometry"] = layer.translate(centre[0] - (x_min + x_max) / 2, centre[1] - (y_min + y_max) / 2)
        return layer.reset_index(drop=True)

    parcels = gpd.read_file(data / "vectors/rpg_parcels_france.gpkg")[["id_parcel", "code_cultu", "geometry"]]
    use = gpd.read_file(data / "vectors/raba_lulc_slovenia_1km.gpkg")[["RABA_ID", "LULC_NAME", "geometry"]]
    built = moved(use)
    layers = {
        "cadastre": moved(parcels),
        "planned_land_use": built[built.LULC_NAME == "artificial surface"].copy(),
        "land_use": built,
    }
    for name, layer in layers.items():
        write_layer(layer, folder / f"{name}.gpkg", name)


def build_real_world(folder: str | Path, base_url: str, data: str | Path) -> None:
    """Write the staged world to `folder`, unless it is there already, made by this version alike.

    Args:
        folder: where to; an unfinished or older world in it is replaced.
        base_url: address at which `folder/assets` will be served.
        data: holds `eurosat_ms`, `s2_l2a_series`, `vhr_multiyear`, `vhr_labelled` and `vectors`.

    Raises:
        FileNotFoundError: a data set is not in `data`.
    """
    folder, data = Path(folder), Path(data)
    for name in ("eurosat_ms", "s2_l2a_series", "vhr_multiyear", "vhr_labelled", "vectors"):
        if not (data / name).is_dir():
            raise FileNotFoundError(f"{data / name} is missing; the staged world needs the real data sets")
    stamp = {"builder": "real_world", "version": VERSION, "base_url": base_url.rstrip("/")}
    description = folder / "world.json"
    if description.is_file():
        found = json.loads(description.read_text(encoding="utf-8"))
        if {key: found.get(key) for key in stamp} == stamp:
            return
        description.unlink()
    for name in ("items", "assets", "ortho", "patches", "registries"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("sheets", "training_polygons", "reference"):
        (folder / f"{name}.gpkg").unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    area = gpd.GeoDataFrame(geometry=[box(*CELLS.bounds).buffer(-40)], crs=EPSG).to_crs(4326)
    feature = {
        "type": "Feature",
        "properties": {"name": "Staged area"},
        "geometry": mapping(area.geometry[0]),
    }
    write_json(folder / "aoi.geojson", {"type": "FeatureCollection", "features": [feature]})
    bounds = [round(float(v), 7) for v in area.total_bounds]
    write_json(
        folder / "collection.json",
        collection(bounds, PERIOD, "Staged scenes made of real Sentinel-2 pixels."),
    )
    maker, writer, items = RealSceneMaker(data, WINDOW, CELLS, INSERTIONS), CogWriter(), 0
    for n, month in enumerate(month_range(*PERIOD)):
        scene = maker.make(month, n)
        if scene is None:
            continue
        one = Acquisition(f"{month}-{8 + n % 15:02d}", ("S2A", "S2B")[n % 2])
        made = datetime.fromisoformat(one.date).replace(hour=16, tzinfo=UTC)
        granule = Granule(one, TILE, baseline_of(one.date), made, 431, maker.seen(scene), WINDOW)
        write_granule(granule, scene, folder, base_url, writer)
        items += 1
    writer.close()
    places = {site: _cell_centre(*cell) for site, cell in _SITES.items()}
    write_real_orthophotos(data, folder, places, (CELLS.x_min, CELLS.y_max + 5000))
    _write_registries(data, folder / "registries")
    patches = _training_folder(data, folder / "patches", set(maker.used))
    write_json(folder / "truth.json", _truth())
    write_json(
        description,
        {
            **stamp,
            "staged": True,
            "what_is_staged": (__doc__ or "").split("staged:", 1)[1].strip(),
            "period": list(PERIOD),
            "tiles": [TILE],
            "epsg": EPSG,
            "bounds": list(CELLS.bounds),
            "items": items,
            "flights": {str(year): day for year, day in FLIGHTS.items()},
            "held_out": sorted(maker.used),
            "patches": "patches",
            "training_patches": patches,
            "eurosat_folder": str(data / "eurosat_ms"),
        },
    )


def _cell_centre(row: int, col: int) -> tuple[float, float]:
    size = CELLS.cell_size_m
    return CELLS.x_min + (col + 0.5) * size, CELLS.y_max - (row + 0.5) * size
