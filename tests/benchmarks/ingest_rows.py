"""Reading of scenes against plain rasterio and odc-stac, from a server that answers each request 30 ms late."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from builders.cogs import BANDS, record, tile_window, write_scene

from .reading import EDGE, WINDOW
from .table import Row, in_turns, row

DELAY_S = 0.03
RUNS = {"window": 5, "tile": 3}


def _child(*arguments: str) -> dict[str, float]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    return json.loads(done.stdout)


def _tile() -> Path:
    """The images of a full tile; made once and kept in the temporary folder."""
    folder = Path(tempfile.gettempdir()) / "sealwatch-bench" / "tile"
    if not (folder / "SCL.tif").is_file():
        write_scene(folder, EDGE, 512)
    return folder


def _reading(scope: str) -> list[Row]:
    server = subprocess.Popen(
        [
            sys.executable,
            *("-m", "builders.fault_server", str(_tile().parent)),
            *("--port", "18720", "--delay", str(DELAY_S)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip() + "/tile"

        def side(name: str) -> Callable[[], dict[str, float]]:
            return lambda: _child("benchmarks.reading", name, scope, url)

        figures = in_turns({name: side(name) for name in ("ours", "rasterio", "odc")}, RUNS[scope])
    finally:
        server.stdin.close()
        server.wait()
    sums = {f["sum"] for f in figures["ours"] + figures["rasterio"] + figures["odc"]}
    assert len(sums) == 1, f"the sides read different pixels: {sums}"
    what = "full tile 10980 px" if scope == "tile" else f"window {WINDOW} px"
    ending = "_tile" if scope == "tile" else ""

    def note(rival: str) -> str:
        cpu = {n: statistics.median(f["cpu"] for f in figures[n]) for n in ("ours", rival)}
        return (
            f"{what}, 9 bands + SCL, {DELAY_S * 1000:g} ms per request, {RUNS[scope]} runs; "
            f"CPU {cpu['ours']:.2g} s against {cpu[rival]:.2g} s"
        )

    def values(name: str, key: str) -> list[float]:
        return [f[key] for f in figures[name]]

    return [
        row(
            f"ingest_vs_rasterio{ending}",
            values("ours", "wall"),
            values("rasterio", "wall"),
            "s",
            f"plain rasterio, band after band; {note('rasterio')}",
        ),
        row(
            f"ingest_vs_odc_stac{ending}",
            values("ours", "wall"),
            values("odc", "wall"),
            "s",
            f"odc.stac.load, 8 threads; {note('odc')}",
        ),
        row(
            f"ingest_memory_vs_odc_stac{ending}",
            values("ours", "mb"),
            values("odc", "mb"),
            "MB",
            f"peak memory; odc.stac.load gives whole arrays, ours strips; {what}, {RUNS[scope]} runs",
        ),
    ]


def window() -> list[Row]:
    """One window of one scene."""
    return _reading("window")


def tile() -> list[Row]:
    """One full tile."""
    return _reading("tile")


def job() -> list[Row]:
    """The whole job of a full tile, HDF5 included; the rival is the limit of 2 GiB."""
    figures = _child("benchmarks.ingest_rows", str(_tile()))
    return [
        row(
            "ingest_job_memory_tile",
            [figures["mb"]],
            [2048],
            "MB",
            f"peak memory of the job against the limit of 2 GiB; files on disk, {figures['wall']:.0f} s wall, "
            f"{figures['cpu']:.0f} s CPU, {figures['size']:.0f} MB written, 1 run",
        )
    ]


GROUPS: dict[tuple[str, ...], Callable[[], list[Row]]] = {
    ("ingest_vs_rasterio", "ingest_vs_odc_stac", "ingest_memory_vs_odc_stac"): window,
    ("ingest_vs_rasterio_tile", "ingest_vs_odc_stac_tile", "ingest_memory_vs_odc_stac_tile"): tile,
    ("ingest_job_memory_tile",): job,
}


def _job(folder: Path) -> None:
    import geopandas as gpd
    import shapely

    from sealwatch.files import write_json
    from sealwatch.sentinel2.acquisition import ingest
    from sealwatch.sentinel2.area import write_zone_grid

    with tempfile.TemporaryDirectory() as place:
        scene = record(
            str(folder), {band: folder / f"{band}.tif" for band in (*BANDS, "SCL")}, offset_dn=-1000
        )
        write_json(Path(place) / "record.json", scene.as_json())
        area = gpd.GeoDataFrame(geometry=[shapely.box(*tile_window(EDGE).bounds)], crs=32633)
        area.to_file(Path(place) / "area.geojson", driver="GeoJSON")
        write_zone_grid(Path(place) / "area.geojson", "32633", 64, Path(place) / "grid.h5", 1)
        before, start = time.process_time(), time.perf_counter()
        target = Path(place) / "scene.h5"
        ingest(Path(place) / "record.json", Path(place) / "grid.h5", target, BANDS, "none", 4, 0, 1)
        figures = {
            "wall": time.perf_counter() - start,
            "cpu": time.process_time() - before,
            "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "size": target.stat().st_size / 1e6,
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    _job(Path(sys.argv[1]))
