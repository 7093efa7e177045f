"""Sentinel-2 tiles of an area, from the naming rules of the military grid.

A tile is called after the 100 km square of UTM it covers and reaches 9.8 km beyond it to the east and the south:
its upper left corner is that of the square moved outwards to a multiple of 60 m, its edge is 109.8 km.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor
from pathlib import Path
from typing import Any

from ..errors import CatalogueError

SQUARE_M = 100_000
TILE_M = 109_800
_LATTICE_M = 60
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_FALSE_NORTHING_M = 10_000_000
_ODD_ZONES = {  # west, south, east, north in degrees: Norway's coast and Svalbard
    31: [(0, -80, 6, 56), (0, 56, 3, 64), (0, 64, 6, 72), (0, 72, 9, 84)],
    32: [(6, -80, 12, 56), (3, 56, 12, 64), (6, 64, 12, 72)],
    33: [(12, -80, 18, 72), (9, 72, 21, 84)],
    34: [(18, -80, 24, 72)],
    35: [(24, -80, 30, 72), (21, 72, 33, 84)],
    36: [(30, -80, 36, 72)],
    37: [(36, -80, 42, 72), (33, 72, 42, 84)],
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: UTM zone, hemisphere, and its square's column (1 to 8) and row (northing in 100 km)."""

    zone: int
    south: bool
    column: int
    row: int

    @property
    def epsg(self) -> int:
        """EPSG code of the zone."""
        return (32700 if self.south else 32600) + self.zone

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the tile in metres of its zone."""
        false = _FALSE_NORTHING_M if self.south else 0
        west = floor(self.column * SQUARE_M / _LATTICE_M) * _LATTICE_M
        north = ceil(((self.row + 1) * SQUARE_M - false) / _LATTICE_M) * _LATTICE_M + false
        return west, north - TILE_M, west + TILE_M, north

    @property
    def name(self) -> str:
        """`33TVM`; the latitude band is that of the square's centre."""
        from pyproj import Transformer

        x, y = (self.column + 0.5) * SQUARE_M, (self.row + 0.5) * SQUARE_M
        latitude = Transformer.from_crs(self.epsg, 4326, always_xy=True).transform(x, y)[1]
        band = _BANDS[max(0, min(floor((latitude + 80) / 8), len(_BANDS) - 1))]
        column = _COLUMNS[(self.zone - 1) % 3][self.column - 1]
        row = _ROWS[(self.row + (0 if self.zone % 2 else 5)) % len(_ROWS)]
        return f"{self.zone:02d}{band}{column}{row}"


def tiles_at(epsg: int, bounds: tuple[float, float, float, float]) -> list[str]:
    """Names of the tiles of a UTM zone that touch a rectangle, sorted.

    Args:
        epsg: code of the zone.
        bounds: west, south, east, north in metres of the zone.
    """
    south = epsg >= 32700
    west, low, east, high = (floor(v / SQUARE_M) for v in bounds)
    found = [
        Tile(epsg % 100, south, column, row)
        for column in range(max(west - 1, 1), min(east, 8) + 1)
        for row in range(low, high + 2)
    ]
    return sorted(_name(tile) for tile in found if _touch(tile.bounds, bounds))


@lru_cache(maxsize=1024)
def _name(tile: Tile) -> str:
    return tile.name


def _touch(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def tiles_of_area(area: str | Path) -> dict[str, float]:
    """Names of the tiles needed to cover an area, and the square kilometres of it in each.

    A tile whose part of the area lies wholly in the others is left out.

    Args:
        area: vector file of polygons in any CRS. Areas across the 180th meridian must be cut there.

    Raises:
        VectorError: the file cannot be read or has no CRS.
        CatalogueError: the area is empty, or outside 80 S to 84 N.
    """
    import geopandas as gpd
    import shapely

    from ..vectors import read_vector

    # Long edges bend between coordinate systems: vertices every 0.02 degrees follow them.
    outline = read_vector(area).to_crs(4326).geometry.union_all()
    outline = shapely.make_valid(shapely.segmentize(outline, 0.02))
    found: dict[str, float] = {}
    for zone in range(1, 61):
        strip = [shapely.box(*b) for b in _ODD_ZONES.get(zone, [(6 * zone - 186, -80, 6 * zone - 180, 84)])]
        for south in (False, True):
            half = shapely.box(-180, -80, 180, 0) if south else shapely.box(-180, 0, 180, 84)
            part = outline.intersection(shapely.union_all(strip)).intersection(half)
            if part.area == 0:
                continue
            epsg = (32700 if south else 32600) + zone
            projected = gpd.GeoSeries([part], crs=4326).to_crs(epsg).iloc[0]
            found |= _cover(shapely.make_valid(projected), zone, south)
    if not found:
        raise CatalogueError(f"{area}: no polygon between 80 S and 84 N; correct area_of_interest")
    return dict(sorted(found.items()))


def _cover(part: Any, zone: int, south: bool) -> dict[str, float]:
    import shapely

    west, low, east, high = (floor(v / SQUARE_M) for v in part.bounds)
    shares = {}
    for column in range(max(west, 1), min(east, 8) + 1):
        for row in range(low, high + 1):
            square = shapely.box(*(SQUARE_M * v for v in (column, row, column + 1, row + 1)))
            if square.intersection(part).area > 0:
                tile = Tile(zone, south, column, row)
                shares[tile.name] = shapely.box(*tile.bounds).intersection(part)
    for name in sorted(shares, key=lambda n: (shares[n].area, n)):
        others = [share for other, share in shares.items() if other != name]
        if others and shares[name].difference(shapely.union_all(others)).area < 1:
            del shares[name]
    return {name: round(share.area / 1e6, 3) for name, share in shares.items()}
