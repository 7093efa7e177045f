"""Files as Snakemake looks at them (age, checksum) and its records of how they were made, each read once."""

from __future__ import annotations

import json
import os
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cached_property
from pathlib import Path
from typing import Any

from ..files import file_digest

_NAME_MAX = 255
"""Longest name of a file; Snakemake splits the names of its records there."""


class Files:
    """What is on disk below the working folder."""

    def __init__(self, max_checksum_bytes: int):
        self._max_checksum_bytes = max_checksum_bytes
        self._ages: dict[str, float | None] = {}
        self._targets: dict[str, float] = {}
        self._folders: dict[str, bool] = {}
        self._checksums: dict[str, str | None] = {}

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return self.age(path) is not None

    def age(self, path: str) -> float | None:
        """Time of modification, of a link itself, in seconds; None without the file."""
        folder = os.path.dirname(path)
        there = self._folders.get(folder)
        if there is None:
            there = self._folders[folder] = os.path.isdir(folder or ".")
        if not there:
            return None
        if path not in self._ages:
            age, target = _times(path) or (None, None)
            self._ages[path] = age
            if target != age and target is not None:
                self._targets[path] = target
        return self._ages[path]

    def newer(self, path: str, time: float) -> bool:
        """Whether a file, or what it links to, was modified after a time."""
        age = self.age(path)
        return age is not None and max(age, self._targets.get(path, age)) > time

    def checksum(self, path: str) -> str | None:
        """SHA-256 of a small file, as Snakemake writes it; None of a large one, of a folder and without the file."""
        if path not in self._checksums:
            self._checksums[path] = self._sha256(path)
        return self._checksums[path]

    def _sha256(self, path: str) -> str | None:
        try:
            found = os.stat(path)
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode) or found.st_size > self._max_checksum_bytes:
            return None
        return file_digest(path)


def _times(path: str) -> tuple[float, float] | None:
    """Times of modification of a file and of what it links to."""
    try:
        found = os.lstat(path)
        target = os.stat(path) if stat.S_ISLNK(found.st_mode) else found
    except OSError:
        return None
    if not stat.S_ISDIR(target.st_mode):
        return found.st_mtime, target.st_mtime
    try:
        # Snakemake writes this file into a folder that a job made, whose own time follows its contents.
        made = os.stat(os.path.join(path, ".snakemake_timestamp")).st_mtime
    except OSError:
        made = target.st_mtime
    return (made, made) if found is target else (found.st_mtime, made)


class Records:
    """Snakemake's records below `.snakemake`; none is kept, for together they are larger than the graph."""

    def __init__(self, folder: Path = Path(".snakemake")):
        self._metadata = str(folder / "metadata")
        self._incomplete = folder / "incomplete"

    def of(self, path: str) -> dict[str, Any] | None:
        """Record of an output file, or None."""
        name = urlsafe_b64encode(path.encode()).decode()
        parts = [name[i : i + _NAME_MAX - 1] for i in range(0, len(name), _NAME_MAX - 1)]
        try:
            with open(
                "/".join((self._metadata, *(f"@{part}" for part in parts[:-1]), parts[-1])), "rb"
            ) as file:
                return json.loads(file.read()) or None
        except (OSError, ValueError):
            return None

    @cached_property
    def incomplete(self) -> frozenset[str]:
        """Output files of jobs that began and did not end."""
        marks = [path.relative_to(self._incomplete) for path in self._incomplete.rglob("*") if path.is_file()]
        names = ["".join(part.removeprefix("@") for part in mark.parts) for mark in marks]
        return frozenset(urlsafe_b64decode(n).decode() for n in names if n != "migration_underway")
