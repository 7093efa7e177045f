"""Registries of the synthetic world: polygons at known, varied distances from the newly sealed land; municipalities and
their population.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
from shapely.geometry import Polygon, box

from sealwatch.files import write_text

from .geopackages import write_layer
from .landscape import CELLS, EPSG, class_at
from .random_fields import generator
from .sketch import CELL_M

# Metres between the changed land of a cell and the nearest polygon placed for it; 0 lies on it.
_DISTANCES = {
    "cadastre": (0.0, 35.0, 0.0, 120.0, 310.0, 15.0),
    "planned_land_use": (0.0, 0.0, 60.0, 240.0, 0.0, 90.0),
    "land_use": (25.0, 0.0, 180.0, 0.0, 75.0, 420.0),
}
_NATIONAL_GRID = 3794

_ATTRIBUTES: dict[str, Callable[[int], dict[str, object]]] = {
    "cadastre": lambda n: {"parcel": f"{1200 + n}/{n % 7 + 1}", "municipality": 2501},
    "planned_land_use": lambda n: {"zone": ("SS", "IG", "PC")[n % 3], "plan": f"OPN-{2015 + n % 8}"},
    "land_use": lambda n: {"raba_pid": 5_000_000 + n, "raba_id": 3000},
}

_MUNICIPALITIES = {
    "Brdo": [(3.4, -1), (13, -1), (13, 3.4), (3.49, 3.6)],
    "Dolina": [(-1, -1), (3.4, -1), (3.49, 3.6), (3.6, 9), (-1, 9)],
    "Polje": [(3.49, 3.6), (13, 3.4), (13, 6), (10, 9), (3.6, 9)],
}
"""Corners in cells from the upper-left corner of the area. Borders cut changed cells; a corner belongs to none."""

POPULATION = {
    "Brdo": (800, 800, 800, 800),
    "Dolina": (1200, 1210, 1225, 1230),
    "Polje": (2400, 2390, 2385, 2380),
}
"""People in the years from 2021 on: one municipality grows, one stays, one shrinks."""


def municipalities() -> gpd.GeoDataFrame:
    """Municipalities of the area, `name` and polygon."""
    shapes = [
        Polygon([(CELLS.x_min + x * CELL_M, CELLS.y_max - y * CELL_M) for x, y in corners])
        for corners in _MUNICIPALITIES.values()
    ]
    return gpd.GeoDataFrame({"name": list(_MUNICIPALITIES)}, geometry=shapes, crs=EPSG)


def registry_layers(seed: int, new: gpd.GeoDataFrame) -> dict[str, gpd.GeoDataFrame]:
    """The three registries; `new` is the newly sealed land with its `row` and `col`.

    Each changed cell gets a polygon at a set distance from its newly sealed land; land sealed from the
    start is registered too, so a distance is at most the one set.
    """
    layers = {}
    for name, distances in _DISTANCES.items():
        rng = generator(seed, "registry", name)
        shapes = []
        for n, (_, group) in enumerate(new.groupby(["row", "col"], sort=True)):
            x_min, y_min, x_max, y_max = group.total_bounds
            gap, size = distances[n % len(distances)], float(rng.uniform(60, 180))
            middle = (y_min + y_max) / 2
            if gap == 0:
                shapes.append(box(x_min + 20, middle - size, x_min + 20 + size, middle + size))
            else:
                shapes.append(box(x_max + gap, middle - size, x_max + gap + size, middle + size))
        shapes += [
            box(left, top - CELL_M, left + CELL_M, top).buffer(-30, join_style="mitre")
            for left, top in _sealed_cells(("Residential", "Industrial"))
        ]
        rows = [{**_ATTRIBUTES[name](n), "geometry": shape} for n, shape in enumerate(shapes)]
        layer = gpd.GeoDataFrame(pd.DataFrame(rows), geometry="geometry", crs=EPSG)
        layers[name] = layer if name == "land_use" else layer.to_crs(_NATIONAL_GRID)
    return layers


def _sealed_cells(names: tuple[str, ...]) -> list[tuple[float, float]]:
    return [
        (CELLS.x_min + col * CELL_M, CELLS.y_max - row * CELL_M)
        for row in range(CELLS.height)
        for col in range(CELLS.width)
        if class_at(row, col) in names
    ]


def write_registries(folder: Path, seed: int, new: gpd.GeoDataFrame) -> None:
    """Write one GeoPackage per registry, its layer named like the file, and the table of population."""
    layers = registry_layers(seed, new) | {"municipalities": municipalities().to_crs(_NATIONAL_GRID)}
    for name, layer in layers.items():
        write_layer(layer, folder / f"{name}.gpkg", name)
    rows = [f"{name},{2021 + n},{people}" for name, row in POPULATION.items() for n, people in enumerate(row)]
    write_text(folder / "population.csv", "\n".join(["municipality,year,population", *rows, ""]))
