"""The message: what is new since the last one, and what failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import VectorError
from .runs import Failure
from .state import State, alert_files

_LISTED = 50
_TITLES = {"open": "New alerts", "confirmed": "Confirmed alerts", "withdrawn": "Withdrawn alerts"}
_FIELDS = (
    "alert_id",
    "zone",
    "status",
    "first_month",
    "raised_month",
    "source",
    "from_class",
    "to_class",
    "confidence",
    "lon",
    "lat",
)


@dataclass(frozen=True, slots=True)
class News:
    """What was not told yet.

    Attributes:
        alerts: values of alerts that are new or have another status; `lon` and `lat` in degrees (WGS 84).
        scenes: keys of scenes.
        flags: keys of flagged orthophotos.
    """

    alerts: list[dict[str, Any]]
    scenes: list[str]
    flags: list[str]


def find_news(results: Path, told: State, state: State) -> News:
    """Compare what there is with what was told.

    Raises:
        VectorError: a file of alerts cannot be read.
    """
    changed = {key for key, status in state.alerts.items() if told.alerts.get(key) != status}
    alerts = (
        [values for path in alert_files(results) for values in _details(path, changed)] if changed else []
    )
    return News(alerts, sorted(state.scenes - told.scenes), sorted(state.flags - told.flags))


def _details(path: Path, wanted: set[str]) -> list[dict[str, Any]]:
    import geopandas

    try:
        frame = geopandas.read_parquet(path)
    except (OSError, ValueError) as error:
        raise VectorError(f"{path}: cannot be read; make it again: snakemake --forcerun change") from error
    frame = frame[frame["alert_id"].isin(wanted)].sort_values("alert_id")
    points = frame.geometry.representative_point().to_crs(4326)
    frame = frame.assign(
        confidence=frame["confidence"].astype("f8").round(2), lon=points.x.round(5), lat=points.y.round(5)
    )
    return frame[list(_FIELDS)].to_dict("records")


def headline(project: str, news: News, failure: Failure | None) -> str:
    """One line: the subject of a mail."""
    counts = {status: sum(alert["status"] == status for alert in news.alerts) for status in _TITLES}
    new = counts.pop("open")
    parts = [f"{new} new alert{'' if new == 1 else 's'}"]
    parts += [f"{number} {status}" for status, number in counts.items() if number]
    if failure:
        parts.insert(0, "run failed")
    return " ".join(f"Sealwatch {project}: {', '.join(parts)}".split())


def write_summary(config: Mapping[str, Any], news: News, failure: Failure | None, span: str) -> str:
    """The message as plain text.

    Args:
        config: of the project.
        news: what to tell.
        failure: what failed.
        span: when and where the run was.
    """
    lines = [headline(config["project"], news, failure), f"Run: {span}"]
    if failure:
        lines += ["", f"Failed: {failure.what}"]
        lines += [f"Open: {name}" for name in failure.logs]
        lines += [f"  | {line}" for line in failure.tail]
    for status, title in _TITLES.items():
        alerts = [alert for alert in news.alerts if alert["status"] == status]
        if alerts:
            lines += ["", f"{title}: {len(alerts)}", *map(_line, alerts[:_LISTED])]
        if len(alerts) > _LISTED:
            files = ", ".join(map(str, alert_files(Path(config["results"]))))
            lines.append(f"  and {len(alerts) - _LISTED} more, all of them in {files}")
    for title, keys in (("New scenes", news.scenes), ("Orthophotos newly flagged", news.flags)):
        if keys:
            more = ", ..." if len(keys) > _LISTED else ""
            lines += ["", f"{title}: {len(keys)} ({', '.join(keys[:_LISTED])}{more})"]
    return "\n".join(lines) + "\n"


def _line(alert: Mapping[str, Any]) -> str:
    return (
        f"  {alert['alert_id']}  since {alert['first_month']}  {alert['from_class']} -> {alert['to_class']}"
        f"  confidence {alert['confidence']:.2f}  at {alert['lat']:.5f}, {alert['lon']:.5f}"
    )
