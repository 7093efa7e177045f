"""Keys of the pipeline: the wildcards of file names and the periods they stand for.

Imported at parse time, so it uses the standard library only.
"""

from __future__ import annotations

import re
from calendar import monthrange

WILDCARD_CONSTRAINTS = {
    "tile": r"\d{2}[C-X][A-Z]{2}",
    "date": r"\d{4}-\d{2}-\d{2}",
    "platform": r"S2[A-Z]",
    "zone": r"32[67]\d{2}",
    "month": r"\d{4}-\d{2}",
    "half": r"\d{4}H[12]",
    "sheet": r"[A-Za-z0-9][A-Za-z0-9-]*",
    "year": r"\d{4}",
}
"""Regular expressions of the Snakemake wildcards, without anchors."""

EVENT_ID = r"({zone})-(-?\d{{1,8}})-(-?\d{{1,8}})-({half})".format(**WILDCARD_CONSTRAINTS)
"""Regular expression of an event's id, `zone-row-col-half`, without anchors.

A northern zone counts rows below 0 south of the equator.
"""

IMPERVIOUS_CLASSES = ("Highway", "Industrial", "Residential")
"""The land-cover classes that count as impervious (1); all others count as 0."""

LAND_COVER_CLASSES = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)
"""EuroSAT's ten classes in alphabetical order; a class code is the index in this tuple."""


def matches(kind: str, text: str) -> bool:
    """Whether `text` is wholly a value of wildcard `kind`."""
    return re.fullmatch(WILDCARD_CONSTRAINTS[kind], text) is not None


def zone_of_tile(tile: str) -> str:
    """EPSG code of the UTM zone of an MGRS tile, e.g. `33TVM` -> `32633`.

    Raises:
        ValueError: `tile` is not a five-character MGRS tile.
    """
    if not matches("tile", tile):
        raise ValueError(f"{tile!r} is not an MGRS tile such as 33TVM")
    zone, band = int(tile[:2]), tile[2]
    if not 1 <= zone <= 60:
        raise ValueError(f"{tile!r}: UTM zones are 01 to 60")
    return f"{32600 + zone if band >= 'N' else 32700 + zone}"


def month_of(date: str) -> str:
    """`2021-06-14` -> `2021-06`."""
    return date[:7]


def half_of(month: str) -> str:
    """Half-year of a month or date: `2021-06` -> `2021H1`, `2021-07-01` -> `2021H2`."""
    return f"{month[:4]}H{1 if int(month[5:7]) <= 6 else 2}"


def months_of(half: str) -> list[str]:
    """The six months of a half-year, in order."""
    year, first = half[:4], 1 if half.endswith("H1") else 7
    return [f"{year}-{m:02d}" for m in range(first, first + 6)]


def days_of_month(month: str) -> tuple[str, str]:
    """First and last day of a month, ISO 8601."""
    year, number = int(month[:4]), int(month[5:7])
    return f"{month}-01", f"{month}-{monthrange(year, number)[1]:02d}"


def month_range(start: str, end: str) -> list[str]:
    """All months from the month of date `start` to that of `end`, both included."""
    first = int(start[:4]) * 12 + int(start[5:7]) - 1
    last = int(end[:4]) * 12 + int(end[5:7]) - 1
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first, last + 1)]


def half_range(start: str, end: str) -> list[str]:
    """All half-years that have a month between dates `start` and `end`."""
    return sorted({half_of(m) for m in month_range(start, end)})


def half_span(half: str) -> tuple[str, str]:
    """First and last day of a half-year, ISO 8601."""
    year = half[:4]
    return (f"{year}-01-01", f"{year}-06-30") if half.endswith("H1") else (f"{year}-07-01", f"{year}-12-31")


def event_id(zone: str, row: int, col: int, half: str) -> str:
    """Identity of a change event: `zone-row-col-half`, rows and columns counted from the zone's origin."""
    return f"{zone}-{row}-{col}-{half}"


def scene_key(tile: str, date: str, platform: str) -> str:
    """Path part that identifies an acquisition: `33TVM/2021-06-14_S2A`."""
    return f"{tile}/{date}_{platform}"


def sheet_key(sheet: str, year: str | int) -> str:
    """Path part that identifies an orthophoto: `D2101_2024`."""
    return f"{sheet}_{year}"


def split_sheet_key(key: str) -> tuple[str, str]:
    """Inverse of `sheet_key`."""
    sheet, year = key.rsplit("_", 1)
    return sheet, year
