"""Waiting for something to happen, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(what: str, holds: Callable[[], object], seconds: float = 150) -> None:
    """Wait until `holds` is true.

    Raises:
        TimeoutError: it was not within `seconds`.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.2)
