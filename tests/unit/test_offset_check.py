"""The offset of contradictory items is decided by pixels: synthetic ones, and real scenes of both kinds."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio

from builders.cogs import record, tile_window, write_scene
from sealwatch.errors import RasterError
from sealwatch.sentinel2.images import ImageSource
from sealwatch.sentinel2.offset_check import DARK_BANDS, decide_by_pixels, decide_offsets
from sealwatch.sentinel2.scene_reader import SceneReader

REAL = Path(os.environ.get("REAL_DATA_DIR", "../shared/data"))
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="REAL_DATA_DIR is absent")


@needs_real
def test_real_scene_with_the_offset_still_in():
    with rasterio.open(REAL / "s2_scenes/s2_10b_400x400_utm32n_segedge.tif") as image:
        values = image.read()
    scale = 10000 if values.max() < 10 else 1
    numbers = {
        b: (values[i] * scale).astype("u2").ravel()
        for b, i in {"B02": 0, "B03": 1, "B04": 2, "B12": 9}.items()
    }
    decision = decide_by_pixels("segedge", numbers)
    assert decision.offset_dn == -1000
    assert max(decision.dark_shares.values()) < 0.001
    without = {b: np.maximum(n, 1001) - 1000 for b, n in numbers.items()}
    assert decide_by_pixels("segedge", without).offset_dn == 0


@needs_real
def test_real_scene_without_offset():
    with rasterio.open(REAL / "s2_scenes/leipzig_raster.tif") as image:
        values = image.read((1, 2, 3)).astype("f8")
    scale = 10000 if np.nanmax(values) < 10 else 1
    numbers = {
        b: np.nan_to_num(v * scale).astype("u2").ravel()
        for b, v in zip(("B02", "B03", "B04"), values, strict=True)
    }
    decision = decide_by_pixels("leipzig", numbers)
    assert decision.offset_dn == 0
    assert max(decision.dark_shares.values()) > 0.5


@needs_real
@pytest.mark.parametrize(
    "name", ["be_fields_monthly_2020-08_2022-03_50x48_9b", "be_village_monthly_2020-11_2021-10_100x100_9b"]
)
def test_real_series_without_offset(name):
    with h5py.File(REAL / f"s2_l2a_series/{name}.nc") as file:
        names = {b: next(n for n in (b, f"S2-L2A-{b}", b.replace("0", "")) if n in file) for b in DARK_BANDS}
        bands = {b: np.maximum(file[name][:].astype("i4"), 0) for b, name in names.items()}
    assert bands
    for month in range(next(iter(bands.values())).shape[0]):
        numbers = {b: v[month].astype("u2").ravel() for b, v in bands.items()}
        valid = np.logical_and.reduce([n > 0 for n in numbers.values()])
        if valid.sum() > 1000 and np.median(numbers["B04"][valid]) < 2000:  # not a clouded month
            assert decide_by_pixels(f"{name} {month}", numbers).offset_dn == 0


def test_too_few_pixels_are_no_decision():
    with pytest.raises(RasterError, match="contradict"):
        decide_by_pixels("item", {"B02": np.full(10, 900, "u2")})


@pytest.mark.parametrize(("stated", "still_in"), [(0, True), (-1000, True), (0, False), (-1000, False)])
def test_decision_is_read_from_the_images_and_recorded(tmp_path, stated, still_in):
    paths = write_scene(tmp_path, 1300, 256, ("B02", "B04", "B12"))
    for band in ("B02", "B04", "B12"):
        with rasterio.open(paths[band], "r+") as image:
            ground = np.maximum(image.read(), 1501) - 1500
            image.write(ground + np.uint16(1000 * still_in))
    for rule, expected in (("contradictory", -1000 if still_in else 0), ("baseline", stated)):
        scene = record(str(tmp_path), paths, offset_dn=stated, offset_rule=rule)
        with ImageSource("none", 0) as source, SceneReader(source, scene, ("B02", "B04", "B12"), 2) as reader:
            (decision,) = decide_offsets(scene, reader, tile_window(1280))
        assert decision.offset_dn == expected
        value = decision.as_json()
        assert value["rule"] == ("pixels" if rule == "contradictory" else "baseline")
        assert (set(value.get("dark_shares", {})) == {"B02", "B04", "B12"}) == (rule == "contradictory")
