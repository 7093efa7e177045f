"""The project file: layers of the database and pictures, themes `before` and `after`, the form's relation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ...errors import ConfigError
from ...files import atomic_path, write_text
from ...vectors import read_vectors
from ..database import identifier
from . import elements
from .elements import Bounds, Line
from .form import HISTORY, PLOT, add_form
from .pictures import KINDS, Mosaic, picture_dates, read_pictures, write_mosaics

if TYPE_CHECKING:
    import geopandas

FORM = "review_polygons"
"""Key of the layer in which reviewers decide; QGIS replaces keys of ten letters or less."""

_DECISIONS, _DECIDED, _SHEETS, _EVENTS = (
    "review_decisions",
    "re_review_decided",
    "picture_sheets",
    "change_events",
)

_STATES = (
    ("new", "waits: new", Line("213,94,0", width_mm=0.7)),
    ("re-review", "waits: changed since the decision", Line("204,0,120", width_mm=0.9)),
    ("second reviewer", "waits: second reviewer", Line("230,159,0", "dash", 0.7)),
    ("accepted", "accepted", Line("0,114,178")),
    ("corrected", "corrected", Line("0,158,115")),
    ("rejected", "rejected", Line("120,120,120", "dot")),
)
_REGISTRY_COLOURS = ("86,60,150", "0,110,90", "150,90,40", "60,90,160", "130,30,60", "90,110,30")
_SHEET, _EVENT = Line("255,255,255", "dash", 0.4, 0), Line("90,90,90", "dot", 0.4, 0)
_ORTHOPHOTO_SCALE, _SENTINEL2_SCALE, _REGISTRY_SCALE, _LABEL_SCALE = 50_000, 250_000, 25_000, 10_000
_EVENT_FIELDS = ("event_id", "site_id", "from_class", "to_class", "start_half", "confirm_half", "status")
_PLOT_PATH = (
    "CASE WHEN \"event_site_id\" <> '' THEN '../change/' || regexp_substr(\"event_site_id\", '^(\\\\d+)-') || "
    "'_plots/' || \"event_site_id\" || '.svg' END"
)


def write_project(
    target: str | Path,
    folder: str | Path,
    pictures: Sequence[str | Path],
    changes: Sequence[str | Path],
    registries: Sequence[str],
    halves: Sequence[str],
    database: Mapping[str, Any],
    title: str,
    pg_service: str,
) -> None:
    """Write the QGIS project of the review and the files it draws on.

    The project reaches the database through an entry of `pg_service.conf`; it names no host, user or password.

    Args:
        target: project file, `publish/review.qgs` below the results.
        folder: `publish/qgis`: virtual rasters over the pictures, their dates and the events as FlatGeobuf, which
            QGIS, unlike GeoPackage, never writes to.
        pictures: folders of rule review_imagery.
        changes: GeoPackages with layer `events`, one per UTM zone.
        registries: names of the registries.
        halves: half-years that a change may begin in.
        database: section `database` of the configuration: `schema`, `srid`.
        title: of the project.
        pg_service: name of the entry.

    Raises:
        ConfigError: a name may not be used.
        VectorError: a layer cannot be read.
    """
    schema, srid = identifier(database["schema"], "database.schema"), int(database["srid"])
    if not pg_service.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"qgis.pg_service: {pg_service!r} may hold letters, digits, - and _ only")
    tables = _Tables(f"service='{pg_service}'", schema, srid)
    found = read_pictures(pictures)
    dates = picture_dates(pictures, found, srid)
    bounds = tuple(dates.total_bounds) if len(dates) else None
    with atomic_path(folder) as part:
        part.mkdir()
        mosaics = write_mosaics(found, part)
        _write_flatgeobuf(dates, part / f"{_SHEETS}.fgb")
        events = read_vectors(changes, "events", _EVENT_FIELDS, srid)[[*_EVENT_FIELDS, "geometry"]]
        _write_flatgeobuf(events, part / f"{_EVENTS}.fgb")
    root = Element("qgis", version=elements.VERSION, projectname=title)
    elements.text(root, "title", title)
    SubElement(root, "autotransaction", active="0")
    SubElement(root, "trust", active="1")
    elements.crs(root, "projectCrs", srid)
    layers = Element("projectlayers")
    tree = SubElement(root, "layer-tree-group")
    review = _review_layers(layers, tables, bounds, halves)
    marks = _mark_layers(layers, srid, bounds)
    areas = _registry_layers(layers, tables, bounds, registries)
    drawn = _mosaic_layers(layers, mosaics)
    after = {FORM, _DECIDED, _SHEETS, *(m.key for m in mosaics if m.kind.endswith("after"))}
    before = {FORM, _DECIDED, _SHEETS, *(m.key for m in mosaics if m.kind.endswith("before"))}
    elements.tree_group(tree, "Review", review, after)
    elements.tree_group(tree, "Registries", areas, after)
    elements.tree_group(tree, "Where and when", marks, after)
    for year, members in drawn.items():
        elements.tree_group(tree, f"Pictures of sheets {year}", members, after)
    relation = SubElement(
        SubElement(root, "relations"),
        "relation",
        id=HISTORY,
        name="decisions",
        referencingLayer=_DECISIONS,
        referencedLayer=FORM,
        strength="Association",
    )
    SubElement(relation, "fieldRef", referencingField="polygon_id", referencedField="polygon_id")
    if bounds is not None:
        canvas = SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
        elements.text(canvas, "units", "meters")
        elements.extent(canvas, bounds)
        elements.crs(canvas, "destinationsrs", srid)
    root.append(layers)
    themes = SubElement(root, "visibility-presets")
    for name, shown in (("after", after), ("before", before)):
        theme = SubElement(themes, "visibility-preset", {"name": name, "has-expanded-info": "0"})
        for key in sorted(shown):
            SubElement(theme, "layer", id=key, style="default", visible="1", expanded="0")
    properties = SubElement(root, "properties")
    elements.text(SubElement(properties, "Paths"), "Absolute", "false", type="bool")
    elements.text(SubElement(properties, "SpatialRefSys"), "ProjectionsEnabled", "1", type="int")
    indent(root)
    body = tostring(root, encoding="unicode")
    write_text(target, f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{body}\n")


class _Tables:
    """Data sources of QGIS's provider for PostgreSQL."""

    def __init__(self, place: str, schema: str, srid: int) -> None:
        self._place, self._schema, self.srid = place, schema, srid

    def source(self, table: str, key: str, column: str = "", where: str = "") -> str:
        """A table or view, with a geometry column where named; `key` is quoted where it has several columns."""
        shape = f"srid={self.srid} type=MultiPolygon " if column else ""
        named = f" ({column})" if column else ""
        return (
            f"{self._place} key='{key}' {shape}checkPrimaryKeyUnicity='0' "
            f'table="{self._schema}"."{table}"{named}' + (f" sql={where}" if where else "")
        )


