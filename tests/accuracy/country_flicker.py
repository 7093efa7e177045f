"""How the answer for an unchanged place moves with season, year and date: measured on real series.

Deviations are differences of log probabilities (centred over the classes) from the place's mean over the series, so
they can be added to the answer for any patch. Three parts, each from what is there, each rather too large:

- month: two monthly Level-2A series of Belgium, a village of 1 km2 (12 months) and fields (20 months, reflected to
  the size of a patch). December and January are empty in them and take the mean of November and February.
- year: the eight calendar months that the fields' series has twice; the difference of the two means / sqrt 2.
  It stands for all land, though forest and towns change less from year to year than one field.
- date: the three clear scenes of July to September 2015 over 1 km2 of Slovenia. Two months of season are in it a
  second time: an upper bound.

The patches of one series overlap: few places stand behind these figures, which the page says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.lib.stride_tricks import sliding_window_view

from sealwatch.classifier.bands import L2A_BANDS, SATLAS_BANDS
from sealwatch.grid import PATCH_PX

from .country_networks import Network

VILLAGE = ("be_village_monthly_2020-11_2021-10_100x100_9b.nc", "S2-L2A-B{:02d}")
FIELDS = ("be_fields_monthly_2020-08_2022-03_50x48_9b.nc", "B{:d}")
_STEP_PX = 12
_SLOVENIA_ORDER = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
_CLOUDY_BLUE = 0.1
_MOST_MISSING = 0.05
_FLOOR = 1e-4


@dataclass(frozen=True, slots=True)
class Flicker:
    """Libraries of deviations of log probabilities.

    Attributes:
        month: float32 [series, 12, class], January first; the first `villages` are of the village.
        year: float32 [place, class], one standard deviation.
        date: float32 [draw, class].
        villages: number of series of the village.
    """

    month: np.ndarray
    year: np.ndarray
    date: np.ndarray
    villages: int

    def stilled(self) -> Flicker:
        """The same libraries with no deviation at all."""
        return replace(self, month=0 * self.month, year=0 * self.year, date=0 * self.date)


def log_scores(probability: np.ndarray) -> np.ndarray:
    """Centred log probabilities, float32 [..., class]; probabilities are known to four digits."""
    scores = np.log(np.maximum(probability, _FLOOR))
    return (scores - scores.mean(axis=-1, keepdims=True)).astype(np.float32)


def _patches(image: np.ndarray) -> np.ndarray:
    # All patches of a [..., y, x] image at steps of 120 m: [n, ..., 64, 64].
    views = sliding_window_view(image, (PATCH_PX, PATCH_PX), axis=(-2, -1))[..., ::_STEP_PX, ::_STEP_PX, :, :]
    moved = np.moveaxis(views, (-4, -3), (0, 1))
    return moved.reshape(-1, *moved.shape[2:])


def _monthly(file: Path, pattern: str) -> tuple[np.ndarray, np.ndarray]:
    # (image [month, bands, y, x] reflectance x 10000, calendar months 1..12) without the empty months.
    with xr.open_dataset(file) as data:
        names = [pattern.format(int(band[1:])) for band in SATLAS_BANDS]
        image = np.stack([data[name].values.astype(np.float32) for name in names], axis=1)
        months = data["t"].dt.month.values
    missing = image >= 65535
    full = missing.mean(axis=(1, 2, 3)) < _MOST_MISSING
    image = np.where(missing, np.nan, image)[full]
    # As in the classification of scenes: pixels without data take the mean of their band.
    return np.where(np.isnan(image), np.nanmean(image, axis=(2, 3), keepdims=True), image), months[full]


def _padded(image: np.ndarray) -> np.ndarray:
    # Reflected, so that a patch and a few steps beside it fit.
    want = PATCH_PX + 2 * _STEP_PX
    grow = [(0, max(0, want - have)) for have in image.shape[-2:]]
    return np.pad(image, [(0, 0)] * (image.ndim - 2) + grow, mode="reflect")


def _deviations(network: Network, image: np.ndarray) -> np.ndarray:
    # float32 [place, time, class] of [time, bands, y, x].
    patches = _patches(_padded(image))
    shape = patches.shape[:2]
    scores = log_scores(network.classify(patches.reshape(-1, *patches.shape[2:]))).reshape(*shape, -1)
    return scores - scores.mean(axis=1, keepdims=True)


def _year_of_months(deviations: np.ndarray, months: np.ndarray) -> np.ndarray:
    # float32 [place, 12, class]: mean of each calendar month; empty ones from their neighbours in the year.
    year = np.full((len(deviations), 12, deviations.shape[2]), np.nan, np.float32)
    for month in range(1, 13):
        if (months == month).any():
            year[:, month - 1] = deviations[:, months == month].mean(axis=1)
    known = np.flatnonzero(~np.isnan(year[0, :, 0]))
    for month in np.flatnonzero(np.isnan(year[0, :, 0])):
        before, after = known[np.argmin((month - known) % 12)], known[np.argmin((known - month) % 12)]
        year[:, month] = (year[:, before] + year[:, after]) / 2
    return year


def _between_years(deviations: np.ndarray, months: np.ndarray) -> np.ndarray:
    # float32 [place, class]: half-difference of the months that the series has twice.
    twice = [np.flatnonzero(months == m)[:2] for m in np.unique(months) if (months == m).sum() >= 2]
    first, second = np.array(twice).T
    return (deviations[:, second].mean(axis=1) - deviations[:, first].mean(axis=1)) / np.sqrt(2)


def _scenes_of_slovenia(folder: Path) -> np.ndarray:
    scenes = np.load(folder / "REFERENCE_SCENES.npy")
    order = [_SLOVENIA_ORDER.index(band) for band in SATLAS_BANDS]
    clear = scenes[..., _SLOVENIA_ORDER.index("B02")].mean(axis=(1, 2)) < _CLOUDY_BLUE
    return np.moveaxis(scenes[clear][..., order], -1, 1) * 10000


def measure_flicker(network: Network, data: Path) -> Flicker:
    """Classify the real series with a network and take the deviations.

    Args:
        network: whose answers move.
        data: folder of the real data sets.
    """
    assert set(SATLAS_BANDS) <= set(L2A_BANDS)
    months, years = [], []
    for file, pattern in (VILLAGE, FIELDS):
        image, calendar = _monthly(data / "s2_l2a_series" / file, pattern)
        deviations = _deviations(network, image)
        months.append(_year_of_months(deviations, calendar))
        if file == FIELDS[0]:
            years.append(_between_years(deviations, calendar))
    scenes = _deviations(network, _scenes_of_slovenia(data / "slovenia_s2_l1c_eolearn"))
    unbiased = np.sqrt(scenes.shape[1] / (scenes.shape[1] - 1))
    return Flicker(
        month=np.concatenate(months),
        year=np.concatenate(years),
        date=(scenes * unbiased).reshape(-1, scenes.shape[2]),
        villages=len(months[0]),
    )


def describe(flicker: Flicker) -> str:
    """Spread of the three parts, as JSON for the page."""
    spread = {name: round(float(getattr(flicker, name).std()), 3) for name in ("month", "year", "date")}
    return json.dumps(spread)
