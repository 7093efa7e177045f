"""Real monthly series without any true change: what the network sees there, and that no change is confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from sealwatch.change.events import reclassify
from sealwatch.change.persistence import confirm
from sealwatch.classifier.assessment import fit_temperature, softmax
from sealwatch.classifier.bands import SATLAS_BANDS
from sealwatch.classifier.splits import spatial_cells, spatial_folds
from sealwatch.composites.maps import NO_CLASS
from sealwatch.keys import IMPERVIOUS_CLASSES, LAND_COVER_CLASSES, half_of

from .landcover_rows import CELL_DEG, FOLDS, SEED, ms_fold_settings, ms_patches
from .networks import BACKBONE, logits, trained
from .table import REAL_DATA_DIR, Figure, not_run, share

_NAMES = ("negative_series_confirmed", "negative_series_impervious_months")
_FILES = {
    "village": ("be_village_monthly_2020-11_2021-10_100x100_9b.nc", "S2-L2A-B{:0>2}"),
    "fields": ("be_fields_monthly_2020-08_2022-03_50x48_9b.nc", "B{}"),
}
_PATCH, _STEP, _NO_DATA, _MAX_GAP = 64, 18, 65535, 1


@dataclass(frozen=True, slots=True)
class SiteSeries:
    """Monthly patches of one place.

    Attributes:
        site: name of the place, with the patch's upper-left pixel.
        months: `2020-11`, in order.
        seen: bool [month], False where more than half of the pixels are missing.
        reflectance: uint16 [month, 9, 64, 64], bands of SATLAS.
    """

    site: str
    months: list[str]
    seen: np.ndarray
    reflectance: np.ndarray


def site_series() -> Iterator[SiteSeries]:
    """Series of overlapping patches of both places; the one smaller than a patch is mirrored at its border."""
    for site, (name, pattern) in _FILES.items():
        with xr.open_dataset(REAL_DATA_DIR / "s2_l2a_series" / name, mask_and_scale=False) as file:
            cube = np.stack(
                [file[pattern.format(band[1:].lstrip("0"))].values for band in SATLAS_BANDS], axis=1
            )
            months = [str(value)[:7] for value in file["t"].values]
        cube = cube.astype(np.uint16)  # one of the files holds its numbers as signed ones
        cube[cube == _NO_DATA] = 0
        grow = [(0, 0), (0, 0), *((0, max(_PATCH - size, 0)) for size in cube.shape[2:])]
        cube = np.pad(cube, grow, mode="reflect")
        for top in range(0, cube.shape[2] - _PATCH + 1, _STEP):
            for left in range(0, cube.shape[3] - _PATCH + 1, _STEP):
                patches = cube[:, :, top : top + _PATCH, left : left + _PATCH].astype(np.float32)
                valid = patches > 0
                mean = patches.sum(axis=(2, 3), keepdims=True) / np.maximum(
                    valid.sum(axis=(2, 3), keepdims=True), 1
                )
                seen = valid.all(axis=1).mean(axis=(1, 2)) > 0.5
                filled = np.where(valid, patches, mean).round().astype(np.uint16)
                yield SiteSeries(f"{site} {top},{left}", months, seen, filled)


def negative() -> list[Figure]:
    """Impervious months with and without calibration, and changes confirmed from half-years and from months."""
    if not (REAL_DATA_DIR / "s2_l2a_series").is_dir():
        return not_run(_NAMES, "no REAL_DATA_DIR/s2_l2a_series")
    data = ms_patches()
    settings = ms_fold_settings()
    folds = spatial_folds(spatial_cells(data.lon, data.lat, CELL_DEG), FOLDS, SEED)
    held_out = trained(data, folds != 0, settings)
    calibration = logits(held_out, BACKBONE, data.reflectance[folds == 0])
    temperature = fit_temperature(calibration, data.labels[folds == 0])
    network = trained(data, np.ones(len(data), dtype=bool), settings)
    impervious = np.isin(LAND_COVER_CLASSES, IMPERVIOUS_CLASSES)
    plain_months = scaled_months = observed = 0
    confirmed = {"half-years": 0, "months": 0}
    for series in site_series():
        found = logits(network, BACKBONE, series.reflectance)
        plain, scaled = softmax(found), softmax(found, temperature)
        codes = np.where(series.seen, scaled.argmax(axis=1), NO_CLASS)
        print(series.site, *(LAND_COVER_CLASSES[c] if c != NO_CLASS else "-" for c in codes))
        observed += int(series.seen.sum())
        plain_months += int((plain[:, impervious].sum(axis=1) > 0.5)[series.seen].sum())
        scaled_months += int((scaled[:, impervious].sum(axis=1) > 0.5)[series.seen].sum())
        halves = np.array([half_of(month) for month in series.months])
        means = [
            scaled[series.seen & (halves == half)].mean(axis=0)
            if (series.seen & (halves == half)).any()
            else None
            for half in np.unique(halves)
        ]
        by_half = np.array([NO_CLASS if m is None else m.argmax() for m in means], dtype=np.uint8)
        for name, states in (("half-years", by_half), ("months", codes.astype(np.uint8))):
            runs = confirm(reclassify(states)[:, None], 3, _MAX_GAP)
            confirmed[name] += int((runs.start >= 0).sum())
    said = (
        f"{observed} observed site-months of a Belgian village and of fields without any true change, patches every "
        f"{_STEP * 10} m; network trained on all EuroSAT 13-band patches at hand"
    )
    return [
        Figure(
            _NAMES[0], confirmed["half-years"], None, None, 0, observed,
            f"confirmed changes from half-years; the same rule on months confirms {confirmed['months']}; {said}",
        ),
        share(
            _NAMES[1], scaled_months, observed,
            f"months with impervious probability above 0.5 after calibration (houses of the village among them); "
            f"baseline: before calibration; {said}",
            round(plain_months / observed, 4),
        ),
    ]  # fmt: skip


GROUPS = {_NAMES: negative}
