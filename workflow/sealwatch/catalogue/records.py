"""What the pipeline knows of an acquisition before it reads a pixel."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import CatalogueError
from ..files import value_digest
from ..keys import matches, scene_key, zone_of_tile
from .addresses import unsigned

OFFSET_RULES = ("baseline", "stated", "contradictory")
"""How `Granule.offset_dn` was found: from the processing baseline alone; as the item states it, in accord with
its baseline; or as the likelier of two statements of one item, so that its pixels must decide."""

_INSTANT = re.compile(r"\d{8}T\d{6}")
_BASELINE = re.compile(r"\d\d\.\d\d")


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
        assets: unsigned address of each image by band name (`B02` ... `SCL`), whatever the catalogue calls it.
        offset_rule: one of `OFFSET_RULES`.

    Raises:
        ValueError: a value has not the documented form, or an address is signed.
    """

    item_id: str
    datatake_start: str
    sensing_start: str
    baseline: str
    generated: str
    offset_dn: int
    cloud_cover: float
    assets: Mapping[str, str]
    offset_rule: str = "baseline"

    def __post_init__(self) -> None:
        checks = {
            "item_id": bool(self.item_id),
            "datatake_start": bool(_INSTANT.fullmatch(self.datatake_start)),
            "sensing_start": bool(_INSTANT.fullmatch(self.sensing_start)),
            "baseline": bool(_BASELINE.fullmatch(self.baseline)),
            "offset_dn": -10000 <= self.offset_dn <= 0,
            "cloud_cover": 0 <= self.cloud_cover <= 100,
            "offset_rule": self.offset_rule in OFFSET_RULES,
            "assets": bool(self.assets),
        }
        for name, right in checks.items():
            if not right:
                raise ValueError(f"{self.item_id}: {name} is {getattr(self, name)!r}")
        for band, href in self.assets.items():
            if href != unsigned(href):
                raise ValueError(f"{self.item_id}: the address of {band} is signed")


@dataclass(frozen=True, slots=True)
class SceneRecord:
    """One acquisition of a tile: tile, day and satellite, with all granules that belong to it.

    The day is that of the datatake's start (UTC), which all catalogues agree on; their `datetime` may lie
    beyond the next midnight.

    Raises:
        ValueError: a key is malformed, there is no granule, or an item appears twice.
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
        if len({g.item_id for g in self.granules}) != len(self.granules):
            raise ValueError(f"{self.key}: an item appears twice")

    @property
    def key(self) -> str:
        """`33TVM/2021-06-14_S2A`."""
        return scene_key(self.tile, self.date, self.platform)

    @property
    def epsg(self) -> int:
        """EPSG code of the tile's UTM zone."""
        return int(zone_of_tile(self.tile))

    @property
    def digest(self) -> str:
        """`sha256:` of everything else in the record."""
        return value_digest(self._content())

    def _content(self) -> dict[str, Any]:
        return asdict(self) | {"granules": [asdict(g) | {"assets": dict(g.assets)} for g in self.granules]}

    def as_json(self) -> dict[str, Any]:
        """The record as JSON value with its digest, granules in order of sensing."""
        return self._content() | {"digest": self.digest}


def read_record(path: str | Path) -> SceneRecord:
    """Read an inventory file.

    Raises:
        CatalogueError: the file is damaged or was changed by hand.
    """
    mend = "run: snakemake catalogue"
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
        digest = value.pop("digest", None)
        granules = tuple(Granule(**g) for g in value.pop("granules"))
        record = SceneRecord(granules=granules, **value)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CatalogueError(f"{path}: not an inventory file ({error}); {mend}") from error
    if digest is not None and digest != record.digest:
        raise CatalogueError(f"{path}: its content does not fit its digest; delete it and {mend}")
    return record
