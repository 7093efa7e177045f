"""System accounts that servers run under when the caller is root."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any


def is_root() -> bool:
    """Whether this process runs as root."""
    return os.geteuid() == 0


def exists(account: str) -> bool:
    """Whether the machine has a user of this name."""
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True


def run_as(account: str | None) -> dict[str, Any]:
    """Keyword arguments of `subprocess.run` that run a command as `account`; none for None."""
    if account is None:
        return {}
    entry = pwd.getpwnam(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def give(path: Path, account: str) -> None:
    """Make `account` the owner of `path`."""
    entry = pwd.getpwnam(account)
    os.chown(path, entry.pw_uid, entry.pw_gid)


def can_enter(account: str, folder: Path, *, and_read: bool = False) -> bool:
    """Whether `account` can pass through `folder` and, with `and_read`, read it, as the system itself judges."""
    tests = ["-x", str(folder)] + (["-a", "-r", str(folder)] if and_read else [])
    return subprocess.run(["test", *tests], cwd="/", check=False, **run_as(account)).returncode == 0
