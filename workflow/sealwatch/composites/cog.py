"""Copies of half-year and change maps as cloud-optimised GeoTIFF, for the web.

Tiles and overviews as GDAL's COG driver makes them (https://gdal.org/drivers/raster/cog.html). Overviews of classes
take the most frequent one, those of confidences the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import hdf5
from ..files import atomic_path
from ..grid import Window
from ..keys import LAND_COVER_CLASSES
from .maps import CLASS_COLOURS, NO_CLASS
from .stac import class_table

_OPTIONS = {"COMPRESS": "DEFLATE", "BLOCKSIZE": "512", "BIGTIFF": "IF_SAFER", "NUM_THREADS": "1"}


def half_cogs(half: str | Path, class_target: str | Path, confidence_target: str | Path) -> None:
    """Copy class and confidence of a half-year.

    Args:
        half: composite.
        class_target: uint8, 255 = no data, with a colour table.
        confidence_target: float32, NaN = no data.
    """
    with hdf5.read(half) as file:
        window = hdf5.read_window(file)
        write_codes(class_target, window, file["class"][:], CLASS_COLOURS, LAND_COVER_CLASSES)
        write_shares(confidence_target, window, file["confidence"][:])


def change_cogs(
    change: str | Path,
    start_target: str | Path,
    to_class_target: str | Path,
    confidence_target: str | Path,
) -> list[str]:
    """Copy the latest confirmed gain of each cell: the half-year it began in, the class it led to, its confidence.

    Args:
        change: change map with `start`, `to_class` and `confidence`, each `[event, y, x]`.
        start_target: uint8, place of the half-year in the map's attribute `halves`, from 1; 255 = no gain.
        to_class_target: uint8, class code, 255 = no gain.
        confidence_target: float32, NaN = no gain.

    Returns:
        Names of the half-years.
    """
    with hdf5.read(change) as file:
        window = hdf5.read_window(file)
        halves = hdf5.read_text(file.attrs["halves"]).split()
        start = np.full(window.shape, NO_CLASS, "u1")
        to_class = start.copy()
        confidence = np.full(window.shape, np.nan, "f4")
        for event in range(file["start"].shape[0]):
            place = file["start"][event]
            there = place > 0
            start[there] = place[there]
            to_class[there] = file["to_class"][event][there]
            confidence[there] = file["confidence"][event][there]
    write_codes(start_target, window, start, _ramp(len(halves)), halves, first=1)
    write_codes(to_class_target, window, to_class, CLASS_COLOURS, LAND_COVER_CLASSES)
    write_shares(confidence_target, window, confidence)
    return halves


def half_assets(
    class_cog: str | Path, confidence_cog: str | Path
) -> dict[str, tuple[str | Path, dict[str, Any]]]:
    """The copies of a half-year as assets of its STAC item."""
    return {
        "class": (class_cog, _code_fields("Land-cover class", class_table())),
        "confidence": (confidence_cog, _share_fields("Confidence of the class")),
    }


def change_assets(
    start: str | Path, to_class: str | Path, confidence: str | Path, halves: Sequence[str]
) -> dict[str, tuple[str | Path, dict[str, Any]]]:
    """The copies of a change map as assets of its STAC item."""
    periods = [
        {"value": number, "name": name, "color_hint": colour.upper()}
        for number, (name, colour) in enumerate(zip(halves, _ramp(len(halves)), strict=True), 1)
    ]
    return {
        "start": (start, _code_fields("Half-year in which the latest confirmed gain began", periods)),
        "to_class": (to_class, _code_fields("Class it led to", class_table())),
        "confidence": (confidence, _share_fields("Confidence of the gain")),
    }


def write_codes(
    target: str | Path,
    window: Window,
    codes: np.ndarray,
    colours: Sequence[str],
    names: Sequence[str],
    first: int = 0,
) -> None:
    """Write codes as COG with a colour table; overviews take the most frequent code.

    Args:
        target: `.tif`.
        window: its grid.
        codes: uint8 (height, width), 255 = no data.
        colours: RRGGBB of the codes from `first` on.
        names: their names, kept in the tag `CODES`.
        first: the lowest code.
    """
    table = {
        code: (*(int(colour[n : n + 2], 16) for n in (0, 2, 4)), 255)
        for code, colour in enumerate(colours, first)
    }
    tags = {"CODES": " ".join(f"{code}={name}" for code, name in enumerate(names, first))}
    _write(target, window, codes, NO_CLASS, tags, {"OVERVIEW_RESAMPLING": "MODE"}, table)


def write_shares(target: str | Path, window: Window, shares: np.ndarray) -> None:
    """Write float32 values, NaN = no data, as COG; overviews take the mean."""
    _write(target, window, shares, np.nan, {}, {"OVERVIEW_RESAMPLING": "AVERAGE", "PREDICTOR": "YES"}, None)


def _write(
    target: str | Path,
    window: Window,
    values: np.ndarray,
    nodata: float,
    tags: Mapping[str, str],
    options: Mapping[str, str],
    colours: Mapping[int, tuple[int, ...]] | None,
) -> None:
    import rasterio
    from rasterio.io import MemoryFile
    from rasterio.shutil import copy
    from rasterio.transform import Affine

    profile = {
        "driver": "GTiff",
        "width": window.width,
        "height": window.height,
        "count": 1,
        "dtype": str(values.dtype),
        "nodata": nodata,
        "crs": rasterio.CRS.from_epsg(window.epsg),
        "transform": Affine.from_gdal(*window.geotransform),
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as image:
            image.write(values, 1)
            image.update_tags(**tags)
            if colours is not None:
                image.write_colormap(1, colours)
        with memory.open() as image, atomic_path(target) as part:
            copy(image, part, driver="COG", **_OPTIONS, **options)


def _ramp(count: int) -> list[str]:
    """Colours from yellow to dark red, one for each period."""
    stops = np.array([[255, 237, 160], [240, 59, 32], [84, 0, 20]])
    at = np.linspace(0, 2, max(count, 2))[:count]
    mixed = np.stack([np.interp(at, range(3), stops[:, n]) for n in range(3)], axis=1).round().astype(int)
    return ["".join(f"{v:02x}" for v in colour) for colour in mixed]


def _code_fields(title: str, classes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "title": title,
        "roles": ["data", "visual"],
        "data_type": "uint8",
        "nodata": NO_CLASS,
        "raster:sampling": "area",
        "classification:classes": classes,
    }


def _share_fields(title: str) -> dict[str, Any]:
    return {
        "title": title,
        "roles": ["data"],
        "data_type": "float32",
        "nodata": "nan",
        "raster:sampling": "area",
    }
