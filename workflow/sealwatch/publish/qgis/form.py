"""The form of a polygon: groups of fields, lists of values, what may be edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args
from xml.etree.ElementTree import Element, SubElement

from ...keys import LAND_COVER_CLASSES
from ..decisions import State
from .elements import options, text

GROUNDS = (
    "bare soil",
    "greenhouse or foil",
    "solar panels",
    "quarry or gravel",
    "building site",
    "sealed before",
    "shadow or shift",
    "wrong outline",
)
"""Usual reasons of a decision; any other text goes into the remark."""

EDITABLE = ("decision", "ground", "remark", "from_class", "to_class", "start_half")
"""Fields of view `review_form` that a reviewer may write, besides the outline."""

PLOT = "plot"
"""Field with the path of the transition plot, made by QGIS."""

HISTORY = "polygon_history"
"""Relation of a polygon to its decisions."""

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Decision", ("decision", "ground", "remark")),
    ("Correction (or move the outline with the vertex tool)", ("from_class", "to_class", "start_half")),
    ("Land cover over time", (PLOT,)),
    ("Why it waits", ("due", "cause", "state", "reviewer", "reason", "decided_at")),
    (
        "Found",
        ("polygon_id", "sheet", "year", "flight_date", "earlier_flight_date", "confirm_half", "area_m2",
         "probability", "event_confidence", "earlier_known", "event_id", "withdrawn"),
    ),
    ("Registries", ("land_use_before", "municipality", "distances_m", "overlap_shares")),
)  # fmt: skip

_LONG = ("remark", "distances_m", "overlap_shares")

_ALIASES = {
    "decision": "Decision",
    "ground": "Reason",
    "remark": "Remark",
    "from_class": "Class before",
    "to_class": "Class after",
    "start_half": "Change began in",
    "due": "Waits as",
    "cause": "Changed in",
    "state": "State",
    "reviewer": "Latest reviewer",
    "reason": "Their reason",
    "decided_at": "Decided at",
    "polygon_id": "Polygon",
    "sheet": "Sheet",
    "year": "Year",
    "flight_date": "Flight",
    "earlier_flight_date": "Flight before",
    "confirm_half": "Confirmed in",
    "area_m2": "Area (m2)",
    "probability": "Probability",
    "event_confidence": "Confidence of the event",
    "earlier_known": "Share with earlier state",
    "event_id": "Event",
    "withdrawn": "No longer found",
    "version": "Version",
    "distances_m": "Distances (m)",
    "overlap_shares": "Overlap shares",
    "land_use_before": "Land use before",
    "municipality": "Municipality",
    PLOT: "Transition plot",
}


def add_form(layer: Element, halves: Sequence[str]) -> None:
    """Add widgets, names, rights and the arrangement of the form to the layer of `review_form`.

    Args:
        layer: the layer's element.
        halves: half-years that a change may begin in.
    """
    fields = SubElement(layer, "fieldConfiguration")
    for name in _ALIASES:
        kind, settings = _widget(name, halves)
        config = SubElement(
            SubElement(
                SubElement(fields, "field", name=name, configurationFlags="None"), "editWidget", type=kind
            ),
            "config",
        )
        options(config, settings)
    aliases, editable = SubElement(layer, "aliases"), SubElement(layer, "editable")
    for name, alias in _ALIASES.items():
        SubElement(aliases, "alias", field=name, name=alias)
        SubElement(editable, "field", name=name, editable="1" if name in EDITABLE else "0")
    text(layer, "editorlayout", "tablayout")
    form = SubElement(layer, "attributeEditorForm")
    left, right, past = (_container(form, name, tab=True) for name in ("Decision", "Details", "History"))
    for number, (title, names) in enumerate(_GROUPS):
        group = _container(left if number < 4 else right, title)
        for name in names:
            SubElement(group, "attributeEditorField", name=name, index="-1", showLabel=str(int(name != PLOT)))
    SubElement(
        past,
        "attributeEditorRelation",
        name=HISTORY,
        relation=HISTORY,
        label="Decisions",
        showLabel="1",
        nmRelationId="",
        forceSuppressFormPopup="0",
        relationWidgetTypeId="relation_editor",
    )
    text(layer, "previewExpression", '"polygon_id"')
    text(
        layer,
        "mapTip",
        '<b>[% "polygon_id" %]</b><br>[% "from_class" %] to [% "to_class" %], [% "start_half" %]<br>'
        '[% round("area_m2") %] m², [% CASE WHEN "due" <> \'\' THEN "due" ELSE "state" END %]',
    )


def _widget(name: str, halves: Sequence[str]) -> tuple[str, dict[str, Any]]:
    if name == "decision":
        shown = {"candidate": "candidate (take back)", "accepted": "accepted (as found)"}
        return "ValueMap", {"map": [("", ""), *((shown.get(s, s), s) for s in get_args(State))]}
    if name == "ground":
        return "ValueMap", {"map": [("", ""), *((ground, ground) for ground in GROUNDS)]}
    if name in ("from_class", "to_class"):
        return "ValueMap", {"map": [(name, name) for name in LAND_COVER_CLASSES]}
    if name == "start_half":
        return "ValueMap", {"map": [(half, half) for half in halves]}
    if name == PLOT:
        # An image beside its path, which is relative to the project.
        return "ExternalResource", {
            "DocumentViewer": 1,
            "DocumentViewerWidth": 400,
            "DocumentViewerHeight": 0,
            "RelativeStorage": 1,
            "StorageMode": 0,
            "FileWidget": False,
            "UseLink": False,
        }
    return "TextEdit", {"IsMultiline": name in _LONG, "UseHtml": False}


def _container(parent: Element, name: str, *, tab: bool = False) -> Element:
    return SubElement(
        parent,
        "attributeEditorContainer",
        name=name,
        columnCount="1",
        groupBox="0" if tab else "1",
        showLabel="1",
        visibilityExpressionEnabled="0",
        visibilityExpression="",
    )
