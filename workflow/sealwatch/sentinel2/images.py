"""Windows of images (COG, JPEG 2000), over HTTP or from disk. GDAL decodes; bytes over HTTP come from `Transfer`."""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from typing import Any

import numpy as np

from ..errors import RasterError
from ..grid import Window
from .remote_file import FileView, RemoteFile
from .transfer import ChangedError, Transfer, pause_s

_GDAL_OPTIONS: dict[str, Any] = {
    # No search for sidecar files, which would be a request each.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    # Threads of GDAL's own would open the file again, without the opener, and give garbage without an error.
    "GDAL_NUM_THREADS": "1",
    # Other file systems than HTTP, such as /vsis3, are read by GDAL itself.
    "GDAL_HTTP_CONNECTTIMEOUT": "15",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
}


_CACHE_BYTES_MIN, _CACHE_BYTES_MAX = 16 << 20, 256 << 20


class ImageSource:
    """Opens images of one catalogue; a context manager that ends its threads.

    Args:
        signing: `planetary-computer` signs each address just before it is read; `none` reads as it is.
        max_retries: how often a failed request or read is tried again, with doubling pauses.
        requests_in_flight: most requests at the same time.
        timeout_s: longest silence of a server in seconds.
    """

    def __init__(
        self, signing: str, max_retries: int, requests_in_flight: int = 32, timeout_s: float = 60
    ) -> None:
        self._transfer = Transfer(signing, requests_in_flight, max_retries, timeout_s)
        self._options = _GDAL_OPTIONS | {"GDAL_CACHEMAX": _CACHE_BYTES_MIN}
        self._max_retries = max_retries

    def __enter__(self) -> ImageSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._transfer.close()

    def bound_cache(self, needed_bytes: int) -> None:
        """Bound GDAL's memory for decoded blocks, from which strips take the blocks that they share."""
        self._options["GDAL_CACHEMAX"] = min(max(needed_bytes, _CACHE_BYTES_MIN), _CACHE_BYTES_MAX)

    def open(self, href: str, label: str = "") -> Image:
        """Open an image.

        Args:
            href: unsigned address or path.
            label: put before the address in messages, such as item and asset.

        Raises:
            RasterError: it cannot be read after all tries.
        """
        return Image(self._transfer, href, label, self._max_retries, self._options)


