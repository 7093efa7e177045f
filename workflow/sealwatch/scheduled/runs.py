"""Snakemake as a child: its output in a file, signals passed on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..passing import Passing

SECRETS = ("SEALWATCH_SMTP_URL", "SEALWATCH_WEBHOOK_URL")
"""Variables of the environment that are not handed to Snakemake, whose jobs go to other machines."""

_LOG_OF_RULE = re.compile(r"^ +log: (.+?) \(check log file", re.MULTILINE)
_LOG_OF_RUN = re.compile(r"^Complete log\(s\): (.+)$", re.MULTILINE)
_TAIL = 30
_LOCKED = "Directory cannot be locked"


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed.

    Attributes:
        what: one sentence.
        logs: files to open, those of the failed rules first.
        tail: last lines of the output.
        locked: whether Snakemake found its folder locked.
    """

    what: str
    logs: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    locked: bool = False


class StoppedError(Exception):
    """A signal ended the run; its number is the argument."""


def run_snakemake(arguments: Sequence[str], log: Path, keep_open: int) -> Failure | None:
    """Run Snakemake in the current folder.

    SIGTERM lets it end its running jobs and start no further ones, SIGINT makes it cancel them.

    Args:
        arguments: of snakemake.
        log: file for all it says, written anew. A pipe would break, and Snakemake with it, if this process is killed.
        keep_open: descriptor that Snakemake inherits, and its jobs do not.

    Returns:
        The failure, None if all went well.

    Raises:
        StoppedError: a signal came.
    """
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output, Passing(own_session=True) as signals:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(keep_open,),
            start_new_session=True,  # a terminal's Ctrl-C reaches it once, through us
        )
        signals.pass_to(process)
        status = process.wait()
    if signals.received:
        raise StoppedError(signals.received[0])
    if status == 0:
        return None
    text = log.read_text(encoding="utf-8", errors="replace")
    found = [name for line in _LOG_OF_RULE.findall(text) for name in line.split(", ")]
    logs = (*dict.fromkeys(found), *_LOG_OF_RUN.findall(text)[-1:], str(log))
    name = "snakemake catalogue" if "catalogue" in arguments[:1] else "snakemake"
    ended = f"with status {status}" if status > 0 else f"by signal {-status}"
    return Failure(f"{name} ended {ended}", logs, tuple(text.splitlines()[-_TAIL:]), _LOCKED in text)
