"""python -m sealwatch.indicators: the table of definitions in docs/indicators.md."""

from __future__ import annotations

from .definitions import markdown

print(markdown(), end="")
