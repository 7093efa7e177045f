"""The change step against the time to read its files, and the compiled rule against the same rule in r.mapcalc."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sealwatch import grass, hdf5
from sealwatch.change.mapcalc import persistence_expression
from sealwatch.change.persistence import confirm
from sealwatch.composites.maps import NO_CLASS
from sealwatch.grid import Window
from sealwatch.keys import LAND_COVER_CLASSES, half_range

from .table import Row, in_turns, row

EDGE, SMALL, RUNS = 10980, 1500, 5
HALVES = half_range("2020-01-01", "2025-12-31")
PERSISTENCE, MAX_GAP, FIRST_STATE = 3, 1, 2
PLACES, PLACE_CELLS = 10, 24
"""Sites of changed cells, and the edge of each in cells."""


def class_maps(edge: int, seed: int = 1) -> np.ndarray:
    """Patches of land cover with noise, gaps, and sites that become impervious; uint8 (half, edge, edge)."""
    rng = np.random.default_rng(seed)
    coarse = rng.choice([0, 1, 2, 5, 6, 8], (edge // 30 + 1, edge // 30 + 1)).astype("u1")
    land = np.repeat(np.repeat(coarse, 30, 0), 30, 1)[:edge, :edge]
    maps = np.empty((len(HALVES), edge, edge), "u1")
    place = rng.integers(0, edge - PLACE_CELLS, (PLACES, 2))
    start, end = rng.integers(2, 9, PLACES), rng.integers(7, 20, PLACES)
    for t, out in enumerate(maps):
        out[...] = land
        for (r, c), first, last in zip(place, start, end, strict=True):
            if first <= t < last:
                out[r : r + PLACE_CELLS, c : c + PLACE_CELLS] = 4
        # A few odd cells and some clouds in each half-year.
        odd = rng.integers(0, edge, (2, edge * edge // 200))
        out[odd[0], odd[1]] = rng.integers(0, 10, odd.shape[1])
        for r, c in rng.integers(0, edge, (20, 2)):
            out[r : r + edge // 12, c : c + edge // 12] = NO_CLASS
    return maps


def write_halves(folder: Path, maps: np.ndarray) -> list[Path]:
    """Half-year files; probabilities are stored in the chunks that hold sites, elsewhere they are not observed."""
    edge = maps.shape[1]
    window = Window(32633, 399960, 5300040, 10, edge, edge)
    built = np.any(maps == 4, axis=0)
    paths = []
    for half, land_cover in zip(HALVES, maps, strict=True):
        paths.append(folder / f"{half}.h5")
        with hdf5.create(paths[-1], "half", 1, {}) as file:
            file.set_grid(window)
            file.add_axis("class_code", LAND_COVER_CLASSES)
            probability = file.add("probability", ("class_code", "y", "x"), "float32")
            file.add("class", ("y", "x"), "uint8", land_cover)
            for top in range(0, edge, 512):
                for left in range(0, edge, 512):
                    part = (slice(top, top + 512), slice(left, left + 512))
                    if np.count_nonzero(built[part]) > PLACE_CELLS**2:
                        codes = land_cover[part]
                        values = np.full((10, *codes.shape), 0.02, "f4")
                        np.put_along_axis(values, np.minimum(codes, 9)[None].astype(int), 0.82, axis=0)
                        values[:, codes == NO_CLASS] = np.nan
                        probability[:, part[0], part[1]] = values
    return paths


def against_reading() -> list[Row]:
    """The whole step, files in and files out, against reading all class maps with h5py."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        maps = class_maps(EDGE)
        write_halves(folder, maps)
        del maps
        figures = in_turns({s: lambda s=s: _measured(s, folder) for s in ("step", "read")}, RUNS)  # type: ignore[misc]
        events = figures["step"][0]["events"]
    ours, rival = figures["step"], figures["read"]
    cpu = [statistics.median(f["cpu"] for f in side) for side in (ours, rival)]
    peak = max(f["peak_mb"] for f in ours)
    note = (
        f"reading the class maps with h5py; {EDGE} x {EDGE} x {len(HALVES)}, {events:.0f} events in {PLACES} places, "
        f"from half-year files to cells, events and sites on disk, without months; peak memory {peak:.0f} MB; "
        f"{RUNS} runs; CPU {cpu[0]:.2g} s against {cpu[1]:.2g} s; goal: a ratio of at least 0.2"
    )
    return [row("change_rule_vs_read", [f["wall"] for f in ours], [f["wall"] for f in rival], "s", note)]


