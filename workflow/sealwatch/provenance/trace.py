"""One query: everything that is known of how a polygon or an event came about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import file_digest, value_digest
from ..keys import sheet_key
from ..publish.database import connect
from .decided import describe_polygons
from .products import Products, ProvenanceError
from .votes import VOTED, describe_event, is_event_id


def trace(identifier: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a polygon or an event back to the scenes, models, orthophotos and decisions behind it.

    Args:
        identifier: id of a polygon, or of an event (`zone-row-col-half`).
        config: the whole merged configuration; its results folder and database are read.

    Returns:
        JSON value with `id`, `kind` (polygon or event), `polygons`, `events`, `orthophotos` (by `{sheet}_{year}`),
        `models` (`sentinel2` and `forest`), `config`, `software` and `missing` (why a product is not there). It holds
        no clock times but those of decisions and releases.

    Raises:
        ProvenanceError: nothing is known under the id.
        DatabaseError: the database is out of reach.
        SealwatchError: a product is damaged.
    """
    products = Products(config["results"])
    with connect(config["database"]) as connection:
        polygons = describe_polygons(connection, identifier)
    of_polygon = any(polygon["polygon_id"] == identifier for polygon in polygons)
    # Of an event only itself is told, though its polygons may have come of another one before.
    names = [name for polygon in polygons for name in polygon["events"]] if of_polygon else [identifier]
    if not polygons and not is_event_id(identifier):
        raise ProvenanceError(_unknown(identifier))
    events = [describe_event(products, name) for name in dict.fromkeys(names)]
    if not polygons and not any(event["found"] or event["votes"] for event in events):
        raise ProvenanceError(_unknown(identifier))
    sheets = {sheet_key(polygon["sheet"], polygon["year"]): polygon for polygon in polygons}
    orthophotos = {key: _orthophoto(products, key, polygon) for key, polygon in sorted(sheets.items())}
    return {
        "id": identifier,
        "kind": "polygon" if of_polygon else "event",
        "polygons": polygons,
        "events": events,
        "orthophotos": orthophotos,
        "models": {
            "sentinel2": _scene_models(products, config, events),
            "forest": _forests(products, orthophotos),
        },
        "config": {"digest": value_digest(config)},
        "software": {
            "version": __version__,
            "steps": {
                step: [{"baseline": baseline, "software": software} for baseline, software in sorted(pairs)]
                for step, pairs in sorted(products.steps.items())
            },
        },
        "missing": dict(sorted(products.missing.items())),
    }


def _unknown(identifier: str) -> str:
    return (
        f"{identifier}: no polygon or event of this id is known to the database or the change layers; "
        "ids are polygon_id of a release or of the review queue, or event_id of change/{zone}.gpkg"
    )


def _orthophoto(products: Products, key: str, polygon: Mapping[str, Any]) -> dict[str, Any]:
    """The flights that a polygon was outlined from, the one that shows the sealed land first, and its outline file."""
    sheet, year = polygon["sheet"], polygon["year"]
    flag = products.read_json(f"flags/{key}.json") or {}
    outline = products.find(f"outline/{key}.gpkg")
    earlier = flag.get("earlier")
    flights = [_flight(products, sheet, year, polygon["flight_date"], flag.get("path"))]
    if earlier and polygon["earlier_flight_date"]:
        flights.append(_flight(products, sheet, earlier["year"], earlier["flight_date"], earlier["path"]))
    elif polygon["earlier_flight_date"]:
        flights.append({"flight_date": polygon["earlier_flight_date"], "sheet": sheet})
    return {"flights": flights, "outline_digest": file_digest(outline) if outline else None}


def _flight(products: Products, sheet: str, year: int, date: str, path: str | None) -> dict[str, Any]:
    key = sheet_key(sheet, year)
    prepared = products.attributes(f"ortho/{key}.h5") or {}
    segmented = products.attributes(f"segmentation/{key}.h5") or {}
    return {
        "sheet": sheet,
        "year": year,
        "flight_date": date,
        "path": path,
        "raster_digest": prepared.get("raster_digest"),
        "forest_digest": segmented.get("model_digest"),
    }


def _scene_models(
    products: Products, config: Mapping[str, Any], events: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The models that classified the scenes that voted, with the number of these scenes."""
    scenes = {
        scene["scene"]: scene["model_digest"]
        for event in events
        for vote in event["votes"]
        for scene in vote["scenes"]
        if scene["part"] == VOTED
    }
    given = config["classifier"]["model"]
    files = [Path(given)] if given else sorted(products.folder.glob("models/landcover*.onnx"))
    names = {file_digest(path): path.name for path in files if path.is_file()}
    return [
        {"digest": digest, "file": names.get(digest), "scenes": number}
        for digest, number in sorted(Counter(scenes.values()).items())
    ]


def _forests(products: Products, orthophotos: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The forests that segmented the flights, and whether each is the one that stands in `models` now."""
    flights = [flight for photo in orthophotos.values() for flight in photo["flights"]]
    digests = {flight["forest_digest"] for flight in flights if flight.get("forest_digest")}
    now = (products.read_json("models/forest.card.json") or {}).get("digest") if digests else None
    return [{"digest": digest, "current": digest == now} for digest in sorted(digests)]
