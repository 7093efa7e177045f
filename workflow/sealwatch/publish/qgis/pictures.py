"""The pictures of all sheets as a few layers: one virtual raster by kind and year, and a map of their dates.

A layer per sheet would make a project of a country thousands of layers long, which takes QGIS minutes to open.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ...files import write_text
from ...keys import split_sheet_key
from ..imagery import INDEX
from .elements import Bounds, text

if TYPE_CHECKING:
    import geopandas

KINDS = {
    "orthophoto_after": "Orthophoto after",
    "orthophoto_before": "Orthophoto before",
    "sentinel2_after": "Sentinel-2 after",
    "sentinel2_before": "Sentinel-2 before",
}
"""Pictures of a sheet in the order they lie above each other, with their titles."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: kind, year of the sheet, CRS, bounds and pixel size in metres, size in pixels."""

    path: Path
    kind: str
    year: str
    epsg: int
    bounds: Bounds
    pixel_m: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Mosaic:
    """A virtual raster of the project: its key is the file's name without ending."""

    key: str
    kind: str
    year: str
    epsg: int
    bounds: Bounds


def read_pictures(folders: Sequence[str | Path]) -> list[Picture]:
    """All pictures in the folders `{sheet}_{year}` of rule review_imagery; their pixels are not read."""
    import rasterio

    found = []
    for folder in sorted(map(Path, folders), key=lambda path: path.name):
        for kind in KINDS:
            path = folder / f"{kind}.tif"
            if path.exists():
                with rasterio.open(path) as image:
                    found.append(
                        Picture(
                            path,
                            kind,
                            split_sheet_key(folder.name)[1],
                            image.crs.to_epsg(),
                            tuple(image.bounds),
                            image.transform.a,
                            image.width,
                            image.height,
                        )
                    )
    return found


def write_mosaics(pictures: Sequence[Picture], target: Path) -> list[Mosaic]:
    """Write the virtual rasters into a folder; sources are named relative to it. Newest year first."""
    groups: dict[tuple[str, str, int], list[Picture]] = {}
    for picture in pictures:
        groups.setdefault((picture.year, picture.kind, picture.epsg), []).append(picture)
    order = sorted(groups, key=lambda key: (-int(key[0]), list(KINDS).index(key[1]), key[2]))
    made = []
    for year, kind, epsg in order:
        members = groups[year, kind, epsg]
        key = f"{kind}_{year}_{epsg}"
        bounds = joined(picture.bounds for picture in members)
        write_text(target / f"{key}.vrt", _virtual_raster(members, bounds))
        made.append(Mosaic(key, kind, year, epsg, bounds))
    return made


def joined(parts: Iterable[Bounds]) -> Bounds:
    """The rectangle around rectangles."""
    west, south, east, north = zip(*parts, strict=True)
    return min(west), min(south), max(east), max(north)


def _virtual_raster(members: Sequence[Picture], bounds: Bounds) -> str:
    size = min(picture.pixel_m for picture in members)
    width, height = (round((bounds[n + 2] - bounds[n]) / size) for n in (0, 1))
    root = Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    text(root, "SRS", f"EPSG:{members[0].epsg}")
    text(root, "GeoTransform", f"{bounds[0]!r}, {size!r}, 0, {bounds[3]!r}, 0, {-size!r}")
    for number, colour in enumerate(("Red", "Green", "Blue"), 1):
        band = SubElement(root, "VRTRasterBand", dataType="Byte", band=str(number))
        text(band, "ColorInterp", colour)
        for picture in members:
            text(_source(band, picture, str(number), bounds, size), "UseMaskBand", "true")
    mask = SubElement(SubElement(root, "MaskBand"), "VRTRasterBand", dataType="Byte")
    for picture in members:
        # An empty part of one picture must not hide the picture below.
        text(_source(mask, picture, "mask,1", bounds, size), "NODATA", "0")
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _source(band: Element, picture: Picture, number: str, bounds: Bounds, size: float) -> Element:
    source = SubElement(band, "ComplexSource")
    # Folder publish/qgis beside folder review, both below the results.
    path = f"../../review/{picture.path.parent.name}/{picture.path.name}"
    text(source, "SourceFilename", path, relativeToVRT="1")
    text(source, "SourceBand", number)
    sizes = {"RasterXSize": str(picture.width), "RasterYSize": str(picture.height)}
    SubElement(source, "SourceProperties", sizes, DataType="Byte", BlockXSize="512", BlockYSize="512")
    rectangle = {"xOff": "0", "yOff": "0", "xSize": str(picture.width), "ySize": str(picture.height)}
    SubElement(source, "SrcRect", rectangle)
    place = (
        (picture.bounds[0] - bounds[0]) / size,
        (bounds[3] - picture.bounds[3]) / size,
        picture.width * picture.pixel_m / size,
        picture.height * picture.pixel_m / size,
    )
    SubElement(
        source,
        "DstRect",
        {name: f"{v:.6g}" if v == round(v) else repr(v) for name, v in zip(rectangle, place, strict=True)},
    )
    return source


def picture_dates(
    folders: Sequence[str | Path], pictures: Sequence[Picture], epsg: int
) -> geopandas.GeoDataFrame:
    """One rectangle per sheet and year in the CRS `epsg`, with a text of each picture's date ('' without one)."""
    import geopandas
    from shapely.geometry import box

    rows, shapes = [], []
    place = {p.path.parent.name: p for p in pictures if p.kind == "orthophoto_after"}
    for folder in sorted(map(Path, folders), key=lambda path: path.name):
        facts = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        sheet, year = split_sheet_key(folder.name)
        dates = {
            kind: " ".join(facts[kind][name] for name in ("date", "platform") if name in facts[kind])
            if kind in facts
            else ""
            for kind in KINDS
        }
        rows.append({"sheet": sheet, "year": int(year), **dates})
        photo = place[folder.name]
        shapes.append(geopandas.GeoSeries([box(*photo.bounds)], crs=photo.epsg).to_crs(epsg).iloc[0])
    columns = {name: [row[name] for row in rows] for name in ("sheet", "year", *KINDS)}
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs=epsg)
