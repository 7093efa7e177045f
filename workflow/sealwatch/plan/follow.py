"""Orthophotos that new scenes may flag: those under provisional alerts."""

from __future__ import annotations

from pathlib import Path

from ..errors import VectorError
from ..orthophoto.sheets import read_footprints, read_index


def sheets_under_alerts(alerts: list[str], index: str, flags: str) -> list[str]:
    """Keys of orthophotos under an alert, flown since it began and not flagged yet.

    Args:
        alerts: GeoParquet files of provisional alerts, one per UTM zone; absent ones are left out.
        index: sheet index.
        flags: folder of the flags, one JSON file for each flagged orthophoto.

    Raises:
        VectorError: a file cannot be read or is not what it must be.
    """
    there = [path for path in alerts if Path(path).is_file()]
    if not there:
        return []
    import geopandas

    flown = {sheet.key: sheet.flight_date for sheet in read_index(index)}
    footprints = read_footprints(index)
    found: set[str] = set()
    for path in there:
        try:
            frame = geopandas.read_parquet(path)
        except (OSError, ValueError) as error:
            raise VectorError(
                f"{path}: cannot be read ({error}); make it again: snakemake --forcerun change"
            ) from error
        frame = frame[frame["status"] == "open"]
        if len(frame):
            joined = footprints.to_crs(frame.crs).sjoin(frame, predicate="intersects")
            pairs = zip(joined["key"], joined["first_month"], strict=True)
            found |= {key for key, month in pairs if flown[key] >= month}
    return sorted(found - {flag.stem for flag in Path(flags).glob("*.json")})
