"""The static site of the documentation: python -m builders.site [FOLDER].

Pages and their order stand in docs/pages.yaml. A link to a page, a file or an anchor that is not there stops the build.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sealwatch.errors import SealwatchError
from sealwatch.files import write_text

ROOT = Path(__file__).resolve().parents[2]
THEME = ROOT / "docs/theme"
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
ADDRESS = re.compile(r'\b(src|href)="([^"]*)"')
"""A link or picture in HTML that stands in a page."""


class SiteError(SealwatchError):
    """A page is missing or a link of it leads nowhere."""


@dataclass(frozen=True)
class Heading:
    """A heading of the second level."""

    text: str
    anchor: str


@dataclass(eq=False)
class Page:
    """A Markdown file and what becomes of it; `target` is its name in the site."""

    source: Path
    target: str
    title: str = ""
    body: str = ""
    tokens: list[Token] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    @property
    def home(self) -> bool:
        """Whether the site opens with it."""
        return self.target == "index.html"


@dataclass(frozen=True)
class Section:
    """A part of the navigation."""

    title: str
    pages: list[Page]


def target_of(path: str) -> str:
    """Name in the site: `docs/hpc.md` is hpc.html, `config/README.md` is config-readme.html."""
    return path.removeprefix("docs/").removesuffix(".md").replace("/", "-").lower() + ".html"


def anchor_of(text: str, taken: set[str]) -> str:
    """Anchor of a heading as code hosts make it: lower case, hyphens for spaces, numbered where it is taken."""
    plain = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
    anchor, number = plain, 0
    while anchor in taken:
        number += 1
        anchor = f"{plain}-{number}"
    return anchor


def parsed(source: Path, target: str) -> Page:
    """Read a page and number its anchors.

    Raises:
        SiteError: it is missing or has no title.
    """
    if not source.is_file():
        raise SiteError(
            f"docs/pages.yaml: {source.relative_to(ROOT)} is missing; write it or take its line out"
        )
    page = Page(source, target, tokens=MARKDOWN.parse(source.read_text(encoding="utf-8")))
    for token, inline in zip(page.tokens, page.tokens[1:], strict=False):
        if token.type == "heading_open":
            text = "".join(c.content for c in inline.children or [] if c.type in ("text", "code_inline"))
            anchor = anchor_of(text, page.anchors)
            page.anchors.add(anchor)
            token.attrSet("id", anchor)
            if token.tag == "h1":
                page.title = page.title or text
            if token.tag == "h2":
                page.headings.append(Heading(text, anchor))
            if token.tag != "h1":
                mark = Token("html_inline", "", 0)
                mark.content = (
                    f'<a class="anchor" href="#{anchor}" aria-label="Link to {html.escape(text)}">#</a>'
                )
                inline.children = [*(inline.children or []), mark]
    if not page.title:
        raise SiteError(f"{source.relative_to(ROOT)}: has no title; begin it with a line '# Title'")
    return page


def read_sections() -> list[Section]:
    """The sections of docs/pages.yaml.

    Raises:
        SiteError: a page is missing, or one of docs/ is in no section.
    """
    listed = yaml.safe_load((ROOT / "docs/pages.yaml").read_text(encoding="utf-8"))
    sections = [
        Section(part["section"], [parsed(ROOT / path, target_of(path)) for path in part["pages"]])
        for part in listed
    ]
    known = {page.source for section in sections for page in section.pages}
    for path in sorted((ROOT / "docs").glob("*.md")):
        if path not in known:
            raise SiteError(f"docs/pages.yaml: lacks docs/{path.name}; add it to a section")
    return sections


class Links:
    """Leads the links of pages to the site's files, and gathers the files and the dead links."""

    def __init__(self, pages: list[Page]):
        self._pages = {page.source: page for page in pages}
        self.files: dict[str, Path] = {}
        self.dead: list[str] = []

    def led(self, page: Page, address: str, *, picture: bool) -> str:
        """Address within the site."""
        if re.match(r"(https?|mailto):", address):
            if picture:
                self._fault(
                    page, address, "pictures of other servers are not shown; put the file into docs/images"
                )
            return address
        path, _, anchor = address.partition("#")
        file = Path(os.path.normpath(page.source.parent / unquote(path))) if path else page.source
        other = page if not path else self._pages.get(file)
        if other:
            if anchor and anchor not in other.anchors:
                self._fault(page, address, f"{other.source.name} has no such heading")
            return (other.target if path else "") + (f"#{anchor}" if anchor else "")
        if not (file.is_file() and file.is_relative_to(ROOT)):
            self._fault(page, address, "there is no such file")
            return address
        name = f"files/{file.relative_to(ROOT).as_posix()}"
        self.files[name] = file
        return name

    def _fault(self, page: Page, address: str, why: str) -> None:
        self.dead.append(f"{page.source.relative_to(ROOT)}: {address}: {why}")


def every(tokens: list[Token]) -> Iterator[Token]:
    """All tokens, those within others too."""
    for token in tokens:
        yield token
        yield from every(token.children or [])


def render(page: Page, links: Links) -> None:
    """Fill `body`: links led, tables in boxes that scroll by themselves."""
    for token in every(page.tokens):
        for name in ("href", "src"):
            if token.type in ("link_open", "image") and (address := token.attrGet(name)):
                token.attrSet(name, links.led(page, str(address), picture=name == "src"))
        if token.type in ("html_block", "html_inline") and 'class="anchor"' not in token.content:
            token.content = ADDRESS.sub(
                lambda m: f'{m[1]}="{links.led(page, m[2], picture=m[1] == "src")}"', token.content
            )
    body = MARKDOWN.renderer.render(page.tokens, MARKDOWN.options, {})
    page.body = body.replace("<table>", '<div class="wide" tabindex="0"><table>').replace(
        "</table>", "</table></div>"
    )


def build(folder: Path) -> list[Path]:
    """Write the site into a folder, whose content it replaces; returns the pages.

    Raises:
        SiteError: a page is missing, or links lead nowhere; all of them are named and nothing is written.
    """
    sections = read_sections()
    pages = [page for section in sections for page in section.pages]
    links = Links(pages)
    for page in [*pages, parsed(ROOT / "README.md", "")]:
        render(page, links)
    if links.dead:
        raise SiteError("\n".join(["links lead nowhere:", *links.dead]))
    if folder.exists():
        if not (folder / "style.css").exists() and any(folder.iterdir()):
            raise SiteError(f"{folder}: holds something else than the site; name another folder")
        shutil.rmtree(folder)
    look = Environment(loader=FileSystemLoader(THEME), autoescape=False, undefined=StrictUndefined)
    template = look.get_template("page.html")
    for page, before, after in zip(pages, [None, *pages], [*pages[1:], None], strict=False):
        text = template.render(page=page, sections=sections, before=before, after=after)
        write_text(folder / page.target, text)
    for name, file in {**links.files, "style.css": THEME / "style.css"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)
    return [folder / page.target for page in pages]


def main(arguments: list[str]) -> int:
    """Command line."""
    folder = Path(arguments[0]) if arguments else ROOT / "site"
    try:
        made = build(folder)
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    print(f"{len(made)} pages: {folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
