"""Parts of a QGIS 3 project file: CRS, options, symbols, labels, layers. Elements as QGIS 3.22 writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

VERSION = "3.22.0"
"""Oldest QGIS that reads the project as it is meant."""

Bounds = tuple[float, float, float, float]
"""West, south, east, north."""


@dataclass(frozen=True, slots=True)
class Line:
    """How a polygon is drawn.

    Attributes:
        colour: red, green, blue.
        pen: `solid`, `dash` or `dot`.
        width_mm: width of its outline.
        fill: opacity of its inside, 0 to 255.
    """

    colour: str
    pen: str = "solid"
    width_mm: float = 0.5
    fill: int = 25


def text(parent: Element, name: str, value: object, **attributes: str) -> Element:
    """A child element with text."""
    child = SubElement(parent, name, attributes)
    child.text = str(value)
    return child


def crs(parent: Element, name: str, epsg: int) -> None:
    """A CRS by its EPSG code."""
    place = SubElement(SubElement(parent, name), "spatialrefsys", nativeFormat="Wkt")
    # QGIS looks at the authority's code only beside a number of its own table, which it then finds by the code.
    text(place, "srsid", 1)
    text(place, "srid", epsg)
    text(place, "authid", f"EPSG:{epsg}")


def extent(parent: Element, bounds: Bounds, name: str = "extent") -> None:
    """A rectangle."""
    place = SubElement(parent, name)
    for key, value in zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True):
        text(place, key, f"{value:.3f}")


def options(parent: Element, values: Mapping[str, object]) -> None:
    """A map of options; a list of pairs stays one in its order."""
    place = SubElement(parent, "Option", type="Map")
    for name, value in values.items():
        if isinstance(value, list):
            many = SubElement(place, "Option", type="List", name=name)
            for key, item in value:
                SubElement(
                    SubElement(many, "Option", type="Map"), "Option", type="QString", name=key, value=item
                )
            continue
        kind = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "QString"
        SubElement(
            place, "Option", type=kind, name=name, value=str(value).lower() if kind == "bool" else str(value)
        )


def _symbol(parent: Element, name: str, line: Line) -> None:
    symbol = SubElement(
        parent, "symbol", name=name, type="fill", alpha="1", clip_to_extent="1", force_rhr="0"
    )
    layer = SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "pass": "0", "locked": "0"})
    options(
        layer,
        {
            "color": f"{line.colour},{line.fill}",
            "style": "solid" if line.fill else "no",
            "outline_color": f"{line.colour},255",
            "outline_style": line.pen,
            "outline_width": str(line.width_mm),
            "outline_width_unit": "MM",
        },
    )


def single_symbol(layer: Element, line: Line) -> None:
    """All features alike."""
    renderer = SubElement(layer, "renderer-v2", type="singleSymbol", forceraster="0", enableorderby="0")
    _symbol(SubElement(renderer, "symbols"), "0", line)


def categories(layer: Element, expression: str, kinds: Iterable[tuple[str, str, Line]]) -> None:
    """Features by the value of an expression: (value, legend, line) each."""
    renderer = SubElement(
        layer, "renderer-v2", type="categorizedSymbol", attr=expression, forceraster="0", enableorderby="0"
    )
    classes, symbols = SubElement(renderer, "categories"), SubElement(renderer, "symbols")
    for number, (value, legend, line) in enumerate(kinds):
        SubElement(
            classes, "category", value=value, label=legend, symbol=str(number), render="true", type="string"
        )
        _symbol(symbols, str(number), line)


def labels(layer: Element, expression: str, least_scale: int) -> None:
    """Labels with a white rim, from scale 1 : `least_scale` on."""
    layer.set("labelsEnabled", "1")
    settings = SubElement(SubElement(layer, "labeling", type="simple"), "settings", calloutType="simple")
    style = SubElement(
        settings,
        "text-style",
        fieldName=expression,
        isExpression="1",
        fontSize="8",
        fontSizeUnit="Point",
        textColor="30,30,30,255",
    )
    SubElement(
        style,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.8",
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
    )
    SubElement(
        settings, "rendering", scaleVisibility="1", scaleMin=str(least_scale), scaleMax="0", drawLabels="1"
    )


def map_layer(
    parent: Element, key: str, title: str, source: str, provider: str, epsg: int | None, bounds: Bounds | None
) -> Element:
    """A vector layer, or with provider `gdal` a raster layer; without a CRS a table."""
    kind = "raster" if provider == "gdal" else "vector"
    layer = SubElement(parent, "maplayer", type=kind)
    if kind == "vector":
        layer.set("geometry", "Polygon" if epsg else "No geometry")
        layer.set("wkbType", "MultiPolygon" if epsg else "NoGeometry")
    if bounds is not None:
        extent(layer, bounds)
    text(layer, "id", key)
    text(layer, "datasource", source)
    text(layer, "layername", title)
    if epsg:
        crs(layer, "srs", epsg)
    text(layer, "provider", provider, **({} if kind == "raster" else {"encoding": "UTF-8"}))
    return layer


def scale_range(layer: Element, least_scale: int) -> None:
    """Draw a layer only from scale 1 : `least_scale` on."""
    layer.set("hasScaleBasedVisibilityFlag", "1")
    layer.set("minScale", str(least_scale))
    layer.set("maxScale", "0")


def true_bytes(layer: Element) -> None:
    """Draw bands 1, 2, 3 as red, green, blue without a stretch; the mask, which QGIS calls band 4, is transparency."""
    pipe = SubElement(layer, "pipe")
    SubElement(
        pipe,
        "rasterrenderer",
        type="multibandcolor",
        redBand="1",
        greenBand="2",
        blueBand="3",
        alphaBand="4",
        opacity="1",
        nodataColor="",
    )


def tree_group(parent: Element, name: str, keys: Sequence[tuple[str, str]], shown: Iterable[str]) -> Element:
    """A group of the layer tree with layers (key, title); those in `shown` are switched on."""
    group = SubElement(parent, "layer-tree-group", name=name, expanded="1", checked="Qt::Checked")
    for key, title in keys:
        state = "Qt::Checked" if key in shown else "Qt::Unchecked"
        SubElement(group, "layer-tree-layer", id=key, name=title, checked=state, expanded="0")
    return group
