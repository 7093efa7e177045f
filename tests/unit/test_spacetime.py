"""GRASS datasets: packed, opened in another place, led to moved files; every command of the guide does what it says."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from builders.maps import ZONE, read, write_classes, write_grid
from sealwatch import grass
from sealwatch.composites.composite import composite
from sealwatch.composites.relink import relink
from sealwatch.composites.spacetime import DATASETS, build
from sealwatch.errors import GrassError, RasterError
from sealwatch.grid import Window
from sealwatch.keys import days_of_month, half_span, month_range, months_of

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/grass.md").read_text(encoding="utf-8")
X, Y = 498900, 5118900
ROW, COL = int((ZONE.y_max - Y) // 640), int((X - ZONE.x_min) // 640)
MONTHS = month_range("2024-01-01", "2024-12-31")
HALVES = ("2024H1", "2024H2")


def reclassify(land_cover):
    """1 for Highway, Industrial and Residential, 0 for the rest, 255 where not observed."""
    return np.where(land_cover == 255, 255, np.isin(land_cover, (3, 4, 7))).astype("u1")


def make_results(root):
    """A results folder of one year: two satellites on one day, twelve months (one empty), two half-years by mode."""
    rng = np.random.default_rng(6)
    grid = write_grid(root / "grid/32633.h5")
    files = {"dates": [], "months": [], "halves": []}
    for platform in ("S2A", "S2B"):
        path = root / f"mosaic/32633/2024-06-14_{platform}.h5"
        files["dates"].append(write_classes(path, ZONE, rng.integers(0, 10, ZONE.shape)))
    for month in MONTHS:
        path = root / f"month/32633/{month}.h5"
        land_cover = np.where(rng.random(ZONE.shape) < 0.3, 255, rng.integers(0, 10, ZONE.shape))
        if month == "2024-02":
            composite([], grid, path, "month", "mode", days_of_month(month), 1)
        else:
            write_classes(path, ZONE, land_cover, 1, "observations")
        files["months"].append(path)
    for half in HALVES:
        path = root / f"half/32633/{half}.h5"
        sources = [root / f"month/32633/{month}.h5" for month in months_of(half)]
        composite(sources, grid, path, "half", "mode", half_span(half), 1)
        files["halves"].append(path)
    return files


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """The archive unpacked in another place, its results moved to a third one, the links led there."""
    folder = tmp_path_factory.mktemp("series")
    files = make_results(folder / "made here")
    build("32633", files, folder / "made here/spacetime/32633.tar.gz")
    shutil.move(folder / "made here", folder / "moved to")
    with tarfile.open(folder / "moved to/spacetime/32633.tar.gz") as archive:
        archive.extractall(folder / "unpacked", filter="data")
    location = folder / "unpacked/sealwatch_32633"
    with (
        grass.session(32633, location.parent, location.name, "series") as session,
        pytest.raises(GrassError, match="No such file"),
    ):
        session.export_array("halves_2024H1", "uint8")
    command = [sys.executable, "-m", "sealwatch.composites.relink", str(location), str(folder / "moved to")]
    done = subprocess.run(command, cwd=ROOT / "workflow", capture_output=True, text=True, check=True)
    assert done.stdout.startswith("16 maps linked")
    return location, folder / "moved to"


@pytest.fixture(scope="module")
def opened(moved):
    location, _ = moved
    with grass.session(32633, location.parent, location.name, "series") as session:
        yield session


def test_the_datasets_hold_the_maps_after_a_move(moved, opened):
    _, results = moved
    assert opened.region(32633) == ZONE
    for month in MONTHS:
        found = opened.export_array(f"months_{month.replace('-', '_')}", "uint8")
        assert np.array_equal(found, read(results / f"month/32633/{month}.h5", "class"))
    for half in HALVES:
        land_cover = read(results / f"half/32633/{half}.h5", "class")
        assert np.array_equal(opened.export_array(f"halves_{half}", "uint8"), land_cover)
        assert np.array_equal(opened.export_array(f"binary_{half}", "uint8"), reclassify(land_cover))


def commands(language):
    """Commands of the guide's blocks of one kind."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def run(session, line):
    """What a line of the guide prints, with time limits."""
    module, *rest = shlex.split(line)
    flags = "".join(word[1:] for word in rest if word.startswith("-"))
    options = dict(word.split("=", 1) for word in rest if "=" in word)
    return session.read(module, flags=flags, **{f"{key}_": value for key, value in options.items()})


