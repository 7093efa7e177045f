"""Work on one item while the next is prepared."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")

_POLL_S = 0.1


def read_ahead(items: Iterable[T], depth: int = 1) -> Generator[T, None, None]:
    """Yield `items` in their order, prepared by a thread of its own.

    Args:
        items: what is prepared; only the thread touches it.
        depth: most items that wait ready, besides the one in preparation.

    Raises:
        Exception: an error of `items`, at the place where its item would have come. When the caller stops
            early, the thread has ended before this generator has, so files it reads may be closed.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: T | None, error: BaseException | None, last: bool) -> bool:
        while not stopped.is_set():
            try:
                ready.put((item, error, last), timeout=_POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def prepare() -> None:
        try:
            for item in items:
                if not put(item, None, False):
                    return
        except BaseException as error:  # it belongs to the caller, whatever it is
            put(None, error, True)
        else:
            put(None, None, True)

    thread = threading.Thread(target=prepare, name="read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error, last = ready.get()
            if error is not None:
                raise error
            if last:
                return
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()
