"""Map of the found changes over the newest clear Sentinel-2 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import hdf5
from ..files import atomic_path
from ..grid import PIXEL_SIZE_M, Window
from ..sentinel2.area import read_zone_grid
from ..vectors import read_vector

_RGB = ("B04", "B03", "B02")
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
            scene = hdf5.read_window(file, "m10")
            row, col = scene.offset_in(window)
            # Both corners lie on the lattice of 64 px, of which every step used here is a divisor.
            top, left = max(row, 0), max(col, 0)
            bottom, right = min(row + scene.height, window.height), min(col + scene.width, window.width)
            if bottom <= top or right <= left:
                continue
            rows = slice(top - row, bottom - row, step)
            cols = slice(left - col, right - col, step)
            names = hdf5.read_labels(file, "m10/band")
            cube = file["m10/reflectance"]
            rgb = np.stack([cube[names.index(b), rows, cols] for b in _RGB], axis=-1).astype("f4") / 10000
            scl = np.repeat(np.repeat(file["m20/scl"][:], 2, 0), 2, 1)[rows, cols]
        good = ~np.isin(scl, [*unclear_scl, 255]) & (rgb > 0).all(axis=-1)
        here = out[top // step : -(-bottom // step), left // step : -(-right // step)]
        here[...] = np.where((np.isnan(here[..., :1])) & good[..., None], rgb, here)
    return out


def draw_overview(
    acquisitions: Sequence[str | Path],
    zone_grid: str | Path,
    events: str | Path,
    outlines: Sequence[str | Path],
    unclear_scl: Sequence[int],
    title: str,
    target: str | Path,
) -> None:
    """Draw confirmed changes, provisional alerts and newly sealed polygons of one zone over imagery, as PNG.

    Args:
        acquisitions: recent scenes of the zone, the newest first.
        zone_grid: grid file.
        events: event GeoPackage.
        outlines: outline GeoPackages.
        unclear_scl: codes of the scene classification that are not clear.
        title: heading.
        target: PNG file.
    """
    import matplotlib

    matplotlib.use("Agg")
    import geopandas as gpd
    import matplotlib.pyplot as plt
    import pandas as pd
    from matplotlib.lines import Line2D

    cells, _ = read_zone_grid(zone_grid)
    window = cells.refined(PIXEL_SIZE_M)
    step = next((s for s in (1, 2, 4, 8, 16, 32) if max(window.shape) / s <= 2000), 64)
    rgb = newest_clear_rgb(acquisitions, window, unclear_scl, step)
    ceiling = np.nanpercentile(rgb, 99) if np.isfinite(rgb).any() else 0.3
    picture = np.nan_to_num(np.clip(rgb / max(ceiling, 0.05), 0, 1) ** 0.8, nan=1.0)
    frame = read_vector(events, "events")
    figure, axes = plt.subplots(figsize=(10, 10 * window.height / window.width + 1.4), dpi=110)
    extent = (window.x_min, window.x_max, window.y_min, window.y_max)
    axes.imshow(picture, extent=extent, interpolation="nearest")
    handles = []
    for name, colour in _CLASS_COLOURS.items():
        chosen = frame[(frame.status == "confirmed") & (frame.to_class == name)]
        if len(chosen):
            chosen.boundary.plot(ax=axes, color=colour, linewidth=2.2)
            handles.append(Line2D([], [], color=colour, lw=2.2, label=f"confirmed: {name} ({len(chosen)})"))
            for event in chosen.itertuples():
                axes.annotate(
                    event.start_half,
                    (event.geometry.bounds[0], event.geometry.bounds[3]),
                    xytext=(3, -9),
                    textcoords="offset points",
                    fontsize=7,
                    color="white",
                )
    for status, style in (("provisional", "--"), ("reversed", ":")):
        chosen = frame[frame.status == status]
        if len(chosen):
            chosen.boundary.plot(ax=axes, color="white", linewidth=1.8, linestyle=style)
            handles.append(Line2D([], [], color="black", ls=style, label=f"{status} ({len(chosen)})"))
    parts = [read_vector(path, "newly_sealed").to_crs(window.epsg) for path in outlines]
    parts = [part for part in parts if len(part)]
    if parts:
        polygons = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=window.epsg)
        polygons.plot(ax=axes, facecolor="#FFE100", edgecolor="#FFE100", linewidth=0.4)
        handles.append(
            Line2D([], [], color="#FFE100", lw=5, label=f"newly sealed, orthophoto ({len(polygons)})")
        )
    axes.set_xlim(window.x_min, window.x_max)
    axes.set_ylim(window.y_min, window.y_max)
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.tick_params(labelsize=7)
    axes.set_title(title)
    axes.set_xlabel(
        f"easting, northing in metres (EPSG:{window.epsg}); contains modified Copernicus Sentinel data",
        fontsize=8,
    )
    figure.legend(handles=handles, loc="lower center", ncols=3, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    with atomic_path(target) as part:
        figure.savefig(part, metadata={"Software": None})
    plt.close(figure)
