"""Paged search of a STAC API, one tile and month at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import CatalogueError
from .adapters import asset_key
from .addresses import redacted

if TYPE_CHECKING:
    from pystac_client import Client

PAGE_ITEMS = 250
"""Items asked for per page; the API may give fewer."""

_RETRY_STATUS = (408, 429, 500, 502, 503, 504)
_RETRY_AFTER_MAX_S = 300
_PROPERTIES = (
    "datetime", "platform", "constellation", "eo:cloud_cover", "grid:code", "processing:version",
    "processing:datetime", "s2:mgrs_tile", "s2:processing_baseline", "s2:product_uri", "s2:product_type",
    "s2:generation_time", "s2:datatake_id", "s2:datastrip_id", "eopf:datatake_id", "eopf:datastrip_id",
    "earthsearch:boa_offset_applied",
)  # fmt: skip


def _by_grid_code(tile: str) -> dict[str, Any]:
    # Zones below 10 are written with and without the leading zero.
    codes = sorted({f"MGRS-{tile}", f"MGRS-{tile.lstrip('0')}"})
    return {"grid:code": {"eq": codes[0]} if len(codes) == 1 else {"in": codes}}


QUERIES: dict[str, Callable[[str], dict[str, Any]]] = {
    "planetary-computer": lambda tile: {"s2:mgrs_tile": {"eq": tile}},
    "earth-search": _by_grid_code,
    "cdse": _by_grid_code,
}
"""How each catalogue is asked for a tile (STAC's query extension)."""


class StacApi:
    """A STAC API that several threads may search at once.

    Requests that are refused for a while (429, 5xx, dropped connections) are repeated with growing pauses, or
    after the time the server names in `Retry-After`.

    Args:
        settings: the configuration's `catalogue`.
        bands: images that will be read, `SCL` among them.

    Raises:
        CatalogueError: the API cannot be reached or is none.
    """

    def __init__(self, settings: Mapping[str, Any], bands: list[str]) -> None:
        self._settings, self._bands = settings, bands
        self._local = threading.local()
        try:
            self._client()
        except Exception as error:
            raise CatalogueError(
                f"STAC API {redacted(settings['url'])} failed: {self._reason(error)}; check catalogue.url, "
                "or try again later"
            ) from error

    def _client(self) -> Client:
        if not hasattr(self._local, "client"):
            from pystac_client import Client
            from pystac_client.stac_api_io import StacApiIO
            from urllib3.util import Retry

            tries = self._settings["max_retries"]
            retry = Retry(
                total=tries,
                allowed_methods=None,
                status_forcelist=_RETRY_STATUS,
                backoff_factor=0.5,
                backoff_max=60,
                backoff_jitter=0.5,
                retry_after_max=_RETRY_AFTER_MAX_S,
                raise_on_status=False,
            )
            io = StacApiIO(timeout=self._settings["timeout_s"], max_retries=retry)
            self._local.client = Client.open(self._settings["url"], stac_io=io)
        client: Client = self._local.client
        return client

    def items(self, tile: str, first: str, last: str, whole: bool = False) -> list[dict[str, Any]]:
        """All items of a tile sensed in datatakes that began between two days, both included.

        An item's `datetime` may lie up to an hour after the start of its datatake, so the search reaches one hour
        into the next day; what belongs to that day is found again there.

        Args:
            tile: MGRS tile.
            first: first day, ISO 8601.
            last: last day.
            whole: ask for whole items; otherwise only for what the adapters read, where the API can do that.

        Raises:
            CatalogueError: the API failed in spite of all tries, or gave fewer items than it counts.
        """
        tries = self._settings["max_retries"] + 1
        for attempt in range(tries):
            try:
                return self._list(tile, first, last, whole)
            except Exception as error:
                # urllib3 repeats requests, but not one whose answer broke off after its header.
                if not _broke_off(error) or attempt == tries - 1:
                    raise CatalogueError(self._reason(error)) from error
                time.sleep(min(0.5 * 2**attempt, 60))
        raise AssertionError("unreachable")

    def _list(self, tile: str, first: str, last: str, whole: bool) -> list[dict[str, Any]]:
        provider = self._settings["provider"]
        client = self._client()
        fields = None
        if not whole and self._shortens(client):
            images = [f"assets.{asset_key(provider, band)}" for band in self._bands]
            fields = {"include": ["id", "collection", *(f"properties.{p}" for p in _PROPERTIES), *images]}
        beyond = date.fromisoformat(last) + timedelta(days=1)
        search = client.search(
            collections=[self._settings["collection"]],
            datetime=f"{first}T00:00:00Z/{beyond}T01:00:00Z",
            query=QUERIES[provider](tile),
            fields=fields,
            limit=PAGE_ITEMS,
        )
        found: dict[str, dict[str, Any]] = {}
        counted = None
        for page in search.pages_as_dicts():
            found |= {str(item["id"]): item for item in page["features"]}
            counted = page.get("numberMatched", page.get("context", {}).get("matched", counted))
        if counted is not None and len(found) < counted:
            raise CatalogueError(f"the pages held {len(found)} of {counted} items")
        return list(found.values())

    def _shortens(self, client: Client) -> bool:
        """Whether the API can give parts of items (STAC's fields extension)."""
        from pystac_client.conformance import ConformanceClasses

        return client.conforms_to(ConformanceClasses.FIELDS)

    def _reason(self, error: BaseException) -> str:
        """The innermost reason in one short line; the whole chain goes to the log with the traceback."""
        if isinstance(error, ValueError | KeyError | TypeError):
            return f"no STAC answer ({_short(error)})"
        status = getattr(error, "status_code", None)
        text = _short(error)
        return f"status {status}: {text}" if status else text


def _broke_off(error: BaseException) -> bool:
    import requests

    cause = error.__cause__ or error.__context__
    if isinstance(cause, requests.exceptions.ChunkedEncodingError):
        return True
    # A time-out within the body is a ConnectionError too, but not one of urllib3's exhausted retries.
    return isinstance(cause, requests.ConnectionError) and "Max retries" not in str(cause)


def _short(error: BaseException) -> str:
    # pystac-client keeps only the text of what happened; the exception itself is its context.
    deeper: BaseException | None = error.__context__ if isinstance(error.__context__, OSError) else error
    while deeper is not None:
        error = deeper
        inner = (getattr(error, "reason", None), *error.args)
        deeper = next((part for part in inner if isinstance(part, BaseException)), None)
    return redacted(" ".join(str(error).split()))[:200] or type(error).__name__
