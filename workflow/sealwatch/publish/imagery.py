"""Pictures that a reviewer compares: Sentinel-2 and orthophoto before and after the changes of a sheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import hdf5
from ..composites.maps import blocks
from ..errors import RasterError
from ..files import atomic_path, write_json
from ..grid import PIXEL_SIZE_M, Window, cell_window
from ..orthophoto.photo import Photo, check_photo
from .review_scenes import MARGIN_M, days_from_summer

if TYPE_CHECKING:
    import geopandas

INDEX = "images.json"
"""File beside the pictures that tells their dates."""

_RGB = ("B04", "B03", "B02")
_CEILING, _GAMMA = 0.3, 0.8
"""Reflectance shown as white, and the exponent that lifts dark land; fixed, so that dates compare."""

_LATTICE_M = 2 * PIXEL_SIZE_M
_COG = {"BLOCKSIZE": "512", "OVERVIEW_RESAMPLING": "AVERAGE", "BIGTIFF": "IF_SAFER", "NUM_THREADS": "1"}
_JPEG = {"COMPRESS": "JPEG", "QUALITY": "85"}
_DEFLATE = {"COMPRESS": "DEFLATE", "PREDICTOR": "YES"}


def write_review_images(
    target: str | Path,
    footprint: geopandas.GeoSeries,
    before: Sequence[str | Path],
    after: Sequence[str | Path],
    unclear_scl: Sequence[int],
    flights: Sequence[Mapping[str, Any]],
    value_range: Sequence[float] | None,
) -> dict[str, dict[str, str]]:
    """Write the pictures of one flagged sheet as COGs of three bytes with a mask, and their dates.

    Sentinel-2 is shown in true colour, 10 m, in the CRS of the scenes and 500 m beyond the footprint: of each side
    the date with the fewest pixels of the footprint that are not clear, in whole percent, of equals the one nearest to
    the middle of summer, then the earliest. Tiles of that date are put together. Orthophotos show near infrared, red
    and green.

    Args:
        target: folder that will hold `sentinel2_before.tif`, `sentinel2_after.tif`, `orthophoto_before.tif`,
            `orthophoto_after.tif`, those that there are, and `images.json` with `date` (and `platform`) by name.
        footprint: one polygon, any CRS.
        before: acquisitions before the changes, of one zone.
        after: acquisitions after them.
        unclear_scl: codes of the scene classification that are not clear.
        flights: the sheet's orthophoto and, where there was one, that of the flight before: `raster`, `bands`,
            `epsg` (see `photo.check_photo`) and `date`.
        value_range: see `photo.check_photo`.

    Returns:
        The content of `images.json`.

    Raises:
        RasterError: an acquisition or an orthophoto cannot be read.
    """
    facts: dict[str, dict[str, str]] = {}
    with atomic_path(target) as part:
        part.mkdir()
        for side, paths in (("before", before), ("after", after)):
            shown = _clearest(paths, footprint, unclear_scl)
            if shown is not None:
                window, rgb, date, platform = shown
                _write_cog(part / f"sentinel2_{side}.tif", window, [(slice(0, window.height), rgb)], _DEFLATE)
                facts[f"sentinel2_{side}"] = {"date": date, "platform": platform}
        for side, flight in zip(("after", "before"), flights, strict=False):
            photo = check_photo(
                flight["raster"], bands=flight["bands"], value_range=value_range, epsg=flight["epsg"]
            )
            _write_cog(part / f"orthophoto_{side}.tif", photo.window, _photo_rows(photo), _JPEG)
            facts[f"orthophoto_{side}"] = {"date": flight["date"]}
        write_json(part / INDEX, facts)
    return facts


def _clearest(
    paths: Sequence[str | Path], footprint: geopandas.GeoSeries, unclear_scl: Sequence[int]
) -> tuple[Window, np.ndarray, str, str] | None:
    """Window, picture uint8 (3, height, width) with 0 = no data, date and platform of the clearest date."""
    dates: dict[tuple[str, str], list[str | Path]] = {}
    for path in sorted(paths, key=str):
        with hdf5.read(path) as file:
            key = hdf5.read_text(file.attrs["date"]), hdf5.read_text(file.attrs["platform"])
            epsg = hdf5.read_window(file, "m10").epsg
        dates.setdefault(key, []).append(path)
    if not dates:
        return None
    shape = footprint.to_crs(epsg)
    window = cell_window(epsg, tuple(shape.buffer(MARGIN_M).total_bounds), _LATTICE_M)
    inside = _inside(shape, window)

    def rank(key: tuple[str, str]) -> tuple[int, int, tuple[str, str]]:
        scl = _composed(dates[key], "m20/scl", window)[0]
        unclear = np.isin(scl, [*unclear_scl, 0, 255]) & inside
        return int(100 * unclear.sum() / max(inside.sum(), 1)), days_from_summer(key[0], epsg), key

    best = min(dates, key=rank)
    fine = window.refined(PIXEL_SIZE_M)
    reflectance = _composed(dates[best], "m10/reflectance", fine) / 10000
    bright = np.clip(reflectance / _CEILING, 0, 1) ** _GAMMA
    rgb = np.where((reflectance > 0).all(axis=0), 1 + np.rint(bright * 254), 0).astype("u1")
    return fine, rgb, *best


def _inside(shape: geopandas.GeoSeries, window: Window) -> np.ndarray:
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    transform = Affine.from_gdal(*window.geotransform)
    return rasterize(shape, out_shape=window.shape, transform=transform, all_touched=True, dtype="u1") == 1


def _composed(paths: Sequence[str | Path], dataset: str, window: Window) -> np.ndarray:
    """uint16 (bands, height, width) of scenes of one date, 0 without data; where tiles overlap the first with data."""
    group = dataset.split("/")[0]
    out = np.zeros((3 if group == "m10" else 1, *window.shape), "u2")
    for path in paths:
        with hdf5.read(path) as file:
            found = hdf5.read_window(file, group).overlap(window)
            if found is None:
                continue
            part, place = found
            if group == "m10":
                names = hdf5.read_labels(file, "m10/band")
                if not set(_RGB) <= set(names):
                    raise RasterError(f"{path}: lacks one of {', '.join(_RGB)}; add it to sentinel2.bands")
                values = np.stack([file[dataset][names.index(band), *part] for band in _RGB])
            else:
                values = file[dataset][part][None]
                values = np.where(values == 255, 0, values)
        here = out[:, *place]
        here[...] = np.where((here == 0).any(axis=0), values, here)
    return out


def _photo_rows(photo: Photo) -> Iterator[tuple[slice, np.ndarray]]:
    """Near infrared, red and green as bytes, 0 = no data, block by block; by the rules of `photo.import_photo`."""
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.windows import Window as Part

    fill = photo.nodata if photo.nodata is not None and np.isfinite(photo.nodata) else 0
    try:
        with rasterio.open(photo.file) as source:
            for rows in blocks(photo.window.height):
                part = Part.from_slices(rows, (0, photo.window.width))
                pixels = source.read(photo.bands, window=part)
                empty = (pixels == fill).all(axis=0) | (pixels == 0).all(axis=0)
                if photo.masked:
                    empty |= source.dataset_mask(window=part) == 0
                if photo.value_range is not None:
                    low, high = photo.value_range
                    pixels = np.rint(254.0 * (pixels.astype("f4") - low) / (high - low))
                yield rows, np.where(empty, 0, np.clip(pixels, 1, 254)).astype("u1")
    except RasterioError as error:
        raise RasterError(f"{photo.file}: cannot be read to its end ({error}); replace the file") from error


def _write_cog(
    target: Path, window: Window, parts: Iterable[tuple[slice, np.ndarray]], options: Mapping[str, str]
) -> None:
    import rasterio
    from rasterio.shutil import copy
    from rasterio.transform import Affine
    from rasterio.windows import Window as Part

    plain = target.with_suffix(".plain.tif")
    profile = {
        "driver": "GTiff",
        "width": window.width,
        "height": window.height,
        "count": 3,
        "dtype": "uint8",
        "photometric": "RGB",
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "crs": rasterio.CRS.from_epsg(window.epsg),
        "transform": Affine.from_gdal(*window.geotransform),
        "BIGTIFF": "IF_SAFER",
    }
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with rasterio.open(plain, "w", **profile) as image:
            for rows, pixels in parts:
                part = Part.from_slices(rows, (0, window.width))
                image.write(pixels, window=part)
                # JPEG changes the zeros of empty land: a mask keeps them apart.
                image.write_mask((pixels > 0).any(axis=0), window=part)
        copy(plain, target, driver="COG", **_COG, **options)
    plain.unlink()
