"""The commands that the documentation tells readers to give."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from builders.site import MARKDOWN, ROOT

NEEDS = ("internet", "cluster", "root", "conda", "container", "data")
"""What a test may lack: `data` are files of the reader's own."""

LANGUAGES = ("sh", "text", "yaml", "ini", "grass", "gui")
"""Kinds of blocks: `sh` holds commands, `grass` and `gui` those within GRASS (tests/unit/test_spacetime.py)."""

MARKER = re.compile(r"<!-- needs: ([\w, ]+) -->")
OPERATORS = {"|", "&&", ";", "||"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `needs` is what its marker says."""

    page: str
    line: int
    language: str
    text: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """One command as the shell would run it: variables of its block put in, assignments before it taken off."""

    block: Block
    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)

    @property
    def module(self) -> str | None:
        """Module of the library that it runs, such as `sealwatch.desk`."""
        python = Path(self.words[0]).name in ("python", "python3") and self.words[1:2] == ("-m",)
        return self.words[2] if python else None


def pages() -> list[Path]:
    """All pages that may hold commands."""
    listed = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "config/README.md")]
    return [*listed, *sorted((ROOT / "docs").glob("*.md"))]


def blocks() -> Iterator[Block]:
    """The fenced blocks of all pages, in order."""
    for page in pages():
        needs: tuple[str, ...] = ()
        for token in MARKDOWN.parse(page.read_text(encoding="utf-8")):
            if token.type == "html_block" and (marker := MARKER.fullmatch(token.content.strip())):
                needs = tuple(re.split(r", ?", marker[1]))
            elif token.type == "fence":
                line = (token.map or [0])[0] + 1
                yield Block(page.relative_to(ROOT).as_posix(), line, token.info.strip(), token.content, needs)
                needs = ()
            elif token.type not in ("paragraph_close", "list_item_close"):
                needs = ()


def commands(block: Block) -> Iterator[Command]:
    """The commands of a block of kind `sh`."""
    variables: dict[str, str] = {}
    for line in block.text.replace("\\\n", " ").splitlines():
        filled = re.sub(r"\$(\w+)", lambda m: variables.get(m[1], m[0]), line)
        lexer = shlex.shlex(filled, posix=True, punctuation_chars="|;&")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word not in OPERATORS:
                words.append(word)
                continue
            while words and (given := re.fullmatch(r"(\w+)=(.*)", words[0])):
                variables[given[1]] = given[2]
                words.pop(0)
            if words and words[0] != "export":
                yield Command(block, tuple(words))
            words = []
