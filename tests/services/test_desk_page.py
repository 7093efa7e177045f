"""The review page in a real Chromium, on the real server and database."""

import io
import re

import numpy as np
import pytest
from page_case import GREEN, HOSTILE, RED, SIDE_M, desk_for_the_page
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from builders.review_desk import PASSWORD
from sealwatch.publish.review import decide, history

pytestmark = pytest.mark.xdist_group("desk_page")
EXPECTED = re.compile("Failed to load resource|GPU stall|GL Driver Message")


@pytest.fixture(scope="module")
def desk(cluster, tmp_path_factory):
    with desk_for_the_page(cluster, tmp_path_factory.mktemp("page")) as started:
        yield started


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        expect.set_options(timeout=15_000)
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def signed_in(desk, browser):
    """Cookies by account, each signed in once."""
    states = {}

    def state(name):
        if name not in states:
            context = browser.new_context()
            credentials = {"name": name, "password": PASSWORD}
            assert context.request.post(desk.url + "/api/session", data=credentials).ok
            states[name] = context.storage_state()
            context.close()
        return states[name]

    return state


@pytest.fixture
def visit(desk, browser, signed_in):
    """Function that opens the page; afterwards no script failed and no other host was asked."""
    contexts, faults = [], []

    def watch(page):
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("request", lambda request: faults.append(request.url)
                if not request.url.startswith((desk.url, "blob:", "data:")) else None)  # fmt: skip

    def go(path="", name="ana", size=(1150, 700), **more):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            storage_state=signed_in(name) if name else None,
            reduced_motion="reduce",
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        watch(page)
        page.goto(f"{desk.url}/{path}")
        return page

    yield go
    for context in contexts:
        context.close()
    assert [fault for fault in faults if not EXPECTED.search(fault)] == []


def open_polygon(visit, polygon, **more):
    page = visit(f"#/polygon/{polygon}", **more)
    expect(page.locator("#subject .id")).to_have_text(polygon)
    return page


def decided(desk, polygon):
    return [(row["state"], row["reviewer"]) for row in history(desk.database, polygon)]


def shown(page, place):
    """Mean colour of the map around a place, given as shares of its width and height."""
    with Image.open(io.BytesIO(page.locator(".stack").screenshot())) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=float)
    y, x = int(place[1] * pixels.shape[0]), int(place[0] * pixels.shape[1])
    return pixels[y - 4 : y + 4, x - 4 : x + 4].mean(axis=(0, 1))


def wait_for_images(page):
    expect(page.locator(".label.loading")).to_have_count(0)


def test_polygons_are_reviewed_by_keyboard_alone_and_taken_back(desk, visit):
    page = visit(name=None)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.keyboard.type("ana")
    page.keyboard.press("Tab")
    page.keyboard.type("a wrong password")
    page.keyboard.press("Enter")
    expect(page.locator("dialog .fault")).to_contain_text("wrong")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    heading = page.locator("#subject .id")

    expect(heading).to_have_text("A0-2024-00")
    page.keyboard.press("a")
    expect(heading).to_have_text("A0-2024-01")
    page.keyboard.press("r")
    page.keyboard.press("2")
    page.keyboard.press("Tab")
    page.keyboard.type("a sure case")  # its letters are no shortcuts
    page.keyboard.press("Enter")
    expect(heading).to_have_text("A0-2024-02")
    page.keyboard.press("c")
    page.keyboard.press("Tab")
    page.keyboard.type("Ind")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.type("a hall")
    page.keyboard.press("Enter")
    expect(heading).to_have_text("A0-2024-03")
    assert decided(desk, "A0-2024-00") == [("accepted", "ana")]
    rejected, corrected = (history(desk.database, f"A0-2024-{n:02d}")[-1] for n in (1, 2))
    assert (rejected["state"], rejected["reason"]) == ("rejected", "Greenhouse or plastic cover. a sure case")
    assert (corrected["correction"], corrected["reason"]) == ({"to_class": "Industrial"}, "a hall")

    page.keyboard.press("u")
    expect(heading).to_have_text("A0-2024-02")
    expect(page.locator("#subject .tags")).to_have_text("New")
    page.keyboard.press("u")
    expect(heading).to_have_text("A0-2024-01")
    expect(page.locator("#progress")).to_contain_text("0 rejected")
    states = desk.rows("SELECT state FROM standing WHERE sheet = 'A0' ORDER BY polygon_id")
    assert [state for (state,) in states] == ["accepted", *["candidate"] * 4]


