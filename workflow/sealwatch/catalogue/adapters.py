"""One adapter per catalogue: the dialect of its STAC items becomes a `Granule`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .records import Granule

OFFSET_BASELINE = (4, 0)
"""From processing baseline 04.00 on, digital numbers carry an offset of +1000 (ESA, Level-2A product format)."""


class ItemError(ValueError):
    """A STAC item lacks a property or an image."""


def _property(item: Mapping[str, Any], name: str) -> Any:
    value = item.get("properties", {}).get(name)
    if value in (None, ""):
        raise ItemError(f"property {name} is missing")
    return value


def _pattern(pattern: str, text: str, name: str) -> str:
    found = re.search(pattern, text)
    if not found:
        raise ItemError(f"property {name} is {text!r}, which has not the documented form")
    return found.group(1)


def planetary_computer(item: Mapping[str, Any], assets: list[str]) -> tuple[str, str, str, Granule]:
    """Adapter of Microsoft Planetary Computer's `sentinel-2-l2a`.

    Items of baseline 04.00 and later still carry the +1000 offset and do not say so; older ones carry none,
    whatever their date.

    Args:
        item: STAC item as JSON value.
        assets: keys of the images that will be read.

    Returns:
        (tile, date, platform, granule).

    Raises:
        ItemError: a property or image is missing or malformed.
    """
    platform_name = str(_property(item, "platform"))
    platform = "S2" + _pattern(r"^[Ss]entinel-2([A-Za-z])$", platform_name, "platform").upper()
    baseline = _pattern(
        r"^(\d\d\.\d\d)$", str(_property(item, "s2:processing_baseline")), "s2:processing_baseline"
    )
    datatake = str(_property(item, "s2:datatake_id"))
    datastrip = str(_property(item, "s2:datastrip_id"))
    missing = [a for a in assets if not item.get("assets", {}).get(a, {}).get("href")]
    if missing:
        raise ItemError(f"image {', '.join(missing)} is missing")
    major, minor = (int(part) for part in baseline.split("."))
    granule = Granule(
        item_id=str(item["id"]),
        datatake_start=_pattern(r"_(\d{8}T\d{6})_", datatake, "s2:datatake_id"),
        sensing_start=_pattern(r"_S(\d{8}T\d{6})_", datastrip, "s2:datastrip_id"),
        baseline=baseline,
        generated=str(_property(item, "s2:generation_time")),
        offset_dn=-1000 if (major, minor) >= OFFSET_BASELINE else 0,
        cloud_cover=float(_property(item, "eo:cloud_cover")),
        assets={a: item["assets"][a]["href"].split("?")[0] for a in assets},
    )
    return str(_property(item, "s2:mgrs_tile")), str(_property(item, "datetime"))[:10], platform, granule


ADAPTERS: dict[str, Callable[[Mapping[str, Any], list[str]], tuple[str, str, str, Granule]]] = {
    "planetary-computer": planetary_computer,
}
"""Adapters by the configuration's `catalogue.provider`."""
