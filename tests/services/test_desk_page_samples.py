"""Sampling on the page: units are interpreted blind, from their images alone."""

from urllib.parse import urlsplit

import pytest
from page_case import BLUE, GREEN, open_polygon, plain_image
from playwright.sync_api import expect

from builders.sample_maps import write_zone
from sealwatch.files import write_json
from sealwatch.publish.sampling.draw import Design
from sealwatch.publish.sampling.images import unit_folder
from sealwatch.publish.sampling.store import close_sample, draw_sample

CORNER = 496_640.0 - 2000, 5_120_000.0 + 2000
"""North-west of the little zone, with a margin."""
DESIGN = Design({"change": 2, "buffer": 1, "stable": 1}, 7, 1, 0.3, None, 2, 3)


@pytest.fixture
def sample(page_desk, tmp_path):
    """A sample of four units with images, closed afterwards."""
    draw_sample(page_desk.database, "blind", "Accuracy 2024", [write_zone(tmp_path)], DESIGN)
    colours = {"sentinel2_before": GREEN, "sentinel2_after": BLUE}
    for unit in range(1, 5):
        folder = unit_folder(page_desk.folder / "results", "blind", unit)
        folder.mkdir(parents=True)
        for name, colour in colours.items():
            plain_image(folder / f"{name}.tif", 40.0, colour, CORNER, 12_000.0)
        write_json(folder / "images.json", {name: {"date": "2021-07-01"} for name in colours})
    yield "blind"
    close_sample(page_desk.database, "blind")


def test_units_are_labelled_without_a_word_of_the_map(page_desk, visit, sample):
    page = open_polygon(visit, "B1-2024-11")
    expect(page.locator(".rows li")).not_to_have_count(0)
    page.get_by_role("link", name="Sampling").click()
    expect(page.get_by_role("link", name="Accuracy 2024")).to_be_visible()
    asked, told = [], []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.on(
        "response",
        lambda answer: told.append(answer) if "json" in answer.headers.get("content-type", "") else None,
    )
    page.get_by_role("link", name="Accuracy 2024").click()
    expect(page.locator("#subject .id")).to_have_text("Unit 1")
    expect(page.locator("#subject")).to_contain_text("2022 H1 (Jan to Jun) to 2023 H2 (Jul to Dec). 4 left")
    expect(page.locator(".key li")).to_have_text(["Sample unit"])
    expect(page.get_by_role("button", name="Orthophoto")).to_be_hidden()
    expect(page.locator(".label.loading")).to_have_count(0)
    page.locator(".stack").click(position={"x": 200, "y": 300})  # no polygon opens

    page.keyboard.press("2")
    expect(page.locator("#subject .id")).to_have_text("Unit 2")
    page.keyboard.press("1")
    expect(page.locator("#actions .fault")).to_contain_text("half-year")
    page.get_by_label("If changed, it begins").select_option("2022H2")
    page.get_by_label("Remark").fill("a new hall")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.locator("#subject .id")).to_have_text("Unit 3")

    rows = page_desk.rows(
        "SELECT unit, label, start_half, reviewer, reason FROM interpretation ORDER BY unit"
    )
    assert rows == [(1, "no change", "", "ana", ""), (2, "change", "2022H2", "ana", "a new hall")]
    assert {path for path in asked if path.startswith("/api/") and "/samples" not in path} == set()
    words = page.locator("body").inner_text() + "".join(
        answer.text() for answer in told if "/api/samples" in answer.url and ".png" not in answer.url
    )
    for word in ("stratum", "stable", "buffer", "Residential", "Industrial", "Forest", "B1-2024"):
        assert word not in words
