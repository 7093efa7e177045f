"""QGIS styles (.qml) of the change layers: a colour for each class, a line for each state, labels with the start.

Colours are those of Okabe and Ito (2008). The format is that which QGIS 3 writes (`qgis/symbology` documents).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ..files import atomic_path, write_text

IMPERVIOUS_COLOURS = {
    "Highway": "230,159,0,255",
    "Industrial": "204,121,167,255",
    "Residential": "213,94,0,255",
}
"""Red, green, blue, opacity of the impervious classes."""

_GREY, _BLUE, _BLACK = "120,120,120,255", "0,114,178,255", "30,30,30,255"


@dataclass(frozen=True, slots=True)
class Style:
    """How a layer is drawn.

    Attributes:
        attribute: attribute, or QGIS expression, that decides the category.
        label: attribute of the label.
        categories: (value, legend, colour, pen) each; pen is `solid`, `dash` or `dot`.
    """

    attribute: str
    label: str
    categories: tuple[tuple[str, str, str, str], ...]


STYLES = {
    "events": Style(
        'CASE WHEN "status" = \'confirmed\' THEN "to_class" ELSE "status" END',
        "start_half",
        (
            *((name, f"to {name}", colour, "solid") for name, colour in IMPERVIOUS_COLOURS.items()),
            ("reversed", "reversed", _GREY, "dot"),
            ("unsure", "unsure", _GREY, "dash"),
        ),
    ),
    "sites": Style(
        "status",
        "start_half",
        (("confirmed", "confirmed site", _BLACK, "solid"), ("reversed", "reversed site", _GREY, "dot")),
    ),
    "alerts": Style(
        "status",
        "first_month",
        (
            ("open", "open alert", _BLUE, "dash"),
            ("confirmed", "confirmed since", _BLACK, "solid"),
            ("withdrawn", "withdrawn", _GREY, "dot"),
        ),
    ),
}
"""Styles of the layers of change/{zone}.gpkg by the layers' names."""


def style_qml(style: Style) -> str:
    """A style as the text of a QGIS style file: outlines by category and labels with a white rim."""
    root = ElementTree.Element(
        "qgis", version="3.22.0", styleCategories="Symbology|Labeling", labelsEnabled="1"
    )
    renderer = ElementTree.SubElement(
        root,
        "renderer-v2",
        type="categorizedSymbol",
        attr=style.attribute,
        enableorderby="0",
        forceraster="0",
    )
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for number, (value, legend, colour, pen) in enumerate(style.categories):
        ElementTree.SubElement(
            categories,
            "category",
            value=value,
            label=legend,
            symbol=str(number),
            render="true",
            type="string",
        )
        symbol = ElementTree.SubElement(
            symbols, "symbol", name=str(number), type="fill", alpha="1", clip_to_extent="1"
        )
        layer = ElementTree.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "pass": "0"})
        options = ElementTree.SubElement(layer, "Option", type="Map")
        for name, text in (
            ("color", colour.rsplit(",", 1)[0] + ",40"),
            ("style", "solid"),
            ("outline_color", colour),
            ("outline_style", pen),
            ("outline_width", "0.6"),
            ("outline_width_unit", "MM"),
        ):
            ElementTree.SubElement(options, "Option", name=name, value=text, type="QString")
    labeling = ElementTree.SubElement(root, "labeling", type="simple")
    settings = ElementTree.SubElement(labeling, "settings", calloutType="simple")
    lettering = ElementTree.SubElement(
        settings, "text-style", fieldName=style.label, fontSize="8", textColor=_BLACK, isExpression="0"
    )
    ElementTree.SubElement(
        lettering,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.8",
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
    )
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{body}\n"


def write_styles(target: str | Path) -> None:
    """Write `events.qml`, `sites.qml` and `alerts.qml` into a folder."""
    with atomic_path(target) as part:
        part.mkdir()
        for name, style in STYLES.items():
            write_text(part / f"{name}.qml", style_qml(style))
