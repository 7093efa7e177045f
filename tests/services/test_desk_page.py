"""The review page in a real Chromium, on the real server and database: what reviewers and readers do on it."""

import io
import re

import numpy as np
import pytest
from page_case import GREEN, HOSTILE, RED, SIDE_M, decided, open_polygon
from PIL import Image
from playwright.sync_api import expect

from builders.review_desk import PASSWORD
from sealwatch.publish.review import history


def shown(page, place):
    """Mean colour of the map around a place, given as shares of its width and height."""
    with Image.open(io.BytesIO(page.locator(".stack").screenshot())) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=float)
    y, x = int(place[1] * pixels.shape[0]), int(place[0] * pixels.shape[1])
    return pixels[y - 4 : y + 4, x - 4 : x + 4].mean(axis=(0, 1))


def wait_for_images(page):
    expect(page.locator(".label.loading")).to_have_count(0)


def test_polygons_are_reviewed_by_keyboard_alone_and_taken_back(page_desk, visit):
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
    assert decided(page_desk, "A0-2024-00") == [("accepted", "ana")]
    rejected, corrected = (history(page_desk.database, f"A0-2024-{n:02d}")[-1] for n in (1, 2))
    assert (rejected["state"], rejected["reason"]) == ("rejected", "Greenhouse or plastic cover. a sure case")
    assert (corrected["correction"], corrected["reason"]) == ({"to_class": "Industrial"}, "a hall")

    page.keyboard.press("u")
    expect(heading).to_have_text("A0-2024-02")
    expect(page.locator("#subject .tags")).to_have_text("New")
    page.keyboard.press("u")
    expect(heading).to_have_text("A0-2024-01")
    expect(page.locator("#progress")).to_contain_text("0 rejected")
    states = page_desk.rows("SELECT state FROM standing WHERE sheet = 'A0' ORDER BY polygon_id")
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


def test_an_outline_drawn_on_the_map_gets_into_the_database(page_desk, visit):
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
    ((area, state),) = page_desk.rows(
        "SELECT ST_Area(geom), state FROM standing WHERE polygon_id = 'B1-2024-01'"
    )
    # A corner drawn out by half a side adds a triangle of a quarter of the square.
    assert state == "corrected"
    assert area == pytest.approx(SIDE_M**2 * 1.25, rel=0.04)


def test_a_reader_looks_and_has_nothing_to_decide_with(page_desk, visit):
    page = open_polygon(visit, "B1-2024-06", name="rea")
    expect(page.get_by_text("may look, not decide")).to_be_visible()
    for name in ("Accept", "Reject", "Correct", "Undo"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    for key in ("a", "r", "u", "n"):
        page.keyboard.press(key)
    expect(page.locator("#subject .id")).to_have_text("B1-2024-07")
    assert decided(page_desk, "B1-2024-06") == []


def test_what_comes_back_shows_both_versions_and_foreign_text_stays_text(page_desk, visit):
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
    assert decided(page_desk, "C1-2024-00") == [("accepted", "bor"), ("accepted", "ana")]


def test_it_works_on_a_telephone(page_desk, visit):
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
    page.goto(f"{page_desk.url}/#/polygon/B1-2024-08")
    expect(page.locator("#subject .id")).to_have_text("B1-2024-08")
    page.get_by_role("button", name="Accept").tap()
    expect(page.locator("#outcome")).to_contain_text("Accepted")
    assert decided(page_desk, "B1-2024-08") == [("accepted", "ana")]


def test_an_unknown_address_says_so_and_filters_show_their_part(visit):
    page = visit("#/polygon/nothing")
    expect(page.locator("#alarm")).to_contain_text("unknown polygon")
    page.get_by_label("Sheet").fill("B1")
    page.keyboard.press("Enter")
    expect(page.locator(".rows li").first).to_contain_text("Sheet B1")
    expect(page.locator(".rows")).not_to_contain_text("Sheet A0")
    page.get_by_role("button", name="Re-review").click()
    expect(page.get_by_text("Nothing waits here.")).to_be_visible()
