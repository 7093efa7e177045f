"""Surfaces of the synthetic landscape: spectra through the year, colours on an orthophoto, kind of cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A")
"""Order of the bands of a spectrum; that of EuroSAT, B8A last."""

SEALED, LOW_VEGETATION, HIGH_VEGETATION, WATER, BARE = range(5)
"""Kinds of cover on an orthophoto; the segmentation puts BARE soil and SEALED land in one class."""

NO_TEXTURE, GRASS_TEXTURE, CANOPY_TEXTURE, ROW_TEXTURE, HARD_TEXTURE = range(5)
"""Index of the texture tile of an orthophoto."""

# Reflectance x 10000; B10 sees only cirrus, so it stays near zero.
_SPECTRA: dict[str, tuple[int, ...]] = {
    "green": (260, 320, 620, 360, 930, 2850, 3650, 3850, 4000, 12, 1950, 930, 4100),
    "pasture": (280, 340, 640, 400, 950, 2600, 3250, 3450, 3600, 12, 2050, 1050, 3650),
    "winter_grass": (330, 420, 680, 580, 1050, 1950, 2300, 2450, 2600, 12, 2150, 1250, 2600),
    "dry": (470, 640, 930, 1120, 1500, 2050, 2300, 2480, 2600, 13, 3050, 2050, 2700),
    "herb": (370, 460, 690, 680, 1120, 1850, 2120, 2260, 2400, 12, 2400, 1450, 2450),
    "herb_winter": (420, 560, 800, 920, 1280, 1650, 1820, 1960, 2100, 12, 2550, 1750, 2150),
    "shrub": (240, 300, 480, 380, 780, 1750, 2150, 2300, 2450, 12, 1700, 900, 2480),
    "soil": (620, 780, 1060, 1380, 1620, 1850, 2020, 2180, 2350, 14, 2950, 2500, 2400),
    "broadleaf": (180, 220, 430, 240, 720, 2450, 3150, 3350, 3500, 10, 1480, 620, 3550),
    "leafless": (290, 380, 530, 590, 830, 1180, 1330, 1450, 1600, 10, 1850, 1100, 1650),
    "conifer": (150, 180, 320, 190, 480, 1450, 1850, 2000, 2150, 10, 900, 400, 2180),
    "roof_red": (720, 860, 1060, 1750, 1900, 2050, 2150, 2250, 2300, 15, 2650, 2350, 2350),
    "roof_grey": (920, 1020, 1100, 1180, 1230, 1300, 1350, 1420, 1460, 15, 1750, 1650, 1480),
    "roof_bright": (2500, 2800, 3000, 3100, 3150, 3200, 3250, 3300, 3200, 18, 3150, 2850, 3300),
    "asphalt": (800, 880, 950, 1010, 1060, 1110, 1150, 1200, 1230, 14, 1420, 1320, 1260),
    "concrete": (1500, 1720, 1920, 2060, 2150, 2230, 2300, 2380, 2400, 15, 2700, 2500, 2420),
    "gravel": (1150, 1320, 1520, 1680, 1780, 1880, 1960, 2050, 2100, 15, 2500, 2250, 2120),
    "lake": (560, 500, 430, 260, 210, 160, 150, 130, 110, 9, 60, 40, 120),
    "river": (600, 640, 720, 560, 460, 300, 270, 240, 200, 9, 110, 80, 220),
}

# Share of the second spectrum on the 15th of each month, January to December.
_EVERGREEN = (0.6, 0.6, 0.7, 0.9, 1.0, 1.0, 0.95, 0.9, 0.9, 0.85, 0.75, 0.65)
_MEADOW = (0.15, 0.2, 0.4, 0.8, 1.0, 0.9, 0.75, 0.7, 0.75, 0.7, 0.45, 0.25)
_LEAVES = (0.0, 0.0, 0.1, 0.55, 0.95, 1.0, 1.0, 0.97, 0.85, 0.5, 0.12, 0.0)
_HERBS = (0.05, 0.1, 0.25, 0.55, 0.9, 1.0, 0.85, 0.7, 0.6, 0.4, 0.2, 0.1)
_WINTER_CROP = (0.35, 0.4, 0.6, 0.85, 1.0, 0.6, 0.1, 0.03, 0.05, 0.15, 0.3, 0.35)
_SUMMER_CROP = (0.05, 0.05, 0.08, 0.05, 0.08, 0.45, 0.9, 1.0, 0.7, 0.2, 0.08, 0.05)
_COVER_THEN_MAIZE = (0.4, 0.45, 0.65, 0.6, 0.15, 0.4, 0.9, 1.0, 0.7, 0.2, 0.3, 0.4)
_CONSTANT = (0.0,) * 12

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Material:
    """One surface: `low` spectrum out of season, `high` in season, NIR-R-G colours, cover in each flight."""

    low: str
    high: str
    curve: tuple[float, ...]
    texture: float
    spring: Colour
    summer: Colour
    spring_cover: int
    summer_cover: int
    tile: int


def _plain(name: str, texture: float, colour: Colour, cover: int, tile: int) -> Material:
    return Material(name, name, _CONSTANT, texture, colour, colour, cover, cover, tile)


_L, _H = LOW_VEGETATION, HIGH_VEGETATION
_GREEN, _STUBBLE, _SOIL = (184, 78, 96), (168, 126, 112), (128, 122, 102)

MATERIALS: dict[str, Material] = {
    "meadow": Material(
        "winter_grass", "green", _MEADOW, 0.05, (166, 92, 102), (182, 88, 100), _L, _L, GRASS_TEXTURE
    ),
    "pasture": Material(
        "winter_grass", "pasture", _EVERGREEN, 0.05, (172, 84, 100), (186, 82, 98), _L, _L, GRASS_TEXTURE
    ),
    "herb": Material(
        "herb_winter", "herb", _HERBS, 0.09, (146, 104, 96), (160, 96, 92), _L, _L, GRASS_TEXTURE
    ),
    "dry_grass": Material(
        "dry", "herb", _HERBS, 0.07, (156, 116, 104), (164, 108, 98), _L, _L, GRASS_TEXTURE
    ),
    "garden": Material(
        "winter_grass", "pasture", _MEADOW, 0.08, (164, 90, 100), (178, 86, 98), _L, _L, GRASS_TEXTURE
    ),
    "winter_crop": Material("soil", "green", _WINTER_CROP, 0.04, _GREEN, _STUBBLE, _L, _L, ROW_TEXTURE),
    "summer_crop": Material("soil", "green", _SUMMER_CROP, 0.04, _SOIL, _GREEN, BARE, _L, ROW_TEXTURE),
    "cover_crop": Material("soil", "green", _COVER_THEN_MAIZE, 0.04, _GREEN, _GREEN, _L, _L, ROW_TEXTURE),
    "ploughed_late": Material("soil", "green", _WINTER_CROP, 0.04, _GREEN, _SOIL, _L, BARE, ROW_TEXTURE),
    "vineyard_floor": Material(
        "dry", "pasture", _HERBS, 0.05, (152, 108, 98), (166, 104, 96), _L, _L, GRASS_TEXTURE
    ),
    "orchard_row": Material(
        "leafless", "broadleaf", _LEAVES, 0.08, (116, 64, 66), (138, 50, 64), _H, _H, CANOPY_TEXTURE
    ),
    "broadleaf": Material(
        "leafless", "broadleaf", _LEAVES, 0.11, (110, 66, 66), (140, 48, 62), _H, _H, CANOPY_TEXTURE
    ),
    "conifer": _plain("conifer", 0.12, (98, 40, 52), _H, CANOPY_TEXTURE),
    "shrub": Material(
        "leafless", "shrub", _LEAVES, 0.10, (118, 66, 68), (134, 58, 66), _H, _H, CANOPY_TEXTURE
    ),
    "roof_red": _plain("roof_red", 0.06, (124, 148, 98), SEALED, HARD_TEXTURE),
    "roof_grey": _plain("roof_grey", 0.06, (108, 112, 114), SEALED, HARD_TEXTURE),
    "roof_bright": _plain("roof_bright", 0.06, (206, 212, 214), SEALED, HARD_TEXTURE),
    "asphalt": _plain("asphalt", 0.05, (84, 92, 95), SEALED, HARD_TEXTURE),
    "concrete": _plain("concrete", 0.05, (160, 166, 166), SEALED, HARD_TEXTURE),
    "gravel": _plain("gravel", 0.06, (148, 150, 144), SEALED, HARD_TEXTURE),
    "lake": _plain("lake", 0.02, (24, 46, 62), WATER, NO_TEXTURE),
    "river": _plain("river", 0.04, (30, 66, 78), WATER, NO_TEXTURE),
}
"""All surfaces by name."""

NAMES = tuple(MATERIALS)
"""Surface names in the order of their codes."""


def _table(field: str) -> NDArray[np.float32]:
    return np.array([_SPECTRA[getattr(MATERIALS[name], field)] for name in NAMES], dtype=np.float32)


_LOW, _HIGH = _table("low"), _table("high")
_CURVES = np.array([MATERIALS[name].curve for name in NAMES], dtype=np.float32)
TEXTURE = np.array([MATERIALS[name].texture for name in NAMES], dtype=np.float32)


def spectra(
    material: NDArray[np.integer],
    day_of_year: int,
    phase: NDArray[np.floating],
    brightness: NDArray[np.floating],
) -> NDArray[np.float32]:
    """Reflectance x 10000 [object, band] on a day; `phase` is the object's delay in days."""
    place = (day_of_year - phase - 15.0) / 30.4375
    month = np.floor(place).astype(int)
    part = (place - month).astype(np.float32)
    early, late = _CURVES[material, month % 12], _CURVES[material, (month + 1) % 12]
    share = (early + part * (late - early))[:, None]
    low, high = _LOW[material], _HIGH[material]
    return ((low + share * (high - low)) * np.asarray(brightness, np.float32)[:, None]).astype(np.float32)


def orthophoto_colours(
    material: NDArray[np.integer], brightness: NDArray[np.floating], season: str
) -> NDArray[np.int16]:
    """Grey values NIR, R, G of each object [object, 3]; `season` is `spring` or `summer`."""
    table = np.array([getattr(MATERIALS[name], season) for name in NAMES], dtype=np.float32)
    return np.rint(table[material] * np.asarray(brightness, np.float32)[:, None]).astype(np.int16)


def covers(material: NDArray[np.integer], season: str) -> NDArray[np.uint8]:
    """Kind of cover of each object in a season."""
    table = np.array([getattr(MATERIALS[name], f"{season}_cover") for name in NAMES], dtype=np.uint8)
    return table[material]


def tiles(material: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Texture tile of each object."""
    return np.array([MATERIALS[name].tile for name in NAMES], dtype=np.uint8)[material]
