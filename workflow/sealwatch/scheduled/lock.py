"""One scheduled run at a time: a lock of the kernel on a file, which says who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from ..errors import SealwatchError
from ..files import canonical_json


class BusyError(SealwatchError):
    """Another run works; it is no failure to leave the field to it."""


@dataclass(slots=True)
class Held:
    """A lock that is held.

    Attributes:
        descriptor: of the open file. A child that inherits it keeps the lock when this process is killed.
        killed: host, pid and start of the last run that did not come to its end; set to None when all is in order
            again, else the next run finds it too.
    """

    descriptor: int
    killed: dict[str, Any] | None


@contextmanager
def only_run(path: Path) -> Iterator[Held]:
    """Hold the lock for the time of the block.

    The kernel lets go of the lock of a dead process, whatever killed it. The file stays: removing it would let two
    runs hold locks on two files of one name.

    Args:
        path: file to lock; made where it is absent.

    Raises:
        BusyError: another run holds it.
        SealwatchError: the file cannot be written, or its file system has no locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise SealwatchError(
            f"{path}: cannot be written ({error.strerror}); make its folder writable"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(_refusal(path, _read(descriptor))) from None
        except OSError as error:
            raise SealwatchError(
                f"{path}: its file system has no locks ({error.strerror}); name a file on a local disk: --lock-file"
            ) from error
        before = _read(descriptor)
        mine: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "started": now()}
        _write(descriptor, mine)
        held = Held(descriptor, before if before and "ended" not in before else (before or {}).get("killed"))
        try:
            yield held
        finally:
            _write(descriptor, {**mine, "ended": now(), "killed": held.killed})
    finally:
        os.close(descriptor)


def now() -> str:
    """Local time with its distance from UTC, to the second."""
    return datetime.now().astimezone().isoformat(" ", "seconds")


def described(run: dict[str, Any]) -> str:
    """Words for the values of a lock file."""
    return f"process {run.get('pid')} on {run.get('host')}, started {run.get('started')}"


def _refusal(path: Path, holder: dict[str, Any] | None) -> str:
    if holder is None:
        return f"{path}: another scheduled run works; this one ends"
    gone = holder.get("host") == socket.gethostname() and not psutil.pid_exists(holder.get("pid", 0))
    if gone:
        return (
            f"{path}: the scheduled run ({described(holder)}) was killed, but the Snakemake it started still works; "
            "this one ends"
        )
    return f"{path}: another scheduled run works ({described(holder)}); this one ends"


def _read(descriptor: int) -> dict[str, Any] | None:
    try:
        value = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _write(descriptor: int, value: dict[str, Any]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, canonical_json(value).encode(), 0)
