"""HDF5 in chunks of patches against COG and Zarr: the same array written, read whole and read in aligned patches."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
import zarr
from rasterio.transform import from_origin
from rasterio.windows import Window as PixelWindow

from builders.cogs import X_MIN, Y_MAX, pixels
from sealwatch import hdf5
from sealwatch.grid import PATCH_PX, Window

from .table import Row, in_turns, row

EDGE, BANDS, PATCHES, RUNS = 2560, ("B02", "B03", "B04", "B08"), 400, 5


def measure() -> list[Row]:
    """Write, read whole, read patches: HDF5 against both rivals."""
    cube = np.stack([pixels(band, EDGE) for band in BANDS])
    rng = np.random.default_rng(1)
    places = rng.integers(0, EDGE // PATCH_PX, (PATCHES, 2)) * PATCH_PX
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "hdf5": lambda: _timed(_Hdf5(Path(folder) / "a.h5"), cube, places),
            "COG": lambda: _timed(_Cog(Path(folder) / "a.tif"), cube, places),
            "Zarr": lambda: _timed(_Zarr(Path(folder) / "a.zarr"), cube, places),
        }
        figures = in_turns(sides, RUNS)
    rows = []
    for rival in ("COG", "Zarr"):
        for key, name in (("write", "hdf5_write"), ("whole", "hdf5_read_whole"), ("patches", "patch_reads")):
            cpu = [statistics.median(f[f"{key}_cpu"] for f in figures[n]) for n in ("hdf5", rival)]
            data = f"{len(BANDS)} x {EDGE} x {EDGE} uint16, {RUNS} runs"
            note = f"{rival}; {data}; CPU {cpu[0]:.2g} s against {cpu[1]:.2g} s"
            if key == "patches":
                opened = "; COG opened for each patch, as by jobs of their own" if rival == "COG" else ""
                note = f"{PATCHES} aligned patches of {PATCH_PX} px, all bands{opened}; {note}"
            ours, theirs = ([f[key] for f in figures[n]] for n in ("hdf5", rival))
            rows.append(row(f"{name}_vs_{rival.lower()}", ours, theirs, "s", note))
    return rows


class _Hdf5:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, cube: np.ndarray) -> None:
        with hdf5.create(self.path, "bench", 1, {}) as file:
            file.set_grid(Window(32633, X_MIN, Y_MAX, 10, EDGE, EDGE))
            file.add_axis("band", BANDS)
            file.add("reflectance", ("band", "y", "x"), "uint16", cube, (len(BANDS), PATCH_PX, PATCH_PX))

    def whole(self) -> np.ndarray:
        with hdf5.read(self.path) as file:
            return file["reflectance"][:]

    def patches(self, places: np.ndarray) -> list[np.ndarray]:
        with hdf5.read(self.path) as file:
            data = file["reflectance"]
            return [data[:, r : r + PATCH_PX, c : c + PATCH_PX] for r, c in places]


class _Cog:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, cube: np.ndarray) -> None:
        profile = {"count": len(BANDS), "width": EDGE, "height": EDGE, "dtype": "uint16", "crs": 32633}
        options = {"compress": "deflate", "predictor": 2, "blocksize": 512, "overviews": "none"}
        place = from_origin(X_MIN, Y_MAX, 10, 10)
        with rasterio.open(self.path, "w", driver="COG", transform=place, **profile, **options) as image:
            image.write(cube)

    def whole(self) -> np.ndarray:
        with rasterio.open(self.path) as image:
            return image.read()

    def patches(self, places: np.ndarray) -> list[np.ndarray]:
        out = []
        for r, c in places:
            # Opened again each time: GDAL's cache of decoded blocks must not serve patches that come by chance.
            with rasterio.open(self.path) as image:
                out.append(image.read(window=PixelWindow(c, r, PATCH_PX, PATCH_PX)))
        return out


class _Zarr:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, cube: np.ndarray) -> None:
        chunks = (len(BANDS), PATCH_PX, PATCH_PX)
        array = zarr.create_array(
            self.path, shape=cube.shape, dtype=cube.dtype, chunks=chunks, overwrite=True
        )
        array[:] = cube

    def whole(self) -> np.ndarray:
        return zarr.open_array(self.path, mode="r")[:]

    def patches(self, places: np.ndarray) -> list[np.ndarray]:
        array = zarr.open_array(self.path, mode="r")
        return [array[:, r : r + PATCH_PX, c : c + PATCH_PX] for r, c in places]


def _timed(side: _Hdf5 | _Cog | _Zarr, cube: np.ndarray, places: np.ndarray) -> dict[str, float]:
    figures = {}

    def step(key: str, use: Callable[[], object]) -> object:
        before, start = time.process_time(), time.perf_counter()
        result = use()
        figures[key], figures[f"{key}_cpu"] = time.perf_counter() - start, time.process_time() - before
        return result

    step("write", lambda: side.write(cube))
    assert np.array_equal(step("whole", side.whole), cube)
    patches = step("patches", lambda: side.patches(places))
    assert all(
        np.array_equal(p, cube[:, r : r + PATCH_PX, c : c + PATCH_PX])
        for p, (r, c) in zip(patches, places, strict=True)
    )
    return figures


GROUPS: dict[tuple[str, ...], Callable[[], list[Row]]] = {
    tuple(
        f"{n}_vs_{r}" for r in ("cog", "zarr") for n in ("hdf5_write", "hdf5_read_whole", "patch_reads")
    ): measure,
}
