"""STAC items of composites."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .. import hdf5
from ..files import file_digest, write_json
from ..grid import Window
from ..keys import LAND_COVER_CLASSES

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"


def write_item(product: str | Path, target: str | Path, collection: str, identity: str) -> None:
    """Describe a composite as STAC item with an asset link relative to the item.

    Args:
        product: composite with attributes `period_start` and `period_end`.
        target: JSON file to write.
        collection: id of the collection, `month` or `half`.
        identity: id of the item.
    """
    with hdf5.read(product) as file:
        window = hdf5.read_window(file)
        start, end = (hdf5.read_text(file.attrs[f"period_{edge}"]) for edge in ("start", "end"))
        observed = bool((file["observations"][:] > 0).any())
    write_json(target, _item(product, target, collection, identity, window, start, end, observed))


def _item(
    product: str | Path,
    target: str | Path,
    collection: str,
    identity: str,
    window: Window,
    start: str,
    end: str,
    observed: bool,
) -> dict[str, Any]:
    from pyproj import Transformer

    transform = Transformer.from_crs(window.epsg, 4326, always_xy=True)
    west, south, east, north = transform.transform_bounds(*window.bounds)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    step = window.cell_size_m
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [PROJECTION, CLASSIFICATION, FILE],
        "id": identity,
        "collection": collection,
        "bbox": [west, south, east, north],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "datetime": None,
            "start_datetime": f"{start}T00:00:00Z",
            "end_datetime": f"{end}T23:59:59Z",
            "proj:code": f"EPSG:{window.epsg}",
            "proj:shape": [window.height, window.width],
            "proj:transform": [step, 0.0, window.x_min, 0.0, -step, window.y_max],
            "sealwatch:observed": observed,
        },
        "links": [],
        "assets": {
            "map": {
                "href": os.path.relpath(product, Path(target).parent),
                "type": "application/x-hdf5",
                "roles": ["data"],
                "file:checksum": "1220" + file_digest(product).removeprefix("sha256:"),
                "classification:classes": [
                    {"value": code, "name": name} for code, name in enumerate(LAND_COVER_CLASSES)
                ],
            }
        },
    }
