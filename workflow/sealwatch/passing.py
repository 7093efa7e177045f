"""Signals for a child process."""

from __future__ import annotations

import os
import signal
import subprocess
from types import FrameType


class Passing:
    """Passes SIGTERM and SIGINT on to a child, once there is one; used around its start.

    Of a signal that is ignored here, as SIGINT behind `nohup ... &`, the child would inherit that.

    Args:
        own_session: the child leads a session; otherwise the terminal's Ctrl-C reaches it without us.

    Attributes:
        received: numbers of the signals that came.
    """

    def __init__(self, own_session: bool) -> None:
        self._own_session = own_session
        self.received: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Passing:
        self._kept = {number: signal.signal(number, self._came) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._kept.items():
            signal.signal(number, handler)

    def pass_to(self, process: subprocess.Popen[bytes]) -> None:
        """Name the process; it gets what came before it was there."""
        self._process = process
        for number in self.received:
            self._send(number)

    def _came(self, number: int, _: FrameType | None) -> None:
        self.received.append(number)
        self._send(number)

    def _send(self, number: int) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        if number == signal.SIGTERM:
            self._process.send_signal(number)
        elif self._own_session:
            # As a terminal does: Snakemake counts on it for its local jobs.
            os.killpg(self._process.pid, number)
