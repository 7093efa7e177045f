"""Sentinel-2 before and after the period under every unit of a sample, of the same kind for all.

Dates follow from place and period alone, never from what the map says. Orthophotos are left out: only flagged sheets
have them at hand, so their presence would tell the strata apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

from ...catalogue.inventory import configured_inventory
from ...keys import scene_key
from ...progress import track
from ..database import connect
from ..imagery import INDEX, write_review_images
from ..review_scenes import review_scenes, stepped


def unit_folder(results: str | Path, sample: str, unit: int) -> Path:
    """Folder of a unit's images: `sentinel2_before.tif`, `sentinel2_after.tif`, `images.json`."""
    return Path(results, "samples", sample, str(unit))


def write_unit_images(config: Mapping[str, Any], sample: str) -> int:
    """Write the images of all units that have none yet: true colour, 10 m, 500 m beyond the cell.

    The clearest date of the two half-years before the period, and of the two after it, as for reviewers of a
    sheet. A date whose acquisitions were deleted is passed over; a unit without any keeps an empty list.

    Args:
        config: the merged configuration.
        sample: name of a sample.

    Returns:
        Number of units that images were written for.

    Raises:
        RasterError: an acquisition cannot be read.
    """
    results, inventory = config["results"], configured_inventory(config)
    with connect(config["database"]) as connection:
        units = connection.execute(
            "SELECT u.unit, u.zone, u.grid_row, u.grid_col, s.cell_size_m, s.period_start, s.period_end "
            "FROM sample_unit u JOIN sample s USING (sample) WHERE sample = %s ORDER BY unit",
            [sample],
        ).fetchall()
    written = 0
    for unit, epsg, row, col, size, first, last in track(units, "units with images"):
        folder = unit_folder(results, sample, unit)
        if (folder / INDEX).is_file():
            continue
        cell = shapely.box(col * size, row * size, (col + 1) * size, (row + 1) * size)
        # As if events from the first to the last half-year of the period lay in the cell.
        events = [
            {"epsg": epsg, "bounds": cell.bounds, "start_half": half, "confirm_half": stepped(last, 1)}
            for half in (first, last)
        ]
        scenes = review_scenes({"events": events}, inventory)
        before, after = (
            [path for scene in scenes[side] if (path := _acquisition(results, scene)).is_file()]
            for side in ("before", "after")
        )
        write_review_images(
            target=folder,
            footprint=gpd.GeoSeries([cell], crs=epsg),
            before=before,
            after=after,
            unclear_scl=config["sentinel2"]["unclear_scl"],
            flights=[],
            value_range=None,
        )
        written += 1
    return written


def _acquisition(results: str | Path, scene: tuple[str, str, str]) -> Path:
    return Path(results, "acquisition", f"{scene_key(*scene)}.h5")
