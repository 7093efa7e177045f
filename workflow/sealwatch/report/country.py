"""Map of confirmed, reversed and provisional change over the country, as SVG; signs differ by shape and colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd

_WIDTH, _PAD = 1000.0, 16.0
_CELL_FROM = 10.0
"""Cells of at least this many units are drawn in their true size beside the sign."""


@dataclass(frozen=True, slots=True)
class Sign:
    """How a kind of change is drawn: words of the legend, colour and outline of its shape in a square of -1..1."""

    label: str
    colour: str
    shape: tuple[tuple[float, float], ...]


SIGNS = {
    "confirmed": Sign("confirmed", "#D55E00", ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85))),
    "reversed": Sign("confirmed, later reversed", "#0072B2", ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0))),
    "provisional": Sign("provisional alert", "#F0E442", ((0, -1.15), (1.1, 0.85), (-1.1, 0.85))),
    "unsure": Sign(
        "unsure: too small a rise",
        "#999999",
        tuple((round(math.cos(math.pi * k / 4), 2), round(math.sin(math.pi * k / 4), 2)) for k in range(8)),
    ),
}
"""Kinds of change in the order of the legend. Colours of Okabe and Ito (2008), with a dark outline."""


@dataclass(frozen=True, slots=True)
class CountryMap:
    """The map as SVG, and of each kind its sign as SVG, label and number."""

    svg: str
    legend: Sequence[tuple[str, str, int]]


def country_map(
    area: gpd.GeoDataFrame,
    sheets: gpd.GeoDataFrame,
    flagged: set[str],
    changes: dict[str, gpd.GeoDataFrame],
    numbers: Sequence[tuple[int, float, float]],
) -> CountryMap:
    """Draw the map.

    Args:
        area: area of interest.
        sheets: footprints of orthophotos with column `sheet`.
        flagged: names of sheets under confirmed change.
        changes: cells by kind (`SIGNS`), polygons.
        numbers: number, x and y of the events that have a section of their own.
            All in one projected CRS, metres.
    """
    west, south, east, north = _extent(area, changes)
    scale = (_WIDTH - 2 * _PAD) / (east - west)
    bottom = (north - south) * scale + _PAD
    height = bottom + _PAD + 60
    frame = f'x="{_PAD:g}" y="{_PAD:g}" width="{_WIDTH - 2 * _PAD:g}" height="{bottom - _PAD:.1f}"'

    def at(x: float, y: float) -> tuple[float, float]:
        return _PAD + (x - west) * scale, _PAD + (north - y) * scale

    footprints = sheets.drop_duplicates("sheet").set_index("sheet").geometry
    land = area.geometry.simplify(0.4 / scale)
    under = footprints[footprints.index.isin(flagged)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height:.0f}" role="img" '
        'aria-labelledby="map-title map-desc" class="country">',
        '<title id="map-title">Map of the found changes</title>',
        f'<desc id="map-desc">{_in_words(changes)} The same is in the table of all events.</desc>',
        f'<clipPath id="map-frame"><rect {frame}/></clipPath>',
        '<g clip-path="url(#map-frame)">',
        f'<path class="land" d="{svg_path(land, at)}"/>',
        f'<path class="flagged" d="{svg_path(under, at)}"/>',
        f'<path class="sheets" d="{svg_path(footprints, at)}"/>',
        f'<path class="border" d="{svg_path(land, at)}"/>',
        "</g>",
        f'<rect class="frame" {frame}/>',
    ]
    for kind, sign in SIGNS.items():
        cells = changes.get(kind)
        if cells is None or cells.empty:
            continue
        edge = scale * math.sqrt(float(cells.geometry.area.iloc[0]))
        if edge >= _CELL_FROM:
            parts.append(f'<path class="cells" fill="{sign.colour}" d="{svg_path(cells.geometry, at)}"/>')
        size = min(max(edge / 5, 4.5), 11)
        middles = cells.geometry.centroid
        shapes = "".join(_shape(sign, *at(p.x, p.y), size) for p in middles)
        parts.append(f'<path class="sign" fill="{sign.colour}" d="{shapes}"/>')
    for number, x, y in numbers:
        px, py = at(x, y)
        parts.append(
            f'<a href="#event-{number}"><text class="tag" x="{px + 13:.1f}" y="{py - 9:.1f}">{number}</text></a>'
        )
    parts.append(_scale_bar(scale, height))
    parts.append("</svg>")
    legend = [(_icon(sign), sign.label, len(changes.get(kind, ()))) for kind, sign in SIGNS.items()]
    return CountryMap("\n".join(parts), legend)


def _extent(
    area: gpd.GeoDataFrame, changes: dict[str, gpd.GeoDataFrame]
) -> tuple[float, float, float, float]:
    """West, south, east and north of area and cells, with a margin."""
    bounds = [area.total_bounds, *(cells.total_bounds for cells in changes.values() if len(cells))]
    west, south = min(b[0] for b in bounds), min(b[1] for b in bounds)
    east, north = max(b[2] for b in bounds), max(b[3] for b in bounds)
    margin = 0.02 * max(east - west, north - south)
    return west - margin, south - margin, east + margin, north + margin


def _in_words(changes: dict[str, gpd.GeoDataFrame]) -> str:
    return "; ".join(f"{sign.label}: {len(changes.get(kind, ()))}" for kind, sign in SIGNS.items()) + "."


def svg_path(shapes: Iterable[Any], at: Callable[[float, float], tuple[float, float]]) -> str:
    """Rings of (multi)polygons as data of an SVG path; `at` gives the place of a point in the picture."""
    rings = [
        ring
        for shape in shapes
        for part in getattr(shape, "geoms", [shape])
        if part is not None and not part.is_empty and part.geom_type == "Polygon"
        for ring in (part.exterior, *part.interiors)
    ]
    return "".join(
        "M" + "L".join("{:.1f} {:.1f}".format(*at(x, y)) for x, y, *_ in ring.coords[:-1]) + "Z"
        for ring in rings
    )


def _shape(sign: Sign, x: float, y: float, size: float) -> str:
    return "M" + "L".join(f"{x + size * dx:.1f} {y + size * dy:.1f}" for dx, dy in sign.shape) + "Z"


def _icon(sign: Sign) -> str:
    return (
        '<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">'
        f'<path class="sign" fill="{sign.colour}" d="{_shape(sign, 12, 12, 8)}"/></svg>'
    )


def _scale_bar(scale: float, height: float) -> str:
    """A bar of a round length of about a quarter of the map, and an arrow to grid north."""
    wanted = 0.25 * _WIDTH / scale
    power = 10 ** math.floor(math.log10(wanted))
    length = max(step * power for step in (1, 2, 5) if step * power <= wanted)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    y = height - 24
    right = _PAD + length * scale
    return (
        f'<path class="bar" d="M{_PAD:g} {y - 8:.0f}V{y:.0f}H{right:.1f}V{y - 8:.0f}"/>'
        f'<text class="note" x="{right + 10:.1f}" y="{y + 4:.0f}">{text}</text>'
        f'<path class="arrow" d="M{_WIDTH - 40:g} {y - 28:.0f}l11 32l-11 -8l-11 8Z"/>'
        f'<text class="note" x="{_WIDTH - 68:g}" y="{y + 4:.0f}" text-anchor="end">grid north</text>'
    )
