"""Every place belongs to one zone, and the strips say the same as the places."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sealwatch.zones import strip_of, zone_at

ZONES = st.lists(
    st.builds(lambda side, number: side + number, st.sampled_from([32600, 32700]), st.integers(1, 60)),
    min_size=1,
    max_size=6,
    unique=True,
)


@settings(max_examples=300, deadline=None)
@given(ZONES, st.integers(0, 2**32 - 1))
def test_strips_part_the_earth_as_places_do(zones, seed):
    numbers = np.random.default_rng(seed)
    # Off the borders, which lie on whole degrees.
    longitude = numbers.integers(-180, 180, 200) + numbers.uniform(0.01, 0.99, 200)
    latitude = numbers.integers(-90, 90, 200) + numbers.uniform(0.01, 0.99, 200)
    strips = [strip_of(zone, zones) for zone in zones]
    inside = np.stack([shapely.contains_xy(strip, longitude, latitude) for strip in strips])
    assert (inside.sum(axis=0) == 1).all()
    assert (inside.argmax(axis=0) == zone_at(longitude, latitude, zones)).all()
    assert sum(strip.area for strip in strips) == pytest.approx(360 * 180)


@pytest.mark.parametrize(
    ("zones", "longitude", "latitude", "zone"),
    [
        ([32632, 32633], 11.99, 46.0, 32632),
        ([32632, 32633], 12.01, 46.0, 32633),
        ([32636, 32736], 33.0, -0.01, 32736),
        # A northern zone's maps reach beyond the equator; the next meridian's southern zone is farther away.
        ([32636, 32737], 33.0, -0.01, 32636),
        # Zone 1 begins where zone 60 ends.
        ([32701, 32760], 179.9, -17.0, 32760),
        ([32701, 32760], -179.9, -17.0, 32701),
        ([32759, 32701], 179.0, -17.0, 32701),
    ],
)
def test_the_nearest_meridian_answers(zones, longitude, latitude, zone):
    found = zone_at(np.array([longitude]), np.array([latitude]), zones)
    assert zones[found[0]] == zone
    assert shapely.contains_xy(strip_of(zone, zones), longitude, latitude)
