"""A whole orthophoto from raster to outlines: seconds of each step, peak memory, and scikit-learn in our place."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import rasterio
from rasterio.transform import from_origin

from sealwatch import grass, hdf5, settings
from sealwatch.composites.maps import BLOCK
from sealwatch.orthophoto.features import NO_DATA, prepare_sheet
from sealwatch.orthophoto.forest import assemble
from sealwatch.orthophoto.labels import CLASSES
from sealwatch.orthophoto.outline import outline_sheet
from sealwatch.orthophoto.segmentation import segment_sheet
from sealwatch.orthophoto.trainers import trees_of_sklearn

from .forest_case import EDGE, chips
from .table import Row, row

WIDTH, HEIGHT = (int(n) for n in os.environ.get("SHEET_PX", "4500x6000").split("x"))
"""Pixels of 0.5 m; the national orthophotos' sheets are 4500 x 6000."""

SAMPLES, RIVAL_SHARE = 60_000, 4
_SETTINGS = settings.read_yaml(Path(__file__).parents[2] / "config/config.yaml")["orthophoto"]
_EPSG, _X_MIN, _Y_MAX, _PIXEL_M = 32633, 500_000.0, 5_100_000.0, 0.5
_STEPS = ("import", "prepare", "segment", "outline")


def write_sheet(path: Path) -> np.ndarray:
    """Write chips side by side, turned at random; returns their class codes."""
    bands, labels, _ = chips()
    rng = np.random.default_rng(1)
    photo, codes = np.empty((3, HEIGHT, WIDTH), "u1"), np.empty((HEIGHT, WIDTH), "u1")
    for top in range(0, HEIGHT, EDGE):
        for left in range(0, WIDTH, EDGE):
            chip, turns, mirror = rng.integers(len(bands)), rng.integers(4), 1 - 2 * rng.integers(2)
            part = (slice(top, top + EDGE), slice(left, left + EDGE))
            high, wide = photo[0][part].shape
            turned = np.rot90(bands[chip], turns, (1, 2))[:, :, ::mirror]
            photo[:, part[0], part[1]] = np.clip(turned, 1, 254)[:, :high, :wide]
            codes[part] = np.rot90(labels[chip], turns)[:, ::mirror][:high, :wide]
    profile = {"driver": "GTiff", "count": 3, "height": HEIGHT, "width": WIDTH, "dtype": "uint8"}
    place = from_origin(_X_MIN, _Y_MAX, _PIXEL_M, _PIXEL_M)
    with rasterio.open(path, "w", **profile, crs=f"EPSG:{_EPSG}", transform=place, tiled=True) as target:
        target.write(photo)
    return codes


def write_flag(path: Path) -> None:
    """Twenty confirmed cells of 640 m spread over the sheet, or as many as it has."""
    cell_px = 1280
    places = [(top, left) for top in range(0, HEIGHT, cell_px) for left in range(0, WIDTH, cell_px)][:20]
    events = []
    for number, (top, left) in enumerate(places):
        x, y = _X_MIN + left * _PIXEL_M, _Y_MAX - top * _PIXEL_M
        events.append(
            {
                "event_id": f"{_EPSG}-{number}-1-2021H1",
                "from_class": "Pasture",
                "to_class": "Industrial",
                "start_half": "2021H1",
                "confirm_half": "2022H1",
                "confidence": 0.9,
                "bounds": [x, y - cell_px * _PIXEL_M, x + cell_px * _PIXEL_M, y],
                "epsg": _EPSG,
            }
        )
    flag = {"sheet": "A", "year": 2022, "flight_date": "2022-06-01", "path": "a.tif", "earlier": None}
    path.write_text(json.dumps({**flag, "events": events}), encoding="utf-8")


def end_to_end() -> list[Row]:
    """Every step in a process of its own; scikit-learn gets every fourth block of the same features."""
    import pickle

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        codes = write_sheet(folder / "photo.tif")
        write_flag(folder / "flag.json")
        figures = {step: _measured(step, folder) for step in _STEPS[:2]}
        trained = _trained(folder, codes)
        (folder / "trained.pickle").write_bytes(pickle.dumps(trained))
        figures |= {step: _measured(step, folder) for step in (*_STEPS[2:], "sklearn")}
    steps = _STEPS[1:]
    ours = sum(figures[step]["wall"] for step in steps)
    rival = ours - figures["segment"]["wall"] + figures["sklearn"]["wall"]
    split = ", ".join(
        f"{step} {figures[step]['wall']:.3g} s wall {figures[step]['cpu']:.3g} s CPU "
        f"{figures[step]['peak_mb']:.0f} MB"
        for step in (*steps, "sklearn")
    )
    note = (
        f"the same with scikit-learn's predict_proba instead of our predictor; {WIDTH} x {HEIGHT} px of {chips()[2]}, "
        f"forest of {len(trained.estimators_)} trees; {split}; of prepare, import into GRASS alone takes "
        f"{figures['import']['wall']:.3g} s; scikit-learn without writing, on every {RIVAL_SHARE}th block and times "
        f"{RIVAL_SHARE}; {numba.get_num_threads()} threads, one run"
    )
    memory = (
        f"scikit-learn's predict_proba on blocks of the same {BLOCK} rows; peak of the segmentation's process, "
        f"{WIDTH} x {HEIGHT} px"
    )
    peaks = ([figures[side]["peak_mb"]] for side in ("segment", "sklearn"))
    return [
        row("sheet_end_to_end", [ours], [rival], "s", note),
        row("sheet_segment_memory", *peaks, "MB", memory),
    ]


