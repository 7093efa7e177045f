"""PostgreSQL killed in the middle of load, enrichment and review: nothing half done, no decision lost."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psycopg
import pytest
from outline_files import outlines, registry, write

from conftest import free_port
from sealwatch.errors import DatabaseError
from sealwatch.publish.cluster import Cluster
from sealwatch.publish.database import connect
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.registries import load_registries
from sealwatch.publish.review import decide

KILLS = 20
WHOLE = (120, 90)
"""Polygons of sheet A1 in even and odd turns."""

RULES = {"area_change_share": 0.1, "four_eyes": False}


@pytest.fixture
def mortal(monkeypatch):
    """A cluster of its own, that this test may kill."""
    folder = Path(tempfile.mkdtemp(prefix="sealwatch-test-"))
    folder.chmod(0o711)
    cluster = Cluster(folder / "postgres", free_port())
    try:
        cluster.start(["sealwatch"])
        # What a dead process wrote stays with the system; only the machine's own death needs fsync.
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        monkeypatch.setenv("SEALWATCH_TEST_DSN", cluster.dsn())
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


def kill(cluster):
    """SIGKILL to the server and all its processes, as when the machine's power fails."""
    leader = int((cluster.data / "postmaster.pid").read_text().split()[0])
    os.kill(leader, signal.SIGSTOP)  # so that it starts no successor meanwhile
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(leader)], capture_output=True, text=True, check=False
    )
    pids = [leader, *map(int, found.stdout.split())]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.02)


class Work:
    """Loads, measures or decides over and over until the server dies; remembers what was acknowledged."""

    def __init__(self, folder, settings):
        self.folder, self.settings, self.rng = folder, settings, np.random.default_rng(7)
        self.names: list[str] = []
        self.decided: list[str] = []
        self.turn = 1
        self.inputs = [self._inputs(folder / str(turn), turn) for turn in (0, 1)]

    def _inputs(self, folder, turn):
        """Outlines and registry; in odd turns a quarter of sheet A1 is gone, the rest has another period."""
        folder.mkdir()
        frame = outlines("A1", 2024, WHOLE[0])
        self.names = sorted(frame["polygon_id"])
        other = frame.iloc[:20].assign(sheet="B2", polygon_id=[f"b-{n}" for n in range(20)])
        frame = frame.iloc[WHOLE[0] - WHOLE[1] :].assign(start_half="2023H2") if turn else frame
        paths = [write(frame, folder, "A1", 2024), write(other, folder, "B2", 2024)]
        return paths, {"cadastre": registry(folder, "cadastre", turn, count=100)}

    def load(self):
        self.turn += 1
        load(self.inputs[self.turn % 2][0], self.folder / "load.json", self.settings, RULES)

    def enrich(self):
        self.turn += 1
        load_registries(self.inputs[self.turn % 2][1], self.folder / "registries.json", self.settings)
        enrich(self.folder / "enrich.json", self.settings)

    def review(self):
        some = self.rng.choice(self.names, 40, replace=False).tolist()
        reason = f"decision {len(self.decided)} of turn {self.turn}"
        self.turn += 1
        decide(self.settings, some, "accepted", "ana", reason)
        self.decided.append(reason)

    def until_death(self, stage):
        try:
            while True:
                getattr(self, stage)()
        except DatabaseError:
            pass


def rows(settings, query, *values):
    with connect(settings) as connection:
        return connection.execute(query, values or None).fetchall()


def inspect(work, settings):
    """Nothing is half done: every sheet, registry, distance, decision and verdict belongs to a whole step."""
    with connect(settings) as connection:
        check(work, lambda query: connection.execute(query).fetchall())


def check(work, ask):
    sheets = ask(
        "SELECT s.sheet, s.polygons, count(p.*), count(DISTINCT p.start_half) FROM sheet_load s "
        "LEFT JOIN polygon p ON p.sheet = s.sheet AND p.year = s.year AND NOT p.withdrawn GROUP BY 1, 2",
    )
    assert all(count == whole and periods == 1 for _, whole, count, periods in sheets)
    assert {whole for sheet, whole, *_ in sheets if sheet == "A1"} <= set(WHOLE)
    assert ask("SELECT count(*) FROM registry_polygon") == ask(
        "SELECT coalesce(sum(polygons), 0) FROM registry"
    )
    wrong = ask(
        "SELECT d.polygon_id FROM registry_distance d JOIN standing s USING (polygon_id, evidence) "
        "JOIN registry r USING (registry, digest) WHERE abs(d.distance_m - (SELECT min(ST_Distance(g.geom, s.geom)) "
        "FROM registry_polygon g WHERE g.registry = d.registry)) > 1e-6 LIMIT 5",
    )
    assert wrong == []
    kept = dict(ask("SELECT reason, count(*) FROM review GROUP BY 1"))
    assert set(kept.values()) <= {40}
    assert set(work.decided) <= set(kept)
    stale = ask(
        "SELECT count(*) FROM verdict v FULL JOIN verdict_now n USING (polygon_id) "
        "WHERE (v.*)::text IS DISTINCT FROM (n.*)::text",
    )
    assert stale == [(0,)]


def test_twenty_kills_leave_no_half_state_and_lose_no_decision(mortal, tmp_path):
    settings = {"dsn_env": "SEALWATCH_TEST_DSN", "schema": "sealwatch", "srid": 3794}
    work, seconds = Work(tmp_path, settings), {}
    for stage in ("load", "enrich", "review"):
        started = time.monotonic()
        getattr(work, stage)()
        seconds[stage] = time.monotonic() - started
    for n, share in enumerate(np.random.default_rng(11).uniform(0.1, 1.2, KILLS)):
        stage = list(seconds)[n % 3]
        worker = threading.Thread(target=work.until_death, args=[stage])
        worker.start()
        time.sleep(share * seconds[stage])
        if n % 2:
            kill(mortal)
        else:
            mortal.stop("immediate")
        worker.join(timeout=30)
        assert not worker.is_alive()
        mortal.start([])
        inspect(work, settings)
    for stage in seconds:
        getattr(work, stage)()
    inspect(work, settings)
    measured = "SELECT count(*) FROM registry_distance d JOIN standing s USING (polygon_id, evidence)"
    work.enrich()
    assert rows(settings, measured + " WHERE NOT s.withdrawn") == rows(
        settings, "SELECT count(*) FROM polygon WHERE NOT withdrawn"
    )
