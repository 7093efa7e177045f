"""One more Sentinel-2 scene for a finished demo world, to see what a new scene costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .acquisitions import Acquisition
from .landscape import Landscape
from .sentinel2_scenes import CogWriter, SceneMaker
from .stac_items import granules_of, write_granule

DATE = "2024-06-18"
"""A day in a month that has other scenes."""


def add_scene(
    folder: str | Path,
    base_url: str,
    date: str = DATE,
    tile: str = "33TVM",
    platform: str = "S2B",
) -> dict[str, Any]:
    """Write the assets and the item of one more scene and return the item.

    Args:
        folder: a world made by `build_world`.
        base_url: address of its assets.
        date: day of the acquisition; call again with other days for more scenes.
        tile: one of the world's tiles.
        platform: S2A, S2B or S2C.
    """
    folder = Path(folder)
    world = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    one = Acquisition(date, platform, cloud=0.02)
    scene = SceneMaker(Landscape(world["seed"])).make(one)
    writer = CogWriter()
    (granule,) = granules_of(one, [tile])
    item = write_granule(granule, scene, folder, base_url, writer)
    writer.close()
    return item
