"""STAC Collection and Item of a release.

Sources: STAC 1.1.0 and the extensions projection 2.0.0, raster 2.0.0, classification 2.0.0, table 1.2.0, version
1.2.0 and file 2.1.0. All links are relative, so the folder may lie anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely

from ..files import MEDIA_TYPES, file_digest
from .release_metadata import About, time_span
from .release_raster import CELL_M, NO_DATA, colour_of, half_code, raster_bounds

if TYPE_CHECKING:
    import geopandas as gpd

_SCHEMAS = "https://stac-extensions.github.io"
EXTENSIONS = tuple(
    f"{_SCHEMAS}/{name}/schema.json"
    for name in ("projection/v2.0.0", "raster/v2.0.0", "classification/v2.0.0", "table/v1.2.0", "file/v2.1.0")
)

_COLUMNS = {
    "polygon_id": "Stable identifier",
    "sheet": "Sheet of the orthophoto",
    "vhr_date": "Day of the flight that shows the sealed land",
    "vhr_date_before": "Day of the earlier flight, empty where there was none",
    "period_of_change": "Half-year in which the change began",
    "period_confirmed": "Half-year in which it was confirmed",
    "change_start": "First day of period_of_change",
    "change_end": "Last day of period_confirmed",
    "transition": "Land cover before and after",
    "from_class": "Land cover before",
    "to_class": "Land cover after",
    "area_m2": "Area in square metres",
    "land_use_before": "Land use by the register, empty where none is loaded",
    "municipality": "Municipality, empty where none is loaded",
    "probability": "Mean confidence of the forest over the polygon, 0-1",
    "event_id": "Change in the satellite series behind the polygon",
    "event_confidence": "Confidence of that change, 0-1",
    "release": "Number of the release",
}
_TYPES = {"int64": "int64", "float64": "double"}
_FILES = {
    "newly_sealed.gpkg": ("geopackage", ["data"], "Polygons, GeoPackage"),
    "newly_sealed.parquet": ("geoparquet", ["data"], "Polygons, GeoParquet"),
    "newly_sealed.tif": ("raster", ["data", "visual"], "Half-year in which each cell was sealed"),
    "metadata.xml": ("metadata", ["metadata"], "ISO 19139 metadata"),
    "CHANGELOG.md": ("changelog", ["metadata"], "Changes against the release before"),
}


def release_item(
    about: About, frame: gpd.GeoDataFrame, bbox: Sequence[float], folder: Path
) -> dict[str, Any]:
    """The item, with sizes and checksums of the files that already lie in `folder`.

    Args:
        about: what the release says about itself.
        frame: its polygons.
        bbox: west, south, east, north in degrees.
        folder: folder with the files of `_FILES`.
    """
    assets: dict[str, dict[str, Any]] = {}
    for name, (key, roles, title) in _FILES.items():
        assets[key] = {
            "href": f"./{name}",
            "type": MEDIA_TYPES[Path(name).suffix],
            "roles": roles,
            "title": title,
            "file:size": (folder / name).stat().st_size,
            "file:checksum": "1220" + file_digest(folder / name).removeprefix("sha256:"),
        }
    for key in ("geopackage", "geoparquet"):
        assets[key] |= {"table:columns": table_columns(frame), "table:row_count": len(frame)}
    assets["raster"] |= _raster_fields(frame)
    start, end = _interval(about, frame)
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": list(EXTENSIONS),
        "id": about.identity,
        "collection": about.dataset,
        "bbox": list(bbox),
        "geometry": shapely.geometry.mapping(shapely.box(*bbox)),
        "properties": {
            "title": f"{about.title}, release {about.number}",
            "description": about.abstract,
            "datetime": None,
            "start_datetime": start,
            "end_datetime": end,
            "created": f"{about.created}T00:00:00Z",
            "proj:code": f"EPSG:{frame.crs.to_epsg()}",
            "table:columns": table_columns(frame),
            "table:primary_geometry": "geometry",
            "table:row_count": len(frame),
        },
        "links": [_link(rel, "collection.json") for rel in ("root", "parent", "collection")],
        "assets": assets,
    }


def release_collection(about: About, frame: gpd.GeoDataFrame, bbox: Sequence[float]) -> dict[str, Any]:
    """The collection of one release; `version` tells it from those of the others."""
    found: dict[str, Any] = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": [f"{_SCHEMAS}/version/v1.2.0/schema.json"],
        "id": about.dataset,
        "title": about.title,
        "description": about.abstract,
        "version": str(about.number),
        "keywords": ["land cover", "soil sealing", "land take"],
        "license": "other",
        "extent": {
            "spatial": {"bbox": [list(bbox)]},
            "temporal": {"interval": [list(_interval(about, frame))]},
        },
        "links": [_link("root", "collection.json"), _link("item", "item.json", "application/geo+json")],
    }
    if about.licence:
        found["sealwatch:licence"] = about.licence
    if about.contact:
        found["providers"] = [{"name": about.contact["organisation"], "roles": ["producer", "licensor"]}]
    return found


def table_columns(frame: gpd.GeoDataFrame) -> list[dict[str, str]]:
    """Columns by name, type and meaning."""
    return [
        {"name": name, "type": _TYPES.get(str(frame[name].dtype), "string"), "description": _meaning(name)}
        for name in frame.columns
        if name != "geometry"
    ] + [{"name": "geometry", "type": "binary", "description": "Outline, MultiPolygon"}]


def _meaning(name: str) -> str:
    if name.startswith("distance_"):
        return f"Distance in metres to the nearest object of registry {name[9:-2]}"
    if name.startswith("overlap_"):
        return f"Share of the polygon under registry {name[8:-6]}, 0-1"
    return _COLUMNS[name]


def _raster_fields(frame: gpd.GeoDataFrame) -> Mapping[str, Any]:
    x_min, y_min, x_max, y_max = raster_bounds(frame)
    classes: list[dict[str, Any]] = [
        {"value": half_code(half), "name": half, "color_hint": colour_of(half_code(half)).upper()}
        for half in sorted(set(frame["period_of_change"]))
    ]
    return {
        "gsd": CELL_M,
        "proj:shape": [(y_max - y_min) // CELL_M, (x_max - x_min) // CELL_M],
        "proj:transform": [CELL_M, 0, x_min, 0, -CELL_M, y_max],
        "bands": [
            {
                "name": "period_of_change",
                "data_type": "uint8",
                "nodata": NO_DATA,
                "raster:sampling": "area",
                "raster:spatial_resolution": CELL_M,
                **({"classification:classes": classes} if classes else {}),
            }
        ],
    }


def _interval(about: About, frame: gpd.GeoDataFrame) -> tuple[str, str]:
    start, end = time_span(about, frame)
    return f"{start}T00:00:00Z", f"{end}T23:59:59Z"


def _link(rel: str, name: str, media_type: str = "application/json") -> dict[str, str]:
    return {"rel": rel, "href": f"./{name}", "type": media_type}
