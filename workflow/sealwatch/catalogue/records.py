"""What the pipeline knows of an acquisition before it reads a pixel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import CatalogueError
from ..keys import matches, scene_key, zone_of_tile


@dataclass(frozen=True, slots=True)
class Granule:
    """One STAC item: a (part of a) tile seen in one datatake, processed with one baseline.

    Attributes:
        item_id: id of the STAC item.
        datatake_start: start of the datatake, `20240419T095549`.
        sensing_start: sensing time of the datastrip; tells split granules from reprocessed ones.
        baseline: processing baseline, `05.10`.
        generated: time of processing, ISO 8601.
        offset_dn: number to add to the digital numbers to get reflectance x 10000.
        cloud_cover: per cent of the tile, by the catalogue.
        assets: unsigned address of each image by asset key (`B02` ... `SCL`).
    """

    item_id: str
    datatake_start: str
    sensing_start: str
    baseline: str
    generated: str
    offset_dn: int
    cloud_cover: float
    assets: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SceneRecord:
    """One acquisition of a tile: tile, day and satellite, with all granules that belong to it.

    Raises:
        ValueError: a key is malformed or there is no granule.
    """

    tile: str
    date: str
    platform: str
    granules: tuple[Granule, ...]

    def __post_init__(self) -> None:
        for kind in ("tile", "date", "platform"):
            if not matches(kind, getattr(self, kind)):
                raise ValueError(f"{getattr(self, kind)!r} is not a valid {kind}")
        if not self.granules:
            raise ValueError(f"{self.key}: a scene needs at least one granule")

    @property
    def key(self) -> str:
        """`33TVM/2021-06-14_S2A`."""
        return scene_key(self.tile, self.date, self.platform)

    @property
    def epsg(self) -> int:
        """EPSG code of the tile's UTM zone."""
        return int(zone_of_tile(self.tile))

    def as_json(self) -> dict[str, Any]:
        """The record as JSON value, granules in order of sensing."""
        return asdict(self) | {"granules": [asdict(g) | {"assets": dict(g.assets)} for g in self.granules]}


def read_record(path: str | Path) -> SceneRecord:
    """Read an inventory file.

    Raises:
        CatalogueError: the file is damaged.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
        granules = tuple(Granule(**g) for g in value.pop("granules"))
        return SceneRecord(granules=granules, **value)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CatalogueError(f"{path}: not an inventory file ({error}); run: snakemake catalogue") from error
