"""Indicators of little zones: how they are made in tests, and what goes into them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
from shapely.geometry import Polygon, box

from builders.geopackages import write_layer
from builders.sample_maps import WINDOW
from sealwatch.indicators.report import Settings, write_indicators
from sealwatch.indicators.satellite import ZoneFiles
from sealwatch.publish.sampling.strata import ZoneMap

CELL_KM2 = 640**2 * 1.00080048 / 1e6
"""A cell on the ellipsoid: at the central meridian the scale is 0.9996."""

BORDER = WINDOW.x_min + 2.25 * 640
"""Between the towns of `towns`: a quarter of column 2 lies west of it."""


def made(
    folder: Path,
    zones: Sequence[ZoneMap],
    area: gpd.GeoSeries,
    outlines: Sequence[Path] = (),
    **settings: Any,
) -> dict[str, Any]:
    """All indicators of zones that `write_zone` made; `area` is a GeoSeries."""
    gpd.GeoDataFrame(geometry=area).to_file(folder / "area.gpkg")
    files = [
        ZoneFiles(
            zone.grid,
            zone.change,
            zone.change.with_suffix(".gpkg"),
            sorted((zone.change.parents[1] / "half" / zone.change.stem).glob("*.h5")),
        )
        for zone in zones
    ]
    given: dict[str, Any] = {
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


def whole_window() -> gpd.GeoSeries:
    """The zone's window as the area of interest."""
    return gpd.GeoSeries([box(*WINDOW.bounds)], crs=32633)


def register(
    folder: Path, kind: str, rows: Sequence[tuple[Any, Polygon]], epsg: int = 32633, field: str = "name"
) -> dict[str, Any]:
    """A register's entry in the configuration; `rows` are pairs of value and polygon."""
    path = folder / f"{kind}.gpkg"
    path.unlink(missing_ok=True)
    frame = gpd.GeoDataFrame({field: [v for v, _ in rows]}, geometry=[g for _, g in rows], crs=epsg)
    write_layer(frame, path, kind)
    return {kind: {"path": str(path), "layer": None, "kind": kind, "field": field}}


def outline_file(path: Path, rows: Sequence[tuple[str, str, Polygon]], epsg: int = 3794) -> Path:
    """Outlines of (id, half-year, polygon)."""
    frame = gpd.GeoDataFrame(
        {"polygon_id": [r[0] for r in rows], "start_half": [r[1] for r in rows]},
        geometry=[r[2] for r in rows],
        crs=epsg,
    )
    path.unlink(missing_ok=True)
    write_layer(frame, path, "newly_sealed")
    return path


def table(folder: Path, *rows: str, head: str = "municipality,year,population") -> str:
    """A table of population; its path."""
    path = folder / "population.csv"
    path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return str(path)


def row_of(rows: Sequence[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The one row with these values."""
    (found,) = [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]
    return found


def checked_sums(found: dict[str, Any]) -> int:
    """How many areas were checked: municipalities and the rest add up to the whole, to the square metre."""
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


def towns(folder: Path) -> dict[str, Any]:
    """A register: west of the border Levo, east of it Desno, which ends before the last two columns."""
    x_min, y_min, x_max, y_max = WINDOW.bounds
    rows = [
        ("Levo", box(x_min - 50, y_min - 50, BORDER, y_max + 50)),
        ("Desno", box(BORDER, y_min - 50, x_max - 2 * 640, y_max + 50)),
    ]
    return register(folder, "municipality", rows)
