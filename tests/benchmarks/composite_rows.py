"""Composites of a national zone at stride 16 against GRASS's t.rast.aggregate and xarray, on the same files."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from builders.maps import write_grid, write_tile
from sealwatch import grass
from sealwatch.composites.cog import half_cogs
from sealwatch.composites.composite import composite
from sealwatch.composites.mosaic import mosaic
from sealwatch.grid import Window

from .table import Row, in_turns, row

ZONE = Window(32633, 400000, 5200000, 160, 2900, 1800)
STRIP = Window(32633, 400000, 5200000, 160, 2900, 512)
TILE_CELLS = 686
DATES, MONTHS, HALVES = 421, 69, 12
"""Of the national run; 421 dates are six in a month."""
PER_MONTH, RUNS, XARRAY_RUNS = 6, 5, 5
SPAN = ("2021-01-01", "2021-06-30")


def _probability(window: Window, seed: int) -> np.ndarray:
    """Shares of regions that keep their class, with noise in every digit as a network gives, and gaps."""
    rng = np.random.default_rng(seed)
    regions = np.random.default_rng(0).integers(0, 10, (window.height // 20 + 1, window.width // 20 + 1))
    land_cover = regions.repeat(20, axis=0).repeat(20, axis=1)[: window.height, : window.width]
    shares = rng.random((10, *window.shape), dtype="f4")
    np.put_along_axis(shares, land_cover[None], 3 + shares[:1], axis=0)
    shares /= shares.sum(axis=0)
    clouds = rng.random((window.height // 60 + 1, window.width // 60 + 1)) < 0.3
    shares[:, clouds.repeat(60, axis=0).repeat(60, axis=1)[: window.height, : window.width]] = np.nan
    return shares


def _dates(folder: Path, window: Window, distinct: int, number: int) -> list[Path]:
    """Mosaics of some dates; a few distinct ones under many names."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(distinct):
        write_tile(folder / f"base{n}.h5", window, _probability(window, n), 0.5 + 0.1 * n)
    paths = []
    for n in range(number):
        paths.append(folder / f"date{n:03d}.h5")
        os.link(folder / f"base{n % distinct}.h5", paths[-1])
    return paths


def _timed(work: Callable[[], object]) -> dict[str, float]:
    before, start = sum(os.times()[:4]), time.perf_counter()
    work()
    return {"wall": time.perf_counter() - start, "cpu": sum(os.times()[:4]) - before}


def _median(figures: Sequence[dict[str, float]], key: str) -> float:
    return statistics.median(f[key] for f in figures)


@contextmanager
def _series(paths: Sequence[Path], days: Sequence[str]) -> Iterator[grass.GrassSession]:
    """A mapset whose dataset `series` has the class maps of files, linked."""
    with grass.session(ZONE.epsg) as session:
        session.set_region(ZONE)
        lines = []
        for n, (path, day) in enumerate(zip(paths, days, strict=True)):
            session.import_raster(f'NETCDF:"{path}":class', f"map{n}", link=True)
            lines.append(f"map{n}|{day}")
        session.run("t.create", output="series", title="s", description="s")
        (session.scratch / "list").write_text("\n".join(lines))
        session.run("t.register", input="series", file=session.scratch / "list")
        yield session


