"""Pictures as data URIs: cut-outs of rasters on a square frame, and maps of coloured cells."""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import hdf5
from ..errors import RasterError

if TYPE_CHECKING:
    from PIL import Image

EMPTY = (232, 232, 232)
"""Grey of places that a picture does not cover."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A square in a projected CRS: EPSG code, left and upper edge and size in metres."""

    epsg: int
    left: float
    top: float
    size_m: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max) in metres."""
        return self.left, self.top - self.size_m, self.left + self.size_m, self.top


def _data_uri(image: Image.Image, kind: str, **options: int) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, optimize=True, **options)
    return f"data:image/{kind.lower()};base64,{b64encode(buffer.getvalue()).decode('ascii')}"


def jpeg(rgb: np.ndarray, quality: int) -> str:
    """Data URI of a picture uint8 (height, width, 3)."""
    from PIL import Image

    return _data_uri(Image.fromarray(rgb), "JPEG", quality=quality)


def png(rgb: np.ndarray) -> str:
    """Data URI of a picture uint8 (height, width, 3), without loss."""
    from PIL import Image

    return _data_uri(Image.fromarray(rgb), "PNG")


def palette_png(codes: np.ndarray, colours: Sequence[tuple[int, int, int]], least_px: int = 1) -> str:
    """Data URI of a map of codes.

    Args:
        codes: uint8 (height, width), places in `colours`; 255 is transparent.
        colours: red, green and blue of each code.
        least_px: cells are drawn as squares of whole pixels, so large that the picture is at least so wide.
    """
    from PIL import Image

    times, nothing = max(1, -(-least_px // codes.shape[1])), len(colours)
    # The place after the last colour: Pillow packs codes into as few bits as the palette needs.
    packed = np.where(codes == 255, nothing, codes).astype("u1")
    image = Image.fromarray(packed.repeat(times, axis=0).repeat(times, axis=1)).convert("L")
    image.putpalette([channel for colour in (*colours, (255, 255, 255)) for channel in colour])
    return _data_uri(image, "PNG", transparency=nothing)


def as_jpeg(path: str | Path, most_px: int = 1200) -> str:
    """Data URI of a picture file as JPEG, scaled down to a width."""
    from PIL import Image

    with Image.open(path) as image:
        rgb = image.convert("RGB")
    if rgb.width > most_px:
        rgb = rgb.resize((most_px, round(rgb.height * most_px / rgb.width)), Image.Resampling.LANCZOS)
    return jpeg(np.asarray(rgb), 85)


def cut_out(
    paths: Sequence[str | Path], frame: Frame, size_px: int, smooth: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """Rasters on a frame, whatever their CRS; where they overlap the first one counts.

    Args:
        paths: rasters that GDAL reads, with masks or values for no data.
        frame: what is wanted.
        size_px: edge of the result.
        smooth: whether pixels between those of the raster are interpolated.

    Returns:
        uint8 (3, size, size), and bool (size, size) where there is a picture; None where there is none at all.

    Raises:
        RasterError: a raster cannot be read.
    """
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.transform import from_bounds
    from rasterio.warp import Resampling, reproject

    out = np.zeros((3, size_px, size_px), "u1")
    there = np.zeros((size_px, size_px), bool)
    place = {"dst_transform": from_bounds(*frame.bounds, size_px, size_px), "dst_crs": _crs(frame.epsg)}
    for path in paths:
        try:
            with rasterio.open(path) as source:
                read = _read(source, frame, size_px, smooth)
                if read is None:
                    continue
                pixels, mask, transform = read
                place |= {"src_transform": transform, "src_crs": source.crs}
        except RasterioError as error:
            raise RasterError(f"{path}: cannot be read ({error}); delete it and run again") from error
        moved, covered = np.zeros_like(out), np.zeros(there.shape, "u1")
        # Through arrays of the frame's own resolution: to warp the files themselves takes ten times as long.
        reproject(pixels, moved, resampling=Resampling.bilinear if smooth else Resampling.nearest, **place)
        reproject(mask, covered, resampling=Resampling.nearest, **place)
        new = (covered > 0) & ~there
        out[:, new] = moved[:, new]
        there |= new
    return (out, there) if there.any() else None


def cut_out_codes(
    paths: Sequence[str | Path], variable: str, frame: Frame, size_px: int, nothing: int
) -> np.ndarray:
    """Codes of HDF5 products on a frame; where they overlap the first one counts.

    Args:
        paths: files whose variable is uint8 [y, x], 255 = no data.
        variable: its name.
        frame: what is wanted.
        size_px: edge of the result.
        nothing: code of places without any.

    Returns:
        uint8 (size, size).

    Raises:
        RasterError: a file cannot be read.
    """
    from rasterio.transform import Affine, from_bounds
    from rasterio.warp import Resampling, reproject

    out = np.full((size_px, size_px), 255, "u1")
    for path in paths:
        moved = np.full_like(out, 255)
        with hdf5.read(path) as file:
            window = hdf5.read_window(file)
            reproject(
                file[variable][:],
                moved,
                src_transform=Affine.from_gdal(*window.geotransform),
                src_crs=_crs(window.epsg),
                src_nodata=255,
                dst_transform=from_bounds(*frame.bounds, size_px, size_px),
                dst_crs=_crs(frame.epsg),
                dst_nodata=255,
                resampling=Resampling.nearest,
            )
        out = np.where(out == 255, moved, out)
    return np.where(out == 255, nothing, out).astype("u1")


def _crs(epsg: int) -> Any:
    from rasterio import CRS

    return CRS.from_epsg(epsg)


def _read(source: Any, frame: Frame, size_px: int, smooth: bool) -> tuple[np.ndarray, np.ndarray, Any] | None:
    """Bands, mask and transform of the part of a raster below a frame, in about the frame's resolution."""
    from rasterio.transform import Affine
    from rasterio.warp import Resampling, transform_bounds
    from rasterio.windows import Window, from_bounds

    west, south, east, north = transform_bounds(_crs(frame.epsg), source.crs, *frame.bounds)
    left, lower, right, upper = source.bounds
    if min(east, right) <= max(west, left) or min(north, upper) <= max(south, lower):
        return None
    part = from_bounds(
        max(west, left), max(south, lower), min(east, right), min(north, upper), source.transform
    )
    top, first = math.floor(part.row_off + 1e-6), math.floor(part.col_off + 1e-6)
    height = min(math.ceil(part.row_off + part.height - 1e-6), source.height) - top
    width = min(math.ceil(part.col_off + part.width - 1e-6), source.width) - first
    part = Window(first, top, width, height)
    step = max(1.0, frame.size_m / size_px / source.res[0])
    shape = math.ceil(height / step), math.ceil(width / step)
    way = Resampling.average if smooth else Resampling.nearest
    pixels = source.read([1, 2, 3], window=part, out_shape=(3, *shape), resampling=way)
    mask = source.dataset_mask(window=part, out_shape=shape)
    scale = Affine.scale(width / shape[1], height / shape[0])
    return pixels, mask, source.window_transform(part) * scale


def shown(pixels: np.ndarray, there: np.ndarray) -> np.ndarray:
    """A cut-out as picture uint8 (height, width, 3), grey where there is nothing."""
    return np.where(there[..., None], np.moveaxis(pixels, 0, -1), np.array(EMPTY, "u1"))