class Image:
    """One band of a scene. Reads of one image wait for each other; different images are read side by side.

    Attributes:
        bounds: (x_min, y_min, x_max, y_max) of the image in its own CRS, metres.
    """

    bounds: tuple[float, float, float, float]

    def __init__(
        self, transfer: Transfer, href: str, label: str, max_retries: int, options: dict[str, Any]
    ) -> None:
        self._options = options
        self._transfer, self._href, self._max_retries = transfer, href, max_retries
        self._name = f"{label}: {href}" if label else href
        self._remote: RemoteFile | None = None
        self._image: Any = None
        self._blocks: dict[tuple[int, int], tuple[int, int]] = {}
        self._views: list[FileView] = []
        # rasterio keeps openers in context variables, and every thread has its own: one context per image.
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._context.run(self._tried, lambda: None)

    def prefetch(self, window: Window) -> int:
        """Begin to fetch the blocks under `window` that were not fetched before; gives their bytes."""
        remote = self._remote
        if remote is None:
            return 0
        try:
            place = self._place(window)
        except RasterError:  # `read` tells it
            return 0
        if place is None:
            return 0
        top, left, bottom, right, _ = place
        height, width = self._block_shape
        rows = range(top // height, (bottom - 1) // height + 1)
        cols = range(left // width, (right - 1) // width + 1)
        wanted = (self._blocks.pop((row, col), None) for row in rows for col in cols)
        return remote.prefetch(window, [block for block in wanted if block is not None])

    def read(self, window: Window, fill: int, out: np.ndarray | None = None) -> np.ndarray:
        """Pixels of `window`, in the image's type or in `out`; `fill` where the image does not reach.

        Raises:
            RasterError: the image cannot be read, or lies in another CRS or on another pixel lattice.
        """
        with self._lock:
            pixels = self._context.run(self._tried, lambda: self._pixels(window, fill, out))
            if self._remote is not None:
                self._remote.forget(window)
        return pixels

    def close(self) -> None:
        """Close the image."""
        with self._lock:
            self._context.run(self._close)

    def _close(self) -> None:
        if self._image is not None:
            self._image.close()
            self._image = None

    def _tried(self, use):  # type: ignore[no-untyped-def]
        import rasterio
        from rasterio.errors import RasterioError

        for attempt in range(self._max_retries + 1):
            try:
                with rasterio.Env(**self._options):
                    if self._image is None:
                        self._open()
                    result = use()
                    if self._remote is not None and self._remote.failure is not None:
                        raise self._remote.failure
                    return result
            except (RasterioError, OSError, ChangedError) as error:
                failure = self._remote.failure if self._remote is not None else None
                if isinstance(failure, RasterError):
                    raise self._named(failure) from None
                changed = isinstance(error, ChangedError) or failure is not None
                # The first line of GDAL's message may name the file; addresses in it are unsigned.
                reason = "it changed on the server" if changed else " ".join(str(error).split())[:200]
            except RasterError as error:
                raise self._named(error) from None
            self._close()
            print(f"attempt {attempt + 1} of {self._name} failed: {reason}", file=sys.stderr, flush=True)
            if attempt < self._max_retries:
                time.sleep(pause_s(attempt))
        raise RasterError(
            f"{self._name}: cannot be read after {self._max_retries + 1} tries ({reason}); "
            "run again later, or refresh the catalogue if the scene was withdrawn"
        )

    def _named(self, error: RasterError) -> RasterError:
        return RasterError(str(error).replace(self._href, self._name, 1))

    def _open(self) -> None:
        import rasterio

        if not self._href.startswith(("http://", "https://")):
            self._image = rasterio.open(self._href)
        else:
            remote = RemoteFile(self._transfer, self._href)
            self._views.clear()

            def opener(*_: object, **__: object) -> FileView:
                # Kept alive here: GDAL holds no reference to it.
                self._views.append(FileView(remote))
                return self._views[-1]

            self._image = rasterio.open(self._href, opener=opener)
            self._remote = remote
            self._blocks = self._block_index()
        image = self._image
        self.bounds = tuple(image.bounds)
        self._block_shape = image.block_shapes[0]
        self._epsg, self._crs = image.crs.to_epsg() if image.crs else None, image.crs
        self._transform, self._shape = image.transform, image.shape

    def block_row_bytes(self, width_px: int) -> int:
        """Decoded bytes of the blocks side by side under a window of that width."""
        height, width = self._block_shape
        return (width_px // width + 2) * width * height * np.dtype(self._image.dtypes[0]).itemsize

    def _block_index(self) -> dict[tuple[int, int], tuple[int, int]]:
        # (first byte, byte after the last) by block row and column, from GDAL's metadata domain of TIFF files;
        # other formats and empty blocks have no such items.
        height, width = self._image.block_shapes[0]
        blocks = {}
        for row in range(-(-self._image.height // height)):
            for col in range(-(-self._image.width // width)):
                start = self._image.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=1)
                size = self._image.get_tag_item(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=1)
                if start and size:
                    blocks[row, col] = int(start), int(start) + int(size)
                elif row == col == 0:
                    return {}
        return blocks

    def _place(self, window: Window) -> tuple[int, int, int, int, tuple[int, int]] | None:
        # Rows and columns of the image under the window, and the window's own corner; None where they part.
        size, transform = window.cell_size_m, self._transform
        height, width = self._shape
        if self._crs is None:
            raise RasterError(
                f"{self._href}: cannot be read as georeferenced image; it is damaged or another file"
            )
        if self._epsg != window.epsg:
            raise RasterError(f"{self._href}: lies in {self._crs}, but the tile's zone is EPSG:{window.epsg}")
        if (transform.a, transform.e, transform.b, transform.d) != (size, -size, 0, 0):
            raise RasterError(
                f"{self._href}: pixels are {transform.a} x {-transform.e} m, expected {size:g} m north-up"
            )
        try:
            row, col = window.offset_in(Window(window.epsg, transform.c, transform.f, size, width, height))
        except ValueError as error:
            raise RasterError(f"{self._href}: {error}") from error
        top, left = max(row, 0), max(col, 0)
        bottom, right = min(row + window.height, height), min(col + window.width, width)
        if bottom <= top or right <= left:
            return None
        return top, left, bottom, right, (row, col)

    def _pixels(self, window: Window, fill: int, out: np.ndarray | None) -> np.ndarray:
        from rasterio.windows import Window as PixelWindow

        place = self._place(window)
        if place is not None and (place[2] - place[0], place[3] - place[1]) == window.shape:
            top, left, bottom, right, _ = place
            return self._image.read(1, window=PixelWindow(left, top, right - left, bottom - top), out=out)
        if out is None:
            out = np.empty(window.shape, dtype=self._image.dtypes[0])
        out[:] = fill
        if place is not None:
            top, left, bottom, right, (row, col) = place
            out[top - row : bottom - row, left - col : right - col] = self._image.read(
                1, window=PixelWindow(left, top, right - left, bottom - top)
            )
        return out
