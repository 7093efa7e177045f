"""Transition plot of a place: land cover of the half-years, the months' votes, and what the change rule made of them.

SVG written directly, the same bytes for the same input, legible at the width of a telephone: 400 units wide, text of 11
to 13. Colours are those of Okabe and Ito (2008), which people with any colour vision tell apart; the class itself is
read from the height alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..composites.maps import NO_CLASS
from ..files import atomic_path, write_text
from ..keys import IMPERVIOUS_CLASSES, LAND_COVER_CLASSES, months_of
from ..vectors import read_vector
from .evidence import subjects
from .series import MapSeries

_WIDTH, _LEFT, _RIGHT = 400.0, 118.0, 10.0
_HEAD, _ROW, _AXIS = 32.0, 26.0, 58.0
_IMPERVIOUS, _OTHER, _INK, _FAINT = "#D55E00", "#0072B2", "#222222", "#8a8a8a"
_SPOKEN = {
    "HerbaceousVegetation": "Herbaceous",
    "AnnualCrop": "Annual crop",
    "PermanentCrop": "Permanent crop",
    "SeaLake": "Sea or lake",
}


@dataclass(frozen=True, slots=True)
class Transition:
    """What a plot shows.

    Attributes:
        title: heading.
        halves: names of the half-years, in order without omissions.
        half_classes: class codes of the half-years, 255 = not observed.
        month_classes: class codes of their months, six for each half-year, 255 = not observed.
        marks: (kind, half-year) with the kinds `start`, `confirmed`, `return` and `return confirmed`.
    """

    title: str
    halves: Sequence[str]
    half_classes: Sequence[int]
    month_classes: Sequence[int]
    marks: Sequence[tuple[str, str]]


def transition_svg(shown: Transition) -> str:
    """The plot as SVG text."""
    top = _HEAD + 14 * len(shown.marks)
    seen = {int(c) for c in (*shown.half_classes, *shown.month_classes) if c != NO_CLASS}
    order = sorted(seen, key=lambda c: (LAND_COVER_CLASSES[c] not in IMPERVIOUS_CLASSES, c))
    y = {c: top + _ROW * (i + 0.5) for i, c in enumerate(order)}
    sealed = sum(LAND_COVER_CLASSES[c] in IMPERVIOUS_CLASSES for c in order)
    step = (_WIDTH - _LEFT - _RIGHT) / len(shown.halves)
    bottom = top + _ROW * max(len(order), 1)
    height = bottom + _AXIS
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height:g}" width="100%" role="img" '
        'font-family="Helvetica, Arial, DejaVu Sans, sans-serif" font-size="11">',
        f"<title>{escape(shown.title)}</title>",
        f"<desc>{escape(_in_words(shown))}</desc>",
        f'<rect width="{_WIDTH:g}" height="{height:g}" fill="white"/>',
        _text(8, 18, shown.title, size=13, weight="bold"),
    ]
    if sealed:
        parts.append(
            f'<rect x="{_LEFT:g}" y="{top:g}" width="{_WIDTH - _LEFT - _RIGHT:g}" height="{_ROW * sealed:g}" '
            f'fill="{_IMPERVIOUS}" fill-opacity="0.10"/>'
        )
    for code in order:
        name = LAND_COVER_CLASSES[code]
        parts += [
            f'<line x1="{_LEFT:g}" x2="{_WIDTH - _RIGHT:g}" y1="{y[code]:g}" y2="{y[code]:g}" stroke="#dddddd"/>',
            _text(_LEFT - 8, y[code] + 4, _SPOKEN.get(name, name), anchor="end"),
        ]
    parts += _time_axis(shown.halves, step, bottom)
    parts += _marks(shown, step, bottom)
    parts += _states(shown.half_classes, y, step, top, bottom)
    for m, code in enumerate(shown.month_classes):
        if code != NO_CLASS:
            x = _LEFT + step * (m + 0.5) / 6
            parts.append(f'<circle cx="{x:.1f}" cy="{y[code] - 7:.1f}" r="1.7" fill="{_colour(code)}"/>')
    parts += _legend(bottom + 46)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _states(codes: Sequence[int], y: dict[int, float], step: float, top: float, bottom: float) -> list[str]:
    """A bar for each half-year, joined by thin lines; a hatched field where nothing was observed."""
    parts, before = [], None
    for h, code in enumerate(codes):
        left, right = _LEFT + step * h, _LEFT + step * (h + 1)
        if code == NO_CLASS:
            parts.append(
                f'<rect x="{left:.1f}" y="{top:g}" width="{step:.1f}" height="{bottom - top:g}" fill="#eeeeee"/>'
                + _text((left + right) / 2, (top + bottom) / 2 + 4, "?", anchor="middle", colour=_FAINT)
            )
            continue
        if before is not None and before[1] != y[code]:
            parts.append(
                f'<path d="M{before[0]:.1f} {before[1]:.1f} L{left:.1f} {before[1]:.1f} L{left:.1f} {y[code]:.1f}" '
                f'fill="none" stroke="{_FAINT}" stroke-width="1.2"/>'
            )
        parts.append(
            f'<line x1="{left + 1:.1f}" x2="{right - 1:.1f}" y1="{y[code]:g}" y2="{y[code]:g}" '
            f'stroke="{_colour(code)}" stroke-width="6"/>'
        )
        before = (right, y[code])
    return parts


def _marks(shown: Transition, step: float, bottom: float) -> list[str]:
    """Lines where a change started (at the half-year's beginning) and was confirmed (at its end), with labels."""
    lines, labels = [], []
    for line, (kind, half) in enumerate(shown.marks):
        at_end = "confirmed" in kind
        x = _LEFT + step * (shown.halves.index(half) + at_end)
        level = 36 + 14 * (line % 4)
        label = f"{kind} {half}"
        late = x + 4 + 6.8 * len(label) > _WIDTH
        dash = ' stroke-dasharray="4 3"' if at_end else ""
        lines.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{level - 8:g}" y2="{bottom:g}" stroke="{_INK}" '
            f'stroke-width="1.4"{dash}/>'
        )
        # White behind a label keeps the lines of other marks from crossing it.
        width = 6.2 * len(label)
        labels += [
            f'<rect x="{x - 5 - width if late else x + 3:.1f}" y="{level - 10:g}" width="{width + 2:.1f}" '
            'height="13" fill="white"/>',
            _text(x - 4 if late else x + 4, level, label, anchor="end" if late else "start"),
        ]
    return [*lines, *labels]


