"""One adapter per catalogue: the dialect of its STAC items becomes a `Granule`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .addresses import unsigned
from .records import Granule

OFFSET_BASELINE = (4, 0)
"""From processing baseline 04.00 on, digital numbers carry an offset of +1000 (ESA, Level-2A product format)."""

OFFSET_DN = -1000
"""What digital numbers of these baselines are corrected by."""

_EARTH_SEARCH_NAMES = {
    "B01": "coastal", "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge1", "B06": "rededge2",
    "B07": "rededge3", "B08": "nir", "B8A": "nir08", "B09": "nir09", "B11": "swir16", "B12": "swir22",
    "SCL": "scl",
}  # fmt: skip
"""Asset keys of the Cloud Optimized GeoTIFFs in Earth Search v1, by band."""

_CDSE_RESOLUTION = {"B01": 60, "B02": 10, "B03": 10, "B04": 10, "B08": 10, "B09": 60}
"""Resolution in metres of a band's own image in the Copernicus Data Space; 20 for those not named."""

_PRODUCT = re.compile(r"S2[A-Z]_MSI(L..)_\d{8}T\d{6}_N(\d\d)(\d\d)_R\d{3}_T(\d\d[A-Z]{3})_\d{8}T\d{6}")
_UNTRUSTED_COLLECTIONS = ("sentinel-2-l2a", "sentinel-s2-l2a-cogs")

Adapted = tuple[str, str, str, Granule]
"""(tile, date, platform, granule)."""


def asset_key(provider: str, band: str) -> str:
    """Key of a band's image among the assets of a catalogue's items."""
    if provider == "earth-search":
        return _EARTH_SEARCH_NAMES.get(band, band)
    if provider == "cdse":
        return f"{band}_{_CDSE_RESOLUTION.get(band, 20)}m"
    return band


class ItemError(ValueError):
    """A STAC item lacks a property or an image."""


def _property(item: Mapping[str, Any], *names: str) -> Any:
    """The first of the properties that is there; catalogues renamed some of them over the years."""
    properties = item.get("properties") or {}
    for name in names:
        if properties.get(name) not in (None, ""):
            return properties[name]
    raise ItemError(f"property {' or '.join(names)} is missing")


def _pattern(pattern: str, text: str, name: str) -> str:
    found = re.search(pattern, text)
    if not found:
        raise ItemError(f"property {name} is {text!r}, which has not the documented form")
    return found.group(1)


def _product(item: Mapping[str, Any]) -> re.Match[str] | None:
    """The parts of ESA's product name, where the item carries it."""
    properties = item.get("properties") or {}
    for text in (properties.get("s2:product_uri"), properties.get("sentinel:product_id"), item.get("id")):
        found = _PRODUCT.match(str(text))
        if found:
            return found
    return None


def _hrefs(item: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, str]:
    assets = item.get("assets") or {}
    found = {band: (assets.get(key) or {}).get("href") for band, key in keys.items()}
    missing = [band for band, href in found.items() if not href]
    if missing:
        raise ItemError(f"image {', '.join(missing)} is missing")
    return {band: unsigned(str(href)) for band, href in found.items()}


def stated_offsets(item: Mapping[str, Any], keys: Iterable[str]) -> set[int]:
    """Offsets in digital numbers that the assets state in any of the forms of STAC's raster extension.

    Raises:
        ItemError: a scale other than 1/10000 of reflectance, which the pipeline does not read.
    """
    stated = set()
    for key in keys:
        asset = item["assets"][key]
        for part in (asset, *(asset.get("raster:bands") or ())[:1], *(asset.get("bands") or ())[:1]):
            offset = part.get("raster:offset", part.get("offset"))
            scale = part.get("raster:scale", part.get("scale", 0.0001))
            if offset is None:
                continue
            if scale is None or abs(scale - 0.0001) > 1e-9:
                raise ItemError(f"image {key} has scale {scale}, not 0.0001")
            stated.add(round(offset / scale))
    return stated


def decide_offset(
    baselines: Iterable[str], stated: set[int], applied: bool | None = None, trusted: bool = True
) -> tuple[int, str]:
    """The offset of an item, and whether its metadata agree.

    Args:
        baselines: processing baselines the item names, the leading one first.
        stated: offsets in digital numbers its assets state.
        applied: what the item says of the offset being taken off already; None where it says nothing.
        trusted: False where the catalogue is known to state a missing offset wrongly.

    Returns:
        (number to add to the digital numbers, one of `OFFSET_RULES`).
    """
    expected = [
        OFFSET_DN if tuple(int(part) for part in b.split(".")) >= OFFSET_BASELINE else 0 for b in baselines
    ]
    doubtful = len(set(expected)) > 1 or any(b.startswith("99") for b in baselines)
    if applied:
        return 0, "contradictory" if doubtful or stated - {0} else "stated"
    if doubtful or stated - {expected[0]} or (not trusted and expected[0]):
        return expected[0], "contradictory"
    return expected[0], "baseline" if not stated and applied is None else "stated"


