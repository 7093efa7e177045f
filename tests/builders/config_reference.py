"""docs/configuration.md, all keys from the schema and the defaults: python -m builders.config_reference."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sealwatch.files import write_text
from sealwatch.settings import DEFAULTS, SCHEMA, read_yaml

TARGET = Path(__file__).parents[2] / "docs/configuration.md"
HEAD = """# Configuration reference

Made by `make config-reference` from `workflow/schemas/config.schema.yaml`, against which every configuration is
checked before anything runs, and the defaults in `config/config.yaml`. [The manual](../config/README.md) says more
about each key and when to change it.

Keys you leave out keep their default, key by key. Unknown keys and wrong values are refused with the file, the key
and what would be right. {count} keys.
"""
KINDS = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "`true` or `false`",
    "null": "`null`",
}
BOUNDS = {
    "minimum": "at least {:g}",
    "exclusiveMinimum": "above {:g}",
    "maximum": "at most {:g}",
    "exclusiveMaximum": "below {:g}",
}


def keys(
    schema: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Keys that hold a value, with their part of the schema; `<name>` stands for names of the user's choice."""
    for name, part in schema.get("properties", {}).items():
        yield from keys(part, (*path, name)) if "properties" in part else [((*path, name), part)]
    free = schema.get("additionalProperties")
    if isinstance(free, Mapping):
        yield from keys(free, (*path, "<name>"))


def values(schema: Mapping[str, Any]) -> str:
    """What a key may hold, in words."""
    if "enum" in schema:
        return ", ".join(f"`{shown(value)}`" for value in schema["enum"])
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    fixed = re.fullmatch(r"\^(\w+)\$", schema.get("pattern", ""))
    words = KINDS | {"string": f"`{fixed[1]}`"} if fixed else KINDS
    text = " or ".join(
        f"list ({values(schema['items'])})" if kind == "array" else words[kind] for kind in kinds
    )
    if schema.get("minimum") is not None and "maximum" in schema:
        return f"{text}, {schema['minimum']:g} to {schema['maximum']:g}"
    limits = " and ".join(form.format(schema[key]) for key, form in BOUNDS.items() if key in schema)
    return f"{text}, {limits}" if limits else text


def shown(value: Any) -> str:
    """A value as it is written in a configuration."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def default(path: tuple[str, ...], defaults: Mapping[str, Any]) -> str:
    """The default of a key; empty where there is none until the key above it is set."""
    value: Any = defaults
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return ""
        value = value[name]
    return f"`{shown(value)}`"


def reference() -> str:
    """The page."""
    schema, defaults = read_yaml(SCHEMA), read_yaml(DEFAULTS)
    count, parts = 0, []
    general = {name: part for name, part in schema["properties"].items() if part["type"] != "object"}
    sections = {"General": ({"properties": general}, ())} | {
        name: (part, (name,)) for name, part in schema["properties"].items() if name not in general
    }
    for title, (part, path) in sections.items():
        lines = [f"\n## {title}\n"]
        if "description" in part:
            lines.append(f"{part['description']}\n")
        if part.get("type") == "object" and "properties" not in part:
            lines.append(f"Default: `{shown(defaults[title])}`.\n")
        lines += ["| key | values | default | meaning |", "|---|---|---|---|"]
        for key, found in keys(part, path):
            count += 1
            cells = [f"`{'.'.join(key)}`", values(found), default(key, defaults), found["description"]]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join(lines) + "\n")
    return HEAD.format(count=count) + "".join(parts)


if __name__ == "__main__":
    write_text(TARGET, reference())
