"""The public services under load: WFS by MapServer against OGC API by tipg, over the same polygons."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from builders.ports import free_port
from builders.releases import publish_rows
from sealwatch.publish.cluster import Cluster, running
from sealwatch.publish.reader import make_reader
from sealwatch.publish.serve import start, stop

from .table import Row, in_turns, row
from .wfs_load import load_of, ogc_boxes, wfs_boxes

POLYGONS, CLIENTS = 100_000, 50
SECONDS, RUNS = float(os.environ.get("WFS_SECONDS", "20")), 3
_OWNER, _READER = "SEALWATCH_BENCH_DSN", "SEALWATCH_BENCH_READER_DSN"


def wfs_load() -> list[Row]:
    """Fifty clients that ask for boxes of 400 m for 20 s, in turns of WFS and OGC API.

    Raises:
        SystemExit: a request was answered with an error.
    """
    folder = Path(tempfile.mkdtemp(prefix="sealwatch-bench-"))
    folder.chmod(0o711)
    web = folder / "web"
    settings = {"dsn_env": _OWNER, "schema": "sealwatch", "srid": 3794, "generalise_m": []}
    try:
        with running(Cluster(folder / "postgres", free_port()), ["sealwatch"]) as cluster:
            os.environ[_OWNER] = cluster.dsn()
            publish_rows(settings, POLYGONS)
            port = free_port()
            services = {"port": port, "ogc_api_port": free_port(), "dsn_env": _READER}
            config = folder / "config.yaml"
            config.write_text(json.dumps({"services": services, "database": settings}), encoding="utf-8")
            start(web, [config], {_READER: make_reader(cluster.dsn(), "sealwatch")})
            try:
                url = f"http://127.0.0.1:{port}"
                sides = {
                    "wfs": wfs_boxes(f"{url}/ows", POLYGONS),
                    "ogc": ogc_boxes(f"{url}/ogc", POLYGONS),
                }
                figures = in_turns({name: lambda side=side: _run(side) for name, side in sides.items()}, RUNS)
            finally:
                stop(web)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tables = "; ".join(f"{name.upper()} {_table(figures[name])}" for name in sides)
    note = (
        f"95th percentile of the time of an answer, against OGC API Features by tipg over the same data; {CLIENTS} "
        f"clients that ask without pause for {SECONDS:g} s, boxes of 400 m with about 100 of {POLYGONS} polygons, GML "
        f"3.2 against GeoJSON; no error in either; {tables}; medians of {RUNS} runs, clients on the same machine"
    )
    ours, rival = ([run["p95"] for run in figures[name]] for name in sides)
    return [row("wfs_load", ours, rival, "ms", note)]


def _run(side: object) -> dict[str, float]:
    found = load_of(side, CLIENTS, SECONDS)  # type: ignore[arg-type]
    if found.errors:
        raise SystemExit(f"{len(found.errors)} errors under load, the first: {found.errors[0]}")
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {name: found.percentile_ms(share) for name, share in shares.items()} | {
        "rate": len(found.latencies_s) / SECONDS
    }


def _table(runs: list[dict[str, float]]) -> str:
    middle = {key: sorted(run[key] for run in runs)[len(runs) // 2] for key in runs[0]}
    return (
        f"p50 {middle['p50']:.0f} ms, p95 {middle['p95']:.0f} ms, p99 {middle['p99']:.0f} ms, "
        f"{middle['rate']:.0f} answers/s"
    )


GROUPS = {("wfs_load",): wfs_load}
"""Row names, and the function that measures them together."""
