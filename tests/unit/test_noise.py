"""Noise treatment of months: confidence threshold and majority prior, against a landscape whose truth is known."""

import numpy as np
import pytest

from builders.maps import read, shares_of, write_grid, write_tile
from sealwatch.composites.combine import OWN_SHARE
from sealwatch.composites.composite import composite
from sealwatch.grid import Window
from sealwatch.keys import LAND_COVER_CLASSES

JUNE = ("2021-06-01", "2021-06-30")
CROP, FOREST, HIGHWAY, INDUSTRIAL = (
    LAND_COVER_CLASSES.index(name) for name in ("AnnualCrop", "Forest", "Highway", "Industrial")
)
FIELD = Window(32633, 496640, 5120000, 160, 60, 40)


def make(tmp_path, dates, method, **options):
    """Class of the month made from dates."""
    grid = write_grid(tmp_path / "g.h5", FIELD)
    composite(dates, grid, tmp_path / "o.h5", "month", method, JUNE, 1, **options)
    return read(tmp_path / "o.h5", "class")


def landscape():
    """Fields beside a forest, a new industrial area of 3 x 3 cells and one of a single cell."""
    truth = np.full(FIELD.shape, CROP)
    truth[:, 40:] = FOREST
    truth[10:13, 10:13] = INDUSTRIAL
    truth[30, 20] = INDUSTRIAL
    return truth


def flickering_dates(tmp_path, truth, seed=3):
    """Three dates; in each 3 % of the cells are taken for Highway, with little confidence; the rest is sure."""
    rng = np.random.default_rng(seed)
    dates = []
    for n in range(3):
        flicker = rng.random(truth.shape) < 0.03
        flicker |= (rng.random(truth.shape) < 0.02) if n == 0 else False
        probability = shares_of(truth, 0.9)
        probability[:, flicker] = shares_of(np.full(truth.shape, HIGHWAY), 0.4)[:, flicker]
        dates.append(write_tile(tmp_path / f"d{n}.h5", FIELD, probability))
    return dates


def isolated_flicker(tmp_path, truth):
    """A month of one clear date only, so that nothing outvotes its flicker."""
    return flickering_dates(tmp_path, truth)[:1]


@pytest.mark.parametrize("method", ["probability", "mode"])
def test_a_confidence_threshold_removes_doubtful_flicker_and_keeps_every_sure_cell(tmp_path, method):
    truth = landscape()
    dates = isolated_flicker(tmp_path, truth)
    plain = make(tmp_path, dates, method)
    wrong = plain != truth
    assert wrong.sum() > 50
    strict = make(tmp_path, dates, method, min_confidence=0.5)
    assert (strict[wrong] == 255).all()
    assert (strict[~wrong] == truth[~wrong]).all()
    assert (read(tmp_path / "o.h5", "observations") == (strict != 255)).all()


def test_a_cell_that_just_reaches_the_threshold_counts(tmp_path):
    probability = shares_of(np.full(FIELD.shape, CROP), 0.6)
    date = write_tile(tmp_path / "d.h5", FIELD, probability)
    assert (make(tmp_path, [date], "mode", min_confidence=0.6) == CROP).all()
    assert (make(tmp_path, [date], "mode", min_confidence=0.6001) == 255).all()


@pytest.mark.parametrize(("method", "removed"), [("probability", 1.0), ("mode", 0.0)])
def test_the_majority_prior_and_flicker_of_a_single_date(tmp_path, method, removed):
    """Doubtful probabilities follow their neighbours; a single vote has no doubt that could be seen, and stays."""
    truth = landscape()
    dates = isolated_flicker(tmp_path, truth)
    wrong = make(tmp_path, dates, method) != truth
    alone = wrong & (
        np.add.reduce([np.roll(wrong, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)]) == 1
    )
    alone[:, 38:42] = False  # at the edge of the forest neighbours are of two minds
    alone[[0, -1]] = alone[:, [0, -1]] = False
    assert alone.sum() > 20
    pooled = make(tmp_path, dates, method, majority_px=3)
    assert (pooled[alone] == truth[alone]).mean() == removed
    # What is really new stays, also where it is a single cell.
    for area in (np.s_[10:13, 10:13], np.s_[30, 20]):
        assert (pooled[area] == INDUSTRIAL)[~wrong[area]].all()
        assert not wrong[area].all()


def test_disputed_votes_follow_the_neighbours_and_unanimous_ones_do_not(tmp_path):
    truth = landscape()
    split = truth.copy()
    split[30, 20] = CROP
    split[5, 5] = HIGHWAY
    other = split.copy()
    other[20, 30] = HIGHWAY
    third = split.copy()
    third[20, 30] = HIGHWAY
    dates = [
        write_tile(tmp_path / f"d{n}.h5", FIELD, shares_of(codes))
        for n, codes in enumerate((split, other, third))
    ]
    plain = make(tmp_path, dates, "mode")
    assert (plain[20, 30], plain[5, 5]) == (HIGHWAY, HIGHWAY)
    pooled = make(tmp_path, dates, "mode", majority_px=3)
    assert (pooled[20, 30], pooled[5, 5]) == (CROP, HIGHWAY)


def test_the_prior_is_the_stated_mean_and_leaves_empty_cells_empty(tmp_path):
    rng = np.random.default_rng(2)
    probability = rng.dirichlet(np.ones(10), FIELD.shape).transpose(2, 0, 1).astype("f4")
    empty = rng.random(FIELD.shape) < 0.3
    probability[:, empty] = np.nan
    date = write_tile(tmp_path / "d.h5", FIELD, probability)
    land_cover = make(tmp_path, [date], "probability", majority_px=5)
    found = read(tmp_path / "o.h5", "probability")
    assert np.array_equal(land_cover == 255, empty)
    assert np.array_equal(np.isnan(found[0]), empty)
    padded = np.pad(probability, ((0, 0), (2, 2), (2, 2)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
    expected = OWN_SHARE * probability + (1 - OWN_SHARE) * np.nanmean(windows, axis=(3, 4))
    np.testing.assert_allclose(found[:, ~empty], expected[:, ~empty], atol=1e-6)
    assert found[:, ~empty].sum(axis=0) == pytest.approx(1, abs=1e-5)


def test_off_means_off(tmp_path):
    """Defaults give the bytes of the maps without any treatment."""
    dates = flickering_dates(tmp_path, landscape())
    make(tmp_path, dates, "probability")
    plain = (tmp_path / "o.h5").read_bytes()
    make(tmp_path, dates, "probability", min_confidence=0.0, majority_px=1)
    assert (tmp_path / "o.h5").read_bytes() == plain