def _trained(folder: Path, codes: np.ndarray):  # type: ignore[no-untyped-def]
    """A forest on pixels drawn from the sheet's own features, saved as our file."""
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(2)
    values, labels = [], []
    with hdf5.read(folder / "features.h5") as file:
        names = tuple(hdf5.read_labels(file, "feature"))
        blocks = range(0, HEIGHT, BLOCK)
        for top in blocks:
            block = file["features"][:, top : top + BLOCK].reshape(len(names), -1)
            truth = codes[top : top + BLOCK].reshape(-1)
            known = np.flatnonzero((truth < len(CLASSES)) & (block[0] != NO_DATA))
            drawn = rng.choice(known, min(len(known), SAMPLES // len(blocks)), replace=False)
            values.append(block[:, drawn].T)
            labels.append(truth[drawn])
    forest = _SETTINGS["forest"]
    trained = RandomForestClassifier(
        forest["n_estimators"],
        max_depth=forest["max_depth"],
        min_samples_leaf=forest["min_samples_leaf"],
        random_state=1,
        n_jobs=os.cpu_count(),
    ).fit(np.concatenate(values), np.concatenate(labels))
    assemble(trees_of_sklearn(trained), names, CLASSES, {}).save(folder / "forest.npz")
    return trained


def _measured(step: str, folder: Path) -> dict[str, float]:
    """Figures of one step in a process of its own, so that its peak memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sheet_rows", step, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return dict(zip(("wall", "cpu", "peak_mb"), map(float, done.stdout.split()[-3:]), strict=True))


def _sklearn_segments(folder: Path) -> None:
    """What scikit-learn needs for every fourth block."""
    import pickle

    trained = pickle.loads((folder / "trained.pickle").read_bytes())
    trained.n_jobs = numba.get_num_threads()
    with hdf5.read(folder / "features.h5") as file:
        for top in range(0, HEIGHT, BLOCK * RIVAL_SHARE):
            block = file["features"][:, top : top + BLOCK]
            share = trained.predict_proba(block.reshape(len(block), -1).T)
            share.argmax(axis=1), share.max(axis=1)


def _step(step: str, folder: Path) -> None:
    """One step, timed after its imports; prints wall s, CPU s and peak MB, its children's included."""
    photo, features, segmentation = (folder / n for n in ("photo.tif", "features.h5", "segmentation.h5"))
    work: dict[str, Callable[[], object]] = {
        "import": lambda: _import_alone(photo),
        "prepare": lambda: prepare_sheet(photo, features, window_px=_SETTINGS["window_px"], baseline=1),
        "segment": lambda: segment_sheet(
            features, folder / "forest.npz", segmentation, baseline=1, threads=numba.get_num_threads()
        ),
        "outline": lambda: outline_sheet(
            folder / "flag.json", segmentation, None, None, folder / "outline.gpkg", settings=_SETTINGS
        ),
        "sklearn": lambda: _sklearn_segments(folder),
    }
    cpu, start = _cpu_s(), time.perf_counter()
    work[step]()
    wall, cpu = time.perf_counter() - start, _cpu_s() - cpu
    if step == "sklearn":
        blocks = -(-HEIGHT // BLOCK)
        factor = blocks / -(-blocks // RIVAL_SHARE)
        wall, cpu = wall * factor, cpu * factor
    # Not ru_maxrss of the process itself, which it takes over from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    own = int(status.split("VmHWM:")[1].split()[0])
    print(wall, cpu, max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024)


def _import_alone(photo: Path) -> None:
    with grass.session(_EPSG) as session:
        session.import_raster(photo, "photo")


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


GROUPS: dict[tuple[str, ...], Callable[[], list[Row]]] = {
    ("sheet_end_to_end", "sheet_segment_memory"): end_to_end,
}


if __name__ == "__main__":
    _step(sys.argv[1], Path(sys.argv[2]))
