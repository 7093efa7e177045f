"""The images of one scene, read strip by strip: requests run ahead of decoding, decoding ahead of the consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..catalogue.records import SceneRecord
from ..grid import PIXEL_SIZE_M, Window
from .images import Image, ImageSource

BAND_SIZES_M = {
    "B02": 10,
    "B03": 10,
    "B04": 10,
    "B08": 10,
    "B05": 20,
    "B06": 20,
    "B07": 20,
    "B8A": 20,
    "B11": 20,
    "B12": 20,
}
"""Pixel size of each band of level 2A in metres (ESA, Sentinel-2 products specification)."""

_STRIP_PX = 256  # height of a strip: whole chunks
_AHEAD_BYTES = 24 << 20  # compressed bytes that may be under way or wait for decoding


class _Step(NamedTuple):
    size_m: int
    rows: slice
    window: Window
    assets: list[str]


@dataclass(frozen=True, slots=True)
class Strip:
    """Some rows of all bands of one pixel size.

    Attributes:
        size_m: pixel size in metres, 10 or 20.
        rows: rows of the window at this pixel size.
        reflectance: uint16 [band, row, column], reflectance x 10000, 0 = no data; None where no band is wanted.
        scl: scene classification, uint8 [row, column], 255 outside the images; None at 10 m.
    """

    size_m: int
    rows: slice
    reflectance: np.ndarray | None
    scl: np.ndarray | None


def at_size(window: Window, size_m: int) -> Window:
    """The same extent with other pixels; `window` consists of whole patches at 10 m."""
    factor = size_m // PIXEL_SIZE_M
    return Window(
        window.epsg, window.x_min, window.y_max, size_m, window.width // factor, window.height // factor
    )


def harmonise(numbers: np.ndarray, offset_dn: int) -> np.ndarray:
    """Digital numbers, uint16, to reflectance x 10000, uint16, 0 = no data; the offset is 0 or negative.

    A valid pixel whose reflectance is zero or negative after the offset becomes 1, so that it stays valid.
    """
    if offset_dn == 0:
        return numbers
    return (np.maximum(numbers, 1 - offset_dn) - np.uint16(-offset_dn)) * (numbers != 0)


class SceneReader:
    """Opens all images of a scene at once; a context manager that closes them.

    Args:
        source: opens the images.
        scene: granules with the addresses of their assets.
        bands: names of the bands.
        read_threads: images decoded at the same time.

    Raises:
        RasterError: an image cannot be opened; names item and asset.
    """

    def __init__(
        self, source: ImageSource, scene: SceneRecord, bands: Sequence[str], read_threads: int
    ) -> None:
        self.scene, self.bands, self._source = scene, tuple(bands), source
        self._decoders = ThreadPoolExecutor(read_threads, thread_name_prefix="decode")
        names = [(g, asset) for g in range(len(scene.granules)) for asset in (*bands, "SCL")]
        # Opening waits for the network and costs no processor, so all images are opened together.
        with ThreadPoolExecutor(len(names)) as openers:
            opened = [
                openers.submit(
                    source.open,
                    scene.granules[g].assets[asset],
                    f"{scene.granules[g].item_id}, asset {asset}",
                )
                for g, asset in names
            ]
        self._images: dict[tuple[int, str], Image] = {
            name: image.result() for name, image in zip(names, opened, strict=True)
        }

    def __enter__(self) -> SceneReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoders.shutdown(cancel_futures=True)
        for image in self._images.values():
            image.close()

    @property
    def image_bounds(self) -> list[tuple[float, float, float, float]]:
        """Bounds of each granule's images, metres."""
        return [self._images[g, "SCL"].bounds for g in range(len(self.scene.granules))]

    def sample(self, granule: int, asset: str, windows: Sequence[Window]) -> list[np.ndarray]:
        """Digital numbers of one image in some windows of its own pixel size; 0 where it does not reach."""
        image = self._images[granule, asset]
        for window in windows:
            image.prefetch(window)
        return [image.read(window, 0) for window in windows]

    def strips(self, window: Window, offsets_dn: Sequence[int]) -> Iterator[Strip]:
        """All strips of the bands of 10 m, then those of 20 m with the scene classification, in order of rows.

        Args:
            window: whole patches, pixels of 10 m.
            offsets_dn: number to add to each granule's digital numbers.

        Raises:
            RasterError: an image cannot be read; names item and asset.
        """
        waiting: deque[_Step] = deque()
        cache_bytes = 0
        for size in (10, 20):
            assets = [b for b in self.bands if BAND_SIZES_M[b] == size] + ["SCL"] * (size == 20)
            whole = at_size(window, size)
            rows_bytes = [
                image.block_row_bytes(whole.width) for (_, a), image in self._images.items() if a in assets
            ]
            cache_bytes = max(cache_bytes, sum(rows_bytes))
            for first in range(0, whole.height if assets else 0, _STRIP_PX):
                rows = slice(first, min(first + _STRIP_PX, whole.height))
                waiting.append(_Step(size, rows, whole.part(rows, slice(0, whole.width)), assets))
        # A row of blocks is decoded once for the strips it serves, while the next row comes in.
        self._source.bound_cache(cache_bytes * 3 // 2)
        fetched: deque[tuple[_Step, int]] = deque()
        decoding: deque[tuple[Strip, list[Future[None]]]] = deque()
        while waiting or fetched or decoding:
            while waiting and (len(fetched) < 2 or sum(count for _, count in fetched) < _AHEAD_BYTES):
                step = waiting.popleft()
                fetched.append((step, self._prefetch(step)))
            # One strip is decoded while the consumer has another.
            while fetched and len(decoding) < 2:
                decoding.append(self._decode(fetched.popleft()[0], offsets_dn))
            strip, layers = decoding.popleft()
            for layer in layers:
                layer.result()
            yield strip

    def _prefetch(self, step: _Step) -> int:
        granules = range(len(self.scene.granules))
        return sum(self._images[g, a].prefetch(step.window) for a in step.assets for g in granules)

    def _decode(self, step: _Step, offsets_dn: Sequence[int]) -> tuple[Strip, list[Future[None]]]:
        bands = [a for a in step.assets if a != "SCL"]
        stack = np.empty((len(bands), *step.window.shape), dtype="u2")
        scl = np.empty(step.window.shape, dtype="u1")
        layers = []
        for asset in step.assets:
            out = scl if asset == "SCL" else stack[bands.index(asset)]
            layers.append(self._decoders.submit(self._layer, step.window, asset, offsets_dn, out))
        strip = Strip(step.size_m, step.rows, stack if bands else None, scl if "SCL" in step.assets else None)
        return strip, layers

    def _layer(self, window: Window, asset: str, offsets_dn: Sequence[int], out: np.ndarray) -> None:
        # The first granule is read in place; where it has no data the next ones fill in.
        for number, offset_dn in enumerate(offsets_dn):
            image = self._images[number, asset]
            pixels = image.read(window, 255 if asset == "SCL" else 0, out if number == 0 else None)
            if asset != "SCL":
                pixels = harmonise(pixels, offset_dn)
            if number == 0:
                if pixels is not out:
                    out[:] = pixels
            else:
                empty = np.isin(out, (0, 255)) if asset == "SCL" else out == 0
                np.copyto(out, pixels, where=empty, casting="unsafe")
