"""The pictures of one event, all on the same frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..orthophoto.sheets import CLASSES
from .country import svg_path
from .pictures import EMPTY, Frame, cut_out, cut_out_codes, jpeg, palette_png, png, shown

if TYPE_CHECKING:
    import geopandas as gpd

SEGMENT_COLOURS = ((51, 51, 51), (0, 158, 115), (240, 228, 66))
"""Dark for sealed, green and yellow for low and higher vegetation, as in the paper; apart by lightness too."""

SEGMENT_NAMES = tuple(name.replace("_vegetation", " vegetation").replace("_", "-") for name in CLASSES)
"""Names of the forest's classes in running text."""

_PHOTO_PX = 600
_PIXEL_M = 10
_UNITS = 100.0


@dataclass(frozen=True, slots=True)
class Flight:
    """What there is of a flagged orthophoto: folder of pictures, key, their dates by name, segmentation."""

    folder: Path
    key: str
    dates: Mapping[str, Mapping[str, str]]
    segmentation: Path | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Place of an event: frame of its pictures, its cell and its id."""

    frame: Frame
    cell: Frame
    event_id: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture: short name, caption, text for those who do not see it, data URI, SVG drawn over it, crisp pixels."""

    name: str
    caption: str
    alt: str
    uri: str
    overlay: str
    pixelated: bool = False


def figures_of(
    drawing: Drawing,
    near: Sequence[Flight],
    outlines: gpd.GeoDataFrame | None,
    numbered: Sequence[Mapping[str, Any]],
) -> list[Figure]:
    """Sentinel-2 and orthophoto before and after, segmentation and outlines; those that there are.

    Args:
        drawing: place of the event.
        near: flagged orthophotos of one year under the event, the one that shows most of its cell first.
        outlines: the event's outlines, any CRS.
        numbered: rows `number`, `x`, `y` (parts of the frame) of outlines that get a number.
    """
    if not near:
        return []
    cell = _cell(drawing)
    figures, last = [], []
    for side in ("before", "after"):
        found = _cut(
            drawing.frame, near[:1], f"sentinel2_{side}", round(drawing.frame.size_m / _PIXEL_M), False
        )
        if found is not None:
            date = f"{near[0].dates[f'sentinel2_{side}']['date']}, {near[0].dates[f'sentinel2_{side}']['platform']}"
            figures.append(
                Figure(
                    f"sentinel2_{side}",
                    f"Sentinel-2 {side} the change, {date}, true colour.",
                    f"Sentinel-2 picture of event {drawing.event_id} {side} the change, {date}",
                    png(shown(*found)),
                    cell,
                    True,
                )
            )
    for side in ("before", "after"):
        found = _cut(drawing.frame, near, f"orthophoto_{side}", _PHOTO_PX, True)
        if found is not None:
            dates = _dates(near, f"orthophoto_{side}")
            picture = shown(*found)
            figures.append(
                Figure(
                    f"orthophoto_{side}",
                    f"Orthophoto {side} the change, {dates}: near infrared, red, green.",
                    f"Orthophoto of event {drawing.event_id} {side} the change, {dates}, vegetation in red tones",
                    jpeg(picture, 78),
                    cell,
                )
            )
            if side == "after" and outlines is not None and len(outlines):
                last.append(_outlined(drawing, picture, outlines, numbered, cell))
    segments = _segments(drawing, near, cell)
    return [*figures, *([segments] if segments else []), *last]


def _cut(
    frame: Frame, flights: Sequence[Flight], name: str, size_px: int, smooth: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    return cut_out([f.folder / f"{name}.tif" for f in flights if name in f.dates], frame, size_px, smooth)


def _dates(flights: Iterable[Flight], name: str) -> str:
    return " and ".join(sorted({f.dates[name]["date"] for f in flights if name in f.dates}))


def _segments(drawing: Drawing, near: Sequence[Flight], cell: str) -> Figure | None:
    paths = [flight.segmentation for flight in near if flight.segmentation]
    codes = cut_out_codes(paths, "class", drawing.frame, _PHOTO_PX // 2, len(CLASSES))
    there = codes < len(CLASSES)
    if not there.any():
        return None
    shares = ", ".join(
        f"{name} {100 * np.mean(codes[there] == code):.0f} %" for code, name in enumerate(SEGMENT_NAMES)
    )
    return Figure(
        "segmentation",
        f"Segmentation of the orthophoto: {shares} of what is shown.",
        f"Segmentation of the orthophoto of event {drawing.event_id}: {shares}",
        palette_png(codes, (*SEGMENT_COLOURS, EMPTY)),
        cell,
    )


def _outlined(
    drawing: Drawing,
    picture: np.ndarray,
    outlines: gpd.GeoDataFrame,
    numbered: Sequence[Mapping[str, Any]],
    cell: str,
) -> Figure:
    frame = drawing.frame
    simple = outlines.to_crs(frame.epsg).geometry.simplify(frame.size_m / 1200)
    path = svg_path(simple, partial(_at, frame))
    labels = "".join(
        f'<text x="{_UNITS * row["x"]:.1f}" y="{_UNITS * row["y"] + 1.6:.1f}">{int(row["number"])}</text>'
        for row in numbered
    )
    grey = (0.35 * picture + 0.65 * 245).astype("u1")
    return Figure(
        "outlines",
        f"Outlined newly sealed land ({len(outlines)} polygons) on the orthophoto; numbers as in the table.",
        f"Outlines of {len(outlines)} polygons of event {drawing.event_id} over the faded orthophoto",
        jpeg(grey, 70),
        f'<path class="outline" d="{path}"/>{cell}<g class="numbers">{labels}</g>',
    )


def _at(frame: Frame, x: float, y: float) -> tuple[float, float]:
    return _UNITS * (x - frame.left) / frame.size_m, _UNITS * (frame.top - y) / frame.size_m


def _cell(drawing: Drawing) -> str:
    """The event's cell as a dashed square, white over black so that it shows on any ground."""
    frame, cell = drawing.frame, drawing.cell
    x, y = _at(frame, cell.left, cell.top)
    size = _UNITS * cell.size_m / frame.size_m
    square = f'x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}"'
    return f'<rect class="under" {square}/><rect class="over" {square}/>'
