"""The model card: what the network was trained on and what it is worth, as JSON and for readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files import write_json, write_text

_SPLIT_TITLES = {
    "spatial": "Other places (whole lon/lat cells held out)",
    "random": "Same places (patches held out at random)",
}


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def confusion_table(classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[str]:
    """Lines of Markdown with a confusion matrix, rows and columns in the order of the classes."""
    lines = ["Confusion matrix, rows actual, columns predicted:", ""]
    lines += ["| | " + " | ".join(classes) + " |", "|---" * (len(classes) + 1) + "|"]
    for name, counts in zip(classes, confusion, strict=True):
        lines.append(f"| {name} | " + " | ".join(map(str, counts)) + " |")
    return [*lines, ""]


def _split_section(title: str, figures: Mapping[str, Any]) -> list[str]:
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
    return [*lines, "", *confusion_table(list(figures["classes"]), figures["confusion"])]


def _int8_section(figures: Mapping[str, Mapping[str, float | None]], exact: Mapping[str, Any]) -> list[str]:
    lines = [
        "## The int8 model beside the float32 one",
        "",
        "| split | accuracy float32 | accuracy int8 | impervious F1 int8 | calibration error int8 | same class |",
        "|---|---|---|---|---|---|",
    ]
    for split, title in _SPLIT_TITLES.items():
        row = figures[split]
        scores = [exact[split]["overall_accuracy"]]
        scores += [row[key] for key in ("overall_accuracy", "impervious_f1", "ece", "agreement")]
        lines.append(f"| {title} | " + " | ".join(_figure(score) for score in scores) + " |")
    return [*lines, ""]


def write_model_card(
    card: Mapping[str, Any], json_target: str | Path, markdown_target: str | Path, figure: str
) -> None:
    """Write a card twice: as canonical JSON and as Markdown.

    Args:
        card: `model`, `data` and `files` (flat mappings), `validation`, a mapping of `spatial` and `random` to
            the figures of `assessment.assess`, and `int8`, the same to those of `assessment.compare`.
        json_target: JSON file.
        markdown_target: Markdown file.
        figure: name of the confusion matrix's picture, beside the Markdown file.
    """
    lines = ["# Model card: Sentinel-2 land cover", ""]
    for part in ("model", "data", "files"):
        for key, value in card[part].items():
            text = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
            lines.append(f"- {key.replace('_', ' ') if part != 'files' else key}: {text}")
    lines.append("")
    for split, title in _SPLIT_TITLES.items():
        lines += _split_section(title, card["validation"][split])
        if split == "spatial":
            lines += [f"![Confusion matrix]({figure})", ""]
    lines += _int8_section(card["int8"], card["validation"])
    write_json(json_target, card)
    write_text(markdown_target, "\n".join(lines).rstrip() + "\n")
