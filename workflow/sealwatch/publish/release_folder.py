"""The folder of a release: written from the frozen rows, whole or not at all, and never touched again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import psycopg
import shapely
from psycopg import sql

from ..files import atomic_path, write_json
from ..vectors import write_geopackage
from .public import LAYER, public_schema, release_layer


def write_folders(connection: psycopg.Connection, folder: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder of every release that has none, then name the current release in `current.json`.

    Args:
        connection: connection that holds the lock of releases.
        folder: folder of all releases.
        settings: section `database` of the configuration.
    """
    numbers = [row[0] for row in connection.execute("SELECT release FROM release ORDER BY release")]
    for number in numbers:
        if not (folder / str(number)).exists():
            frame = read_release(connection, number, settings)
            with atomic_path(folder / str(number)) as part:
                part.mkdir()
                write_geopackage(part / f"{LAYER}.gpkg", frame, LAYER, "MultiPolygon")
    write_json(folder / "current.json", {"release": numbers[-1]})


def read_release(
    connection: psycopg.Connection, number: int, settings: Mapping[str, Any]
) -> gpd.GeoDataFrame:
    """Polygons of a release in the order of their ids, with the columns it was made with."""
    view = sql.Identifier(public_schema(settings["schema"]), release_layer(number))
    cursor = connection.execute(sql.SQL('SELECT * FROM {} ORDER BY polygon_id COLLATE "C"').format(view))
    names = [column.name for column in cursor.description or ()][:-1]
    rows = cursor.fetchall()
    shapes = shapely.from_wkb([row[-1] for row in rows])
    data = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    crs = settings["srid"]
    return gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(shapes, crs=crs), crs=crs)
