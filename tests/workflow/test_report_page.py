"""The report page of the finished demo, opened from disk in Chromium without a network."""

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from urllib.parse import unquote

import geopandas as gpd
import pytest
from playwright.sync_api import sync_playwright

from builders import report_page
from builders.chromium import launch
from builders.demo import ROOT
from sealwatch.report.page import write_page

pytestmark = pytest.mark.timeout(2700)

HOSTILE = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">\"'&"


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@contextmanager
def opened(browser, path, **options):
    """The page, and addresses and complaints it may not have: all but its own file and what it holds itself."""
    context = browser.new_context(**options)
    page, wrong = context.new_page(), []
    own = path.resolve().as_uri()

    def decide(route):
        if route.request.url.split("#")[0] != own:
            wrong.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    context.route(lambda url: not url.startswith("data:"), decide)
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(own, wait_until="load")
    try:
        yield page, wrong
    finally:
        context.close()


@pytest.fixture(scope="module")
def page_file(demo):
    return demo.results / "report/index.html"


@pytest.fixture(scope="module")
def figures(demo):
    return json.loads((demo.results / "report/summary.json").read_text())


def test_the_page_is_one_file_that_asks_for_nothing_and_runs_nothing(browser, page_file):
    assert page_file.stat().st_size < 15e6
    with opened(browser, page_file, java_script_enabled=False, offline=True) as (page, wrong):
        assert page.get_by_role("heading", level=1).inner_text()
        page.wait_for_timeout(300)
    assert wrong == []
    assert "<script" not in page_file.read_text()


def test_every_event_shows_its_pictures_and_why_it_was_confirmed(browser, demo, page_file):
    events = gpd.read_file(demo.results / "change/32633.gpkg", layer="events")
    confirmed = events[events.status == "confirmed"].set_index("event_id")
    with opened(browser, page_file) as (page, wrong):
        shown = page.eval_on_selector_all(
            "article.event",
            """articles => articles.map(a => ({
                id: a.querySelector('dd').innerText, why: a.querySelector('.why').innerText,
                plots: a.querySelectorAll('.reason svg').length, rows: a.querySelectorAll('tbody tr').length,
                pictures: [...a.querySelectorAll('img')].map(i => [i.closest('figure').className, i.naturalWidth,
                    i.alt.length > 20])}))""",
        )
        every = page.eval_on_selector_all(
            "img", "images => images.map(i => i.naturalWidth > 0 && i.alt !== '')"
        )
    assert wrong == []
    assert len(every) > 50
    assert all(every)
    assert {each["id"] for each in shown} == set(confirmed.index[:12])
    names = {
        "sentinel2_before",
        "sentinel2_after",
        "orthophoto_before",
        "orthophoto_after",
        "segmentation",
        "outlines",
    }
    for each in shown:
        assert {name for name, width, alt in each["pictures"] if width > 0 and alt} == names
        assert each["plots"] == 1
        assert each["rows"] > 0
        event = confirmed.loc[each["id"]]
        assert f"{event.start_half} {event.to_class.lower()}" in each["why"]
        assert f"{event.confirm_half} " in each["why"]
        assert f"Confidence {event.confidence:.2f}" in each["why"]


def test_the_tables_add_up_to_the_figures_of_the_run(browser, page_file, figures):
    with opened(browser, page_file) as (page, _):
        tables = page.eval_on_selector_all(
            "table.sums",
            """tables => tables.map(t => [...t.querySelectorAll('tr:not(thead tr)')].map(
                r => [...r.querySelectorAll('td')].slice(0, 2).map(
                    c => c.dataset.m2 ?? c.innerText.replace(',', ''))))""",
        )
        scenes = page.locator("table", has_text="Scenes by tile").locator("tfoot td").first.inner_text()
    assert len(tables) >= 3
    for rows in tables:
        *parts, (polygons, area) = [(int(count), float(area)) for count, area in rows]
        assert sum(count for count, _ in parts) == polygons == figures["polygons"]
        assert sum(part for _, part in parts) == pytest.approx(area, abs=0.01 * len(parts))
        assert area == pytest.approx(figures["polygon_area_m2"], abs=1 + 0.01 * polygons)
    assert int(scenes) == figures["scenes"]


def test_the_page_fits_a_telephone(browser, page_file):
    with opened(browser, page_file, viewport={"width": 390, "height": 844}) as (page, _):
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        outside = page.evaluate(
            """[...document.querySelectorAll('main *')].filter(e => !e.closest('.box') && !e.closest('svg')
                && e.getBoundingClientRect().right > 390.5).map(e => e.outerHTML.slice(0, 80))"""
        )
        assert outside == []
        # What is wider than the screen scrolls in its own box.
        boxes = page.eval_on_selector_all(".box", "b => b.map(e => getComputedStyle(e).overflowX)")
        assert set(boxes) == {"auto"}


