"""Snakemake's own lock: who holds it, and what to do about one that a dead run left."""

from __future__ import annotations

import socket
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from .lock import described


def lock_files(folder: Path) -> list[Path]:
    """Files of Snakemake's lock on a folder."""
    return sorted((folder / ".snakemake/locks").glob("*.lock"))


def working_there(folder: Path) -> str | None:
    """Words for a process of Snakemake, or of one of its jobs, whose folder this is; None if there is none here."""
    for process in psutil.process_iter():
        try:
            # `snakemake ...`, `python -m snakemake ...`
            if not any(Path(word).name == "snakemake" for word in process.cmdline()[:4]):
                continue
            if Path(process.cwd()).samefile(folder):
                since = datetime.fromtimestamp(process.create_time()).astimezone().isoformat(" ", "seconds")
                return f"Snakemake (process {process.pid} on {socket.gethostname()}, started {since})"
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or another user's
    return None


def explain(folder: Path, killed: dict[str, Any] | None, unlock: str) -> str:
    """What to do about a lock whose holder does not run on this machine.

    Args:
        folder: working directory of Snakemake.
        killed: the scheduled run before, where it did not come to its end.
        unlock: command that clears the lock.
    """
    times = [path.stat().st_mtime for path in lock_files(folder)]
    age = f" ({_age(time.time() - min(times))} old)" if times else ""
    left = (
        f"The scheduled run before ({described(killed)}) was killed and left it."
        if killed
        else "A run that was killed left it, or one on another machine still works."
    )
    return (
        f"{folder}: Snakemake's lock{age} stands in the way, and no Snakemake works in this folder on "
        f"{socket.gethostname()}. {left}\n"
        "Look for what may still work: on other machines that use the folder `pgrep -af snakemake`, on a cluster "
        '`squeue --me --format="%i %j %T" | grep sealwatch_`; end it or let it end (docs/scheduled.md).\n'
        f"Then clear the lock: {unlock}"
    )


def _age(seconds: float) -> str:
    minutes = int(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 72 else f"{hours // 24} days"
