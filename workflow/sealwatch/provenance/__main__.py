"""Command line: `python -m sealwatch.provenance ID|crate --configfile my.yaml [--json]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import settings
from ..errors import SealwatchError
from ..files import canonical_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell where a polygon or event comes from, or write the run's RO-Crate; the exit code."""
    parser = argparse.ArgumentParser(prog="sealwatch.provenance", description=__doc__)
    parser.add_argument("what", help="id of a polygon or event, or `crate` to describe the whole run")
    parser.add_argument(
        "--configfile",
        type=Path,
        nargs="+",
        default=[],
        help="configuration files on top of config/config.yaml",
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    chosen = parser.parse_args(arguments)
    try:
        config = settings.merged(chosen.configfile)
        if chosen.what == "crate":
            from .crate import write_crate

            print(write_crate(config))
        else:
            from .text import as_text
            from .trace import trace

            found = trace(chosen.what, config)
            print(canonical_json(found) if chosen.json else as_text(found), end="")
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
