"""The synthetic country: its land, and that a network without errors finds what happened on it."""

from __future__ import annotations

import numpy as np
import pytest

from accuracy.country import BLIP, GAIN, GAINS, Composites, draw_history, half_years
from accuracy.country_flicker import Flicker
from accuracy.country_land import (
    BLOCK_PX,
    FOOTPRINTS,
    IMPERVIOUS,
    MARGIN_PX,
    WATER,
    Land,
    lowest_ndvi,
    make_land,
)
from accuracy.country_score import confirmed_gains, score
from accuracy.country_views import Views
from sealwatch.classifier.bands import SATLAS_BANDS
from sealwatch.classifier.patches import PatchSet
from sealwatch.grid import PATCH_PX

FOREST, RESIDENTIAL = 1, 7


@pytest.fixture(scope="module")
def land():
    """Drawn from two patches a class whose pixels hold the class code; the first of each is not held out."""
    labels = np.repeat(np.arange(10), 2)
    values = 100 * labels + 1000 * (np.arange(20) % 2)
    pixels = np.broadcast_to(values[:, None, None, None], (20, 9, 64, 64)).astype("u2")
    places = np.zeros(20)
    patches = PatchSet(pixels, labels, places, places, SATLAS_BANDS, "")
    return make_land(patches, np.arange(20) % 2 == 1, 3)


def test_the_land_shows_held_out_patches_of_its_classes(land):
    assert np.array_equal(land.before[0], 1000 + 100 * land.classes.astype("u2"))
    core = land.after[0, MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    sealed = land.footprint >= 0
    assert np.array_equal(core[sealed], 1000 + 100 * land.sealed[land.footprint[sealed]].astype("u2"))
    assert IMPERVIOUS[land.sealed].all()


def test_footprints_lie_on_open_land_and_a_patch_sees_one_of_them(land):
    assert len(land.boxes) == FOOTPRINTS
    assert land.hectares.min() >= 0.35
    assert land.hectares.max() <= 41
    classes = land.classes[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    assert not (IMPERVIOUS | WATER)[classes[land.footprint >= 0]].any()
    top, left, bottom, right = land.boxes.T
    rows = np.maximum(top[:, None] - bottom[None], top[None] - bottom[:, None])
    cols = np.maximum(left[:, None] - right[None], left[None] - right[:, None])
    apart = np.maximum(rows, cols)[~np.eye(FOOTPRINTS, dtype=bool)]
    assert apart.min() >= PATCH_PX


def test_the_piece_of_lowest_ndvi_is_cut_out():
    patch = np.full((9, 64, 64), 1000, "u2")
    patch[6] = 4000
    patch[6, 20:30, 40:45] = 500
    piece = lowest_ndvi(patch, 10, 5)
    assert piece.shape == (9, 10, 5)
    assert (piece[6] == 500).all()


def test_the_history_has_the_changes_it_promises():
    history = draw_history()
    assert (history.role == GAIN).sum() == GAINS == 2000
    assert (history.role == BLIP).sum() == 300
    assert set((history.end - history.start)[history.role == BLIP]) <= {6, 12}
    assert (draw_history().start == history.start).all()


@pytest.mark.parametrize("method", ["probability", "mode"])
def test_a_network_without_errors_finds_every_change_in_time(method):
    edge = BLOCK_PX // PATCH_PX
    inside = np.full(edge * edge, -1, "i2")
    inside[:: len(inside) // FOOTPRINTS][:FOOTPRINTS] = np.arange(FOOTPRINTS)
    before, after = (np.full((edge * edge, 10), -1.0, "f4") for _ in range(2))
    before[:, FOREST] = after[:, RESIDENTIAL] = 9.0
    views = Views(
        PATCH_PX,
        before,
        after,
        inside,
        inside,
        np.zeros(edge * edge, bool),
        np.arange(edge * edge, dtype="i4"),
    )
    nothing = np.zeros(0, "u2")
    classes = np.zeros((BLOCK_PX + 2 * MARGIN_PX,) * 2, "u1")
    land = Land(nothing, nothing, classes, nothing, np.array([[0, 0, 10, 10]] * FOOTPRINTS), nothing)
    still = Flicker(np.zeros((1, 12, 10), "f4"), np.zeros((1, 10), "f4"), np.zeros((1, 10), "f4"), 1)
    history = draw_history()
    halves = half_years(views, land, still, history, 0, [Composites(method)])
    one = type(history)(history.role[:1], history.start[:1], history.end[:1])
    result = score(confirmed_gains(halves, 3, 1), views, one, land.hectares)
    assert result.found.all()
    assert len(result.found) > 50
    assert sum(result.false.values()) == result.false["blip"] < 10
    assert result.half_error.max() <= 1