def test_the_maps_show_before_and_after_and_the_divider_moves_by_key(visit):
    page = open_polygon(visit, "B1-2024-00")
    wait_for_images(page)
    expect(page.locator(".label.after")).to_contain_text("2024-05-12 Orthophoto, false colour")
    left, right = (0.4, 0.5), (0.6, 0.5)
    assert np.abs(shown(page, left) - GREEN).max() < 12
    assert np.abs(shown(page, right) - RED).max() < 12
    page.get_by_role("slider").focus()
    page.keyboard.press("End")
    assert np.abs(shown(page, right) - GREEN).max() < 12
    page.locator("#subject").focus()
    page.keyboard.press("Space")
    assert np.abs(shown(page, left) - RED).max() < 12
    page.keyboard.press("i")
    expect(page.locator(".label.after")).to_contain_text("2024-06-12 Sentinel-2, natural colour")
    page.keyboard.press("o")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    page.keyboard.press("a")  # the list is open: nothing is decided
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#subject .tags")).to_have_text("New")


def test_an_outline_drawn_on_the_map_gets_into_the_database(desk, visit):
    page = open_polygon(visit, "B1-2024-01")
    wait_for_images(page)
    page.keyboard.press("c")
    page.get_by_role("button", name="Edit outline").click()
    box = page.locator(".stack").bounding_box()
    # The square is fitted into the middle 44 % of the shorter side.
    half = 0.22 * min(box["width"], box["height"])
    x, y = box["x"] + box["width"] / 2 + half, box["y"] + box["height"] / 2 - half
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + half, y, steps=4)
    page.mouse.up()
    expect(page.locator(".vertex")).to_contain_text("of 4")
    for key in ("Control+z", "a", "Shift+ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator(".vertex")).to_contain_text("of 5")
    page.keyboard.press("Delete")
    expect(page.locator(".vertex")).to_contain_text(re.compile(r"(3,60\d m²) \(was \1\)"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + half, y, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Save correction").click()
    expect(page.locator("#outcome")).to_contain_text("Corrected")
    ((area, state),) = desk.rows("SELECT ST_Area(geom), state FROM standing WHERE polygon_id = 'B1-2024-01'")
    # A corner drawn out by half a side adds a triangle of a quarter of the square.
    assert state == "corrected"
    assert area == pytest.approx(SIDE_M**2 * 1.25, rel=0.04)


def test_a_polygon_decided_on_meanwhile_is_shown_anew_and_nothing_is_written(desk, visit):
    page = open_polygon(visit, "B1-2024-02")
    decide(desk.database, ["B1-2024-02"], "rejected", "bor", "a field road")
    page.keyboard.press("a")
    expect(page.locator("#alarm")).to_contain_text("changed")
    expect(page.locator(".history")).to_contain_text("a field road")
    assert decided(desk, "B1-2024-02") == [("rejected", "bor")]


def test_a_lost_answer_makes_no_second_decision(desk, visit):
    page = open_polygon(visit, "B1-2024-03")
    sent = []

    def lose(route):
        sent.append(route.request.url)
        if len(sent) == 1:
            route.fetch()
        route.abort()

    page.route("**/decisions", lose)
    page.keyboard.press("a")
    page.keyboard.press("a")
    expect(page.locator("#subject .id")).not_to_have_text("B1-2024-03")
    assert decided(desk, "B1-2024-03") == [("accepted", "ana")]
    assert len(sent) == 1


def test_a_lost_request_is_sent_again(desk, visit):
    page = open_polygon(visit, "B1-2024-04")
    page.route("**/decisions", lambda route: route.abort(), times=1)
    page.keyboard.press("a")
    expect(page.locator("#subject .id")).not_to_have_text("B1-2024-04")
    assert decided(desk, "B1-2024-04") == [("accepted", "ana")]


def test_a_session_that_ends_asks_for_sign_in_and_the_decision_is_not_lost(desk, visit):
    page = visit("#/polygon/B1-2024-05", name=None)
    page.get_by_label("Name").fill("pia")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#subject .id")).to_have_text("B1-2024-05")
    page.get_by_role("button", name="Reject").click()
    page.get_by_label("Forest clearing").check()
    page.get_by_label("Remark").fill("young trees")
    desk.rows("DELETE FROM desk_session WHERE account = 'pia'")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("dialog")).to_contain_text("Your session has ended")
    assert decided(desk, "B1-2024-05") == []
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#outcome")).to_contain_text("Rejected")
    assert decided(desk, "B1-2024-05") == [("rejected", "pia")]


def test_a_reader_looks_and_has_nothing_to_decide_with(desk, visit):
    page = open_polygon(visit, "B1-2024-06", name="rea")
    expect(page.get_by_text("may look, not decide")).to_be_visible()
    for name in ("Accept", "Reject", "Correct", "Undo"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    for key in ("a", "r", "u", "n"):
        page.keyboard.press(key)
    expect(page.locator("#subject .id")).to_have_text("B1-2024-07")
    assert decided(desk, "B1-2024-06") == []


def test_what_comes_back_shows_both_versions_and_foreign_text_stays_text(desk, visit):
    page = open_polygon(visit, "C1-2024-00")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("area differs")
    expect(notice.get_by_role("row", name="Area")).to_contain_text(re.compile(r"3,60\d m²2,50\d m² changed"))
    expect(page.locator(".key")).to_contain_text("Outline decided on")
    expect(notice).to_contain_text("bor had accepted it on")
    expect(notice).to_contain_text(HOSTILE)
    expect(page.get_by_role("row", name="Land use before")).to_contain_text(HOSTILE)
    assert page.locator("img[src=x]").count() == 0
    page.keyboard.press("y")
    expect(page.locator("#subject .id")).not_to_have_text("C1-2024-00")
    assert decided(desk, "C1-2024-00") == [("accepted", "bor"), ("accepted", "ana")]


def test_with_four_eyes_another_person_confirms(desk, visit):
    desk.rows("UPDATE review_rule SET four_eyes = true")
    try:
        own = open_polygon(visit, "B1-2024-09", name="bor")
        own.keyboard.press("a")
        expect(own.locator("#outcome")).to_contain_text("waits for a second reviewer")
        expect(own.locator("#subject .id")).not_to_have_text("B1-2024-09")
        own.goto(f"{desk.url}/#/polygon/B1-2024-09")
        expect(own.locator("#actions")).to_contain_text("Your decision waits")
        expect(own.get_by_role("button", name="Confirm")).to_have_count(0)
        page = open_polygon(visit, "B1-2024-09")
        page.get_by_role("button", name="Confirm").click()
        expect(page.locator("#subject .id")).not_to_have_text("B1-2024-09")
    finally:
        desk.rows("UPDATE review_rule SET four_eyes = false")
    assert decided(desk, "B1-2024-09") == [("accepted", "bor"), ("accepted", "ana")]


def test_it_works_on_a_telephone(desk, visit):
    page = open_polygon(visit, "B1-2024-08", size=(390, 844), has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for name in ("Accept", "Reject", "Correct"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box["height"] >= 44
        assert 600 < box["y"] < box["y"] + box["height"] <= 844
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    page.get_by_role("button", name="List").tap()
    page.get_by_role("link", name=re.compile("Sheet B1")).first.tap()
    expect(page.locator("#list")).to_be_hidden()
    page.goto(f"{desk.url}/#/polygon/B1-2024-08")
    expect(page.locator("#subject .id")).to_have_text("B1-2024-08")
    page.get_by_role("button", name="Accept").tap()
    expect(page.locator("#outcome")).to_contain_text("Accepted")
    assert decided(desk, "B1-2024-08") == [("accepted", "ana")]


def test_an_unknown_address_says_so_and_filters_show_their_part(visit):
    page = visit("#/polygon/nothing")
    expect(page.locator("#alarm")).to_contain_text("unknown polygon")
    page.get_by_label("Sheet").fill("B1")
    page.keyboard.press("Enter")
    expect(page.locator(".rows li").first).to_contain_text("Sheet B1")
    expect(page.locator(".rows")).not_to_contain_text("Sheet A0")
    page.get_by_role("button", name="Re-review").click()
    expect(page.get_by_text("Nothing waits here.")).to_be_visible()
