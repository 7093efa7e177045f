"""Which UTM zone answers for a place where the maps of several cover it.

It is the zone whose central meridian is nearest; of a northern and a southern zone of one meridian, the one of the
place's side of the equator. So every place of the Earth belongs to exactly one of the zones that a run has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


def zone_at(longitude: np.ndarray, latitude: np.ndarray, zones: Sequence[int]) -> np.ndarray:
    """The zone that answers for each place.

    Args:
        longitude: float (n,), degrees.
        latitude: float (n,), degrees.
        zones: EPSG codes of the zones there are.

    Returns:
        int (n,): place of the zone in `zones`.
    """
    distance = np.stack([np.abs((longitude - _meridian(zone) + 180.0) % 360.0 - 180.0) for zone in zones])
    other_side = np.stack([(latitude >= 0) != _is_northern(zone) for zone in zones])
    nearest = distance == distance.min(axis=0)
    return np.argmax(2 * nearest - (nearest & other_side), axis=0)


def strip_of(zone: int, zones: Sequence[int]) -> BaseGeometry:
    """The part of the Earth, in degrees, for which `zone_at` gives a zone; its border is shared with others."""
    from shapely import box, union_all

    own = _meridian(zone)
    eastward = [(_meridian(other) - own) % 360.0 for other in zones if _meridian(other) != own]
    # Half the way to the next zone on each side, round the Earth.
    east, west = min(eastward, default=360.0) / 2, (360.0 - max(eastward, default=0.0)) / 2
    sides = {_is_northern(other) for other in zones if _meridian(other) == own}
    south = 0.0 if len(sides) == 2 and _is_northern(zone) else -90.0
    north = 0.0 if len(sides) == 2 and not _is_northern(zone) else 90.0
    # What lies beyond the 180th meridian is on its other side.
    turns = [(max(own - west + turn, -180.0), min(own + east + turn, 180.0)) for turn in (-360, 0, 360)]
    return union_all([box(left, south, right, north) for left, right in turns if left < right])


def _meridian(zone: int) -> float:
    return (zone % 100) * 6.0 - 183.0


def _is_northern(zone: int) -> bool:
    return zone // 100 == 326
