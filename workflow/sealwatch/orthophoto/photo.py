"""The raster of an orthophoto: checked against its row of the index, and brought into GRASS as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..composites.maps import blocks
from ..errors import ConfigError, GrassError, RasterError
from ..grass import GrassSession
from ..grid import Window
from .sheets import NEEDED_BANDS

if TYPE_CHECKING:
    import geopandas

FOOTPRINT_TOLERANCE = 0.02
"""Share of a footprint that may lie outside its raster; more of it means another sheet's raster."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A checked orthophoto.

    Attributes:
        file: the raster.
        window: its raster window, metres.
        bands: numbers of near infrared, red and green, from 1.
        value_range: values that become 0 and 254; None for bytes, which stay as they are.
        nodata: its no-data value, or None.
        masked: whether an alpha or mask band says where there is data.
    """

    file: Path
    window: Window
    bands: tuple[int, int, int]
    value_range: tuple[float, float] | None
    nodata: float | None
    masked: bool


def check_photo(
    raster: str | Path,
    *,
    bands: Sequence[str] = NEEDED_BANDS,
    value_range: Sequence[float] | None = None,
    epsg: int | None = None,
    footprint: geopandas.GeoSeries | None = None,
) -> Photo:
    """Check an orthophoto; its pixels are not read.

    Args:
        raster: any raster GDAL reads.
        bands: names of its bands in their order, `nir`, `red` and `green` among them; an alpha band at the
            end needs no name.
        value_range: for rasters of 16 bits, the values that become 0 and 254.
        epsg: code of the CRS that it must have, or has where it names none itself.
        footprint: one polygon, any CRS, that must lie in it.

    Raises:
        RasterError: it cannot be read, has other bands, other types than uint8 or, with `value_range`, uint16
            and int16, another CRS or none with an EPSG code and metres, is not north-up, its pixels are not
            square, or the footprint lies elsewhere.
        ConfigError: `value_range` is not ascending.
    """
    import rasterio
    from rasterio.enums import ColorInterp, MaskFlags
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(raster) as source:
            count, crs, transform = source.count, source.crs, source.transform
            width, height = source.width, source.height
            alpha = source.colorinterp[-1] == ColorInterp.alpha
            kinds, nodata, flags = source.dtypes, source.nodata, source.mask_flag_enums
    except RasterioError as error:
        raise RasterError(f"{raster}: cannot be read as a raster ({error}); replace the file") from error
    if count not in (len(bands), len(bands) + alpha):
        raise RasterError(
            f"{raster}: has {count} band(s), not the {len(bands)} named {', '.join(bands)}; name all of them in "
            "field bands of the index or in orthophoto.bands"
        )
    numbers = tuple(list(bands).index(name) + 1 for name in NEEDED_BANDS)
    scale = _scale(raster, {kinds[number - 1] for number in numbers}, value_range)
    code = _epsg(raster, crs, epsg)
    square = abs(transform.a + transform.e) < 1e-6 * abs(transform.a)
    if transform.b or transform.d or transform.a <= 0 or not square:
        raise RasterError(f"{raster}: must be north-up with square pixels; warp it with gdalwarp -tr")
    window = Window(code, transform.c, transform.f, transform.a, width, height)
    if footprint is not None:
        _check_footprint(raster, window, footprint)
    # GDAL calls the last of four bands alpha unless told otherwise: a band with a name is no mask.
    masked = count > len(bands) or (MaskFlags.per_dataset in flags[0] and MaskFlags.alpha not in flags[0])
    return Photo(Path(raster).absolute(), window, numbers, scale, nodata, masked)  # type: ignore[arg-type]


def _scale(
    raster: str | Path, kinds: set[str], value_range: Sequence[float] | None
) -> tuple[float, float] | None:
    if kinds == {"uint8"}:
        return None
    if not kinds <= {"uint8", "uint16", "int16"}:
        raise RasterError(
            f"{raster}: bands are {', '.join(sorted(kinds))}, must be uint8, or uint16 or int16 with "
            "orthophoto.value_range; convert them with gdal_translate -ot"
        )
    if value_range is None:
        raise RasterError(
            f"{raster}: bands are {', '.join(sorted(kinds))}; say with orthophoto.value_range which values "
            "become 0 and 254, or rescale the raster to bytes with gdal_translate -ot Byte -scale"
        )
    low, high = value_range
    if not low < high:
        raise ConfigError(
            f"orthophoto.value_range: {low}, {high} is not ascending; write the lower value first"
        )
    return float(low), float(high)


def _epsg(raster: str | Path, crs: Any, wanted: int | None) -> int:
    from rasterio.crs import CRS

    found = crs.to_epsg() if crs else None
    if found is None and wanted is not None:
        found, crs = wanted, CRS.from_epsg(wanted)
    if found is None or not crs.is_projected:
        named = f"EPSG:{found}, which is not projected" if found else "no projected CRS with an EPSG code"
        raise RasterError(
            f"{raster}: has {named}; warp it with gdalwarp -t_srs, or where the CRS is only missing name it in "
            "field crs of the index"
        )
    if wanted is not None and found != wanted:
        raise RasterError(
            f"{raster}: is in EPSG:{found}, the index says EPSG:{wanted}; mend field crs or the raster"
        )
    if abs(crs.linear_units_factor[1] - 1.0) > 1e-9:
        raise RasterError(
            f"{raster}: EPSG:{found} counts in {crs.linear_units_factor[0]}; warp it to a CRS in metres"
        )
    return int(found)


def _check_footprint(raster: str | Path, window: Window, footprint: geopandas.GeoSeries) -> None:
    from shapely.geometry import box

    shape = footprint.to_crs(window.epsg).iloc[0]
    outside = shape.difference(box(*window.bounds)).area / shape.area
    if outside > FOOTPRINT_TOLERANCE:
        edges = ", ".join(f"{value:.0f}" for value in (*shape.bounds, *window.bounds))
        raise RasterError(
            f"{raster}: {outside:.0%} of its footprint in the index lies outside it (bounds of footprint and "
            f"raster in EPSG:{window.epsg}: {edges}); mend the row's path or its footprint"
        )


def import_photo(session: GrassSession, photo: Photo) -> None:
    """Make the maps `nir`, `red`, `green`, integers from 0 to 254, NULL without data; sets the region.

    There is no data where all three bands have the no-data value or are 0 (the black border that many
    orthophotos have), and where the mask says so. Data of 16 bits begin at 1, so that dark land stays data.

    Raises:
        RasterError: the file ends too early or is damaged.
        GrassError: GRASS is missing or a module failed.
    """
    try:
        session.import_raster(photo.file, "photo", bands=photo.bands)
    except GrassError as error:
        raise RasterError(f"{photo.file}: cannot be read to its end ({error}); replace the file") from error
    session.set_region(photo.window)
    maps = [f"photo.{number}" for number in photo.bands]
    # One band may have the no-data value by chance, where the others see land.
    fill = photo.nodata if photo.nodata is not None and np.isfinite(photo.nodata) else 0
    values = [f"if(isnull({name}), {fill:.0f}, {name})" for name in maps]
    empty = [
        " && ".join(f"isnull({name})" for name in maps),
        " && ".join(f"{value} == 0" for value in values),
    ]
    if photo.masked:
        session.import_array(_mask(photo, session.scratch / "mask"), "photo_mask")
        empty.append("isnull(photo_mask)")
    session.run("r.mapcalc", file="-", stdin=_expressions(photo, values, empty))


def _expressions(photo: Photo, values: list[str], empty: list[str]) -> str:
    if photo.value_range is None:
        as_byte = "max(0, min({value}, 254))"
    else:
        low, high = photo.value_range
        as_byte = f"max(1, min(int(round(254.0 * ({{value}} - {low!r}) / {high - low!r})), 254))"
    nir, red, green = (as_byte.format(value=value) for value in values)
    nothing = " || ".join(f"({term})" for term in empty)
    return (
        f"nir = if({nothing}, null(), {nir})\n"
        f"red = if(isnull(nir), null(), {red})\n"
        f"green = if(isnull(nir), null(), {green})\n"
    )


def _mask(photo: Photo, scratch: Path) -> np.ndarray:
    """uint8 [y, x] on disk: 1 where the mask or alpha band has data, else 255; read block by block."""
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.windows import Window as Part

    marks = np.memmap(scratch, "u1", "w+", shape=photo.window.shape)
    try:
        with rasterio.open(photo.file) as source:
            for rows in blocks(photo.window.height):
                part = Part.from_slices(rows, (0, photo.window.width))
                inside = source.dataset_mask(window=part) > 0
                marks[rows] = np.where(inside, np.uint8(1), np.uint8(255))
    except RasterioError as error:
        raise RasterError(f"{photo.file}: cannot be read to its end ({error}); replace the file") from error
    return marks
