"""The example plot of the documentation: python -m builders.transition_plot."""

from __future__ import annotations

from pathlib import Path

from sealwatch.change.plot import Transition, transition_svg
from sealwatch.files import write_text
from sealwatch.keys import half_range

from .change_series import codes

TARGET = Path(__file__).parents[2] / "docs/transition_plot.svg"
HALF_YEARS = "FFFF IIIR AI.I"
MONTHS = ".FF.AF FFFFF. ..FFAF FFFFPI IFIII. .IIIR. ..IIII IIR.I. ..RRAR AAA.II ...... ..IIII"


def example() -> Transition:
    """Forest that became industry, a short return that is no reversal, and a half-year without observation."""
    return Transition(
        "32633-7999-776-2022H1: Forest to Industrial",
        half_range("2020-01-01", "2025-12-31"),
        codes(HALF_YEARS),
        codes(MONTHS),
        [("start", "2022H1"), ("confirmed", "2023H1")],
    )


if __name__ == "__main__":
    write_text(TARGET, transition_svg(example()))