def _review_layers(
    layers: Element, tables: _Tables, bounds: Bounds | None, halves: Sequence[str]
) -> list[tuple[str, str]]:
    shown = [
        (FORM, "Polygons (edit to decide)"),
        (_DECIDED, "As it was when decided on (re-review)"),
    ]
    # The version in the key makes an edit of a polygon that has changed since fail instead of falling on it.
    source = tables.source("review_form", '"polygon_id","version"', "geom", "NOT withdrawn OR due <> ''")
    layer = elements.map_layer(layers, *shown[0], source, "postgres", tables.srid, bounds)
    joins = SubElement(
        SubElement(layer, "vectorjoins"),
        "join",
        joinLayerId=_EVENTS,
        joinFieldName="event_id",
        targetFieldName="event_id",
        memoryCache="1",
        hasCustomPrefix="1",
        customPrefix="event_",
    )
    SubElement(SubElement(joins, "joinFieldsSubset"), "field", name="site_id")
    SubElement(
        SubElement(layer, "expressionfields"),
        "field",
        name=PLOT,
        expression=_PLOT_PATH,
        type="10",
        typeName="text",
        length="0",
        precision="0",
        subType="0",
        comment="",
    )
    elements.categories(layer, 'CASE WHEN "due" <> \'\' THEN "due" ELSE "state" END', _STATES)
    elements.labels(layer, '"to_class" || \'\\n\' || "start_half"', _LABEL_SCALE)
    add_form(layer, halves)
    source = tables.source("re_review", "polygon_id", "geom_decided")
    layer = elements.map_layer(layers, *shown[1], source, "postgres", tables.srid, bounds)
    elements.single_symbol(layer, Line("204,0,120", "dash", 0.5, 0))
    table = (_DECISIONS, "Decisions")
    elements.map_layer(layers, *table, tables.source("review", "review_id"), "postgres", None, None)
    return [*shown, table]


def _registry_layers(
    layers: Element, tables: _Tables, bounds: Bounds | None, registries: Sequence[str]
) -> list[tuple[str, str]]:
    shown = []
    for number, name in enumerate(registries):
        identifier(name, "registries")
        key = (f"registry_{name}", name.replace("_", " ").capitalize())
        source = tables.source("registry_shape", "shape", "geom", f"registry = '{name}'")
        layer = elements.map_layer(layers, *key, source, "postgres", tables.srid, bounds)
        elements.single_symbol(
            layer, Line(_REGISTRY_COLOURS[number % len(_REGISTRY_COLOURS)], "solid", 0.3, 20)
        )
        elements.scale_range(layer, _REGISTRY_SCALE)
        shown.append(key)
    return shown


def _mark_layers(layers: Element, srid: int, bounds: Bounds | None) -> list[tuple[str, str]]:
    shown = [(_SHEETS, "Sheets and dates of their pictures"), (_EVENTS, "Cells of the changes")]
    for (key, title), line in zip(shown, (_SHEET, _EVENT), strict=True):
        layer = elements.map_layer(layers, key, title, f"./qgis/{key}.fgb", "ogr", srid, bounds)
        layer.set("readOnly", "1")
        elements.single_symbol(layer, line)
        if key == _SHEETS:
            lines = " || '\\n' || ".join(f"'{text}: ' || \"{kind}\"" for kind, text in KINDS.items())
            elements.labels(layer, f"\"sheet\" || ' ' || \"year\" || '\\n' || {lines}", 2 * _LABEL_SCALE)
    return shown


def _mosaic_layers(layers: Element, mosaics: Sequence[Mosaic]) -> dict[str, list[tuple[str, str]]]:
    shown: dict[str, list[tuple[str, str]]] = {}
    several = len({m.epsg for m in mosaics if m.kind.startswith("orthophoto")}) > 1
    for mosaic in mosaics:
        title = KINDS[mosaic.kind] + (f" (EPSG:{mosaic.epsg})" if several else "")
        source = f"./qgis/{mosaic.key}.vrt"
        layer = elements.map_layer(layers, mosaic.key, title, source, "gdal", mosaic.epsg, mosaic.bounds)
        elements.true_bytes(layer)
        photo = mosaic.kind.startswith("orthophoto")
        elements.scale_range(layer, _ORTHOPHOTO_SCALE if photo else _SENTINEL2_SCALE)
        shown.setdefault(mosaic.year, []).append((mosaic.key, title))
    return shown


def _write_flatgeobuf(frame: geopandas.GeoDataFrame, target: Path) -> None:
    import pyogrio

    pyogrio.write_dataframe(frame, target, driver="FlatGeobuf", geometry_type="Polygon")
