"""The confusion matrix as a figure: an SVG that needs no plotting library and has the same bytes each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..files import write_text

_CELL, _MARGIN, _TOP = 46, 170, 150


def confusion_figure(
    confusion: Sequence[Sequence[int]], classes: Sequence[str], title: str, target: str | Path
) -> None:
    """Draw counts in cells shaded by their share of the row, from white to dark blue.

    Args:
        confusion: rows are actual classes, columns predicted ones.
        classes: names in the order of both.
        title: printed above.
        target: SVG file.
    """
    size = len(classes)
    width, height = _MARGIN + size * _CELL + 20, _TOP + size * _CELL + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="13"><rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{width / 2}" y="22" text-anchor="middle" font-size="15">{title}</text>',
    ]
    for column, name in enumerate(classes):
        x = _MARGIN + (column + 0.5) * _CELL
        parts.append(f'<text transform="translate({x + 4} {_TOP - 8}) rotate(-55)">{name}</text>')
    for row, (name, counts) in enumerate(zip(classes, confusion, strict=True)):
        y = _TOP + row * _CELL
        parts.append(f'<text x="{_MARGIN - 8}" y="{y + _CELL / 2 + 5}" text-anchor="end">{name}</text>')
        for column, count in enumerate(counts):
            share = count / max(sum(counts), 1)
            red, green, blue = (round(255 + share * (dark - 255)) for dark in (8, 48, 107))
            x, ink = _MARGIN + column * _CELL, "#ffffff" if share > 0.45 else "#1a1a1a"
            parts.append(
                f'<rect x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" fill="#{red:02x}{green:02x}{blue:02x}" '
                f'stroke="#d0d0d0"/>'
            )
            if count:
                place = f'x="{x + _CELL / 2}" y="{y + _CELL / 2 + 5}" text-anchor="middle"'
                parts.append(f'<text {place} fill="{ink}">{count}</text>')
    parts.append(
        f'<text x="{_MARGIN + size * _CELL / 2}" y="{height - 14}" text-anchor="middle">'
        "rows: actual class, columns: predicted class, shade: share of the row</text></svg>"
    )
    write_text(target, "\n".join(parts) + "\n")
