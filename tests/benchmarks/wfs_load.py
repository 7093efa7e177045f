"""Fifty clients at once against the public services: how long each answer takes."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from builders.releases import STEP_M, X_MIN, Y_MIN

EDGE_M = 400
"""Edge of the boxes asked for: about a hundred polygons."""


@dataclass
class Load:
    """Answers of a run.

    Attributes:
        latencies_s: seconds of each answered request.
        errors: what was answered instead of features.
    """

    latencies_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def percentile_ms(self, share: float) -> float:
        """Latency in milliseconds below which `share` of the answers lie."""
        return 1000 * sorted(self.latencies_s)[int(share * (len(self.latencies_s) - 1))]


def corners(count: int, seed: int) -> Callable[[], tuple[float, float]]:
    """Random south-west corners in EPSG:3794 inside the squares of a release of `count`."""
    side_m = max(EDGE_M, STEP_M * int((count * 7 / 6) ** 0.5))
    rng = random.Random(seed)
    return lambda: (X_MIN + rng.uniform(0, side_m - EDGE_M), Y_MIN + rng.uniform(0, side_m - EDGE_M))


Requests = Callable[[int], Callable[[], tuple[str, bytes]]]
"""Given a client's number, what makes its next address and the bytes its answer must hold."""


def wfs_boxes(url: str, count: int) -> Requests:
    """GetFeature of random boxes, as GML 3.2."""

    def of_client(number: int) -> Callable[[], tuple[str, bytes]]:
        place = corners(count, number)

        def request() -> tuple[str, bytes]:
            x, y = place()
            box = f"{x:.1f},{y:.1f},{x + EDGE_M:.1f},{y + EDGE_M:.1f},EPSG:3794"
            query = "SERVICE=WFS&VERSION=2.0.0&REQUEST=GetFeature&TYPENAMES=sealwatch:newly_sealed&COUNT=1000"
            return f"{url}?{query}&BBOX={box}", b"<wfs:member>"

        return request

    return of_client


def ogc_boxes(url: str, count: int) -> Requests:
    """Items of random boxes of the OGC API, as GeoJSON."""
    from pyproj import Transformer

    transform = Transformer.from_crs(3794, 4326, always_xy=True)

    def of_client(number: int) -> Callable[[], tuple[str, bytes]]:
        place = corners(count, number)

        def request() -> tuple[str, bytes]:
            x, y = place()
            box = transform.transform_bounds(x, y, x + EDGE_M, y + EDGE_M)
            text = ",".join(f"{value:.6f}" for value in box)
            return f"{url}/collections/newly_sealed/items?limit=1000&bbox={text}", b'"Feature"'

        return request

    return of_client


def load_of(requests: Requests, clients: int, seconds: float) -> Load:
    """Let `clients` threads ask as fast as they are answered for `seconds`; each keeps its connection.

    Returns:
        All answers; requests begun within the time are waited for.
    """
    found, lock = Load(), threading.Lock()
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        make = requests(number)
        connection: http.client.HTTPConnection | None = None
        while time.monotonic() < end:
            address, wanted = make()
            parts = urlsplit(address)
            begin = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection(parts.netloc, timeout=60)
                connection.request("GET", f"{parts.path}?{parts.query}")
                answer = connection.getresponse()
                body = answer.read()
                good = answer.status == 200 and wanted in body
                error = "" if good else f"HTTP {answer.status}: {body[:300]!r}"
                if answer.will_close:
                    connection = None
            except (OSError, http.client.HTTPException) as problem:
                error, connection = repr(problem), None
            with lock:
                if error:
                    found.errors.append(error)
                else:
                    found.latencies_s.append(time.monotonic() - begin)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
