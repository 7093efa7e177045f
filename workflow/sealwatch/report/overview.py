"""Map of the found changes over the newest clear Sentinel-2 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import hdf5
from ..files import atomic_path
from ..grid import PIXEL_SIZE_M, Window
from ..sentinel2.area import read_zone_grid
from ..vectors import read_vector, read_vectors

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_RGB = ("B04", "B03", "B02")
_MOST_LABELS = 60
_CLASS_COLOURS = {"Highway": "#E69F00", "Industrial": "#CC79A7", "Residential": "#D55E00"}


def newest_clear_rgb(
    acquisitions: Sequence[str | Path], window: Window, unclear_scl: Sequence[int], step: int
) -> np.ndarray:
    """True-colour picture of the first clear pixel among acquisitions, float32 (height, width, 3), 0..1, NaN without.

    Args:
        acquisitions: scenes, the newest first.
        window: area to show, 10 m pixels.
        unclear_scl: codes of the scene classification that are not clear.
        step: every step-th pixel is read.
    """
    out = np.full((-(-window.height // step), -(-window.width // step), 3), np.nan, "f4")
    for path in acquisitions:
        with hdf5.read(path) as file:
            found = hdf5.read_window(file, "m10").overlap(window)
            if found is None:
                continue
            # Both corners lie on the lattice of 64 px, of which every step used here is a divisor.
            rows, cols = (slice(part.start, part.stop, step) for part in found[0])
            place = tuple(slice(part.start // step, -(-part.stop // step)) for part in found[1])
            names = hdf5.read_labels(file, "m10/band")
            cube = file["m10/reflectance"]
            rgb = np.stack([cube[names.index(b), rows, cols] for b in _RGB], axis=-1).astype("f4") / 10000
            scl = np.repeat(np.repeat(file["m20/scl"][:], 2, 0), 2, 1)[rows, cols]
        good = ~np.isin(scl, [*unclear_scl, 255]) & (rgb > 0).all(axis=-1)
        here = out[place]
        here[...] = np.where(np.isnan(here[..., :1]) & good[..., None], rgb, here)
    return out


def draw_overview(
    acquisitions: Sequence[str | Path],
    zone_grid: str | Path,
    events: str | Path,
    outlines: Sequence[str | Path],
    unclear_scl: Sequence[int],
    title: str,
    attribution: str,
    target: str | Path,
) -> None:
    """Draw confirmed changes, provisional alerts and newly sealed polygons of one zone over imagery, as PNG.

    Args:
        acquisitions: recent scenes of the zone, the newest first.
        zone_grid: grid file.
        events: GeoPackage with the layers `events` and `alerts`.
        outlines: outline GeoPackages.
        unclear_scl: codes of the scene classification that are not clear.
        title: heading.
        attribution: source of the imagery, printed below the map.
        target: PNG file.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    cells, _ = read_zone_grid(zone_grid)
    window = cells.refined(PIXEL_SIZE_M)
    step = next((s for s in (1, 2, 4, 8, 16, 32) if max(window.shape) / s <= 2000), 64)
    rgb = newest_clear_rgb(acquisitions, window, unclear_scl, step)
    ceiling = np.nanpercentile(rgb, 99) if np.isfinite(rgb).any() else 0.3
    picture = np.nan_to_num(np.clip(rgb / max(ceiling, 0.05), 0, 1) ** 0.8, nan=1.0)
    figure, axes = plt.subplots(figsize=(10, 10 * window.height / window.width + 1.2), dpi=110)
    extent = (window.x_min, window.x_max, window.y_min, window.y_max)
    axes.imshow(picture, extent=extent, interpolation="nearest")
    handles = [
        *_draw_outlines(axes, outlines, window.epsg),
        *_draw_events(axes, read_vector(events, "events"), read_vector(events, "alerts")),
    ]
    axes.set(xlim=extent[:2], ylim=extent[2:], ylabel="")
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.tick_params(labelsize=7)
    axes.set_title(title)
    axes.set_xlabel(f"metres, EPSG:{window.epsg}. {attribution}", fontsize=8)
    if handles:
        figure.legend(handles=handles, loc="lower center", ncols=3, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    with atomic_path(target) as part:
        figure.savefig(part, metadata={"Software": None})
    plt.close(figure)


def _draw_outlines(axes: Axes, outlines: Sequence[str | Path], epsg: int) -> list[Line2D]:
    from matplotlib.lines import Line2D

    if not outlines or not len(polygons := read_vectors(outlines, "newly_sealed", crs=epsg)):
        return []
    polygons.plot(ax=axes, facecolor="#FFE100", edgecolor="#FFE100", linewidth=0.4)
    return [Line2D([], [], color="#FFE100", lw=5, label=f"newly sealed, orthophoto ({len(polygons)})")]


def _draw_events(axes: Axes, frame: gpd.GeoDataFrame, alerts: gpd.GeoDataFrame) -> list[Line2D]:
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    handles = []
    for name, colour in _CLASS_COLOURS.items():
        chosen = frame[(frame.status == "confirmed") & (frame.to_class == name)]
        if len(chosen):
            chosen.boundary.plot(ax=axes, color=colour, linewidth=2.2)
            handles.append(Line2D([], [], color=colour, lw=2.2, label=f"confirmed: {name} ({len(chosen)})"))
    standing = alerts[alerts.status == "open"]
    for label, style, chosen in (
        ("provisional", "--", standing),
        ("reversed", ":", frame[frame.status == "reversed"]),
        ("unsure", "-.", frame[frame.status == "unsure"]),
    ):
        if len(chosen):
            chosen.boundary.plot(ax=axes, color="white", linewidth=1.8, linestyle=style)
            handles.append(Line2D([], [], color="black", ls=style, label=f"{label} ({len(chosen)})"))
    if len(frame) + len(standing) <= _MOST_LABELS:
        for event in [*frame.itertuples(), *standing.itertuples()]:
            axes.annotate(
                getattr(event, "start_half", None) or event.first_month,
                (event.geometry.bounds[0], event.geometry.bounds[3]),
                xytext=(3, -10),
                textcoords="offset points",
                fontsize=8,
                color="white",
                path_effects=[withStroke(linewidth=2, foreground="black")],
            )
    return handles
