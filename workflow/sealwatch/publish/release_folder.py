"""The folder of a release: written from the frozen rows, whole or not at all, and never touched again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import geopandas as gpd
import psycopg
import shapely
from psycopg import sql
from pyproj import CRS

from ..errors import ReleaseError
from ..files import atomic_path, file_digest, write_json, write_json_if_changed, write_text
from ..vectors import write_geopackage
from .public import LAYER, public_schema, release_layer
from .release_metadata import About, degrees, metadata_xml
from .release_raster import write_raster
from .release_stac import release_collection, release_item

SUMS = "SHA256SUMS"


def write_folders(connection: psycopg.Connection, folder: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder of every release that has none, then name the current release in `current.json`.

    Args:
        connection: connection that holds the lock of releases.
        folder: folder of all releases.
        settings: section `database` of the configuration.

    Raises:
        ReleaseError: a folder is damaged; it is left as it is, and all else is done before.
    """
    # The lock is held: what lies about under a temporary name was left by a run that died.
    for left in folder.glob(".*.part*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    numbers = connection.execute("SELECT release, changelog <> '' FROM release ORDER BY release").fetchall()
    damaged = []
    for number, with_sums in numbers:
        target = folder / str(number)
        if not target.exists():
            write_folder(connection, target, number, settings)
            print(f"release {number}: {target} written", flush=True)
        elif not with_sums and not (target / SUMS).exists():
            print(f"release {number}: {target} was made before there were checksums and is not checked")
        elif fault := fault_of(target):
            damaged.append(f"{target}: {fault}")
    write_json_if_changed(folder / "current.json", {"release": numbers[-1][0]})
    if damaged:
        raise ReleaseError(
            f"{'; '.join(damaged)}; move the folder away and run snakemake release, which makes it again from the "
            "database"
        )


def write_folder(
    connection: psycopg.Connection, target: Path, number: int, settings: Mapping[str, Any]
) -> None:
    """Write the files of a release into a folder that appears at once; made twice, their bytes are the same.

    Args:
        connection: connection whose search path begins with the schema.
        target: folder.
        number: number of the release.
        settings: section `database` of the configuration.
    """
    about, changes = _about(connection, number, settings)
    frame = read_release(connection, number, settings)
    bbox = _bbox(frame)
    with atomic_path(target) as part:
        part.mkdir()
        write_geopackage(
            part / f"{LAYER}.gpkg",
            frame,
            LAYER,
            "MultiPolygon",
            layer_options={"IDENTIFIER": f"{about.title}, release {number}", "DESCRIPTION": about.abstract},
            layer_metadata={
                "RELEASE": str(number),
                "DATE": about.created,
                "LICENCE": about.licence or "unknown",
                "METADATA_ID": about.identity,
            },
        )
        frame.to_parquet(
            part / f"{LAYER}.parquet",
            index=False,
            compression="zstd",
            schema_version="1.1.0",
            write_covering_bbox=not frame.empty,
        )
        write_raster(part / f"{LAYER}.tif", frame)
        write_text(part / "metadata.xml", metadata_xml(about, frame, bbox))
        write_text(part / "CHANGELOG.md", changes)
        write_json(part / "item.json", release_item(about, frame, bbox, part))
        write_json(part / "collection.json", release_collection(about, frame, bbox))
        names = sorted(path.name for path in part.iterdir())
        lines = [f"{file_digest(part / name).removeprefix('sha256:')}  {name}\n" for name in names]
        write_text(part / SUMS, "".join(lines))


def fault_of(folder: Path) -> str:
    """What is wrong with the folder of a release by its SHA256SUMS, '' when nothing is."""
    if not (folder / SUMS).is_file():
        return f"{SUMS} is missing"
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        if not (folder / name).is_file():
            return f"{name} is missing"
        if file_digest(folder / name) != f"sha256:{digest}":
            return f"{name} is not what {SUMS} says"
    return ""


def read_release(
    connection: psycopg.Connection, number: int, settings: Mapping[str, Any]
) -> gpd.GeoDataFrame:
    """Polygons of a release in the order of their ids, with the columns it was made with; dates as text."""
    view = sql.Identifier(public_schema(settings["schema"]), release_layer(number))
    cursor = connection.execute(sql.SQL('SELECT * FROM {} ORDER BY polygon_id COLLATE "C"').format(view))
    described = list(cursor.description or ())[:-1]
    rows = cursor.fetchall()
    shapes = shapely.from_wkb([row[-1] for row in rows])
    kinds = {"date": "string", "text": "string", "int4": "int64", "float8": "float64"}
    names = {column.name: kinds[column.type_display] for column in described}
    data = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    crs = settings["srid"]
    frame = gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(shapes, crs=crs), crs=crs)
    return frame.astype({name: kind.replace("string", "str") for name, kind in names.items()})


def _about(connection: psycopg.Connection, number: int, settings: Mapping[str, Any]) -> tuple[About, str]:
    """What a release says about itself, and its changelog."""
    row = connection.execute(
        "SELECT created_at, registries, about, changelog, coalesce((SELECT max(b.release) FROM release b "
        "WHERE b.release < r.release), 0) FROM release r WHERE release = %s",
        [number],
    ).fetchone()
    assert row is not None
    created, registries, told, changes, before = row
    return About(
        number=number,
        before=before,
        created=created.astimezone(UTC).date().isoformat(),
        dataset=f"{settings['schema']}-{LAYER}",
        title=told.get("title") or "Newly sealed land",
        abstract=told.get("abstract") or "Reviewed polygons of newly sealed land.",
        contact=told.get("contact"),
        licence=told.get("licence"),
        registries=registries,
    ), changes or f"# Release {number}\n"


def _bbox(frame: gpd.GeoDataFrame) -> Sequence[float]:
    """West, south, east, north in degrees; of the whole area of the CRS where there is no polygon."""
    if frame.empty:
        area = CRS(frame.crs).area_of_use
        return (-180.0, -90.0, 180.0, 90.0) if area is None else area.bounds
    return [round(value, 7) for value in degrees(frame.total_bounds, frame.crs)]