def national() -> list[Row]:
    """Months and half-years by mode at full size against GRASS, and the time of each step of the national run."""
    with tempfile.TemporaryDirectory(prefix="sealwatch-bench-") as place:
        folder = Path(place)
        grid = write_grid(folder / "grid.h5", ZONE)
        dates = _dates(folder / "dates", ZONE, 3, PER_MONTH)
        steps = {"mosaic of 4 tiles": _timed_mosaic(folder, grid)}
        month = folder / "month.h5"

        def make(sources: Sequence[Path], target: Path, step: str, method: str) -> dict[str, float]:
            return _timed(lambda: composite(sources, grid, target, step, method, SPAN, 1))

        make(dates[:1], month, "month", "mode")  # compiles
        steps[f"month of {PER_MONTH} dates, probability"] = make(dates, month, "month", "probability")
        months = [folder / f"2021-0{n}.h5" for n in range(1, 7)]
        for n, path in enumerate(months):
            if n < 2:
                make(dates[n : n + 3], path, "month", "probability")
            else:
                os.link(months[n % 2], path)
        half = folder / "half.h5"
        steps["half-year of 6 months, probability"] = make(months, half, "half", "probability")
        steps["web copies of a half-year"] = _timed(
            lambda: half_cogs(half, folder / "class.tif", folder / "confidence.tif")
        )
        days = [f"2021-01-{2 + n:02d}|2021-01-{3 + n:02d}" for n in range(PER_MONTH)]
        days += [f"2021-{n:02d}-01|2021-{n + 1:02d}-01" for n in range(2, 7)]
        with _series([*dates, *months[1:]], days) as session:

            def aggregate(granularity: str, where: str) -> dict[str, float]:
                return _timed(
                    lambda: session.run(
                        "t.rast.aggregate",
                        input="series",
                        output="out",
                        basename="out",
                        granularity=granularity,
                        method="mode",
                        where=where,
                        overwrite=True,
                    )
                )

            january, whole = "start_time < '2021-02-01'", "start_time >= '2021-02-01'"
            figures = in_turns(
                {
                    "month": lambda: make(dates, month, "month", "mode"),
                    "month GRASS": lambda: aggregate("1 month", january),
                    "half": lambda: make(months[1:], half, "half", "mode"),
                    "half GRASS": lambda: aggregate("6 months", whole),
                },
                RUNS,
            )
    for name in ("month", "half"):
        steps[f"{name}, mode"] = {key: _median(figures[name], key) for key in ("wall", "cpu")}
    counts = {"mosaic": DATES, "month of": MONTHS, "half-year": HALVES}
    total = sum(
        number * next(f["cpu"] for step, f in steps.items() if step.startswith(name))
        for name, number in counts.items()
    )
    listed = ", ".join(f"{step} {f['wall']:.2g} s ({f['cpu']:.2g} s CPU)" for step, f in steps.items())
    size = f"{ZONE.width} x {ZONE.height} cells x 10 classes"
    rows = []
    for name, what in (("month", f"{PER_MONTH} dates"), ("half", "5 months")):
        ours, rival = figures[name], figures[f"{name} GRASS"]
        note = (
            f"one {name} of {what} by mode, {size}; GRASS: t.rast.aggregate over the linked class maps, which gives "
            f"the class alone, ours also shares, confidence and counts; {RUNS} runs; "
            f"CPU {_median(ours, 'cpu'):.2g} s against {_median(rival, 'cpu'):.2g} s"
        )
        key = "composite_vs_grass" if name == "half" else "composite_month_vs_grass"
        rows.append(row(key, [f["wall"] for f in ours], [f["wall"] for f in rival], "s", note))
    mode = [
        MONTHS * _median(figures["month" + s], "wall") + HALVES * _median(figures["half" + s], "wall")
        for s in ("", " GRASS")
    ]
    rows.append(
        row(
            "composite_national",
            [mode[0]],
            [mode[1]],
            "s",
            f"{MONTHS} months and {HALVES} half-years by mode, extrapolated from the maps measured, against "
            f"t.rast.aggregate; time of a map: {listed}; all of {DATES} mosaics, {MONTHS} months, "
            f"{HALVES} half-years by probability {total / 3600:.2g} CPU hours, extrapolated",
        )
    )
    return rows


