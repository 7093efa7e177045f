"""The check rule: GRASS agrees with every method and option; one corrupted cell is found and named."""

import json

import h5py
import numpy as np
import pytest

from builders.maps import CLASSES, read, write_grid, write_tile
from sealwatch import hdf5
from sealwatch.change.persistence import confirm
from sealwatch.check import Composite, check_zone
from sealwatch.composites.composite import composite
from sealwatch.composites.mosaic import mosaic
from sealwatch.errors import CheckError
from sealwatch.grid import Window
from sealwatch.keys import half_range, half_span

WINDOW = Window(32633, 496640, 5120000, 640, 26, 22)
JUNE = ("2021-06-01", "2021-06-30")
HALVES = half_range("2018-01-01", "2021-12-31")
RULE = {"persistence": 3, "max_gap": 1, "first_state": 2}


def changing_halves(folder, grid):
    """Half-years whose cells keep a class for some periods, with gaps, so that gains and reversals occur."""
    rng = np.random.default_rng(8)
    turn = rng.random((len(HALVES), *WINDOW.shape)) < 0.2
    state = (np.cumsum(turn, axis=0) + rng.integers(0, 2, WINDOW.shape)) % 2
    paths = []
    for half, impervious in zip(HALVES, state, strict=True):
        probability = rng.dirichlet(np.ones(CLASSES), WINDOW.shape).transpose(2, 0, 1).astype("f4")
        # Highway or Pasture for certain.
        probability[3] += 2 * impervious
        probability[5] += 2 * (1 - impervious)
        probability /= probability.sum(axis=0)
        probability[:, rng.random(WINDOW.shape) < 0.1] = np.nan
        date = write_tile(folder / f"date/{half}.h5", WINDOW, probability.astype("f4"))
        month = folder / f"month/32633/{half}.h5"
        composite([date], grid, month, "month", "probability", half_span(half), 1)
        paths.append(folder / f"half/32633/{half}.h5")
        composite([month], grid, paths[-1], "half", "probability", half_span(half), 1)
    return paths


def write_change(path, halves):
    """The periods of the compiled rule."""
    land_cover = np.stack([read(half, "class") for half in halves])
    series = np.where(land_cover == 255, 255, np.isin(land_cover, (3, 4, 7))).astype("u1")
    runs = confirm(series.reshape(len(halves), -1), **RULE)
    with hdf5.create(path, "change", 1, {}) as file:
        file.set_grid(WINDOW)
        file.add_axis("event", np.arange(1, runs.start.shape[0] + 1, dtype="i4"))
        for part in ("start", "confirmed", "reversal"):
            place = (getattr(runs, part) + 1).astype("u2").reshape(-1, *WINDOW.shape)
            file.add(part, ("event", "y", "x"), "uint16", place)
        file.add("state", ("y", "x"), "uint8", runs.state.reshape(WINDOW.shape))


@pytest.fixture(scope="module")
def zone(tmp_path_factory):
    """Grid, three dates with overlapping gaps and ties, half-years and changes."""
    folder = tmp_path_factory.mktemp("zone")
    grid = write_grid(folder / "grid/32633.h5", WINDOW)
    rng = np.random.default_rng(5)
    dates = []
    for n in range(3):
        probability = rng.dirichlet(np.full(CLASSES, 0.4), WINDOW.shape).transpose(2, 0, 1).astype("f4")
        probability[:, rng.random(WINDOW.shape) < 0.3] = np.nan
        tile = write_tile(folder / f"tile{n}.h5", WINDOW, probability, rng.uniform(0.5, 1, WINDOW.shape))
        dates.append(folder / f"mosaic/32633/2021-06-1{n}_S2A.h5")
        mosaic([tile], grid, dates[-1], 1)
    halves = changing_halves(folder, grid)
    change = folder / "change/32633.h5"
    write_change(change, halves)
    return folder, grid, dates, halves, change


def run(zone, composites, target, sample_cells=8):
    folder, grid, _, halves, change = zone
    check_zone("32633", grid, composites, halves, change, RULE, sample_cells, folder / target)
    return json.loads((folder / target).read_text())


def month_of(zone, name, method, **options):
    folder, grid, dates, _, _ = zone
    path = folder / f"month/32633/{name}.h5"
    composite(dates, grid, path, "month", method, JUNE, 1, **options)
    return Composite(path, dates, "month", method, **options)


def test_grass_agrees_with_every_method_and_option(zone):
    folder, grid, _, _, _ = zone
    composites = []
    for method in ("probability", "mode"):
        for options in ({}, {"min_confidence": 0.4, "majority_px": 3}):
            name = f"{method}{len(options)}"
            month = month_of(zone, name, method, **options)
            half = folder / f"half/32633/{name}.h5"
            composite([month.path], grid, half, "half", method, ("2021-01-01", "2021-06-30"), 1)
            composites += [month, Composite(half, [month.path], "half", method)]
    empty = folder / "month/32633/empty.h5"
    composite([], grid, empty, "month", "mode", JUNE, 1)
    report = run(zone, [*composites, Composite(empty, [], "month", "mode")], "all.json", None)
    assert report["differences"] == 0
    assert report["grass"].startswith("8")
    assert len(report["values_compared"]) == 10
    assert report["values_compared"]["month/32633/mode2.h5"] == 12 * 26 * 22
    assert report["values_compared"]["change/32633.h5"] >= 3 * 26 * 22


def test_the_sample_lies_where_most_gains_are(zone):
    *_, change = zone
    report = run(zone, [], "sample.json", 8)
    with h5py.File(change) as file:
        gains = (file["start"][:] > 0).any(axis=0)
    counts = {(r, c): gains[r : r + 8, c : c + 8].sum() for r in range(0, 22, 8) for c in range(0, 26, 8)}
    assert counts[report["rows"][0], report["cols"][0]] == max(counts.values()) > 0


def corrupt(path, variable, place, value):
    with h5py.File(path, "r+") as file:
        file[variable][place] = value


def test_one_corrupted_cell_of_a_composite_fails_and_names_it(zone):
    folder, _, _, _, _ = zone
    month = month_of(zone, "broken", "probability")
    with h5py.File(month.path) as file:
        wrong = (int(file["class"][11, 13]) + 1) % 10
    corrupt(month.path, "class", (11, 13), wrong)
    message = rf"broken\.h5: class is not .* at 1 of 572 places \(row 11, column 13: {wrong}, in GRASS \d\)"
    with pytest.raises(CheckError, match=message):
        run(zone, [month], "broken.json", None)
    assert not (folder / "broken.json").exists()


def test_one_corrupted_cell_of_the_change_map_fails_and_names_it(zone):
    *_, change = zone
    before = change.read_bytes()
    try:
        with h5py.File(change) as file:
            _, row, col = (int(v[0]) for v in np.nonzero(file["confirmed"][:1] > 0))
            value = int(file["confirmed"][0, row, col])
        corrupt(change, "confirmed", (0, row, col), value + 1)
        message = rf"32633\.h5: confirmed of gain 1 is not .*\(row {row}, column {col}: {value + 1}, in GRASS {value}\)"
        with pytest.raises(CheckError, match=message):
            run(zone, [], "bad.json", None)
    finally:
        change.write_bytes(before)
