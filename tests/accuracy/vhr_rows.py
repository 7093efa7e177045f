"""The random forest on aerial photographs with real labels: random pixels, and one map quad from the other."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import geopandas
import h5py
import numpy as np
from rasterio import features as shapes
from rasterio.transform import from_origin
from scipy.ndimage import distance_transform_edt
from shapely.geometry import shape
from sklearn.metrics import cohen_kappa_score, f1_score

from sealwatch import grass, hdf5
from sealwatch.grid import Window
from sealwatch.orthophoto.forest import load_forest
from sealwatch.orthophoto.predictor import Predictor
from sealwatch.orthophoto.segmentation import segment_sheet

from . import vhr_new
from .table import REAL_DATA_DIR, Figure, not_run
from .vhr_case import SEED, label, prepare, settings, train, write_photo

_FOLDER = REAL_DATA_DIR / "vhr_labelled"
_CODES = {"sealed": (4, 5, 6), "low_vegetation": (3,), "medium_high_vegetation": (2,)}
_F1 = {"sealed": "impervious_f1", "low_vegetation": "low_f1", "medium_high_vegetation": "medium_high_f1"}
_YEAR, _EDGE_PX, _EPSG = 2014, 256, 26917
_SLACK_PX = 2
"""Distance of the relaxed F1 (Mnih and Hinton 2010): labels and photographs do not register to the pixel."""

_QUADS = {"3708020": "3708035", "3708035": "3708020"}
"""Quad to train on, quad to test on."""

_BASELINES = {"random": (0.904, None), "3708035": (0.869, 0.557), "3708020": (0.856, 0.118)}
"""Accuracy and F1 of sealed of a forest on record, without these features."""

_FIGURES = ("oa", "kappa", *_F1.values())
_NAMES = (
    *(f"vhr_random_{figure}" for figure in _FIGURES),
    "vhr_quad_oa",
    "vhr_quad_impervious_f1",
    *(f"vhr_quad_{test}_{figure}" for test in _QUADS.values() for figure in _FIGURES),
    *(f"vhr_quad_{test}_filtered_{figure}" for test in _QUADS.values() for figure in ("oa", "impervious_f1")),
    *(f"vhr_quad_{test}_relaxed_impervious_f1" for test in _QUADS.values()),
)
_DATA = (
    "12 NAIP chips, 1 m, West Virginia, near infrared, red and green of the year of the labels only; sealed = barren, "
    "impervious and roads, water left out; settings as shipped; windows of the features chosen by the accuracy "
    "both ways between these quads"
)


def labelled() -> list[Figure]:
    """Random pixels 80/20, and each quad tested with a forest of the other one."""
    if not _FOLDER.is_dir():
        return not_run(_NAMES, "no REAL_DATA_DIR/vhr_labelled")
    with tempfile.TemporaryDirectory() as folder:
        chips = [_Chip(path, n, Path(folder)) for n, path in enumerate(sorted(_FOLDER.glob("*.npz")))]
        figures = _random(chips, Path(folder))
        for source, test in _QUADS.items():
            figures += _across(chips, source, test, Path(folder))
    by_name = {figure.name: figure for figure in figures}
    worst = min((by_name[f"vhr_quad_{test}_oa"] for test in _QUADS.values()), key=lambda f: f.value or 0.0)
    impervious = by_name["vhr_quad_3708035_impervious_f1"]
    said = "the smaller one of both ways"
    return [
        *figures,
        Figure("vhr_quad_oa", worst.value, None, None, worst.baseline, worst.n, f"{said}; {worst.data}"),
        Figure(
            "vhr_quad_impervious_f1",
            impervious.value,
            None,
            None,
            impervious.baseline,
            impervious.n,
            f"the quad with more than 2,000 sealed pixels; {impervious.data}",
        ),
    ]


class _Chip:
    """One chip: its photo, its features, and the table of all its labelled pixels in the order of rows."""

    def __init__(self, path: Path, number: int, folder: Path) -> None:
        stack = np.load(path)["arr_0"][0]
        self.quad = path.name.split("_")[3]
        self.codes = stack[8].astype("u1")
        window = Window(_EPSG, 500_000.0 + 1000 * number, 4_100_000.0, 1.0, _EDGE_PX, _EDGE_PX)
        sheet = f"chip-{number}"
        photo = write_photo(folder / f"{sheet}.tif", np.clip(np.rint(stack[[3, 0, 1]]), 0, 255), window)
        self.features = prepare(photo)
        polygons = self._polygons(folder / f"{sheet}.gpkg", sheet, window)
        self.table = label(self.features, polygons, sheet, _YEAR, most=_EDGE_PX**2)

    def _polygons(self, target: Path, sheet: str, window: Window) -> Path:
        """Every label as training polygon, along the edges of its pixels."""
        transform = from_origin(window.x_min, window.y_max, 1.0, 1.0)
        rows = []
        for name, codes in _CODES.items():
            mask = np.isin(self.codes, codes)
            found = shapes.shapes(mask.astype("u1"), mask=mask, transform=transform)
            rows += [{"class": name, "sheet": sheet, "year": _YEAR, "geometry": shape(s)} for s, _ in found]
        geopandas.GeoDataFrame(rows, crs=window.epsg).to_file(target, layer="training_polygons")
        return target


def _random(chips: Sequence[_Chip], folder: Path) -> list[Figure]:
    """Pixels of all chips, 80 % at random to train, the rest to test."""
    rng = np.random.default_rng(SEED)
    tables, held_out = [], []
    for number, chip in enumerate(chips):
        with hdf5.read(chip.table) as source:
            test = rng.random(len(source["label"])) < 0.2
            held_out.append((source["features"][:][test], source["label"][:][test]))
            tables.append(folder / f"random-{number}.h5")
            _keep(source, ~test, tables[-1])
    model = train(tables, folder / "random.npz")
    said = f"80 % of the pixels at random to train, the rest to test; baseline: on record; {_DATA}"
    values, truth = (np.concatenate(parts) for parts in zip(*held_out, strict=True))
    return _figures("vhr_random", Predictor(load_forest(model)).predict(values)[0], truth, said, "random")


def _keep(source: h5py.File, rows: np.ndarray, target: Path) -> None:
    """Write a training table with some of its rows."""
    with h5py.File(target, "w") as part:
        part.attrs.update(source.attrs)
        for name in source:
            if source[name].shape[0] == len(rows):
                part[name] = source[name][:][rows]
            else:
                source.copy(name, part)


def _across(chips: Sequence[_Chip], source: str, test: str, folder: Path) -> list[Figure]:
    """A forest of quad `source` on all labelled pixels of quad `test`, without and with the majority filter."""
    model = train([c.table for c in chips if c.quad == source], folder / f"{source}.npz")
    forest = load_forest(model)
    found, filtered, truth = np.zeros((3, len(chips), _EDGE_PX, _EDGE_PX), "u1")
    tested = [number for number, chip in enumerate(chips) if chip.quad == test]
    for number in tested:
        chip = chips[number]
        target = chip.features.with_suffix(".segmentation.h5")
        segment_sheet(chip.features, model, target, baseline=1, threads=2)
        with hdf5.read(target) as file:
            found[number] = file["class"][:]
        filtered[number] = _majority(target)
        truth[number] = 255
        for name, values in _CODES.items():
            truth[number][np.isin(chip.codes, values)] = forest.classes.index(name)
    found, filtered, truth = found[tested], filtered[tested], truth[tested]
    known, sealed = truth < 255, forest.classes.index("sealed")
    said = (
        f"trained on quad {source} (6 chips), tested on quad {test} (6 chips); baseline: on record; {_DATA}"
    )
    prefix, edge = f"vhr_quad_{test}", f"majority filter of {settings()['majority_px']} px; {said}"
    after = _figures(f"{prefix}_filtered", filtered[known], truth[known], edge, test)
    near = Figure(
        f"{prefix}_relaxed_impervious_f1",
        round(_relaxed_f1(found == sealed, truth == sealed), 4),
        None,
        None,
        None,
        int((truth == sealed).sum()),
        f"found and labelled pixels up to {_SLACK_PX} m apart agree; {said}",
    )
    return [
        *_figures(prefix, found[known], truth[known], said, test),
        *(figure for figure in after if figure.name.endswith(("_oa", "_impervious_f1"))),
        near,
    ]


def _relaxed_f1(found: np.ndarray, truth: np.ndarray) -> float:
    """F1 of the shares of found and of true pixels within the slack of the other, bool [chip, y, x]."""

    def near(masks: np.ndarray) -> np.ndarray:
        slack = [
            distance_transform_edt(~m) <= _SLACK_PX if m.any() else np.zeros_like(m, dtype=bool)
            for m in masks
        ]
        return np.stack(slack)

    precision, recall = float(near(truth)[found].mean()), float(near(found)[truth].mean())
    return 2 * precision * recall / (precision + recall)


def _majority(segmentation: Path) -> np.ndarray:
    """Classes after the majority filter of the outlines, uint8 [y, x]."""
    with hdf5.read(segmentation) as file:
        window, classes = hdf5.read_window(file), file["class"][:]
    with grass.session(window.epsg) as session:
        session.set_region(window)
        session.import_array(classes, "classes")
        size = settings()["majority_px"]
        session.run("r.neighbors", input="classes", output="mode", size=size, method="mode")
        return np.array(session.export_array("mode", "uint8"))


def _figures(prefix: str, found: np.ndarray, truth: np.ndarray, said: str, case: str) -> list[Figure]:
    """Accuracy, kappa and F1 per class; no interval, as neighbouring pixels are not independent."""
    accuracy_before, impervious_before = _BASELINES[case]
    n, codes = len(truth), list(range(len(_CODES)))
    counts = np.bincount(truth, minlength=len(codes))
    rows = [
        ("oa", float((found == truth).mean()), accuracy_before, n),
        ("kappa", float(cohen_kappa_score(truth, found)), None, n),
    ]
    for code, (value, name) in enumerate(
        zip(f1_score(truth, found, labels=codes, average=None), _F1.values(), strict=True)
    ):
        rows.append((name, float(value), impervious_before if code == 0 else None, int(counts[code])))
    return [
        Figure(f"{prefix}_{name}", round(value, 4), None, None, before, size, said)
        for name, value, before, size in rows
    ]


GROUPS = {_NAMES: labelled, **vhr_new.GROUPS}
