"""STAC items of the maps, written beside each, and the static catalogue that leads to them.

Sources: STAC 1.1.0 and the extensions projection 2.0.0, raster 2.0.0, classification 2.0.0 and file 2.1.0. All
links are relative, so the results may lie anywhere or be served by any web server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .. import hdf5
from ..errors import RasterError
from ..files import MEDIA_TYPES, file_digest, write_json
from ..grid import Window
from ..keys import LAND_COVER_CLASSES, half_span
from .maps import CLASS_COLOURS, NO_CLASS, blocks

EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("projection/v2.0.0", "raster/v2.0.0", "classification/v2.0.0", "file/v2.1.0")
)

COLLECTIONS = {
    "dates": "Land cover of one satellite and day",
    "months": "Monthly composites of land cover",
    "halves": "Half-yearly composites of land cover",
    "change": "Transitions to impervious classes",
}
"""Title of each collection by its id."""

_CLASS_VARIABLES = ("class", "from_class", "to_class")


def class_table() -> list[dict[str, Any]]:
    """The land-cover classes as `classification:classes`."""
    return [
        {"value": code, "name": name, "color_hint": colour.upper()}
        for code, (name, colour) in enumerate(zip(LAND_COVER_CLASSES, CLASS_COLOURS, strict=True))
    ]


def write_item(
    product: str | Path,
    target: str | Path,
    collection: str,
    identity: str,
    catalogue: str | Path,
    further: Mapping[str, tuple[str | Path, Mapping[str, Any]]] | None = None,
) -> None:
    """Describe a map as STAC item, with links to the catalogue and assets relative to the item.

    Args:
        product: map; its attributes `period_start` and `period_end`, `date`, or `halves` give the time.
        target: JSON file to write.
        collection: one of `COLLECTIONS`.
        identity: id of the item.
        catalogue: `catalog.json` of the static catalogue, which need not exist yet.
        further: further assets by key: file and its own fields, such as `roles`.

    Raises:
        RasterError: the map does not say its time.
    """
    with hdf5.read(product) as file:
        window = hdf5.read_window(file)
        start, end = _period(file)
        platform = (
            f"sentinel-{hdf5.read_text(file.attrs['platform'])[1:].lower()}" if "date" in file.attrs else None
        )
        observed = _observed(file)
        bands = _bands(file, window)
    assets: dict[str, dict[str, Any]] = {"map": {"title": "Map", "roles": ["data"], "bands": bands}}
    files: dict[str, str | Path] = {"map": product}
    for key, (path, fields) in (further or {}).items():
        assets[key], files[key] = dict(fields), path
    here = Path(target).parent
    for key, path in files.items():
        assets[key] |= {
            "href": os.path.relpath(path, here),
            "type": MEDIA_TYPES[Path(path).suffix],
            "file:size": Path(path).stat().st_size,
            "file:checksum": "1220" + file_digest(path).removeprefix("sha256:"),
        }
    size = window.cell_size_m
    bbox, geometry = footprint(window)
    properties: dict[str, Any] = {
        "datetime": None,
        "start_datetime": f"{start}T00:00:00Z",
        "end_datetime": f"{end}T23:59:59Z",
        "gsd": size,
        "proj:code": f"EPSG:{window.epsg}",
        "proj:shape": [window.height, window.width],
        "proj:transform": [size, 0.0, window.x_min, 0.0, -size, window.y_max],
        "proj:bbox": list(window.bounds),
        "sealwatch:observed": observed,
    }
    if platform is not None:
        properties["platform"] = platform
    if not observed:
        properties["description"] = "Nothing was observed in this period: the map is empty."
    root = os.path.relpath(catalogue, here)
    parent = os.path.relpath(collection_file(catalogue, collection), here)
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": list(EXTENSIONS),
        "id": identity,
        "collection": collection,
        "bbox": bbox,
        "geometry": geometry,
        "properties": properties,
        "links": [_link("root", root), _link("parent", parent), _link("collection", parent)],
        "assets": assets,
    }
    write_json(target, item)


def collection_file(catalogue: str | Path, collection: str) -> Path:
    """Where a collection of the static catalogue lies."""
    return Path(catalogue).parent / collection / "collection.json"


def write_catalogue(
    items: Mapping[str, Sequence[str | Path]], target: str | Path, project: str, attribution: str
) -> None:
    """Write the static catalogue: `catalog.json`, and beside it a folder with a collection of each kind.

    Args:
        items: item files by collection; they stay where they are.
        target: `catalog.json`.
        project: short name, the catalogue's id.
        attribution: source of the imagery.

    Raises:
        RasterError: an item is damaged, or there is none at all.
    """
    read = {
        name: [(Path(p), _read_item(p)) for p in sorted(map(str, paths))] for name, paths in items.items()
    }
    everything = [item for group in read.values() for _, item in group]
    if not everything:
        raise RasterError(f"{target}: there is no item to list; run the composites first")
    for name, group in read.items():
        place = collection_file(target, name)
        links = [_link("root", os.path.relpath(target, place.parent))]
        links.append(_link("parent", os.path.relpath(target, place.parent)))
        links += [
            _link("item", os.path.relpath(path, place.parent), "application/geo+json") for path, _ in group
        ]
        members = [item for _, item in group]
        collection = {
            "type": "Collection",
            "stac_version": "1.1.0",
            "id": name,
            "title": COLLECTIONS[name],
            "description": f"{COLLECTIONS[name]}, project {project}. {attribution}",
            "keywords": ["land cover", "soil sealing", "Sentinel-2"],
            "license": "other",
            "extent": _extent(members or everything),
            "summaries": {
                "sealwatch:observed": sorted({m["properties"]["sealwatch:observed"] for m in members})
            },
            "links": links,
        }
        if not members:
            del collection["summaries"]
        write_json(place, collection)
    children = [_link("child", f"{name}/collection.json", title=COLLECTIONS[name]) for name in read]
    catalogue = {
        "type": "Catalog",
        "stac_version": "1.1.0",
        "id": project,
        "title": f"Land cover and newly sealed land, {project}",
        "description": f"Maps made by Sealwatch. {attribution}",
        "links": [_link("root", Path(target).name), *children],
    }
    write_json(target, catalogue)


def footprint(window: Window) -> tuple[list[float], dict[str, Any]]:
    """Bounding box and GeoJSON polygon of a window, in degrees; its edges are bent as the projection bends them."""
    from pyproj import Transformer

    steps = np.linspace(0, 1, 9)[:-1]
    x_min, y_min, x_max, y_max = window.bounds
    across, up = x_min + steps * (x_max - x_min), y_min + steps * (y_max - y_min)
    x = np.concatenate([across, np.full(8, x_max), x_max + x_min - across, np.full(8, x_min)])
    y = np.concatenate([np.full(8, y_min), up, np.full(8, y_max), y_max + y_min - up])
    lon, lat = Transformer.from_crs(window.epsg, 4326, always_xy=True).transform(x, y)
    ring = np.stack([lon, lat], axis=1).round(7)
    bbox = [*ring.min(axis=0).tolist(), *ring.max(axis=0).tolist()]
    return bbox, {"type": "Polygon", "coordinates": [[*ring.tolist(), ring[0].tolist()]]}


def _period(file: h5py.File) -> tuple[str, str]:
    """First and last day."""
    attributes = file.attrs
    if "period_start" in attributes:
        return hdf5.read_text(attributes["period_start"]), hdf5.read_text(attributes["period_end"])
    if "date" in attributes:
        return (hdf5.read_text(attributes["date"]),) * 2
    if "halves" in attributes:
        halves = hdf5.read_text(attributes["halves"]).split()
        return half_span(halves[0])[0], half_span(halves[-1])[1]
    raise RasterError(f"{file.filename}: does not say its date or period; delete the file and run again")


def _observed(file: h5py.File) -> bool:
    variable = file["class" if "class" in file else "state"]
    return any((variable[rows] != NO_CLASS).any() for rows in blocks(variable.shape[0]))


def _bands(file: h5py.File, window: Window) -> list[dict[str, Any]]:
    """Each variable of the map as a band."""
    bands = []
    for name in sorted(file):
        variable = file[name]
        if "grid_mapping" not in variable.attrs:
            continue
        fill = variable.attrs["_FillValue"][0]
        band = {
            "name": name,
            "data_type": str(variable.dtype),
            "nodata": "nan" if np.isnan(fill) else int(fill),
            "raster:sampling": "area",
            "raster:spatial_resolution": window.cell_size_m,
        }
        if "long_name" in variable.attrs:
            band["description"] = hdf5.read_text(variable.attrs["long_name"])
        if name in _CLASS_VARIABLES:
            band["classification:classes"] = class_table()
        bands.append(band)
    return bands


def _read_item(path: str | Path) -> dict[str, Any]:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RasterError(f"{path}: is no STAC item ({error}); delete it and run again") from error


def _extent(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    boxes = np.array([item["bbox"] for item in items])
    starts, ends = zip(
        *((i["properties"]["start_datetime"], i["properties"]["end_datetime"]) for i in items), strict=True
    )
    bbox = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
    return {"spatial": {"bbox": [bbox]}, "temporal": {"interval": [[min(starts), max(ends)]]}}


def _link(
    rel: str, href: str, media_type: str = "application/json", title: str | None = None
) -> dict[str, str]:
    link = {"rel": rel, "href": href if href.startswith(".") else f"./{href}", "type": media_type}
    return link | ({"title": title} if title else {})
