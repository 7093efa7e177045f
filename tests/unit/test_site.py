"""The site: complete, without dead links, readable without a network and on a telephone."""

import pytest
from playwright.sync_api import sync_playwright

from builders import config_reference, site
from builders.chromium import launch
from builders.site import SiteError, anchor_of, build


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "site"
    return build(folder)


def test_every_page_fits_a_telephone_and_asks_no_server(built):
    asked = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.on("request", lambda request: asked.append(request.url))
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("requestfailed", lambda request: faults.append(request.url))
        for path in built:
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path.name
            broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)"
            assert page.evaluate(broken) == [], path.name
        page.goto(built[0].as_uri())
        assert not page.locator("nav").get_by_role("link", name="Tutorial on the demo").is_visible()
        page.get_by_text("Pages", exact=True).click()
        page.locator("nav").get_by_role("link", name="Tutorial on the demo").click()
        assert page.locator("h1").text_content().startswith("Tutorial")
        browser.close()
    assert faults == []
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# A\n[b](nowhere.md)", "nowhere.md: there is no such file"),
        ("# A\n[b](hpc.md#nowhere)", "hpc.md has no such heading"),
        ("# A\n## B\n[b](#c)", "#c: a.md has no such heading"),
        ('# A\n<img src="images/none.png">', "images/none.png: there is no such file"),
        ("# A\n![b](https://example.org/b.png)", "pictures of other servers"),
        ("# A\n[b](../../../../etc/hostname)", "there is no such file"),
        ("no title", "has no title"),
    ],
)
def test_a_dead_link_stops_the_build(tmp_path, monkeypatch, text, said):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# R\n")
    (tmp_path / "docs/hpc.md").write_text("# H\n## There\n")
    (tmp_path / "docs/a.md").write_text(text)
    (tmp_path / "docs/pages.yaml").write_text("- section: S\n  pages: [docs/a.md, docs/hpc.md]\n")
    monkeypatch.setattr(site, "ROOT", tmp_path)
    with pytest.raises(SiteError, match=said):
        build(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_page_that_no_section_has_stops_the_build(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"docs/{name}.md").write_text("# T\n")
    (tmp_path / "docs/pages.yaml").write_text("- section: S\n  pages: [docs/a.md]\n")
    monkeypatch.setattr(site, "ROOT", tmp_path)
    with pytest.raises(SiteError, match=r"lacks docs/b\.md"):
        build(tmp_path / "site")


def test_a_folder_with_other_things_is_not_emptied(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SiteError, match="something else"):
        build(tmp_path)
    assert (tmp_path / "mine.txt").exists()


def test_headings_get_the_anchors_of_code_hosts():
    assert anchor_of("After a killed run", set()) == "after-a-killed-run"
    assert anchor_of("After a lost `.snakemake`", set()) == "after-a-lost-snakemake"
    assert anchor_of("Rates", {"rates"}) == "rates-1"


def test_the_configuration_reference_is_up_to_date():
    page = config_reference.TARGET.read_text(encoding="utf-8")
    assert page == config_reference.reference(), "run make config-reference"
    assert "| `change.persistence` | whole number, 1 to 12 | `3` | " in page
