"""The forest's model card: what it was trained on and what it is worth, as JSON and for readers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..classifier.model_card import confusion_table
from ..files import write_json, write_text

SPLITS = {
    "test": "Random pixels kept from training",
    "cross_validation": "Random pixels, cross-validation",
    "by_polygon": "Whole polygons held out, cross-validation",
    "by_sheet": "Whole sheets held out, cross-validation",
}
"""Key of the card and its title, from the most flattering to the most honest."""


def write_forest_card(card: Mapping[str, Any], json_target: str | Path, markdown_target: str | Path) -> None:
    """Write a card twice: as canonical JSON and as Markdown.

    Args:
        card: as `training.train_forest` makes it, with the keys of `SPLITS`.
        json_target: JSON file.
        markdown_target: Markdown file.
    """
    lines = ["# Model card: forest of the orthophotos", ""]
    for key in ("classes", "features"):
        lines.append(f"- {key}: {' '.join(card[key])}")
    parameters = ", ".join(f"{k} {v}" for k, v in sorted(card["training"]["settings"].items()) if k != "grid")
    lines += [
        f"- trained with {card['software']}: {parameters}",
        f"- {card['trees']} trees, {card['nodes']} nodes",
        f"- model digest: {card['digest']}",
        *(f"- training table {name}: {digest}" for name, digest in sorted(card["tables"].items())),
        f"- samples: {', '.join(f'{name} {count}' for name, count in card['samples'].items())} "
        f"({card['polygons']} polygons on {card['sheets']} sheets)",
        f"- imbalance: {card['imbalance']}",
        "",
        "| split | samples | accuracy | balanced accuracy | kappa | macro F1 | "
        + " | ".join(f"F1 {name}" for name in card["classes"])
        + " |",
        "|---|" + "---|" * (5 + len(card["classes"])),
    ]
    lines += [_row(title, card[key]) for key, title in SPLITS.items() if "samples" in card[key]]
    lines += [
        "",
        "Neighbouring pixels are alike: figures by polygon and by sheet tell what new land gets.",
        "",
    ]
    lines += [
        f"{title}: not run, {card[key]['not_run']}.\n"
        for key, title in SPLITS.items()
        if "not_run" in card[key]
    ]
    if card["grid"]:
        lines += _grid(card["grid"])
    for key, title in SPLITS.items():
        if "samples" in card[key]:
            lines += [f"## {title}", "", *confusion_table(card["classes"], card[key]["confusion"])]
    write_json(json_target, card)
    write_text(markdown_target, "\n".join(lines).rstrip() + "\n")


def _row(title: str, figures: Mapping[str, Any]) -> str:
    scores = [figures[key] for key in ("accuracy", "balanced_accuracy", "kappa", "macro_f1")]
    scores += figures["f1"].values()
    return f"| {title} | {figures['samples']} | " + " | ".join(f"{score:.3f}" for score in scores) + " |"


def _grid(grid: Mapping[str, Any]) -> list[str]:
    lines = [f"## Choice of parameters by {grid['criterion']} ({grid['split']})", ""]
    lines += ["| parameters | macro F1 |", "|---|---|"]
    for result in grid["results"]:
        text = ", ".join(f"{name} {value}" for name, value in result["parameters"].items())
        chosen = " (chosen)" if result["parameters"] == grid["chosen"] else ""
        lines.append(f"| {text}{chosen} | {result['macro_f1']:.4f} |")
    return [*lines, ""]
