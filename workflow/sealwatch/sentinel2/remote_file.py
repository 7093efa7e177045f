"""An image on a web server as a file that GDAL reads, its blocks fetched before they are asked for."""

from __future__ import annotations

import bisect
import io
import os
import threading
from collections import deque
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from ..errors import RasterError
from .transfer import ChangedError, Part, Transfer

_HEADER = 64 * 1024  # holds the header and the block index of a COG of a whole tile
_REQUEST = 4 << 20  # neighbouring blocks share a request up to this size
_GAP = 16 * 1024  # bytes between two blocks that are cheaper read than left out
_AHEAD = 1 << 18  # least read where nothing was fetched before, as in a JPEG 2000 file


class _Fetch(NamedTuple):
    start: int
    stop: int
    part: Future[Part]


class RemoteFile:
    """Bytes of one image; blocks come from `prefetch`, everything else is fetched when it is read.

    Attributes:
        failure: why a read gave fewer bytes than the file holds; GDAL does not hand such errors on.

    Args:
        transfer: makes the requests.
        href: unsigned address.

    Raises:
        RasterError: the file is not to be had.
    """

    failure: RasterError | ChangedError | None = None

    def __init__(self, transfer: Transfer, href: str) -> None:
        self._transfer, self._href = transfer, href
        self._first = transfer.get(href, 0, _HEADER)
        self.size = self._first.size
        self._fetches: list[_Fetch] = []
        self._owners: dict[Hashable, list[_Fetch]] = {}
        self._recent: deque[Part] = deque(maxlen=4)
        self._lock = threading.Lock()

    def prefetch(self, owner: Hashable, blocks: Sequence[tuple[int, int]]) -> int:
        """Begin to fetch (start, stop) ranges of bytes and keep them until `forget(owner)`; gives their sum."""
        spans: list[list[int]] = []
        for start, stop in sorted(b for b in blocks if b[1] <= self.size):
            if spans and start - spans[-1][1] <= _GAP and stop - spans[-1][0] <= _REQUEST:
                spans[-1][1] = stop
            else:
                spans.append([start, stop])
        fetches = [_Fetch(a, b, self._transfer.submit(self._href, a, b, self._first)) for a, b in spans]
        with self._lock:
            self._owners[owner] = fetches
            self._fetches = sorted([*self._fetches, *fetches], key=lambda f: f.start)
        return sum(b - a for a, b in spans)

    def forget(self, owner: Hashable) -> None:
        """Drop what was fetched for `owner`."""
        with self._lock:
            gone = {id(f) for f in self._owners.pop(owner, [])}
            self._fetches = [f for f in self._fetches if id(f) not in gone]

    def read(self, start: int, count: int) -> bytes:
        """`count` bytes from `start`, fewer at the end of the file or after a failure."""
        stop = min(start + count, self.size)
        pieces = []
        try:
            while start < stop:
                part = self._part(start, stop)
                pieces.append(part.data[start - part.start : stop - part.start])
                start += len(pieces[-1])
        except (RasterError, ChangedError) as error:
            self.failure = error
            return b""
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _part(self, start: int, stop: int) -> Part:
        for part in (self._first, *self._recent):
            if part.start <= start < part.start + len(part.data):
                return part
        with self._lock:
            place = bisect.bisect_right(self._fetches, start, key=lambda f: f.start) - 1
            fetch = self._fetches[place] if place >= 0 else None
        if fetch is not None and start < fetch.stop:
            return fetch.part.result()
        part = self._transfer.get(self._href, start, min(max(stop, start + _AHEAD), self.size), self._first)
        self._recent.append(part)
        return part


class FileView(io.RawIOBase):
    """A position in a `RemoteFile`: what rasterio's opener gives to GDAL."""

    def __init__(self, file: RemoteFile) -> None:
        super().__init__()
        self._file, self._place = file, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Position in bytes."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; gives the new position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._file.size}[whence]
        self._place = base + offset
        return self._place

    def read(self, count: int = -1) -> bytes:
        """Bytes from here on."""
        data = self._file.read(self._place, self._file.size if count < 0 else count)
        self._place += len(data)
        return data
