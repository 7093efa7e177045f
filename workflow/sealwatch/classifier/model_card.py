"""The model card: what the network was trained on and what it is worth, as JSON and for readers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files import write_json, write_text

_SPLIT_TITLES = {
    "spatial": "Other places (whole lon/lat cells held out)",
    "random": "Same places (patches held out at random)",
}


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _split_section(title: str, figures: Mapping[str, Any]) -> list[str]:
    names = list(figures["classes"])
    lines = [
        f"## {title}",
        "",
        f"{figures['patches']} patches, overall accuracy {_figure(figures['overall_accuracy'])}, "
        f"impervious yes/no F1 {_figure(figures['impervious']['f1'])}, expected calibration error "
        f"{_figure(figures['ece_before'])} before and {_figure(figures['ece_after'])} after temperature "
        "scaling (cross-fitted).",
        "",
        "| class | patches | precision | recall | F1 |",
        "|---|---|---|---|---|",
    ]
    for name, row in figures["classes"].items():
        scores = " | ".join(_figure(row[key]) for key in ("precision", "recall", "f1"))
        lines.append(f"| {name} | {row['patches']} | {scores} |")
    lines += ["", "Confusion matrix, rows actual, columns predicted:", ""]
    lines += ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, counts in zip(names, figures["confusion"], strict=True):
        lines.append(f"| {name} | " + " | ".join(str(count) for count in counts) + " |")
    return [*lines, ""]


def write_model_card(card: Mapping[str, Any], json_target: str | Path, markdown_target: str | Path) -> None:
    """Write a card twice: as canonical JSON and as Markdown.

    Args:
        card: `model` and `data` (flat mappings) and `validation`, a mapping of `spatial` and `random` to the
            figures of `assessment.assess`.
        json_target: JSON file.
        markdown_target: Markdown file.
    """
    lines = ["# Model card: Sentinel-2 land cover", ""]
    for part in ("model", "data"):
        for key, value in card[part].items():
            text = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
            lines.append(f"- {key.replace('_', ' ')}: {text}")
    lines.append("")
    for split, title in _SPLIT_TITLES.items():
        lines += _split_section(title, card["validation"][split])
    write_json(json_target, card)
    write_text(markdown_target, "\n".join(lines).rstrip() + "\n")