def _time_axis(halves: Sequence[str], step: float, bottom: float) -> list[str]:
    parts = []
    for h, half in enumerate(halves):
        x = _LEFT + step * h
        new_year = half.endswith("H1") or h == 0
        length = 8 if half.endswith("H1") else 4
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{bottom:g}" y2="{bottom + length:g}" stroke="{_INK}"/>'
        )
        if step >= 14:
            parts.append(
                _text(x + step / 2, bottom + 12, half[4:], anchor="middle", size=9, colour="#555555")
            )
        if new_year:
            span = step * (2 if half.endswith("H1") and h + 1 < len(halves) else 1)
            year = half[:4] if span >= 27 else f"\u2019{half[2:4]}"
            parts.append(_text(x + span / 2, bottom + 26, year, anchor="middle"))
    return parts


def _legend(y: float) -> list[str]:
    return [
        f'<line x1="8" x2="24" y1="{y - 4:g}" y2="{y - 4:g}" stroke="{_IMPERVIOUS}" stroke-width="6"/>',
        _text(28, y, "impervious"),
        f'<line x1="96" x2="112" y1="{y - 4:g}" y2="{y - 4:g}" stroke="{_OTHER}" stroke-width="6"/>',
        _text(116, y, "other classes"),
        f'<circle cx="212" cy="{y - 4:g}" r="2.2" fill="{_INK}"/>',
        _text(218, y, "month"),
        f'<rect x="264" y="{y - 10:g}" width="14" height="12" fill="#eeeeee"/>',
        _text(282, y, "not observed"),
    ]


def _text(
    x: float,
    y: float,
    text: str,
    anchor: str = "start",
    size: int = 11,
    colour: str = _INK,
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _colour(code: int) -> str:
    return _IMPERVIOUS if LAND_COVER_CLASSES[code] in IMPERVIOUS_CLASSES else _OTHER


def _in_words(shown: Transition) -> str:
    said = [LAND_COVER_CLASSES[c] if c != NO_CLASS else "not observed" for c in shown.half_classes]
    series = ", ".join(f"{half} {name}" for half, name in zip(shown.halves, said, strict=True))
    return f"Land cover by half-year: {series}. " + "; ".join(f"{kind} {half}" for kind, half in shown.marks)


def draw_transitions(
    layers: str | Path, months: Sequence[str | Path], halves: Sequence[str | Path], target: str | Path
) -> None:
    """Draw one plot per site, at the cell that the site is named after.

    Args:
        layers: GeoPackage of the zone with the layers `events` and `sites`.
        months: monthly maps `{month}.h5`.
        halves: half-year maps `{half}.h5` in order of time.
        target: folder that will hold `{site_id}.svg`.

    Raises:
        RasterError: a map cannot be read or lies on another grid.
    """
    events = read_vector(layers, "events")
    events = events[events["event_id"] == events["site_id"]]
    with MapSeries(halves[:1]) as like, atomic_path(target) as part:
        part.mkdir()
        places = subjects(layers, like.window).set_index("event_id")["cell"].reindex(events["event_id"])
        cells, place = np.unique(places.to_numpy("i8"), return_inverse=True)
        seen = {}
        for path in [*halves, *months]:
            with MapSeries([path], like) as one:
                seen[one.names[0]] = one.at(0, "class", cells)
        names = [Path(path).stem for path in halves]
        for event, i in zip(events.itertuples(), place, strict=True):
            write_text(
                part / f"{event.event_id}.svg", transition_svg(event_transition(event, names, seen, int(i)))
            )


def event_transition(event: Any, halves: Sequence[str], seen: Mapping[str, np.ndarray], i: int) -> Transition:
    """What the plot of an event shows.

    Args:
        event: row of layer `events`.
        halves: names of the half-years in order.
        seen: class codes uint8 (cell) by half-year and month; a month without an entry was not observed.
        i: place of the event's cell in them.
    """
    marks = (
        ("start", event.start_half),
        ("confirmed", event.confirm_half),
        ("return", event.reversal_half),
        ("return confirmed", event.reversal_confirm_half),
    )
    return Transition(
        f"{event.event_id}: {event.from_class or 'unknown'} to {event.to_class}",
        halves,
        [int(seen[h][i]) for h in halves],
        [int(seen[m][i]) if m in seen else NO_CLASS for h in halves for m in months_of(h)],
        [(kind, half) for kind, half in marks if half and not pd.isna(half)],
    )
