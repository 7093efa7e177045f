"""The orthophoto steps as the workflow runs them, for photographs of the accuracy figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
import yaml
from rasterio.transform import from_origin
from shapely.geometry.base import BaseGeometry

from sealwatch.grid import Window
from sealwatch.orthophoto.features import prepare_sheet
from sealwatch.orthophoto.labels import label_sheet
from sealwatch.orthophoto.outline import outline_sheet
from sealwatch.orthophoto.training import train_forest

SEED = 1
_CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"


@cache
def settings() -> dict[str, Any]:
    """Section `orthophoto` of the configuration that the project ships, with the trainer of the CPU."""
    section: dict[str, Any] = yaml.safe_load(_CONFIG.read_text(encoding="utf-8"))["orthophoto"]
    section["forest"]["engine"] = "cpu"
    return section


def write_photo(path: Path, bands: np.ndarray, window: Window) -> Path:
    """Write NIR, red, green (uint8 [3, y, x]) as GeoTIFF."""
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "crs": f"EPSG:{window.epsg}"}
    transform = from_origin(window.x_min, window.y_max, window.cell_size_m, window.cell_size_m)
    with rasterio.open(
        path, "w", **profile, height=window.height, width=window.width, transform=transform
    ) as target:
        target.write(bands)
    return path


def prepare(photo: Path) -> Path:
    """Features of a photo, beside it."""
    target = photo.with_suffix(".features.h5")
    prepare_sheet(photo, target, window_px=settings()["window_px"], baseline=1)
    return target


def label(features: Path, polygons: Path, sheet: str, year: int, most: int) -> Path:
    """Training table of a photo, at most `most` pixels of each class, beside its features."""
    target = features.with_suffix(".table.h5")
    label_sheet(
        features, polygons, target, sheet=sheet, year=year, samples_per_class=most, seed=SEED, baseline=1
    )
    return target


def train(tables: Sequence[Path], model: Path) -> Path:
    """Train the forest with the settings that the project ships."""
    forest = settings()["forest"]
    cards = model.with_suffix(".json"), model.with_suffix(".md")
    train_forest(tables, model, *cards, settings=forest, baseline=1, threads=2)
    return model


def outline(
    now: Path, before: Path, area: BaseGeometry, epsg: int, sheet: str, years: tuple[int, int]
) -> geopandas.GeoDataFrame:
    """Newly sealed land between two segmentations of a sheet, all of which counts as confirmed change."""
    event = {
        "event_id": f"{epsg}-1-1-{years[0]}H1",
        "from_class": "Pasture",
        "to_class": "Industrial",
        "start_half": f"{years[0]}H1",
        "confirm_half": f"{years[1]}H1",
        "confidence": 1.0,
        "bounds": list(area.bounds),
        "epsg": epsg,
        "area": area.wkt,
    }
    earlier, later = ({"year": year, "flight_date": f"{year}-06-01", "path": f"{year}.tif"} for year in years)
    flag, target = now.with_suffix(".json"), now.with_suffix(".gpkg")
    flag.write_text(json.dumps({"sheet": sheet, **later, "earlier": earlier, "events": [event]}))
    outline_sheet(flag, now, before, None, target, settings=settings())
    return geopandas.read_file(target, layer="newly_sealed")