def _measured(side: str, folder: Path) -> dict[str, float]:
    """Figures of one side in a process of its own, so that its peak memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.change_rows", side, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    names = ("wall", "cpu", "peak_mb", "events")
    return dict(zip(names, map(float, done.stdout.split()), strict=True))


def _side(side: str, folder: Path) -> None:
    """One side, timed after its imports and its compilation; prints wall s, CPU s, peak MB and events."""
    from sealwatch.change.events import ChangeRule, detect_change

    paths = [folder / f"{half}.h5" for half in HALVES]
    confirm(np.zeros((3, 1), "u1"), 3, 1)
    events, cpu, start = 0, time.process_time(), time.perf_counter()
    if side == "step":
        rule = ChangeRule(PERSISTENCE, MAX_GAP, FIRST_STATE, 2, 2, 1)
        detect_change(paths, [], "32633", rule, folder / "out/c.h5", folder / "out/c.gpkg", 1)
    else:
        for path in paths:
            with hdf5.read(path) as file:
                file["class"][:]
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    # Not ru_maxrss, which a process takes over from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    if side == "step":
        with hdf5.read(folder / "out/c.h5") as file:
            events = int(sum((file["start"][n] > 0).sum() for n in range(file["start"].shape[0])))
    print(wall, cpu, peak, events)


def against_mapcalc() -> list[Row]:
    """The compiled rule on arrays against one r.mapcalc expression on GRASS maps; the results must be equal."""
    maps = class_maps(SMALL)
    series = np.where(maps == NO_CLASS, 255, np.isin(maps, (3, 4, 7))).astype("u1")
    found = {}
    with grass.session(32633) as session:
        session.set_region(Window(32633, 399960, 5300040, 10, SMALL, SMALL))
        names = [f"half_{t}" for t in range(len(HALVES))]
        for name, values in zip(names, series, strict=True):
            session.import_array(values, name)

        def ours() -> dict[str, float]:
            cpu, start = time.process_time(), time.perf_counter()
            runs = confirm(series.reshape(len(HALVES), -1), PERSISTENCE, MAX_GAP, FIRST_STATE)
            figures = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}
            found["ours"] = [
                getattr(runs, part)[0].reshape(SMALL, SMALL) + 1
                for part in ("start", "confirmed", "reversal")
            ]
            return figures

        def theirs() -> dict[str, float]:
            whole, *parts = persistence_expression(names, PERSISTENCE, MAX_GAP, FIRST_STATE)
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            session.run("r.mapcalc", expression=whole, overwrite=True)
            wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            for statement in parts:
                session.run("r.mapcalc", expression=statement, overwrite=True)
            found["theirs"] = [
                np.array(session.export_array(f"gain_{part}", "int32"))
                for part in ("start", "confirmed", "reversal")
            ]
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            return {"wall": wall, "cpu": cpu}

        figures = in_turns({"ours": ours, "mapcalc": theirs}, RUNS)
    for one, other in zip(found["ours"], found["theirs"], strict=True):
        assert np.array_equal(one, other)
    cpu = [statistics.median(f["cpu"] for f in figures[side]) for side in ("ours", "mapcalc")]
    note = (
        f"one r.mapcalc expression in GRASS, equal on every cell; {SMALL} x {SMALL} x {len(HALVES)}, the rule alone, "
        f"{RUNS} runs; CPU {cpu[0]:.2g} s against {cpu[1]:.2g} s"
    )
    ours_wall, rival_wall = ([f["wall"] for f in figures[side]] for side in ("ours", "mapcalc"))
    return [row("change_rule_vs_mapcalc", ours_wall, rival_wall, "s", note)]


GROUPS: dict[tuple[str, ...], Callable[[], list[Row]]] = {
    ("change_rule_vs_read",): against_reading,
    ("change_rule_vs_mapcalc",): against_mapcalc,
}


if __name__ == "__main__":
    _side(sys.argv[1], Path(sys.argv[2]))
