"""What there is to tell of: alerts, scenes and flagged orthophotos, now and as last told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..catalogue.inventory import configured_inventory
from ..errors import SealwatchError, VectorError
from ..files import write_json
from ..keys import scene_key


@dataclass(frozen=True, slots=True)
class State:
    """What is known at a time.

    Attributes:
        alerts: status by alert_id.
        scenes: keys of the scenes in the inventory.
        flags: keys of the flagged orthophotos.
    """

    alerts: dict[str, str]
    scenes: frozenset[str]
    flags: frozenset[str]

    def with_all_of(self, later: State) -> State:
        """This and a later state. What is missing later stays known: a failed run takes products away for a while."""
        return State({**self.alerts, **later.alerts}, self.scenes | later.scenes, self.flags | later.flags)


def read_state(config: Mapping[str, Any]) -> State:
    """Read the products of a project.

    Raises:
        VectorError: a file of alerts cannot be read.
    """
    results = Path(config["results"])
    alerts: dict[str, str] = {}
    for path in alert_files(results):
        import pyarrow
        import pyarrow.parquet as parquet

        try:
            table = parquet.read_table(path, columns=["alert_id", "status"])
        except (OSError, pyarrow.ArrowException) as error:
            raise VectorError(
                f"{path}: cannot be read; make it again: snakemake --forcerun change"
            ) from error
        alerts.update(zip(table["alert_id"].to_pylist(), table["status"].to_pylist(), strict=True))
    scenes = frozenset(scene_key(*scene) for scene in configured_inventory(config).scenes)
    return State(alerts, scenes, frozenset(path.stem for path in (results / "flags").glob("*.json")))


def alert_files(results: Path) -> list[Path]:
    """GeoParquet files of provisional alerts, one per UTM zone."""
    return sorted((results / "change").glob("*_alerts.parquet"))


class Told:
    """What was told last, by the way it was told: written only after a message went out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._states = {
                way: State(value["alerts"], frozenset(value["scenes"]), frozenset(value["flags"]))
                for way, value in json.loads(path.read_text(encoding="utf-8")).items()
            }
        except FileNotFoundError:
            self._states = {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SealwatchError(
                f"{path}: cannot be read; remove it, and what there is now counts as told"
            ) from error

    def before(self, way: str) -> State:
        """What was told last by one way."""
        return self._states[way]

    def begin(self, ways: Iterable[str], read: Callable[[], State]) -> None:
        """Take what there is for told, by ways that have told nothing yet."""
        new = [way for way in ways if way not in self._states]
        if new:
            self._states |= dict.fromkeys(new, read())
            self._write()

    def tell(self, way: str, state: State) -> None:
        """Note that all of `state` was told."""
        self._states[way] = self._states[way].with_all_of(state)
        self._write()

    def _write(self) -> None:
        values = {
            way: {"alerts": state.alerts, "scenes": sorted(state.scenes), "flags": sorted(state.flags)}
            for way, state in self._states.items()
        }
        write_json(self._path, values)
