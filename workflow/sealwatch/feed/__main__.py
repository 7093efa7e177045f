"""Alerts and changes that are new, or have another status, since a month: as GeoJSON on standard output.

python -m sealwatch.feed --since 2025-04 --configfile my.yaml
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..errors import ConfigError, SealwatchError
from ..keys import matches
from ..settings import merged
from .about import about
from .entries import read_entries
from .write import as_geojson


def main(arguments: list[str] | None = None) -> int:
    """Command line; 2 where something is wrong."""
    parser = argparse.ArgumentParser(
        prog="sealwatch.feed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="as for snakemake")
    parser.add_argument(
        "--since", metavar="MONTH", default="", help="first month of the data, such as 2025-04"
    )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.since and not matches("month", chosen.since):
            raise ConfigError(f"--since: {chosen.since!r} is no month such as 2025-04")
        config = merged(chosen.configfile)
        files = sorted((Path(config["results"]) / "change").glob("[0-9]*[0-9].gpkg"))
        if not files:
            raise ConfigError(f"{config['results']}/change: holds no changes yet; run the workflow first")
        found = read_entries(files, config["period"]["end"])
        entries = [entry for entry in found if entry.month >= chosen.since]
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 2
    print(as_geojson(entries, about(config)), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