def test_every_command_of_the_guide_gives_what_it_promises(moved, opened):
    _, results = moved
    printed = {line: run(opened, line) for line in commands("grass")}
    assert len(printed) >= 10

    def of(beginning):
        (text,) = (text for line, text in printed.items() if line.startswith(beginning))
        return text

    assert set(re.findall(r"(\w+)@series", of("t.list"))) == set(DATASETS)
    listed = of("t.rast.list input=halves").splitlines()[1:]
    assert [line.split("|")[:3] for line in listed] == [
        ["halves_2024H1", "2024-01-01 00:00:00", "2024-07-01 00:00:00"],
        ["halves_2024H2", "2024-07-01 00:00:00", "2025-01-01 00:00:00"],
    ]
    assert "7\tResidential" in of("r.category").splitlines()
    for name, kind, periods in (("halves", "half", HALVES), ("months", "month", MONTHS)):
        there = [read(results / f"{kind}/32633/{p}.h5", "class")[ROW, COL] for p in periods]
        lines = of(f"t.rast.what strds={name}").strip().splitlines()
        shown = [line.split("|")[-1].strip() for line in lines if line.startswith(str(X))]
        assert [255 if v == "*" else int(v) for v in shown] == there
    (aggregated,) = (t for line, t in printed.items() if line.startswith("t.rast.list input=my_halves"))
    names = [line.split("|")[0] for line in aggregated.splitlines()[1:]]
    assert len(names) == 2
    for name, half in zip(names, HALVES, strict=True):
        found = opened.export_array(name, "uint8")
        assert np.array_equal(found, read(results / f"half/32633/{half}.h5", "class"))
    binary = [reclassify(read(results / f"half/32633/{half}.h5", "class")) for half in HALVES]
    total = np.sum([np.where(b == 255, 0, b) for b in binary], axis=0)
    seen = np.any([b != 255 for b in binary], axis=0)
    assert np.array_equal(opened.export_array("times_impervious", "uint8"), np.where(seen, total, 255))


def test_the_guides_modules_for_a_display_are_installed_or_said_to_need_one():
    assert [line.split()[0] for line in commands("gui")] == ["g.gui.timeline", "g.gui.animation"]
    assert "need a display" in GUIDE


def test_the_archive_holds_nothing_of_the_machine_that_made_it(moved):
    with tarfile.open(moved[1] / "spacetime/32633.tar.gz") as archive:
        assert not [name for name in archive.getnames() if os.uname().nodename in name or ".tmp" in name]


def test_a_wrong_folder_is_named_and_changes_nothing(moved, tmp_path):
    location, results = moved
    link = location / "series/cell_misc/halves_2024H1/gdal"
    before = link.read_text()
    with pytest.raises(RasterError, match=r"2024\S+\.h5: is not there; give the folder that holds mosaic"):
        relink(location, tmp_path)
    assert link.read_text() == before
    with pytest.raises(RasterError, match="has no linked maps; give the unpacked folder"):
        relink(results, results)


def test_a_copy_needs_nothing_beside_it(tmp_path):
    files = make_results(tmp_path / "results")
    expected = {path.stem: read(path, "class") for path in files["halves"]}
    build("32633", {"dates": [], "months": [], "halves": files["halves"]}, tmp_path / "a.tar.gz", pack="copy")
    shutil.rmtree(tmp_path / "results")
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        archive.extractall(tmp_path / "other", filter="data")
    with grass.session(32633, tmp_path / "other", "sealwatch_32633", "series") as session:
        for half, land_cover in expected.items():
            assert np.array_equal(session.export_array(f"halves_{half}", "uint8"), land_cover)
            assert np.array_equal(session.export_array(f"binary_{half}", "uint8"), reclassify(land_cover))
        shown = session.read("t.rast.what", strds="binary", coordinates=f"{X},{Y}", layout="row")
        assert len(shown.strip().splitlines()) >= 1


def test_a_class_in_a_single_cell_of_a_large_map_is_reclassified(tmp_path):
    """r.reclass covers the range of its source only, which r.external must therefore find exactly."""
    window = Window(32633, 496640, 5120000, 160, 1100, 700)
    land_cover = np.full(window.shape, 5, "u1")
    land_cover[399, 801], land_cover[601, 99] = 7, 9
    path = write_classes(tmp_path / "half/32633/2024H1.h5", window, land_cover, 1, "observations")
    build("32633", {"dates": [], "months": [], "halves": [path]}, tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        archive.extractall(tmp_path / "other", filter="data")
    with grass.session(32633, tmp_path / "other", "sealwatch_32633", "series") as session:
        assert np.array_equal(session.export_array("binary_2024H1", "uint8"), reclassify(land_cover))
