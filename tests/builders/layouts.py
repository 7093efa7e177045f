"""What stands where in one cell: fields, woods, houses and roads of each class, drawn at random."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .materials import NAMES
from .sketch import (
    CELL_M,
    MARGIN_M,
    SIZE_M,
    Layout,
    Random,
    Sketch,
    house,
    roofs_of,
    scatter,
    shrunk,
    split,
    trees_along,
    whole,
)


def _crop_fields(rng: Random, sketch: Sketch, smallest: float, crops: list[str]) -> None:
    track = sketch.add("dry_grass")
    sketch.canvas.quad(track, whole())
    for piece in split(rng, whole(), smallest):
        number = sketch.add(
            crops[int(rng.integers(len(crops)))], float(rng.normal(1, 0.09)), float(rng.normal(0, 10))
        )
        sketch.canvas.quad(number, shrunk(piece, 1.2))


def annual_crop(rng: Random, sketch: Sketch, calm: bool) -> None:
    """Large fields, each with its own crop and calendar."""
    crops = ["winter_crop", "cover_crop"] if calm else ["winter_crop", "summer_crop", "cover_crop"]
    _crop_fields(rng, sketch, float(rng.uniform(80, 130)), crops)
    scatter(rng, sketch, sketch.some(rng, "broadleaf", 2, 0.05), 12, (2.0, 4.0))


def pasture(rng: Random, sketch: Sketch, calm: bool) -> None:
    """Green paddocks between hedges."""
    trees = sketch.some(rng, "broadleaf", 3, 0.06)
    for piece in split(rng, whole(), float(rng.uniform(130, 190))):
        sketch.canvas.quad(sketch.add("pasture", float(rng.normal(1, 0.05))), piece)
        if rng.random() < 0.7:
            trees_along(rng, sketch, trees, tuple(piece[0]), tuple(piece[1]), 7.0)
    scatter(rng, sketch, trees, 15, (2.5, 5.0))


def herbaceous(rng: Random, sketch: Sketch, calm: bool) -> None:
    """Heath and abandoned land: patches of herbs, dry grass and shrubs without straight lines."""
    sketch.canvas.quad(sketch.add("herb"), whole())
    scatter(
        rng, sketch, sketch.some(rng, "dry_grass", 4, 0.06) + sketch.some(rng, "herb", 4, 0.08), 90, (15, 60)
    )
    scatter(rng, sketch, sketch.some(rng, "shrub", 4, 0.08), 420, (1.5, 4.5))


def forest(rng: Random, sketch: Sketch, calm: bool) -> None:
    """Mixed stands with a forest road."""
    ground, other = ("broadleaf", "conifer") if rng.random() < 0.5 else ("conifer", "broadleaf")
    sketch.canvas.quad(sketch.add(ground), whole())
    scatter(rng, sketch, sketch.some(rng, other, 4, 0.06) + sketch.some(rng, ground, 4, 0.07), 70, (18, 75))
    if not calm and rng.random() < 0.5:
        bend = float(rng.uniform(200, 520))
        sketch.canvas.line(sketch.add("dry_grass"), [(0.0, bend), (360.0, 360.0), (SIZE_M, bend)], 3.5)


def permanent_crop(rng: Random, sketch: Sketch, calm: bool) -> None:
    """Vineyards and orchards: blocks of rows."""
    sketch.canvas.quad(sketch.add("vineyard_floor"), whole())
    for piece in split(rng, whole(), float(rng.uniform(90, 130))):
        block = shrunk(piece, 4.0)
        floor = sketch.add(
            "vineyard_floor" if rng.random() < 0.75 else "dry_grass", float(rng.normal(1.0, 0.06))
        )
        sketch.canvas.quad(floor, block)
        row, pitch = sketch.add("orchard_row", float(rng.normal(1, 0.06))), float(rng.uniform(14, 22))
        side = int(rng.integers(2))
        a, b, c, d = np.roll(block, -side, axis=0)
        n = max(2, int(np.hypot(*(b - a)) / pitch))
        for share in (np.arange(n) + 0.5) / n:
            sketch.canvas.line(
                row, [tuple(a + (b - a) * share), tuple(d + (c - d) * share)], float(pitch * 0.38)
            )


def highway(rng: Random, sketch: Sketch, calm: bool) -> None:
    """A dual carriageway through farmland, with slip roads and now and then a service area."""
    if rng.random() < 0.5:
        pasture(rng, sketch, calm)
    else:
        _crop_fields(rng, sketch, 110.0, ["winter_crop", "cover_crop"])
    verge, road = sketch.add("dry_grass"), sketch.add("asphalt", float(rng.normal(1.0, 0.05)))
    bright, roofs = sketch.add("concrete"), roofs_of(rng, sketch, "roof_grey", 1, 0.03)
    bend = float(rng.uniform(-60, 60))
    x = np.linspace(0, SIZE_M, 13)
    y = SIZE_M / 2 + bend * np.sin(np.pi * np.clip((x - MARGIN_M) / CELL_M, 0, 1)) ** 2
    centre = np.column_stack([x, y])
    sketch.canvas.line(verge, centre, 84.0)
    for offset in (-13.0, 13.0):
        sketch.canvas.line(road, centre + np.array([0.0, offset]), 17.0)
    side = 1.0 if rng.random() < 0.5 else -1.0
    middle = centre[int(rng.integers(4, 9))]
    for turn in (-1.0, 1.0):
        loop = middle + np.array([turn * 75.0, side * 75.0])
        ring = loop + 48.0 * np.column_stack(
            [np.cos(np.linspace(0, 2 * np.pi, 17)), np.sin(np.linspace(0, 2 * np.pi, 17))]
        )
        sketch.canvas.line(road, ring, 10.0)
    sketch.canvas.line(road, [(float(middle[0]), 0.0), (float(middle[0]), SIZE_M)], 11.0)
    if rng.random() < 0.7:
        place = (float(rng.uniform(150, 570)), float(middle[1] - side * 75.0))
        sketch.canvas.rectangle(bright, place, 150.0, 55.0)
        house(rng, sketch, roofs, place, (32.0, 18.0), 0.0)
    scatter(rng, sketch, sketch.some(rng, "shrub", 2, 0.06), 60, (1.5, 3.5), centre + np.array([0.0, 46.0]))


def industrial(rng: Random, sketch: Sketch, calm: bool) -> None:
    """Halls on paved yards, with roads and strips of grass between."""
    sketch.canvas.quad(sketch.add("garden"), whole())
    yards = (
        sketch.some(rng, "asphalt", 2, 0.06) + sketch.some(rng, "concrete", 3, 0.05) + [sketch.add("gravel")]
    )
    roofs = roofs_of(rng, sketch, "roof_bright", 3, 0.03) + roofs_of(rng, sketch, "roof_grey", 3, 0.03)
    road, trees = sketch.add("asphalt"), sketch.some(rng, "broadleaf", 2, 0.05)
    for piece in split(rng, whole(), float(rng.uniform(120, 170))):
        sketch.canvas.line(road, [tuple(piece[0]), tuple(piece[1])], 9.0)
        sketch.canvas.line(road, [tuple(piece[1]), tuple(piece[2])], 9.0)
        trees_along(rng, sketch, trees, tuple(piece[0] + 9), tuple(piece[1] + [-9, 9]), 22.0)
        yard = shrunk(piece, float(rng.uniform(13, 18)))
        sketch.canvas.quad(yards[int(rng.integers(len(yards)))], yard)
        step = yard[1] - yard[0]
        angle = float(np.arctan2(step[1], step[0]))
        room = float(np.hypot(*step)), float(np.hypot(*(yard[3] - yard[0])))
        halls = 1 if rng.random() < 0.55 else 2
        for k in range(halls):
            middle = (
                yard[0] + step * ((k + 0.5) / halls) + (yard[3] - yard[0]) * float(rng.uniform(0.42, 0.58))
            )
            size = room[0] / halls * float(rng.uniform(0.6, 0.85)), room[1] * float(rng.uniform(0.45, 0.7))
            house(rng, sketch, roofs, (float(middle[0]), float(middle[1])), size, angle)


def residential(rng: Random, sketch: Sketch, calm: bool) -> None:
    """Streets with houses, drives, gardens and trees."""
    gardens = sketch.some(rng, "garden", 4, 0.07)
    sketch.canvas.quad(gardens[0], whole())
    road, drive = sketch.add("asphalt", float(rng.normal(1.0, 0.04))), sketch.add("concrete", 0.9)
    roofs = roofs_of(rng, sketch, "roof_red", 5, 0.07) + roofs_of(rng, sketch, "roof_grey", 2, 0.05)
    trees = [*sketch.some(rng, "broadleaf", 4, 0.08), sketch.add("conifer")]
    angle, middle = float(rng.uniform(-0.3, 0.3)), np.array([SIZE_M / 2, SIZE_M / 2])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    across = float(rng.uniform(52, 64))
    cross = float(rng.uniform(130, 180))
    scatter(rng, sketch, gardens, 160, (8, 18))
    scatter(rng, sketch, trees, 420, (1.5, 3.8))
    for u in np.arange(-cross * 3, cross * 3 + 1, cross):
        sketch.canvas.line(road, [tuple(middle + turn @ [u, -520]), tuple(middle + turn @ [u, 520])], 7.0)
    for v in np.arange(-across * 9, across * 9 + 1, across):
        sketch.canvas.line(road, [tuple(middle + turn @ [-520, v]), tuple(middle + turn @ [520, v])], 6.0)
        blocks = rng.random(12) < 0.12
        for side in (-1.0, 1.0):
            for n, u in enumerate(np.arange(-500, 500, float(rng.uniform(18, 22)))):
                if rng.random() < 0.08:
                    continue
                apart = side * float(rng.uniform(13, 16))
                x, y = middle + turn @ [u, v + apart]
                if (
                    not (-20 < x < SIZE_M + 20 and -20 < y < SIZE_M + 20)
                    or abs((u + cross / 2) % cross - cross / 2) < 9
                ):
                    continue
                sx, sy = middle + turn @ [u + 4.5, v + apart * 0.55]
                sketch.canvas.rectangle(drive, (float(sx), float(sy)), 4.0, abs(apart) * 0.9, angle)
                size = (
                    (16.0, 13.0)
                    if blocks[n % 12]
                    else (float(rng.uniform(10, 14)), float(rng.uniform(8.5, 11)))
                )
                house(rng, sketch, roofs, (float(x), float(y)), size, angle)


def river(rng: Random, sketch: Sketch, calm: bool) -> None:
    """A river between wooded banks and meadows; it crosses the cell in the middle of two opposite edges."""
    for piece in split(rng, whole(), 160.0):
        sketch.canvas.quad(
            sketch.add("meadow" if rng.random() < 0.6 else "cover_crop", float(rng.normal(1, 0.05))), piece
        )
    x = np.linspace(0, SIZE_M, 19)
    y = SIZE_M / 2 + float(rng.uniform(-70, 70)) * np.sin(
        2 * np.pi * np.clip((x - MARGIN_M) / CELL_M, 0, 1)
    ) * np.sin(np.pi * np.clip((x - MARGIN_M) / CELL_M, 0, 1))
    bank = sketch.some(rng, "broadleaf", 3, 0.06)
    for edge in (-62.0, 62.0):
        for (px, py), size in zip(np.column_stack([x, y + edge]), rng.uniform(14, 30, 19), strict=True):
            sketch.canvas.disc(bank[int(rng.integers(3))], (float(px), float(py)), float(size))
    sketch.canvas.line(sketch.add("river"), np.column_stack([x, y]), 112.0)


def sea_lake(rng: Random, sketch: Sketch, calm: bool) -> None:
    """Open water."""
    sketch.canvas.quad(sketch.add("lake"), whole())
    scatter(rng, sketch, sketch.some(rng, "lake", 6, 0.05), 30, (60, 160))


PAINTERS: dict[str, Callable[[Random, Sketch, bool], None]] = {
    "AnnualCrop": annual_crop,
    "Forest": forest,
    "HerbaceousVegetation": herbaceous,
    "Highway": highway,
    "Industrial": industrial,
    "Pasture": pasture,
    "PermanentCrop": permanent_crop,
    "Residential": residential,
    "River": river,
    "SeaLake": sea_lake,
}
"""Painter of each land-cover class."""


def _farm(rng: Random, sketch: Sketch) -> None:
    """A farmstead and its country road, older than any change."""
    x, y = rng.uniform(150, 570, 2)
    angle = float(rng.uniform(-0.4, 0.4))
    road, yard = sketch.add("asphalt"), sketch.add("gravel", 0.95)
    roofs = roofs_of(rng, sketch, "roof_red", 2, 0.07)
    sketch.canvas.line(road, [(float(x), 0.0), (float(x) + 8, float(y)), (float(x) - 6, SIZE_M)], 5.0)
    sketch.canvas.rectangle(yard, (float(x) + 16, float(y)), 24.0, 26.0, angle)
    for dx, dy, size in ((34.0, -6.0, (18.0, 12.0)), (20.0, 20.0, (12.0, 10.0))):
        house(rng, sketch, roofs, (float(x) + dx, float(y) + dy), size, angle)


def make_layout(
    name: str,
    rng: Random,
    farm: Random | None = None,
    turned: bool = False,
    calm: bool = False,
    plough: bool = False,
) -> Layout:
    """Draw one cell of class `name`.

    Args:
        name: the land-cover class.
        rng: what everything but the farm is drawn from.
        farm: what a farmstead is drawn from; the same generator state gives the same farm on other ground.
        turned: swap x and y, so that roads and rivers run north to south.
        calm: no bare field and no forest road (cells where something will be built).
        plough: one field is ploughed at the time of the second flight.
    """
    sketch = Sketch()
    PAINTERS[name](rng, sketch, calm)
    if plough:
        crops = [i for i, (material, _, _) in enumerate(sketch.objects) if NAMES[material].endswith("_crop")]
        chosen = crops[len(crops) // 2]
        sketch.objects[chosen] = (NAMES.index("ploughed_late"), *sketch.objects[chosen][1:])
    if farm is not None:
        _farm(farm, sketch)
    material, brightness, phase = (np.array(column) for column in zip(*sketch.objects, strict=True))
    return Layout(
        sketch.canvas.array(turned),
        material.astype(np.int16),
        np.clip(brightness, 0.7, 1.35).astype(np.float32),
        phase.astype(np.float32),
    )
