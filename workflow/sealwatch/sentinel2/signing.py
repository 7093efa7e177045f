"""Signatures of addresses, made just before each read and shared by all threads of a job."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

from ..errors import RasterError

FetchToken = Callable[[str, dict[str, str]], bytes]
"""Gets the body at (address, header fields), with retries."""

_TTL_MIN_S = 60
"""A token with less life than this is renewed: a request may wait that long before it is sent."""


class Signer:
    """Signs addresses of blob storage with the Planetary Computer's tokens; leaves all others as they are.

    A token is asked for once per container, at the first need, and again only when it has expired or was refused.
    `PC_SDK_SAS_URL` and `PC_SDK_SUBSCRIPTION_KEY` are heeded as by the package `planetary_computer`.

    Args:
        kind: `planetary-computer` or `none`.
        fetch: gets the token endpoint's answer.
        max_renewals: refusals in a row after which a container counts as closed.
    """

    def __init__(self, kind: str, fetch: FetchToken, max_renewals: int) -> None:
        self._active = kind == "planetary-computer"
        self._fetch, self._max_renewals = fetch, max_renewals
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, str], object] = {}
        self._refusals: Counter[tuple[str, str]] = Counter()

    def sign(self, href: str) -> tuple[str, object | None]:
        """The signed address and the token it was signed with, None where it needs none.

        Raises:
            RasterError: the token endpoint gives no token.
        """
        container = self._container(href)
        if container is None:
            return href, None
        # One thread asks, the others wait for its answer.
        with self._lock:
            token = self._tokens.get(container)
            if token is None or token.ttl() < _TTL_MIN_S:  # type: ignore[attr-defined]
                token = self._tokens[container] = self._ask(container)
        return token.sign(href).href, token  # type: ignore[attr-defined]

    def accepted(self, href: str) -> None:
        """Note that the storage took the token."""
        container = self._container(href)
        if container is not None and self._refusals[container]:
            self._refusals[container] = 0

    def refused(self, href: str, token: object | None) -> bool:
        """Forget a token that the storage refused; False where signing again is of no use."""
        container = self._container(href)
        if container is None:
            return False
        with self._lock:
            if self._tokens.get(container) is token:
                del self._tokens[container]
                self._refusals[container] += 1
            return self._refusals[container] <= self._max_renewals

    def _container(self, href: str) -> tuple[str, str] | None:
        if not self._active:
            return None
        from planetary_computer.sas import BLOB_STORAGE_DOMAIN
        from planetary_computer.utils import parse_blob_url

        parts = urlsplit(href)
        if not parts.netloc.endswith(BLOB_STORAGE_DOMAIN):
            return None
        return parse_blob_url(parts)

    def _ask(self, container: tuple[str, str]) -> object:
        from planetary_computer.sas import SASToken
        from planetary_computer.settings import Settings

        # The package's own request has no time limit, so only its settings and its token are used.
        settings = Settings.get()
        fields = {}
        if settings.subscription_key:
            fields["Ocp-Apim-Subscription-Key"] = settings.subscription_key
        address = f"{settings.sas_url}/{'/'.join(container)}"
        try:
            return SASToken(**json.loads(self._fetch(address, fields)))
        except (ValueError, TypeError) as error:
            raise RasterError(
                f"{address}: answered without a token ({type(error).__name__}); check catalogue.signing"
            ) from None