def test_the_page_prints_whole(browser, page_file, tmp_path):
    a4_px = 794
    with opened(browser, page_file, viewport={"width": a4_px - 91, "height": 1000}) as (page, _):
        page.emulate_media(media="print")
        # 12 mm of margin on both sides: no table may be wider than what is left, nor scroll.
        wide = page.eval_on_selector_all(
            "table", f"t => t.filter(e => e.getBoundingClientRect().right > {a4_px - 91} + 1).length"
        )
        assert wide == 0
        assert page.eval_on_selector_all(
            ".box", "b => b.every(e => getComputedStyle(e).overflowX === 'visible')"
        )
        whole = page.eval_on_selector_all(
            "figure", "f => f.every(e => getComputedStyle(e).breakInside === 'avoid')"
        )
        assert whole
        printed = page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") > 5


CONTRAST = """() => {
  const parse = text => { const v = text.match(/[\\d.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v; };
  const lum = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const e = node.parentElement;
    if (!node.textContent.trim() || e.closest('svg') || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), a = lum(parse(style.color)), b = lum(ground(e));
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    found.push([ratio, large ? 3 : 4.5, node.textContent.trim().slice(0, 40)]);
  }
  return found; }"""


def test_text_and_structure_are_readable_for_everyone(browser, page_file):
    with opened(browser, page_file) as (page, _):
        found = page.evaluate(CONTRAST)
        assert len(found) > 300
        assert [each for each in found if each[0] < each[1]] == []
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.locator("h1").count() == 1
        levels = page.eval_on_selector_all("h1, h2, h3, h4", "h => h.map(e => Number(e.tagName[1]))")
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert page.eval_on_selector_all("th", "t => t.every(e => e.scope === 'col' || e.scope === 'row')")
        ids = page.eval_on_selector_all("[id]", "e => e.map(each => each.id)")
        assert len(ids) == len(set(ids))
        targets = page.eval_on_selector_all(
            "a[href^='#']", "a => a.map(e => e.getAttribute('href').slice(1))"
        )
        assert set(targets) <= set(ids)


def test_links_lead_to_the_products(browser, page_file):
    with opened(browser, page_file) as (page, _):
        links = page.eval_on_selector_all(".links a", "a => a.map(e => e.getAttribute('href'))")
    assert len(links) > 5
    assert [link for link in links if not (page_file.parent / unquote(link)).exists()] == []


def test_names_from_data_stay_text(browser, demo, tmp_path):
    given = report_page.products(demo)
    outline = gpd.read_file(given.outlines[0])
    ids = {polygon: {"municipality": HOSTILE, "land_use_before": HOSTILE} for polygon in outline.polygon_id}
    indicators = tmp_path / "indicators.json"
    row = {"source": HOSTILE, "place": HOSTILE, "gross_km2": 1.5, HOSTILE: None}
    indicators.write_text(json.dumps({"national": [row], "definitions": {HOSTILE: HOSTILE}}))
    facts = report_page.facts(
        demo,
        most_events=2,
        title=HOSTILE,
        project=HOSTILE,
        attribution=HOSTILE,
        licence=HOSTILE,
        registries={HOSTILE: "municipality", "land": "land_use"},
        enrichment=ids,
        rejected={HOSTILE: {HOSTILE: 3}},
    )
    target = tmp_path / "index.html"
    write_page(target, replace(given, indicators=indicators), facts)
    with opened(browser, target) as (page, wrong):
        page.wait_for_timeout(300)
        assert page.get_by_role("heading", level=1).inner_text() == HOSTILE
        assert page.locator("#land tbody th", has_text=HOSTILE).count() >= 2
        assert page.locator("#indicators td", has_text=HOSTILE).count() == 1
        assert page.locator("script").count() == 0
        assert page.eval_on_selector_all("img", "i => i.every(e => e.src.startsWith('data:'))")
        assert page.title() == f"{HOSTILE}: report"
    assert wrong == []


def test_without_indicators_there_is_no_section_and_the_same_facts_give_the_same_bytes(demo, tmp_path):
    given, facts = report_page.products(demo), report_page.facts(demo, most_events=2)
    given = replace(given, indicators=None)
    write_page(tmp_path / "a/index.html", given, facts)
    write_page(tmp_path / "b/index.html", given, facts)
    text = (tmp_path / "a/index.html").read_text()
    assert text == (tmp_path / "b/index.html").read_text()
    assert 'id="indicators"' not in text


def test_snakemakes_own_report_is_made_without_a_network(browser, demo, tmp_path):
    target = tmp_path / "report.html"
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--report",
        str(target),
        "--configfile",
        str(demo.config_file),
    ]
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    subprocess.run(
        command, cwd=ROOT, env=demo.environment() | nowhere, capture_output=True, check=True, timeout=300
    )
    with opened(browser, target) as (page, wrong):
        page.get_by_text("Maps", exact=True).first.wait_for(timeout=30_000)
        for category in ("Report", "Model", "Changes"):
            assert page.get_by_text(category, exact=True).count() > 0
    assert [each for each in wrong if each.startswith("http")] == []
