"""STAC items on disk, for sites without internet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import CatalogueError


def local_items(place: str | Path) -> list[dict[str, Any]]:
    """All items of a folder or file, relative addresses of images resolved against the file they stand in.

    Args:
        place: a folder, searched with its subfolders for `*.json` and `*.geojson`; an item; an item collection; or
            a static catalogue or collection, whose links to children and items are followed.

    Raises:
        CatalogueError: no such place, a file that is no JSON, or a link that leads nowhere.
    """
    place = Path(place)
    if place.is_dir():
        files = sorted(p for p in place.rglob("*") if p.suffix in (".json", ".geojson") and p.is_file())
        return [item for path in files for item in _items_of(_read(path), path)]
    found: list[dict[str, Any]] = []
    waiting, seen = [place], set()
    while waiting:
        path = waiting.pop()
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        value = _read(path)
        found += _items_of(value, path)
        if value.get("type") in ("Catalog", "Collection"):
            waiting += _linked(value, path)
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); correct catalogue.url") from error
    except ValueError as error:
        raise CatalogueError(f"{path}: not valid JSON ({error}); mend or remove the file") from error
    return value if isinstance(value, dict) else {}


def _items_of(value: dict[str, Any], path: Path) -> Iterator[dict[str, Any]]:
    features = value.get("features", []) if value.get("type") == "FeatureCollection" else [value]
    for item in features:
        if not isinstance(item, dict) or item.get("type") != "Feature" or "assets" not in item:
            continue
        for asset in item["assets"].values():
            href = str(asset.get("href", ""))
            if href and not urlsplit(href).scheme and not href.startswith("/"):
                asset["href"] = str((path.parent / href).resolve())
        yield item


def _linked(value: dict[str, Any], path: Path) -> list[Path]:
    targets = []
    for link in value.get("links", []):
        if link.get("rel") in ("child", "item"):
            if urlsplit(link["href"]).scheme not in ("", "file"):
                raise CatalogueError(f"{path}: link {link['href']} leads off this machine; copy it beside")
            targets.append((path.parent / urlsplit(link["href"]).path).resolve())
    return targets
