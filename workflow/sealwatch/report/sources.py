"""What the report page is made from: products of the run, and facts of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PathLike = str | Path


def of_zone(paths: Sequence[PathLike], zone: str) -> list[Path]:
    """Those of the files `{step}/{zone}/{name}` that are of one zone, in their order."""
    return [path for path in map(Path, paths) if path.parent.name == zone]


@dataclass(frozen=True, slots=True)
class Products:
    """Files of a run.

    Attributes:
        area: vector file of the area of interest.
        sheets: index of the orthophotos.
        grids: `grid/{zone}.h5`.
        cells: `change/{zone}.h5`.
        events: `change/{zone}.gpkg`.
        evidence: `change/{zone}_evidence.gpkg`.
        halves: `half/{zone}/{half}.h5` in order of time.
        months: `month/{zone}/{month}.h5` in order of time.
        scenes: acquisitions, some of each tile.
        land_cover: classified scenes, some of each tile.
        mosaics: mosaics, some of each zone.
        segmentations: `segmentation/{sheet}_{year}.h5` of flagged orthophotos.
        outlines: `outline/{sheet}_{year}.gpkg`.
        pictures: `review/{sheet}_{year}` of flagged orthophotos.
        maps: `report/map_{zone}.png`.
        figures: `report/summary.json`.
        indicators: `report/indicators.json`; None leaves the section out.
    """

    area: PathLike
    sheets: PathLike
    grids: Sequence[PathLike]
    cells: Sequence[PathLike]
    events: Sequence[PathLike]
    evidence: Sequence[PathLike]
    halves: Sequence[PathLike]
    months: Sequence[PathLike]
    scenes: Sequence[PathLike] = ()
    land_cover: Sequence[PathLike] = ()
    mosaics: Sequence[PathLike] = ()
    segmentations: Sequence[PathLike] = ()
    outlines: Sequence[PathLike] = ()
    pictures: Sequence[PathLike] = ()
    maps: Sequence[PathLike] = ()
    figures: PathLike | None = None
    indicators: PathLike | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the configuration, the inventory and the database say.

    Attributes:
        title: heading.
        project: short name.
        attribution: source of the imagery.
        licence: terms of use, None where none are given.
        period: first and last day, ISO 8601.
        srid: EPSG code of the country's projected CRS, for maps and areas.
        scenes: (tile, date, platform) of all acquisitions.
        rejected: items left out, by tile and reason.
        settings: configuration that shapes the products, by section.
        most_events: how many events are shown at most.
        figures: content of `report/summary.json`.
        registries: kind by name of the registers.
        enrichment: `land_use_before` and `municipality` by polygon id.
    """

    title: str
    project: str
    attribution: str
    licence: str | None
    period: tuple[str, str]
    srid: int
    scenes: Sequence[tuple[str, str, str]]
    rejected: Mapping[str, Mapping[str, int]]
    settings: Mapping[str, Any]
    most_events: int
    figures: Mapping[str, Any]
    registries: Mapping[str, str] = field(default_factory=dict)
    enrichment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
