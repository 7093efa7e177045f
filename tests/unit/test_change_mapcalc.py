"""The rule in GRASS: r.mapcalc statements give the compiled rule's periods on every cell."""

import numpy as np
import pytest

from sealwatch import grass
from sealwatch.change.mapcalc import persistence_expression
from sealwatch.change.persistence import confirm
from sealwatch.grid import Window

PARTS = ("start", "confirmed", "reversal", "reversal_confirmed")


def series_with_gaps(periods, shape, seed=1):
    """Cells that keep a state for some periods, with noise and gaps: gains, reversals and later gains among them."""
    rng = np.random.default_rng(seed)
    turns = rng.random((periods, *shape)) < 0.22
    values = (np.cumsum(turns, axis=0) + rng.integers(0, 2, shape)) % 2
    values = np.where(rng.random(values.shape) < 0.08, 1 - values, values).astype("u1")
    return np.where(rng.random(values.shape) < 0.15, 255, values).astype("u1")


@pytest.mark.parametrize(("persistence", "max_gap", "first_state"), [(3, 1, 2), (2, 0, 1), (3, 2, 3)])
def test_grass_finds_the_same_periods(persistence, max_gap, first_state):
    edge, periods = 172, 12
    series = series_with_gaps(periods, (edge, edge))
    runs = confirm(series.reshape(periods, -1), persistence, max_gap, first_state)
    with grass.session(32633) as session:
        session.set_region(Window(32633, 0, edge * 640, 640, edge, edge))
        names = [f"half_{t}" for t in range(1, periods + 1)]
        for name, values in zip(names, series, strict=True):
            session.import_array(values, name)
        for event in (1, 2):
            for statement in persistence_expression(
                names, persistence, max_gap, first_state, event, f"gain{event}"
            ):
                session.run("r.mapcalc", expression=statement)
            for part in PARTS:
                ours = getattr(runs, part)[event - 1].reshape(edge, edge) + 1
                theirs = session.export_array(f"gain{event}_{part}", "int32")
                assert np.array_equal(theirs, ours), (event, part)
            assert (runs.start[event - 1] >= 0).any()
        assert (runs.reversal_confirmed[0] >= 0).any()


def test_too_many_periods_are_refused():
    with pytest.raises(ValueError, match=r"64 maps: r\.mapcalc checks 1 to 63 periods"):
        persistence_expression(["m"] * 64, 3, 1)
