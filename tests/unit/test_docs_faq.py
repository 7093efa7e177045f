"""The messages that the documentation explains are those that the software prints."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUOTED = re.compile(r"^\*\*(?:`` ?|`)(.+?)(?: ?``|`)\*\*( \(\w+\))?$", re.M)
GAP = "..."


def messages():
    """Every text of the library and of the rules; what is filled in is `...`."""
    for path in [*(ROOT / "workflow/sealwatch").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(p.value if isinstance(p, ast.Constant) else GAP for p in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        yield from (
            re.sub(r"\{[^}]*\}", GAP, text) for text in re.findall(r'f?"([^"\n]*)"', path.read_text("utf-8"))
        )


def found_in(text, wanted):
    """Whether the parts of `wanted` between its gaps, those that say something, stand in `text` in this order."""
    place = 0
    parts = [part for part in wanted.split(GAP) if len(part.strip(" :;(),.")) > 1]
    for part in parts:
        place = text.find(part, place) + len(part)
        if place < len(part):
            return False
    return bool(parts)


def test_quoted_messages_exist():
    page = (ROOT / "docs/faq.md").read_text(encoding="utf-8")
    quoted = [text for text, of_others in QUOTED.findall(page) if not of_others]
    assert len(quoted) > 20
    known = [text for text in messages() if len(text) > 10]
    missing = [text for text in quoted if not any(found_in(message, text) for message in known)]
    assert missing == []
    assert not any(found_in(message, "... is out of luck; try ... again") for message in known)
