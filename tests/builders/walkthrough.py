"""The pictures of docs/tutorial.md, step by step: report, event, review, release, WFS in QGIS.

python -m builders.walkthrough FOLDER, with the folder of a demo that has run and is left alone.
"""

from __future__ import annotations

import html
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import yaml
from playwright.sync_api import Browser, expect, sync_playwright

from builders.chromium import launch
from builders.demo import Demo, link_checkout, open_demo
from builders.ports import free_port
from builders.review_desk import Desk
from builders.review_project import session
from builders.screenshots import open_polygon, save, served, write
from sealwatch.errors import ServiceError
from sealwatch.publish.enrich import enrich
from sealwatch.publish.reader import make_reader
from sealwatch.publish.server import WebServer, serving
from sealwatch.vectors import read_vector

SIZE = {"width": 1280, "height": 800}
_TERMINAL = (
    "<style>body{{margin:0;background:#17242d;color:#eef2f4;font:16px/1.5 'DejaVu Sans Mono',monospace}}"
    "pre{{margin:0;padding:24px;white-space:pre-wrap}}b{{color:#56b4e9}}</style><pre>{text}</pre>"
)


def main(folder: str) -> None:
    """Walk through the demo and take a picture of each step."""
    demo = open_demo(folder)
    polygon, port = subject(demo), free_port()
    with served(demo) as (desk, _), sync_playwright() as playwright:
        browser = launch(playwright)
        try:
            report(browser, demo, polygon["event_id"])
            review(browser, desk, polygon["polygon_id"])
            release(browser, demo, desk, port)
        finally:
            browser.close()
        wfs(demo, desk, polygon["polygon_id"], port)


def subject(demo: Demo) -> pd.Series:
    """The largest polygon of the first event that the report shows."""
    page = (demo.results / "report/index.html").read_text(encoding="utf-8")
    known = pd.concat([read_vector(path) for path in sorted((demo.results / "outline").glob("*.gpkg"))])
    shown = known[[event in page for event in known["event_id"]]]
    first = min(shown["event_id"].unique(), key=page.index)
    rows: gpd.GeoDataFrame = shown[shown["event_id"] == first]
    return rows.loc[rows["area_m2"] == rows["area_m2"].max()].iloc[0]


def report(browser: Browser, demo: Demo, event: str) -> None:
    """The report as it opens from the disk, and the part on an event that says why it was confirmed."""
    page = browser.new_page(viewport=SIZE)
    page.goto((demo.results / "report/index.html").as_uri())
    write(page.screenshot(), "tutorial_report")
    article = page.locator("article.event", has_text=event).first
    expect(article).to_be_visible()
    article.evaluate("element => element.scrollIntoView()")
    write(page.screenshot(), "tutorial_event")
    page.close()


def review(browser: Browser, desk: Desk, polygon_id: str) -> None:
    """The same polygon on the review desk, accepted."""
    page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
    open_polygon(page, desk, polygon_id)
    save(page, "tutorial_review")
    page.keyboard.press("a")
    expect(page.locator("#subject .id", has_text=polygon_id)).to_have_count(0, timeout=30_000)
    open_polygon(page, desk, polygon_id)
    expect(page.locator("#subject").get_by_text("Accepted").first).to_be_visible(timeout=30_000)
    save(page, "tutorial_accepted")
    page.close()


def release(browser: Browser, demo: Demo, desk: Desk, port: int) -> None:
    """What `snakemake release` says, and what it wrote."""
    for written in ("publish", "logs"):  # they are the demo's own
        (desk.folder / "results" / written).unlink()
    # Its generalised outlines too.
    enrich(desk.folder / "enrich.json", {**demo.config["database"], **desk.database})
    own = desk.folder / "walkthrough.yaml"
    settings = {
        "results": str(desk.folder / "results"),
        "database": {key: desk.database[key] for key in ("dsn_env", "schema", "srid")},
        "services": {"port": port},  # the capabilities name it
    }
    own.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        link_checkout(Path(name))
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "release",
            "--cores",
            "1",
            "--quiet",
            "all",
            "--configfile",
        ]
        done = subprocess.run(
            [*command, str(demo.config_file), str(own)],
            cwd=name,
            env=os.environ | {desk.database["dsn_env"]: desk.database["dsn"]},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise ServiceError(done.stdout + done.stderr)
    made = desk.folder / "results/release"
    said = (desk.folder / "results/logs/publish/release.log").read_text().replace(f"{desk.folder}/", "demo/")
    files = "\n".join(sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()))
    shown = [
        ("snakemake release --cores 1 --configfile config/demo.yaml", said.strip()),
        ("find demo/results/release -type f -printf '%P\\n' | sort", files),
        ("cat demo/results/release/1/CHANGELOG.md", (made / "1/CHANGELOG.md").read_text().strip()),
    ]
    text = "\n\n".join(f"<b>$ {html.escape(typed)}</b>\n{html.escape(answer)}" for typed, answer in shown)
    page = browser.new_page(viewport={"width": 1100, "height": 620})
    page.set_content(_TERMINAL.format(text=text))
    write(page.screenshot(full_page=True), "tutorial_release")
    page.close()


def wfs(demo: Demo, desk: Desk, polygon_id: str, port: int) -> None:
    """The released layer through the WFS, read by QGIS."""
    server = WebServer(
        desk.folder / "web",
        port,
        mapfile=desk.folder / "results/publish/sealwatch.map",
        dsn=make_reader(desk.database["dsn"], desk.database["schema"]),
    )
    project, picture = demo.results / "publish/review.qgs", desk.folder / "wfs.png"
    with serving(server), session(project, desk.database["dsn"]) as ask:
        drawn = ask(
            "wfs_picture",
            url=server.wfs_url,
            layer="sealwatch:newly_sealed",
            polygon=polygon_id,
            target=str(picture),
        )
        if not drawn["written"]:
            raise ServiceError(f"QGIS could not read the layer newly_sealed: {drawn['why']}")
    write(picture.read_bytes(), "tutorial_wfs")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "demo")
