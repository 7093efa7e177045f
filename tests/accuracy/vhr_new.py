"""Newly impervious land between two flights of real photographs, against outlines drawn by hand."""

from __future__ import annotations

import tempfile
from pathlib import Path

import geopandas
import rasterio
from shapely.geometry import box

from sealwatch.grid import Window
from sealwatch.orthophoto.segmentation import segment_sheet

from .table import REAL_DATA_DIR, Figure, not_run
from .vhr_case import label, outline, prepare, settings, train, write_photo

_FOLDER = REAL_DATA_DIR / "vhr_multiyear"
_DRAWN = Path(__file__).parents[1] / "data"
_YEARS = (2016, 2020)
_CHANGED = ("riverside-83", "claremont-51")
_UNCHANGED = (
    "long-beach-49",
    "riverside-8",
    "riverside-47",
    "claremont-60",
    "claremont-63",
    "claremont-86",
    "santa-monica-90",
)
_CLASS = {
    "roof": "sealed",
    "paving": "sealed",
    "lawn": "low_vegetation",
    "dry_grass": "low_vegetation",
    "trees": "medium_high_vegetation",
}
_BARE = {"": "low_vegetation", "_bare_sealed": "sealed"}
"""Suffix of the figures, and the class that bare ground was drawn as."""


def _key(sheet: str) -> str:
    return sheet.replace("-", "_")


_NAMES = tuple(
    f"vhr_{figure}{suffix}"
    for suffix in _BARE
    for figure in (
        *(f"new_iou_{_key(sheet)}" for sheet in _CHANGED),
        *(f"false_new_{_key(sheet)}" for sheet in _UNCHANGED),
        "false_new_all",
    )
)


def newly_impervious() -> list[Figure]:
    """Both changed sites against outlines drawn by hand, and what is falsely new on unchanged sites."""
    if not _FOLDER.is_dir():
        return not_run(_NAMES, "no REAL_DATA_DIR/vhr_multiyear")
    drawn = geopandas.read_file(_DRAWN / "california_training_polygons.geojson")
    truth = geopandas.read_file(_DRAWN / "california_newly_impervious.geojson")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flights = sorted(set(zip(drawn["sheet"], drawn["year"], strict=True)))
        flights += [(sheet, year) for sheet in _CHANGED + _UNCHANGED for year in _YEARS]
        features = {flight: prepare(_photo(*flight, folder)) for flight in flights}
        return [f for suffix in _BARE for f in _measure(features, drawn, truth, suffix, folder)]


def _photo(sheet: str, year: int, folder: Path) -> Path:
    """The flight as NIR-R-G photo."""
    city, crop = _key(sheet).rsplit("_", 1)
    with rasterio.open(_FOLDER / f"{city}_{year}_{crop}.tif") as source:
        red, green, _, infrared = range(1, 5)
        bands, left, top = source.read([infrared, red, green]), source.bounds.left, source.bounds.top
        window = Window(source.crs.to_epsg(), left, top, round(source.res[0], 6), source.width, source.height)
    return write_photo(folder / f"{sheet}_{year}.tif", bands, window)


def _measure(
    features: dict[tuple[str, int], Path],
    drawn: geopandas.GeoDataFrame,
    truth: geopandas.GeoDataFrame,
    suffix: str,
    folder: Path,
) -> list[Figure]:
    """Train with bare ground drawn as one class, and outline all test sites."""
    polygons = folder / f"training{suffix}.gpkg"
    classes = drawn["surface"].map({**_CLASS, "bare": _BARE[suffix]})
    drawn.assign(**{"class": classes}).to_file(polygons, layer="training_polygons")
    most = settings()["forest"]["samples_per_class"]
    flights = sorted(set(zip(drawn["sheet"], drawn["year"], strict=True)))
    tables = [label(features[flight], polygons, *flight, most=most) for flight in flights]
    model = train(tables, folder / f"forest{suffix}.npz")
    said = (
        f"NAIP 0.6 m, {_YEARS[0]} to {_YEARS[1]}; trained on {len(drawn)} polygons of five other sites in three years "
        f"(tests/data), bare ground drawn as {_BARE[suffix].replace('_', ' ')}; all of the sheet counts as event; "
        "settings as shipped, of which min_probability was chosen on these sites"
    )
    figures, total_m2, false_m2 = [], 0.0, 0.0
    for sheet in _CHANGED + _UNCHANGED:
        found, area, pixels = _found(features, sheet, model)
        if sheet in _CHANGED:
            right = truth[truth["sheet"] == sheet].union_all()
            iou = found.intersection(right).area / found.union(right).area
            areas = f"{right.area:.0f} m2 ({found.area:.0f} m2 found)"
            data = f"IoU with the newly impervious land drawn by hand, {areas}; {said}"
            figures.append(
                Figure(f"vhr_new_iou_{_key(sheet)}{suffix}", round(iou, 4), None, None, None, pixels, data)
            )
            continue
        total_m2, false_m2 = total_m2 + area, false_m2 + found.area
        data = f"m2 falsely new on an unchanged site, {found.area / area:.2%} of it; {said}"
        figures.append(
            Figure(
                f"vhr_false_new_{_key(sheet)}{suffix}", round(found.area, 1), None, None, None, pixels, data
            )
        )
    data = f"m2 falsely new on {len(_UNCHANGED)} unchanged sites together, {false_m2 / total_m2:.2%} of them; {said}"
    figures.append(
        Figure(f"vhr_false_new_all{suffix}", round(false_m2, 1), None, None, None, len(_UNCHANGED), data)
    )
    return figures


def _found(
    features: dict[tuple[str, int], Path], sheet: str, model: Path
) -> tuple[geopandas.GeoSeries, float, int]:
    """Newly sealed land found on a site as one shape, area of the site in m2, and its pixels."""
    segmentations = []
    for year in _YEARS:
        target = features[sheet, year].with_suffix(f".{model.stem}.h5")
        segment_sheet(features[sheet, year], model, target, baseline=1, threads=2)
        segmentations.append(target)
    with rasterio.open(features[sheet, _YEARS[1]].parent / f"{sheet}_{_YEARS[1]}.tif") as source:
        area, epsg, pixels = box(*source.bounds), source.crs.to_epsg(), source.width * source.height
    before, now = segmentations
    return outline(now, before, area, epsg, sheet, _YEARS).union_all(), area.area, pixels


GROUPS = {_NAMES: newly_impervious}
