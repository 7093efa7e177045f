"""Windows of Cloud-Optimized GeoTIFFs, over HTTP or from disk."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from ..errors import RasterError
from ..grid import Window

# One ranged request instead of a directory listing, and GDAL's own retries below ours.
_GDAL_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_HTTP_CONNECTTIMEOUT": "15",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "CPL_VSIL_CURL_USE_HEAD": "NO",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "VSI_CACHE": "FALSE",
}


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Reads images of one catalogue.

    Attributes:
        signing: `planetary-computer` signs each address just before it is read; `none` reads as it is.
        max_retries: how often a failed read is tried again, with doubling pauses.
    """

    signing: str
    max_retries: int

    def _signed(self, href: str) -> str:
        if self.signing == "none":
            return href
        import planetary_computer

        return planetary_computer.sign_url(href)

    def bounds(self, href: str) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max) of an image in its own CRS, metres."""
        return self._open(href, lambda image: tuple(image.bounds))

    def read(self, href: str, window: Window, fill: int) -> np.ndarray:
        """Pixels of `window`, in the image's type; `fill` where the image does not reach.

        Raises:
            RasterError: the image cannot be read, or lies in another CRS or on another pixel lattice.
        """
        return self._open(href, lambda image: _read_window(image, href, window, fill))

    def _open(self, href: str, use):  # type: ignore[no-untyped-def]
        import rasterio
        from rasterio.errors import RasterioError

        for attempt in range(self.max_retries + 1):
            try:
                with rasterio.Env(**_GDAL_OPTIONS), rasterio.open(self._signed(href)) as image:
                    return use(image)
            except (RasterioError, OSError) as error:
                reason = " ".join(str(error).split())[:200]
                # The address in GDAL's message may be signed; only the unsigned one is ever shown.
                reason = reason if "?" not in reason else type(error).__name__
                print(f"attempt {attempt + 1} of {href} failed: {reason}", file=sys.stderr, flush=True)
                if attempt == self.max_retries:
                    raise RasterError(
                        f"{href}: cannot be read after {attempt + 1} tries ({reason}); "
                        "run again later, or refresh the catalogue if the scene was withdrawn"
                    ) from None
                time.sleep(min(0.5 * 2**attempt, 30))
        raise AssertionError("unreachable")


def _read_window(image, href: str, window: Window, fill: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    from rasterio.windows import Window as PixelWindow

    size = window.cell_size_m
    transform = image.transform
    if image.crs is None:
        raise RasterError(f"{href}: cannot be read as georeferenced image; it is damaged or another file")
    if image.crs.to_epsg() != window.epsg:
        raise RasterError(f"{href}: lies in {image.crs}, but the tile's zone is EPSG:{window.epsg}")
    if (transform.a, transform.e, transform.b, transform.d) != (size, -size, 0, 0):
        raise RasterError(
            f"{href}: pixels are {transform.a} x {-transform.e} m, expected {size:g} m north-up"
        )
    try:
        row, col = window.offset_in(
            Window(window.epsg, transform.c, transform.f, size, image.width, image.height)
        )
    except ValueError as error:
        raise RasterError(f"{href}: {error}") from error
    top, left = max(row, 0), max(col, 0)
    bottom, right = min(row + window.height, image.height), min(col + window.width, image.width)
    out = np.full(window.shape, fill, dtype=image.dtypes[0])
    if bottom > top and right > left:
        out[top - row : bottom - row, left - col : right - col] = image.read(
            1, window=PixelWindow(left, top, right - left, bottom - top)
        )
    return out
