"""Paged search of a STAC API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import CatalogueError


def search_items(
    url: str, collection: str, tile: str, start: str, end: str, timeout_s: float, max_retries: int
) -> Iterator[dict[str, Any]]:
    """Yield all items of one tile and period, as JSON values, in the order of the API.

    Raises:
        CatalogueError: the API cannot be reached or answers with an error.
    """
    import requests
    from pystac_client import Client
    from pystac_client.exceptions import APIError
    from pystac_client.stac_api_io import StacApiIO

    try:
        client = Client.open(url, stac_io=StacApiIO(timeout=timeout_s, max_retries=max_retries))
        search = client.search(
            collections=[collection],
            datetime=f"{start}T00:00:00Z/{end}T23:59:59Z",
            query={"s2:mgrs_tile": {"eq": tile}},
            limit=250,
        )
        yield from search.items_as_dicts()
    except (APIError, requests.RequestException) as error:
        reason = _short(error)
        raise CatalogueError(
            f"STAC API {url} failed for tile {tile}: {reason}; check catalogue.url, or try again later"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CatalogueError(
            f"STAC API {url} gave no STAC answer ({_short(error)}); check catalogue.url"
        ) from error


def _short(error: Exception) -> str:
    """The innermost reason in one short line; the whole chain goes to the log with the traceback."""
    while isinstance(
        reason := getattr(error, "reason", None) or (error.args[0] if error.args else None), Exception
    ):
        error = reason
    return " ".join(str(error).split())[:200] or type(error).__name__
