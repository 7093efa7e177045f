"""The review desk with 100,000 candidates: its queue against paging by OFFSET, and every request against 200 ms."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg
from psycopg import sql

from builders.many_candidates import fill
from builders.ports import free_port
from builders.review_desk import PASSWORD, Desk
from sealwatch.desk import accounts
from sealwatch.publish.cluster import Cluster, running

from .table import Row, row

CANDIDATES, RUNS = 100_000, 25
ALLOWED_MS = 200.0

_OFFSET = (
    "SELECT polygon_id, sheet, year, due, cause, state, from_class, to_class, start_half, confirm_half, area_m2, "
    "probability, earlier_known, evidence, ST_AsText(Box2D(ST_Transform(geom, 4326))) FROM standing WHERE due <> '' "
    "ORDER BY polygon_id LIMIT 51 OFFSET %s"
)
_COUNTS = "SELECT due, state, count(*) FROM standing GROUP BY due, state"


def measure() -> list[Row]:
    """Requests of a signed-in reviewer over HTTP, and statements of the rivals on the database itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        with running(Cluster(folder / "postgres", free_port()), ["desk"]) as cluster:
            database = {
                "dsn_env": "SEALWATCH_BENCH_DSN", "schema": "sealwatch", "srid": 3794, "dsn": cluster.dsn("desk"),
            }  # fmt: skip
            os.environ[database["dsn_env"]] = database["dsn"]
            fill(database, CANDIDATES)
            accounts.add(database, "ana", "reviewer", PASSWORD)
            desk = Desk(folder, free_port(), database)
            desk.start()
            try:
                return _rows(desk)
            finally:
                desk.stop()


def _rows(desk: Desk) -> list[Row]:
    ana = desk.sign_in("ana")
    waiting = [name for (name,) in desk.rows("SELECT polygon_id FROM verdict WHERE due <> '' ORDER BY 1")]
    middle, last = waiting[len(waiting) // 2], waiting[-60]
    seen = [ana.seen(waiting[n * 211 + 1]) for n in range(RUNS + 1)]
    requests: dict[str, Callable[[int], object]] = {
        "queue_first": lambda _: ana.get("/api/queue"),
        "queue_middle": lambda _: ana.get(f"/api/queue?after={middle}"),
        "queue_last": lambda _: ana.get(f"/api/queue?after={last}"),
        "queue_due": lambda _: ana.get("/api/queue?due=re-review&limit=200"),
        "queue_sheet": lambda n: ana.get(f"/api/queue?sheet=S{n:04}"),
        "counts": lambda _: ana.get("/api/counts"),
        "options": lambda _: ana.get("/api/options"),
        "bbox": lambda n: ana.get(f"/api/polygons?bbox={14.8 + n / 200},46,{14.83 + n / 200},46.03"),
        "bbox_all": lambda _: ana.get("/api/polygons?bbox=13,45,17,47"),
        "detail": lambda n: ana.get(f"/api/polygons/{waiting[n * 101]}"),
        "decision": lambda n: ana.decide(seen[n], "accepted"),
    }
    figures = {name: _milliseconds(request) for name, request in requests.items()}
    for name, taken in figures.items():
        print(f"desk {name}: median {statistics.median(taken):.1f}, p95 {np.percentile(taken, 95):.1f}, "
              f"max {max(taken):.1f} ms", flush=True)  # fmt: skip
    with psycopg.connect(desk.database["dsn"], autocommit=True) as connection:
        connection.execute(sql.SQL("SET search_path = {}, public").format(sql.Identifier("sealwatch")))
        by_offset = {
            place: _milliseconds(lambda _, skip=skip: connection.execute(_OFFSET, [skip]).fetchall())
            for place, skip in (("middle", len(waiting) // 2), ("last", len(waiting) - 60))
        }
        scanned = _milliseconds(lambda _: connection.execute(_COUNTS).fetchall())
    data = f"{CANDIDATES} candidates, {RUNS} requests over HTTP, the rival without HTTP"
    rows = [
        row(f"desk_queue_{place}", figures[f"queue_{place}"], taken, "ms", f"LIMIT and OFFSET; {data}")
        for place, taken in by_offset.items()
    ]
    rows.append(
        row("desk_counts", figures["counts"], scanned, "ms", f"counting the view of all polygons; {data}")
    )
    everything = [value for taken in figures.values() for value in taken]
    slowest = max(figures, key=lambda name: max(figures[name]))
    note = f"200 ms allowed; slowest: {slowest}; all of {', '.join(figures)}; {CANDIDATES} candidates"
    rows.append(row("desk_request_p95", [float(np.percentile(everything, 95))], [ALLOWED_MS], "ms", note))
    rows.append(row("desk_request_max", [max(everything)], [ALLOWED_MS], "ms", note))
    return rows


def _milliseconds(request: Callable[[int], object]) -> list[float]:
    """Durations of `RUNS` calls, after one that does not count."""
    taken = []
    for n in range(RUNS + 1):
        start = time.perf_counter()
        answer = request(n)
        taken.append((time.perf_counter() - start) * 1000)
        status = getattr(answer, "status_code", 200)
        if status not in (200, 201):
            raise RuntimeError(f"the desk answered {status}")
    return taken[1:]


GROUPS = {
    ("desk_queue_middle", "desk_queue_last", "desk_counts", "desk_request_p95", "desk_request_max"): measure,
}
