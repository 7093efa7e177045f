"""What a refresh of the inventory changed, for the reader and as a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_LINES = 20
"""Longest list in the table; the file has all."""


@dataclass
class Report:
    """Scene keys by what happened to them, items left out and tile-months that failed, each with the reason."""

    unchanged: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    reprocessed: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    withdrawn: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    without_scenes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON value."""
        return dict(vars(self))

    def table(self) -> str:
        """A line per kind, then what deserves a look, item by item."""
        lines = [f"scenes {name:<14}{len(getattr(self, name)):>7}" for name in _KINDS]
        kinds = Counter(reason.split(":")[0] for reason in self.rejected.values())
        lines += [f"items {'rejected':<15}{len(self.rejected):>7}"]
        lines += [f"  {kind:<19}{count:>7}" for kind, count in sorted(kinds.items())]
        lines += [f"tile-months failed  {len(self.failed):>8}"]
        lines += _list("reprocessed", self.reprocessed)
        lines += _list("restored", self.restored)
        lines += _list("withdrawn", (f"{key}: {why}" for key, why in self.withdrawn.items()))
        odd = {i: why for i, why in sorted(self.rejected.items()) if why.startswith("incomplete")}
        lines += _list("rejected", (f"{item}: {why}" for item, why in odd.items()))
        lines += _list("failed", (f"{place}: {why}" for place, why in self.failed.items()))
        lines += _list("tile without a scene", self.without_scenes)
        return "\n".join(lines)

    def failure(self, slices: int) -> str:
        """The error message where tile-months failed."""
        place, why = next(iter(self.failed.items()))
        return (
            f"{len(self.failed)} of {slices} tile-months could not be listed ({place}: {why}); their scenes stay "
            f"as they were. Of the others {len(self.new)} new, {len(self.reprocessed)} reprocessed, "
            f"{len(self.restored)} restored and {len(self.withdrawn)} withdrawn scenes were written. "
            "Run again: snakemake catalogue"
        )


_KINDS = ("unchanged", "new", "reprocessed", "restored", "withdrawn")


def _list(name: str, entries: Iterable[str]) -> list[str]:
    every = list(entries)
    lines = [f"  {name}: {entry}" for entry in every[:_LINES]]
    if len(every) > _LINES:
        lines.append(f"  {name}: and {len(every) - _LINES} more, see catalogue/report.json")
    return lines
