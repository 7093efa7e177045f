"""The files of the feed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import shapely

from ..files import atomic_path, write_text
from .entries import Entry, read_entries, urn

NOTICE = "Found by an automatic method and not reviewed by a person: look before you rely on it."

ATOM, GEORSS = "http://www.w3.org/2005/Atom", "http://www.georss.org/georss"

TASK = (
    "Satellite images say that land was sealed here. Compare recent imagery with the map: if there are new buildings, "
    "roads or yards that OpenStreetMap lacks, draw them; if not, mark the task as no issue. The square is 640 m wide "
    "or less and only says where to look: do not draw it."
)

_RECORD_SEPARATOR = "\x1e"


def write_feed(
    layers: Sequence[str | Path],
    targets: Mapping[str, str | Path],
    about: Mapping[str, Any],
    end: str,
    limit: int = 500,
) -> list[Entry]:
    """Write all entries as GeoJSON, the latest as Atom, and those worth mapping as tasks for MapRoulette.

    Nothing of the clock or the machine is in the files: the same changes give the same bytes.

    Args:
        layers: GeoPackages of the zones with the layers `events` and `alerts`.
        targets: files to write: `geojson` (RFC 7946), `atom` (RFC 4287 with GeoRSS), `maproulette` (line-by-line
            GeoJSON, RFC 7464).
        about: see `about.about`; its `project` is part of the entries' ids, and all but `project` and `title` may be
            None.
        end: last day of the period, see `read_entries`.
        limit: most entries of the Atom file.

    Returns:
        The entries, the latest first.

    Raises:
        VectorError: a file, a layer or a field is missing.
    """
    entries = read_entries(layers, end)
    write_text(targets["geojson"], as_geojson(entries, about))
    with atomic_path(targets["atom"]) as part:
        part.write_bytes(as_atom(entries[:limit], about))
    write_text(targets["maproulette"], as_tasks(entries, about))
    return entries


def as_geojson(entries: Sequence[Entry], about: Mapping[str, Any]) -> str:
    """A FeatureCollection; what it is and whose, as foreign members (RFC 7946, 6.1)."""
    title = f"{about['title']}: alerts and changes"
    collection = collection_of(title, [_feature(entry, about) for entry in entries], about)
    return json.dumps(collection, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def collection_of(title: str, features: list[dict[str, Any]], about: Mapping[str, Any]) -> dict[str, Any]:
    """A FeatureCollection that says that nobody reviewed it, and whose it is."""
    return {"type": "FeatureCollection", "title": title, **_terms(about), "features": features}


def _terms(about: Mapping[str, Any]) -> dict[str, Any]:
    return {"notice": NOTICE, "attribution": about["attribution"], "licence": about["licence"]}


def _feature(entry: Entry, about: Mapping[str, Any]) -> dict[str, Any]:
    known = {"key": entry.key, "status": entry.status, "title": entry.title, "updated": entry.updated}
    return {
        "type": "Feature",
        "id": urn(about["project"], entry.key),
        "geometry": json.loads(shapely.to_geojson(entry.geometry)),
        "properties": {**known, **entry.properties, "reviewed": False},
    }


def as_atom(entries: Sequence[Entry], about: Mapping[str, Any]) -> bytes:
    """An Atom feed with each cell as a GeoRSS polygon (latitude before longitude)."""
    ElementTree.register_namespace("", ATOM)
    ElementTree.register_namespace("georss", GEORSS)
    feed = ElementTree.Element(f"{{{ATOM}}}feed")
    project, contact = about["project"], about["contact"] or {}
    _add(feed, "id", urn(project, "feed"))
    _add(feed, "title", f"{about['title']}: alerts and changes")
    _add(feed, "subtitle", NOTICE)
    _add(feed, "updated", entries[0].updated if entries else "1970-01-01T00:00:00Z")
    author = _add(feed, "author")
    _add(author, "name", contact.get("organisation") or project)
    if contact.get("email"):
        _add(author, "email", contact["email"])
    if about["url"]:
        _add(feed, "link", rel="related", href=about["url"])
    rights = ". ".join(str(about[key]).rstrip(".") for key in ("attribution", "licence") if about[key])
    if rights:
        _add(feed, "rights", rights)
    for entry in entries:
        item = _add(feed, "entry")
        _add(item, "id", urn(project, entry.key))
        _add(item, "title", entry.title)
        _add(item, "updated", entry.updated)
        _add(item, "category", term=entry.status)
        _add(item, "content", _text(entry), type="text")
        ring = " ".join(f"{y} {x}" for x, y in shapely.get_coordinates(entry.geometry.exterior).tolist())
        ElementTree.SubElement(item, f"{{{GEORSS}}}polygon").text = ring
    ElementTree.indent(feed, " ")
    return ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True) + b"\n"


def _add(
    parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    child.text = text
    return child


def _text(entry: Entry) -> str:
    centre = entry.geometry.centroid
    facts = [
        f"{name.replace('_', ' ')}: {value}" for name, value in entry.properties.items() if value is not None
    ]
    return f"{entry.title}. {entry.key} at {centre.y:.5f}, {centre.x:.5f}; {'; '.join(facts)}. {NOTICE}"


def as_tasks(entries: Sequence[Entry], about: Mapping[str, Any]) -> str:
    """A task for each change that stands and each open alert; `id` lets MapRoulette know it at the next upload."""
    tasks = [entry for entry in entries if entry.status in ("provisional", "confirmed")]
    lines = []
    for entry in tasks:
        feature = _feature(entry, about)
        # MapRoulette shows the properties and drops members of the collection.
        feature["properties"] |= {"id": feature["id"], "instruction": TASK, **_terms(about)}
        collection = {"type": "FeatureCollection", "features": [feature]}
        lines.append(_RECORD_SEPARATOR + json.dumps(collection, ensure_ascii=False, allow_nan=False) + "\n")
    return "".join(lines)
