"""Byte ranges over HTTP: many in flight, each complete or tried again."""

from __future__ import annotations

import random
import sys
import time
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader, ReadTimeoutError
from urllib3.util.retry import Retry

from ..errors import RasterError
from .signing import Signer

FIRST_PAUSE_S = 0.5
"""Pause before the first repetition; later ones double, with some chance in them."""

_LONGEST_PAUSE_S, _LONGEST_WAIT_S = 30.0, 300.0
_PASSING = {401, 403, 408, 425, 429, 500, 502, 503, 504}
_REFUSED = (401, 403)


def pause_s(attempt: int) -> float:
    """Seconds to wait after the failed try number `attempt`, counted from 0."""
    return min(FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S) * random.uniform(0.5, 1)


class ChangedError(Exception):
    """The file on the server is not the one whose header was read: it must be opened again."""


class _TryError(Exception):
    # One failed try: the reason, free of addresses, and how long the server asks to wait.
    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file from `start` on, with the file's size and version tag as the server gives them."""

    start: int
    data: bytes
    size: int
    tag: str


class Transfer:
    """Ranged requests with retries, shared by all images of a job.

    Args:
        signing: `planetary-computer` or `none`.
        requests_in_flight: most requests at the same time.
        max_retries: how often a failed request is tried again. Pauses double; what the server asks for in
            Retry-After is kept.
        timeout_s: longest silence of a server in seconds.
    """

    def __init__(
        self, signing: str, requests_in_flight: int, max_retries: int, timeout_s: float = 60
    ) -> None:
        self._retries = max_retries
        options: dict[str, Any] = {
            "maxsize": requests_in_flight,
            "timeout": urllib3.Timeout(connect=15, read=timeout_s),
            "retries": False,
        }
        self._direct = urllib3.PoolManager(**options)
        self._proxies = {
            scheme: urllib3.ProxyManager(address, **options)
            for scheme, address in urllib.request.getproxies().items()
            if scheme in ("http", "https")
        }
        self._signer = Signer(signing, self._document, max_retries)
        self._threads = ThreadPoolExecutor(requests_in_flight, thread_name_prefix="transfer")

    def close(self) -> None:
        """Stop; requests that have not begun are dropped."""
        self._threads.shutdown(cancel_futures=True)

    def submit(self, href: str, start: int, stop: int, known: Part | None = None) -> Future[Part]:
        """`get` in one of the transfer's own threads."""
        return self._threads.submit(self.get, href, start, stop, known)

    def get(self, href: str, start: int, stop: int, known: Part | None = None) -> Part:
        """Bytes `start` to `stop` (excluded) of a file, fewer only where the file ends.

        Args:
            href: unsigned address.
            start: first byte.
            stop: byte after the last one.
            known: an earlier part; the file must still be the same.

        Raises:
            RasterError: not to be had after all tries.
            ChangedError: the file is not that of `known`.
        """
        return self._tries(href, lambda: self._range(href, start, stop, known))

    def _document(self, address: str, fields: dict[str, str]) -> bytes:
        def once() -> bytes:
            response = self._request(address, fields)
            if response.status != 200:
                raise self._failure(address, response)
            return response.data

        return self._tries(address, once)

    def _tries(self, href: str, once):  # type: ignore[no-untyped-def]
        for attempt in range(self._retries + 1):
            try:
                return once()
            except _TryError as failed:
                print(f"attempt {attempt + 1} of {href} failed: {failed}", file=sys.stderr, flush=True)
                if attempt == self._retries:
                    raise RasterError(
                        f"{href}: cannot be read after {attempt + 1} tries ({failed}); run again later"
                    ) from None
                time.sleep(pause_s(attempt) if failed.wait is None else min(failed.wait, _LONGEST_WAIT_S))
        raise AssertionError("unreachable")

    def _range(self, href: str, start: int, stop: int, known: Part | None) -> Part:
        address, token = self._signer.sign(href)
        response = self._request(address, {"Range": f"bytes={start}-{stop - 1}"})
        if response.status in _REFUSED:
            if self._signer.refused(href, token):
                raise _TryError("the access token has expired", 0.0)
            raise RasterError(f"{href}: access refused ({response.status}); check catalogue.signing")
        if response.status == 416 and known is not None:
            raise ChangedError
        if response.status not in (200, 206):
            raise self._failure(href, response)
        if response.headers.get("Content-Type", "").startswith(("text/", "application/json")):
            raise _TryError("the server answered with a page instead of an image")
        self._signer.accepted(href)
        if response.status == 200:
            raise _TryError("the server does not answer ranged requests")
        try:
            unit, _, place = response.headers["Content-Range"].partition(" ")
            span, _, size = place.partition("/")
            first, last = (int(v) for v in span.split("-"))
            part = Part(start, response.data, int(size), response.headers.get("ETag", ""))
        except (KeyError, ValueError):
            raise _TryError("the server did not say which bytes it sent") from None
        if known is not None and (part.size, part.tag) != (known.size, known.tag):
            raise ChangedError
        expected = min(stop, part.size) - start
        if unit != "bytes" or first != start or last + 1 - first != expected or len(part.data) != expected:
            raise _TryError(f"incomplete answer: {len(part.data)} of {expected} bytes")
        return part

    def _request(self, address: str, fields: dict[str, str]) -> urllib3.BaseHTTPResponse:
        parts = urlsplit(address)
        manager: urllib3.PoolManager = self._direct
        if parts.scheme in self._proxies and not urllib.request.proxy_bypass(parts.hostname or ""):
            manager = self._proxies[parts.scheme]
        try:
            return manager.request("GET", address, headers={"Accept-Encoding": "identity", **fields})
        # Messages of urllib3 hold the signed address: only the kind of the error is told.
        except ReadTimeoutError:
            raise _TryError("no answer in time") from None
        except (HTTPError, OSError) as error:
            raise _TryError(f"connection failed: {type(error).__name__}") from None

    @staticmethod
    def _failure(href: str, response: urllib3.BaseHTTPResponse) -> Exception:
        status = response.status
        if status in (404, 410):
            return RasterError(f"{href}: is no longer there ({status}); refresh the catalogue")
        if status not in _PASSING:
            return RasterError(f"{href}: cannot be read (status {status}); check the catalogue's settings")
        wait = None
        if "Retry-After" in response.headers:
            with suppress(InvalidHeader):
                wait = Retry().parse_retry_after(response.headers["Retry-After"])
        return _TryError(f"status {status}", wait)
