"""Tiles and plots: the right pixels, kept by browsers, from no file but those meant."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
from desk_case import PLOT, tile_at
from PIL import Image
from rasterio.warp import Resampling, reproject

TILES = "/api/tiles/A1_2024/orthophoto_after"


@pytest.fixture
def ana(desk):
    return desk.sign_in("ana")


def test_a_tile_shows_the_image_at_its_place(desk, ana):
    column, row = tile_at(461_500, 5_100_500, 16)
    answer = ana.get(f"{TILES}/16/{column}/{row}.png")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    shown = np.asarray(Image.open(io.BytesIO(answer.content)))
    size = 2 * 20037508.342789244 / 2**16
    transform = rasterio.transform.from_origin(
        column * size - 20037508.342789244, 20037508.342789244 - row * size, size / 256, size / 256
    )
    expected = np.zeros((3, 256, 256), "u1")
    with rasterio.open(desk.folder / "results/review/A1_2024/orthophoto_after.tif") as source:
        for band in (1, 2, 3):
            reproject(rasterio.band(source, band), expected[band - 1], dst_transform=transform, dst_crs=3857,
                      resampling=Resampling.bilinear)  # fmt: skip
    assert shown.shape == (256, 256, 4)
    assert (shown[..., 3] == 255).all()
    difference = np.abs(shown[..., :3].astype(int) - np.moveaxis(expected, 0, 2).astype(int))
    # Random pixels differ by 85 on average; the two only disagree on the last digits of places.
    assert difference.mean() < 3


def test_masked_and_outside_is_transparent(ana):
    column, row = tile_at(460_300, 5_101_700, 16)
    for path in (f"{TILES}/16/{column}/{row}.png", f"{TILES}/16/0/0.webp"):
        shown = np.asarray(Image.open(io.BytesIO(ana.get(path).content)).convert("RGBA"))
        assert shown.shape == (256, 256, 4)
        assert not shown[..., 3].any()


def test_a_tile_is_sent_once(desk, ana):
    column, row = tile_at(461_500, 5_100_500, 15)
    path = f"{TILES}/15/{column}/{row}.png"
    first = ana.get(path)
    assert first.headers["cache-control"].startswith("private, max-age=")
    again = ana.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = ana.get(f"{TILES}/15/{column}/{row}.webp")
    assert other.headers["etag"] != first.headers["etag"]
    assert desk.sign_in(None).get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 401


def test_many_tiles_at_once_keep_nobody_waiting_for_ever(desk, ana):
    column, row = tile_at(461_000, 5_101_000, 18)
    paths = [f"{TILES}/18/{column + n % 8}/{row + n // 8}.png" for n in range(48)]
    with ThreadPoolExecutor(16) as threads:
        answers = [threads.submit(ana.get, path) for path in paths]
        assert ana.get("/api/counts").status_code == 200
        assert {answer.result().status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    "path",
    [
        "/api/tiles/A1_2024/orthophoto_before/16/0/0.png",
        "/api/tiles/Z9_2024/orthophoto_after/16/0/0.png",
        "/api/tiles/..%2f..%2fA1_2024/orthophoto_after/16/0/0.png",
        "/api/tiles/%2e%2e/orthophoto_after/16/0/0.png",
        "/api/tiles/A1_2024%00/orthophoto_after/16/0/0.png",
        "/api/tiles/A1_2024/..%2forthophoto_after/16/0/0.png",
        "/api/tiles/A1_2024/images.json/16/0/0.png",
        "/api/tiles/A1_2024/orthophoto_after/23/0/0.png",
        "/api/tiles/A1_2024/orthophoto_after/1/2/0.png",
        "/api/tiles/A1_2024/orthophoto_after/1/-1/0.png",
        f"/api/tiles/A1_2024/orthophoto_after/16/{10**30}/0.png",
        "/api/tiles/A1_2024/orthophoto_after/16/0/0.tif",
        "/api/tiles/vsicurl%2fhttp:%2f%2f127.0.0.1_2024/orthophoto_after/16/0/0.png",
        "/api/plots/32633-1-1-2022H1.svg",
        "/api/plots/..%2f32633-0-7-2022H1.svg",
        "/api/plots/32633-0-7-2022H1%00.svg",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/lib/..%2f__init__.py",
        "/lib/ipywidget.js",
    ],
)
def test_no_path_leads_to_another_file(ana, path):
    assert ana.get(path).status_code in (404, 422)


def test_maplibre_comes_from_the_desk_itself(desk):
    nobody = desk.sign_in(None)
    script = nobody.get("/lib/maplibre-gl.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert b"maplibregl" in script.content
    assert nobody.get("/lib/maplibre-gl.css").headers["content-type"].startswith("text/css")


def test_a_plot_south_of_the_equator_in_a_northern_zone(desk, ana):
    plot = desk.folder / "results/change/32636_plots/32636--12-776-2022H1.svg"
    plot.parent.mkdir()
    plot.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    assert ana.get(f"/api/plots/{plot.name}").text == plot.read_text()


def test_the_plot_of_a_polygon_is_that_of_its_site(desk, ana):
    other = "32633-3-7-2022H1"
    path = desk.folder / "results" / "change" / "32633_events.parquet"
    pq.write_table(pa.table({"event_id": [PLOT, other], "site_id": [PLOT, PLOT]}), path)
    try:
        [(name,)] = desk.rows("SELECT polygon_id FROM polygon WHERE event_id = %s AND sheet = 'A1'", other)
        assert ana.seen(name)["plot"] == f"/api/plots/{PLOT}.svg"
    finally:
        path.unlink()