def _adapt(
    item: Mapping[str, Any],
    keys: Mapping[str, str],
    applied: bool | None = None,
    trusted: bool = True,
) -> Adapted:
    """What the dialects share: ESA's names of datatake, datastrip, baseline and product."""
    product = _product(item)
    kind = str((item.get("properties") or {}).get("s2:product_type") or (product and product[1]) or "L2A")
    if "2A" not in kind:
        raise ItemError(f"product is {kind}, not of level 2A")
    platform_name = str(_property(item, "platform"))
    platform = "S2" + _pattern(r"^[Ss]entinel-2([A-Za-z])$", platform_name, "platform").upper()
    named = [f"{product[2]}.{product[3]}"] if product else []
    properties = item.get("properties") or {}
    for name in ("s2:processing_baseline", "processing:version", "sentinel:processing_baseline"):
        if properties.get(name):
            named.insert(0, _pattern(r"^(\d\d\.\d\d)$", str(properties[name]), name))
            break
    if not named:
        raise ItemError("property s2:processing_baseline or processing:version is missing")
    datatake, sensing = _times(item)
    hrefs = _hrefs(item, keys)
    offset, rule = decide_offset(
        named, stated_offsets(item, [k for b, k in keys.items() if b != "SCL"]), applied, trusted
    )
    try:
        granule = Granule(
            item_id=str(item["id"]),
            datatake_start=datatake,
            sensing_start=sensing,
            baseline=named[0],
            generated=_generated(item),
            offset_dn=offset,
            cloud_cover=float(_property(item, "eo:cloud_cover")),
            assets=hrefs,
            offset_rule=rule,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise error if isinstance(error, ItemError) else ItemError(str(error)) from error
    date = f"{datatake[:4]}-{datatake[4:6]}-{datatake[6:8]}"
    return _tile(item, product), date, platform, granule


def _times(item: Mapping[str, Any]) -> tuple[str, str]:
    properties = item.get("properties") or {}
    if "sentinel:product_id" in properties:
        # Earth Search v0 has no datastrip; its datetime is the sensing time of the tile.
        instant = re.sub(r"[-:]", "", str(_property(item, "datetime")))[:15]
        text = str(properties["sentinel:product_id"])
        return _pattern(r"_(\d{8}T\d{6})_N", text, "sentinel:product_id"), instant
    datatake = str(_property(item, "s2:datatake_id", "eopf:datatake_id"))
    datastrip = str(_property(item, "s2:datastrip_id", "eopf:datastrip_id"))
    return (
        _pattern(r"_(\d{8}T\d{6})_", datatake, "s2:datatake_id"),
        _pattern(r"_S(\d{8}T\d{6})_", datastrip, "s2:datastrip_id"),
    )


def _generated(item: Mapping[str, Any]) -> str:
    product = (item.get("properties") or {}).get("sentinel:product_id")
    if product:
        return _pattern(r"_(\d{8}T\d{6})$", str(product), "sentinel:product_id")
    return str(_property(item, "s2:generation_time", "processing:datetime"))


def _tile(item: Mapping[str, Any], product: re.Match[str] | None) -> str:
    """The tile with its zone in two digits: Earth Search writes zone 7 as `MGRS-7HFE`."""
    properties = item.get("properties") or {}
    text = str(properties.get("s2:mgrs_tile") or properties.get("grid:code") or (product and product[4]))
    return _pattern(r"(?:^|-)(\d{1,2}[C-X][A-Z]{2})$", text, "s2:mgrs_tile").zfill(5)


def planetary_computer(item: Mapping[str, Any], bands: list[str]) -> Adapted:
    """Adapter of Microsoft Planetary Computer's `sentinel-2-l2a`.

    Items of baseline 04.00 and later still carry the +1000 offset and do not say so; older ones carry none,
    whatever their date.

    Args:
        item: STAC item as JSON value.
        bands: images that will be read, `SCL` among them.

    Returns:
        (tile, date, platform, granule).

    Raises:
        ItemError: a property or image is missing or malformed.
    """
    return _adapt(item, {band: band for band in bands})


def earth_search(item: Mapping[str, Any], bands: list[str]) -> Adapted:
    """Adapter of Element 84's Earth Search: `sentinel-2-l2a`, `sentinel-2-c1-l2a`, and items of version 0.

    In `sentinel-2-l2a` the offset was taken off most images of baseline 04.00 and later, but
    `earthsearch:boa_offset_applied` and the stated offset are known to be wrong for some
    (Element84/earth-search issues 66 and 71): unless the item clearly says that it was taken off, the pixels
    must decide. Collection 1 leaves the offset in and states it. Arguments and errors as `planetary_computer`.
    """
    properties = item.get("properties") or {}
    applied = properties.get("earthsearch:boa_offset_applied", properties.get("sentinel:boa_offset_applied"))
    version_1 = asset_key("earth-search", "SCL") in (item.get("assets") or {})
    keys = {band: asset_key("earth-search", band) if version_1 else band for band in bands}
    return _adapt(item, keys, applied, trusted=item.get("collection") not in _UNTRUSTED_COLLECTIONS)


def cdse(item: Mapping[str, Any], bands: list[str]) -> Adapted:
    """Adapter of the Copernicus Data Space Ecosystem's `sentinel-2-l2a`: JPEG 2000 behind `s3://` addresses.

    Its assets state the offset. Arguments and errors as `planetary_computer`.
    """
    return _adapt(item, {band: asset_key("cdse", band) for band in bands})


def local(item: Mapping[str, Any], bands: list[str]) -> Adapted:
    """Adapter of items on disk, each in the dialect of the catalogue it came from."""
    properties, assets = item.get("properties") or {}, item.get("assets") or {}
    if any(name.startswith("eopf:") for name in properties) or "SCL_20m" in assets:
        return cdse(item, bands)
    if any(name.startswith(("earthsearch:", "sentinel:")) for name in properties) or "scl" in assets:
        return earth_search(item, bands)
    return planetary_computer(item, bands)


ADAPTERS: dict[str, Callable[[Mapping[str, Any], list[str]], Adapted]] = {
    "planetary-computer": planetary_computer,
    "earth-search": earth_search,
    "cdse": cdse,
    "local": local,
}
"""Adapters by the configuration's `catalogue.provider`."""
