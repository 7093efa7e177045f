"""Builders of outline files and registries with random squares, in EPSG:32633."""

from pathlib import Path

import geopandas as gpd
import numpy as np
from shapely.geometry import box

from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.registries import load_registries

EPSG = 32633
LAND_USE = ("AnnualCrop", "Forest", "Pasture")


def squares(count: int, seed: int, size_m: float = 20.0, extent_m: float = 10_000.0) -> list:
    """Random squares near Ljubljana."""
    rng = np.random.default_rng(seed)
    corners = np.array([460_000.0, 5_100_000.0]) + rng.uniform(0, extent_m, (count, 2)).round(1)
    return [box(x, y, x + size_m, y + size_m) for x, y in corners]


def outlines(sheet: str, year: int, count: int, seed: int = 1) -> gpd.GeoDataFrame:
    """Outlines of one orthophoto as the segmentation stage makes them."""
    shapes = squares(count, seed)
    names = [f"{sheet}-{year}-{s.bounds[0]:.0f}-{s.bounds[1]:.0f}-{i}" for i, s in enumerate(shapes)]
    return gpd.GeoDataFrame(
        {
            "polygon_id": np.array(names, dtype=object),
            "sheet": np.array([sheet] * count, dtype=object),
            "year": np.full(count, year, dtype="int64"),
            "flight_date": np.array([f"{year}-05-12"] * count, dtype=object),
            "earlier_flight_date": np.array(
                ["" if i % 5 == 0 else f"{year - 3}-06-01" for i in range(count)], dtype=object
            ),
            "event_id": np.array([f"32633-{i}-7-2022H1" for i in range(count)], dtype=object),
            "from_class": np.array([LAND_USE[i % 3] for i in range(count)], dtype=object),
            "to_class": np.array(["Residential"] * count, dtype=object),
            "start_half": np.array(["2022H1"] * count, dtype=object),
            "confirm_half": np.array(["2023H1"] * count, dtype=object),
            "event_confidence": np.linspace(0.7, 0.9, count),
            "probability": np.linspace(0.6, 0.95, count),
            "area_m2": [s.area for s in shapes],
            "earlier_known": np.linspace(0.0, 1.0, count),
        },
        geometry=gpd.GeoSeries(shapes, crs=EPSG),
        crs=EPSG,
    )


def write(frame: gpd.GeoDataFrame, folder: Path, sheet: str, year: int) -> Path:
    """Write `outline/{sheet}_{year}.gpkg`."""
    path = folder / f"{sheet}_{year}.gpkg"
    frame.to_file(path, layer="newly_sealed", driver="GPKG", geometry_type="Polygon")
    return path


def registry(folder: Path, name: str, seed: int, epsg: int = EPSG, count: int = 60) -> dict[str, str]:
    """Write a registry of random squares; its entry of the configuration."""
    path = folder / f"{name}.gpkg"
    gpd.GeoDataFrame(geometry=squares(count, seed, 60.0), crs=EPSG).to_crs(epsg).to_file(path, layer=name)
    return {"path": str(path), "layer": name}


def enriched(database: dict, folder: Path, count: int, review: dict | None = None) -> gpd.GeoDataFrame:
    """Outlines of sheet A1 in 2024, each of an event of its own, loaded and measured against a cadastre."""
    frame = outlines("A1", 2024, count)
    load([write(frame, folder, "A1", 2024)], folder / "load.json", database, review)
    load_registries({"cadastre": registry(folder, "cadastre", 4)}, folder / "registries.json", database)
    enrich(folder / "enrich.json", database)
    return frame
