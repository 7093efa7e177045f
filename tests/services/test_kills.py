"""PostgreSQL killed in the middle of load, enrichment, review and release: nothing half done, nothing lost."""

import os
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psycopg
import pytest
from databases import RULES, rows
from outline_files import outlines, registry, write

from builders.ports import free_port
from sealwatch.errors import DatabaseError
from sealwatch.publish.cluster import Cluster
from sealwatch.publish.database import connect
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.registries import load_registries
from sealwatch.publish.release import make_release
from sealwatch.publish.release_folder import fault_of
from sealwatch.publish.review import decide

KILLS = 20
STAGES = ("load", "enrich", "review", "release")
WHOLE = (120, 90)
"""Polygons of sheet A1 in even and odd turns."""


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
    # Read from the system itself: a process forked beside the busy thread was once seen to hang.
    children = Path(f"/proc/{leader}/task/{leader}/children").read_text()
    pids = [leader, *map(int, children.split())]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.02)


class Work:
    """Loads, measures, decides or releases over and over until the server dies; remembers what was acknowledged."""

    def __init__(self, folder, settings):
        self.folder, self.settings, self.rng = folder, settings, np.random.default_rng(7)
        self.names: list[str] = []
        self.decided: list[str] = []
        self.released = [0]
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

    def review(self, state="accepted"):
        some = self.rng.choice(self.names, 40, replace=False).tolist()
        reason = f"decision {len(self.decided)} of turn {self.turn}"
        self.turn += 1
        decide(self.settings, some, state, "ana", reason)
        self.decided.append(reason)

    def release(self):
        self.review("rejected" if self.turn % 2 else "accepted")
        self.released.append(make_release(self.settings, self.folder / "release").number)

    def until_death(self, stage):
        try:
            while True:
                getattr(self, stage)()
        except DatabaseError:
            pass


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


def whole_releases(work, settings):
    """Every release acknowledged is there, with all its rows, its view and, after another run, its folder."""
    made = rows(
        settings,
        "SELECT r.release, r.polygons, (SELECT count(*) FROM release_polygon p WHERE p.release = r.release), "
        "(SELECT count(*) FROM release_generalised g WHERE g.release = r.release) FROM release r ORDER BY 1",
    )
    assert [number for number, *_ in made] == list(range(1, len(made) + 1))
    assert max(work.released) <= len(made)
    for number, *counts in made:
        view = rows(settings, f"SELECT count(*) FROM sealwatch_public.newly_sealed_{number:d}")[0][0]
        assert set(counts) == {view}
    work.release()
    for number in range(1, max(work.released) + 1):
        assert fault_of(work.folder / f"release/{number}") == ""
    assert rows(settings, "SELECT DISTINCT release FROM sealwatch_public.newly_sealed") == [
        (max(work.released),)
    ]


def test_kills_leave_no_half_state_and_lose_neither_decision_nor_release(mortal, tmp_path):
    settings = {"dsn_env": "SEALWATCH_TEST_DSN", "schema": "sealwatch", "srid": 3794, "generalise_m": [5.0]}
    work, seconds = Work(tmp_path, settings), {}
    for stage in STAGES:
        started = time.monotonic()
        getattr(work, stage)()
        seconds[stage] = time.monotonic() - started
    for n, share in enumerate(np.random.default_rng(11).uniform(0.1, 1.2, KILLS)):
        stage = STAGES[n % len(STAGES)]
        if stage == "release":
            work.enrich()  # so that the release waits for nothing
        worker = threading.Thread(target=work.until_death, args=[stage])
        worker.start()
        time.sleep(share * seconds[stage])
        kill(mortal)
        worker.join(timeout=30)
        assert not worker.is_alive()
        mortal.start([])
        inspect(work, settings)
        if stage == "release":
            whole_releases(work, settings)
    for stage in STAGES:
        getattr(work, stage)()
    inspect(work, settings)
    measured = "SELECT count(*) FROM registry_distance d JOIN standing s USING (polygon_id, evidence)"
    work.enrich()
    assert rows(settings, measured + " WHERE NOT s.withdrawn") == rows(
        settings, "SELECT count(*) FROM polygon WHERE NOT withdrawn"
    )
    newest = work.folder / f"release/{max(work.released)}"
    written = {path.name: path.read_bytes() for path in newest.iterdir()}
    shutil.rmtree(newest)
    make_release(settings, work.folder / "release")
    assert {path.name: path.read_bytes() for path in newest.iterdir()} == written
