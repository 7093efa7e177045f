"""Pictures for reviewers: which dates may be shown, which one is, and what the files hold."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import box

from sealwatch import hdf5
from sealwatch.catalogue.inventory import group_scenes
from sealwatch.catalogue.tiles import tiles_at
from sealwatch.files import file_digest
from sealwatch.grid import Window
from sealwatch.publish.imagery import write_review_images
from sealwatch.publish.review_scenes import DATES, review_scenes

EPSG = 32633
FOOTPRINT = box(499_000, 5_119_000, 501_000, 5_120_000)
UNCLEAR = [3, 8, 9]
MIDDLE = 500_000


def flag(start="2022H1", confirm="2023H1"):
    event = {"epsg": EPSG, "bounds": [499_840, 5_119_360, 500_480, 5_120_000]}
    return {"events": [event | {"start_half": start, "confirm_half": confirm}]}


def every_month(tile, first=2020, last=2024):
    return [
        (tile, f"{y}-{m:02d}-{d:02d}", "S2A")
        for y in range(first, last + 1)
        for m in range(1, 13)
        for d in (4, 19)
    ]


def dates(chosen):
    return sorted({scene[1] for scene in chosen})


def test_scenes_of_the_right_years_and_tiles_are_candidates_and_a_new_one_changes_nothing():
    scenes = every_month("33TVM") + every_month("33TWM") + every_month("33TUM")
    chosen = review_scenes(flag(), group_scenes(scenes))
    assert {s[0] for s in chosen["before"]} == {"33TVM", "33TWM"}
    assert dates(chosen["before"])[0] >= "2021-01-01"
    assert dates(chosen["before"])[-1] <= "2021-12-31"
    assert "2021-07-19" in dates(chosen["before"])
    assert len(dates(chosen["before"])) == len(dates(chosen["after"])) == DATES
    assert {date[:4] for date in dates(chosen["after"])} == {"2023"}
    later = [*scenes, ("33TVM", "2024-12-29", "S2A"), ("33TVM", "2025-01-03", "S2B")]
    assert review_scenes(flag(), group_scenes(later)) == chosen


def test_a_change_confirmed_just_now_is_shown_by_the_half_year_before():
    chosen = review_scenes(flag("2023H2", "2024H2"), group_scenes(every_month("33TVM")))
    assert {date[:4] for date in dates(chosen["after"])} == {"2024"}
    assert dates(chosen["after"])[-1] < "2024-07-01"
    assert review_scenes(flag("2018H1", "2019H1"), group_scenes(every_month("33TVM")))["before"] == []


def test_tiles_reach_beyond_their_square_to_the_east_and_south():
    assert tiles_at(EPSG, (499_000, 5_119_000, 499_500, 5_120_000)) == ["33TVM"]
    assert tiles_at(EPSG, (500_100, 5_109_000, 500_200, 5_110_000)) == ["33TVM", "33TWM"]
    assert "33TVN" in tiles_at(EPSG, (450_000, 5_199_000, 450_200, 5_199_500))


def acquisition(folder, date, x_min, cloudy, level):
    """A scene of 3 km with a cloud over the given columns of 20 m."""
    path = folder / f"{date}_{x_min}.h5"
    with hdf5.create(path, "ingest", 1, {"date": date, "platform": "S2A", "tile": "33TVM"}) as file:
        for size, count in ((10, 300), (20, 150)):
            file.set_grid(Window(EPSG, x_min, 5_121_000, size, count, count), f"m{size}")
        file.add_axis("band", ["B02", "B03", "B04"], "m10")
        cube = np.full((3, 300, 300), level, "u2") * np.array([1, 2, 3], "u2")[:, None, None]
        file.add("reflectance", ("band", "y", "x"), "uint16", cube, group="m10")
        scl = np.full((150, 150), 4, "u1")
        scl[:, cloudy] = 9
        file.add("scl", ("y", "x"), "uint8", scl, group="m20")
    return path


def flight(path, bands, date):
    count, height, width = bands.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": bands.dtype}
    place = {"crs": f"EPSG:{EPSG}", "transform": from_origin(499_000, 5_120_000, 2, 2)}
    with rasterio.open(path, "w", **profile, **place) as file:
        file.write(bands)
    return {"raster": str(path), "bands": ["red", "green", "nir"], "epsg": None, "date": date}


@pytest.fixture
def made(tmp_path):
    """Function that writes the pictures of a sheet; returns their folder."""
    west, east = MIDDLE - 3000, MIDDLE
    before = [
        acquisition(tmp_path, "2021-03-04", west, slice(0), 100),
        acquisition(tmp_path, "2021-03-04", east, slice(0), 200),
        acquisition(tmp_path, "2021-07-19", west, slice(100, 150), 300),  # a third of the west under cloud
        acquisition(tmp_path, "2021-07-19", east, slice(0), 300),
        acquisition(tmp_path, "2021-08-19", west, slice(0), 400),
        acquisition(tmp_path, "2021-08-19", east, slice(0), 400),
        acquisition(tmp_path, "2021-07-14", west, slice(0), 500),  # clear, but covers the west alone
    ]
    after = [acquisition(tmp_path, "2023-07-14", west, slice(0), 600)]
    row, col = np.mgrid[:500, :1000]
    new = np.stack([200 + col, 300 + 2 * row, 1800 - col]).astype("u2")
    new[:, :, :100] = 0
    old = (new[:, ::2, ::2] // 8).astype("u1")

    def write(name):
        flights = [
            flight(tmp_path / "new.tif", new, "2023-05-02"),
            flight(tmp_path / "old.tif", old, "2019-06-01"),
        ]
        shape = gpd.GeoSeries([FOOTPRINT], crs=EPSG).to_crs(3794)
        facts = write_review_images(tmp_path / name, shape, before, after, UNCLEAR, flights, [0, 2032])
        return tmp_path / name, facts

    return write


def test_the_clearest_date_is_shown_with_all_its_tiles_and_equal_inputs_give_equal_bytes(made):
    folder, facts = made("one")
    assert facts == {
        "sentinel2_before": {"date": "2021-08-19", "platform": "S2A"},
        "sentinel2_after": {"date": "2023-07-14", "platform": "S2A"},
        "orthophoto_before": {"date": "2019-06-01"},
        "orthophoto_after": {"date": "2023-05-02"},
    }
    with rasterio.open(folder / "sentinel2_before.tif") as image:
        assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert image.crs.to_epsg() == EPSG
        assert image.bounds.left <= 498_500 and image.bounds.right >= 501_500  # noqa: PT018
        assert image.dataset_mask().all()
        red, green, blue = image.read()[:, 50, 50]
        assert red > green > blue
    with rasterio.open(folder / "sentinel2_after.tif") as image:
        seen = image.dataset_mask() > 0
        edge = round((MIDDLE - image.bounds.left) / 10)
        assert seen[:, :edge].all() and not seen[:, edge:].any()  # noqa: PT018
    again, _ = made("two")
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 5
    for name in names:
        assert file_digest(folder / name) == file_digest(again / name)


def test_orthophotos_become_bytes_in_the_order_near_infrared_red_green(made):
    folder, _ = made("one")
    with (
        rasterio.open(folder / "orthophoto_after.tif") as image,
        rasterio.open(folder.parent / "new.tif") as source,
    ):
        assert image.shape == (500, 1000)
        assert image.count == 3
        assert image.dtypes[0] == "uint8"
        assert image.overviews(1)
        assert not (image.dataset_mask()[:, :100] > 0).any()
        assert (image.dataset_mask()[:, 100:] > 0).all()
        wanted = source.read([3, 1, 2])[:, :, 120:] * (254 / 2032)
        assert image.read()[:, :, 120:] == pytest.approx(wanted, abs=6)
