"""The pictures of docs/review.md: python -m builders.screenshots FOLDER, with the folder of a demo that has run.

The demo's own database is left alone: outlines and registries are loaded into a cluster that is removed afterwards.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
import yaml
from PIL import Image, ImageColor
from playwright.sync_api import Browser, Page, expect, sync_playwright

from builders.chromium import launch
from builders.demo import Demo, open_demo
from builders.ports import free_port
from builders.review_desk import PASSWORD, Desk
from sealwatch.desk import accounts
from sealwatch.errors import SealwatchError
from sealwatch.files import atomic_path
from sealwatch.publish.cluster import Cluster, running
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.registries import load_registries
from sealwatch.publish.review import decide
from sealwatch.publish.sampling.__main__ import main as sampling
from sealwatch.publish.sampling.strata import STRATA
from sealwatch.vectors import read_vector

TARGET = Path(__file__).parents[2] / "docs/images"
DSN_ENV = "SEALWATCH_SCREENSHOTS_DSN"
COLOURS = 216
LINES = ("#ffffff", "#17242d", "#12324a", "#56b4e9", "#e69f00", "#f0e442", "#009e73", "#00664f", "#a13d00", "#00558f",
         "#4b5b66", "#cdd6dc", "#fef7e6", "#fdf0d2", "#e3f1fb", "#d55e00", "#0072b2")  # fmt: skip
"""A palette of the picture's most frequent colours and of the page's own makes files three times smaller."""
SAMPLE = "accuracy-2024"
RULES = {"area_change_share": 0.1, "four_eyes": False}


def main(folder: str) -> None:
    """Take all pictures."""
    demo = open_demo(folder)
    with served(demo) as (desk, subjects), sync_playwright() as playwright:
        browser = launch(playwright)
        try:
            desktop(browser, desk, subjects)
            telephone(browser, desk, subjects["small"])
        finally:
            browser.close()


@contextmanager
def served(demo: Demo) -> Iterator[tuple[Desk, dict[str, str]]]:
    """The desk on the demo's products, and ids of the polygons that are shown, by what they are shown for."""
    with tempfile.TemporaryDirectory(prefix="sealwatch-screenshots-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # for user postgres
        (folder / "results").mkdir()
        for product in demo.results.resolve().iterdir():
            if product.name == "release":
                continue  # this database makes its own
            (folder / "results" / product.name).symlink_to(product)
        with running(Cluster(folder / "postgres", free_port()), ["desk"]) as cluster:
            os.environ[DSN_ENV] = cluster.dsn("desk")
            srid = demo.config["database"]["srid"]
            database = {"dsn_env": DSN_ENV, "schema": "sealwatch", "srid": srid, "dsn": cluster.dsn("desk")}
            subjects = fill(demo, folder, database)
            desk = Desk(folder, free_port(), database)
            try:
                desk.start()
                yield desk, subjects
            finally:
                desk.stop()


def fill(demo: Demo, folder: Path, database: dict) -> dict[str, str]:
    """Load the demo's polygons, with one decision on an outline that was another one, and make an account."""
    paths = sorted((demo.results / "outline").glob("*.gpkg"))
    frames = {path: read_vector(path) for path in paths}
    known = pd.concat(frames.values(), ignore_index=True)
    houses = known[known["to_class"] == "Residential"]
    subjects = {
        name: frame.loc[(frame["area_m2"] - area).abs().idxmin(), "polygon_id"]
        for name, frame, area in (
            ("new", known, 19_000),
            ("again", known, 23_600),
            ("drawn", houses, 400),
            ("small", known, 22_200),
        )
    }
    earlier = [earlier_version(path, frame, subjects["again"], folder) for path, frame in frames.items()]
    load(earlier, folder / "load.json", database, RULES)
    decide(database, [subjects["again"]], "accepted", "bor", "A new hall with its yard")
    load(paths, folder / "load.json", database, RULES)
    load_registries(demo.config["registries"], folder / "registries.json", database)
    enrich(folder / "enrich.json", database)
    accounts.add(database, "ana", "reviewer", PASSWORD)
    draw_sample(demo, folder, database)
    return subjects


def draw_sample(demo: Demo, folder: Path, database: dict) -> None:
    """A little sample of the demo's change map, its images in `folder`."""
    own = folder / "sample.yaml"
    keys = ("dsn_env", "schema", "srid")
    settings = {"results": str(folder / "results"), "database": {key: database[key] for key in keys}}
    own.write_text(yaml.safe_dump(settings), encoding="utf-8")
    sizes = [word for stratum in STRATA for word in (f"--{stratum}", "1")]
    configs = ["--configfile", str(demo.config_file), str(own)]
    if sampling(["draw", SAMPLE, "--title", "Accuracy of 2024", "--seed", "3", *sizes, *configs]):
        raise SealwatchError("the sample for the pictures could not be drawn")


def earlier_version(path: Path, frame: gpd.GeoDataFrame, polygon_id: str, folder: Path) -> Path:
    """The sheet's file with a third of one polygon not yet built, or the same where that is on another sheet."""
    found = frame.index[frame["polygon_id"] == polygon_id]
    if not len(found):
        return path
    west, south, east, north = frame.geometry[found[0]].bounds
    built = shapely.box(west, south, east, south + 0.65 * (north - south))
    parts = shapely.get_parts(frame.geometry[found[0]].intersection(built))
    part = max(parts, key=lambda each: each.area)
    frame.loc[found[0], "geometry"] = part
    frame.loc[found[0], "area_m2"] = part.area
    target = folder / path.name
    frame.to_file(target, layer="newly_sealed", driver="GPKG")
    return target


def desktop(browser: Browser, desk: Desk, subjects: dict[str, str]) -> None:
    """A new polygon, one that came back, one being corrected and a unit of a sample."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    open_polygon(page, desk, subjects["new"])
    save(page, "review_desk")
    open_polygon(page, desk, subjects["again"])
    save(page, "review_desk_again")
    open_polygon(page, desk, subjects["drawn"])
    page.keyboard.press("c")
    page.get_by_role("button", name="Edit outline").click()
    for key in ("n", "Shift+ArrowRight"):
        page.keyboard.press(key)
    save(page, "review_desk_correct")
    page.goto(f"{desk.url}/#/samples/{SAMPLE}")
    expect(page.locator("#subject .id")).to_contain_text("Unit", timeout=30_000)
    save(page, "review_desk_sample")


def telephone(browser: Browser, desk: Desk, polygon_id: str) -> None:
    """The same page on a telephone."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = context.new_page()
    open_polygon(page, desk, polygon_id)
    save(page, "review_desk_phone")


def open_polygon(page: Page, desk: Desk, polygon_id: str) -> None:
    """Show a polygon, signing in where the page asks for it."""
    page.goto(f"{desk.url}/#/polygon/{polygon_id}")
    title = page.locator("#subject .id", has_text=polygon_id)
    expect(page.locator(".sign-in").or_(title)).to_be_visible(timeout=30_000)
    if page.locator(".sign-in").count():
        page.get_by_label("Name").fill("ana")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
    expect(title).to_be_visible(timeout=30_000)


def save(page: Page, name: str) -> None:
    """Write a picture of the desk once the images are there."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(".label.loading")).to_have_count(0, timeout=60_000)
    expect(page.locator("#alarm")).to_have_text(re.compile("^$"))
    write(page.screenshot(), name)


def write(picture: bytes, name: str) -> None:
    """Write a picture with few colours."""
    TARGET.mkdir(exist_ok=True)
    with Image.open(io.BytesIO(picture)) as image:
        full = image.convert("RGB")
    palette = full.quantize(COLOURS).getpalette()[: 3 * COLOURS]
    palette += [channel for colour in LINES for channel in ImageColor.getrgb(colour)]
    chart = Image.new("P", (1, 1))
    chart.putpalette(palette)
    small = full.quantize(palette=chart, dither=Image.Dither.NONE)
    with atomic_path(TARGET / f"{name}.png") as part:
        small.save(part, "PNG", optimize=True)
    print(f"{name}.png", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "demo")
