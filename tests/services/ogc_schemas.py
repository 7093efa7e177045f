"""The XML schemas of OGC and W3C, read from the packages that `make setup-tests` puts aside for it.

pycsw brings OWS Common, filters, GML 3.2 and ISO 19139, mapproxy WMS; no package was found that brings WFS's own.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path

from lxml import etree

FOLDER = Path(os.environ.get("SEALWATCH_OGC_SCHEMAS", Path(sys.prefix) / "ogc-schemas"))
OGC = FOLDER / "pycsw/core/schemas/ogc"
WMS = FOLDER / "mapproxy/test/schemas/wms/1.3.0"
ISO = FOLDER / "pycsw/plugins/profiles/apiso/schemas/ogc/iso/19139/20070417/gmx/gmx.xsd"
"""Of ISO 19139; it includes gmd, the schema of the metadata themselves."""


class _Local(etree.Resolver):
    """Finds schemas in the folder by the path of their address; no request leaves the machine."""

    def resolve(self, url, public_id, context):
        address = re.match(r"https?://schemas\.opengis\.net/(.*)", url)
        if address:
            return self.resolve_filename(str(OGC / address[1]), context)
        return None


def parser() -> etree.XMLParser:
    """A parser that takes schemas from the folder alone."""
    made = etree.XMLParser(no_network=True)
    made.resolvers.add(_Local())
    return made


@cache
def schema(path: Path) -> etree.XMLSchema:
    """A schema of the folder."""
    assert path.is_file(), f"{path} is missing: make setup-tests"
    return etree.XMLSchema(etree.parse(str(path), parser()))


def schema_of(text: str) -> etree.XMLSchema:
    """An application schema, e.g. the answer to DescribeFeatureType."""
    return etree.XMLSchema(etree.fromstring(text.encode(), parser()))


def holds(checked: etree.XMLSchema, element: etree._Element) -> bool:
    """Whether an element is valid; the first fault is shown where not."""
    alone = etree.fromstring(etree.tostring(element))
    valid = checked.validate(alone)
    assert valid, f"{element.tag}: {checked.error_log[0]}"
    return valid