def _timed_mosaic(folder: Path, grid: Path) -> dict[str, float]:
    """A date of four tiles: 1,532 scenes on 421 dates."""
    tiles = []
    for n in range(4):
        col, line = 640 * (n % 2), 640 * (n // 2)
        corner = (ZONE.x_min + 160 * col, ZONE.y_max - 160 * line)
        window = Window(ZONE.epsg, *corner, 160, TILE_CELLS, TILE_CELLS)
        tiles.append(
            write_tile(folder / f"tile{n}.h5", window, _probability(window, n), 0.9, f"33TV{'KLMN'[n]}")
        )
    return _timed(lambda: mosaic(tiles, grid, folder / "mosaic.h5", 1))


def against_xarray() -> list[Row]:
    """Weighted mean of six dates on a strip of the zone against xarray with dask, written with the same settings."""
    import xarray as xr

    with tempfile.TemporaryDirectory(prefix="sealwatch-bench-") as place:
        folder = Path(place)
        grid = write_grid(folder / "grid.h5", STRIP)
        dates = _dates(folder / "dates", STRIP, 3, PER_MONTH)
        times = np.array([f"2021-06-{4 * n + 1:02d}" for n in range(PER_MONTH)], "datetime64[ns]")

        def ours() -> None:
            composite(dates, grid, folder / "ours.h5", "month", "probability", SPAN, 1)

        def theirs() -> None:
            names = ["probability", "class", "clear_fraction"]
            series = xr.open_mfdataset(
                [str(p) for p in dates], combine="nested", concat_dim="time", engine="netcdf4",
                preprocess=lambda d: d[names], mask_and_scale=False, chunks={"y": 512},
            ).assign_coords(time=times)  # fmt: skip
            seen = series["class"] != 255
            weight = series["clear_fraction"].astype("f8").where(seen, 0)
            total = (series["probability"].where(seen, 0) * weight).resample(time="MS").sum()
            weights = weight.resample(time="MS").sum()
            mean = (total / weights.where(weights > 0)).astype("f4")
            out = xr.Dataset(
                {
                    "probability": mean,
                    "class": total.argmax("class_code").where(weights > 0, 255).astype("u1"),
                    "confidence": mean.max("class_code"),
                    "observations": seen.resample(time="MS").sum().astype("i4"),
                }
            )
            packed = {"zlib": True, "shuffle": True}
            chunk = (1, 512, 512)
            encoding = {name: packed | {"complevel": 4, "chunksizes": chunk} for name in out}
            encoding["probability"] = packed | {"complevel": 1, "chunksizes": (1, 1, 512, 512)}
            out.to_netcdf(folder / "theirs.nc", encoding=encoding, engine="netcdf4")
            series.close()

        figures = in_turns({"ours": lambda: _timed(ours), "xarray": lambda: _timed(theirs)}, XARRAY_RUNS)
        with (
            xr.open_dataset(folder / "ours.h5", mask_and_scale=False) as a,
            xr.open_dataset(folder / "theirs.nc", mask_and_scale=False) as b,
        ):
            same = (a["class"].values == b["class"].values[0]).mean()
            assert same == 1, f"the sides differ in {1 - same:.2g} of the classes"
    note = (
        f"month of {PER_MONTH} dates by weighted probability, {STRIP.width} x {STRIP.height} cells x 10 classes, a "
        f"strip of the national zone; xarray resample with dask; the same classes; {XARRAY_RUNS} runs; "
        f"CPU {_median(figures['ours'], 'cpu'):.2g} s against {_median(figures['xarray'], 'cpu'):.2g} s"
    )
    walls = {name: [f["wall"] for f in figures[name]] for name in figures}
    return [row("composite_vs_xarray", walls["ours"], walls["xarray"], "s", note)]


def memory() -> list[Row]:
    """Peak memory of a month of 24 dates at full size, in a process of its own, against the limit of 4 GB."""
    with tempfile.TemporaryDirectory(prefix="sealwatch-bench-") as place:
        folder = Path(place)
        write_grid(folder / "grid.h5", ZONE)
        _dates(folder / "dates", ZONE, 1, 24)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "benchmarks.composite_rows", str(folder)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
        figures = json.loads(done.stdout)
    note = (
        f"peak memory of the job against the limit of 4 GB; month of 24 dates by probability with the majority prior, "
        f"{ZONE.width} x {ZONE.height} cells x 10 classes, {figures['wall']:.0f} s, 1 run"
    )
    return [row("composite_memory", [figures["mb"]], [4000], "MB", note)]


def _job(folder: Path) -> None:
    start = time.perf_counter()
    dates = sorted(folder.glob("dates/date*.h5"))
    composite(dates, folder / "grid.h5", folder / "o.h5", "month", "probability", SPAN, 1, 0.1, 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"mb": peak, "wall": time.perf_counter() - start}))


GROUPS: dict[tuple[str, ...], Callable[[], list[Row]]] = {
    ("composite_national", "composite_vs_grass", "composite_month_vs_grass"): national,
    ("composite_vs_xarray",): against_xarray,
    ("composite_memory",): memory,
}


if __name__ == "__main__":
    _job(Path(sys.argv[1]))
