"""`python -m sealwatch.storage [--tidy] [arguments of snakemake]`: a run, or a clean-up, within a bound on disk."""

from __future__ import annotations

import sys

from ..errors import SealwatchError
from .run import run, tidy


def main(arguments: list[str]) -> int:
    """Run, or with `--tidy` only remove acquisitions that are no longer needed; the exit code."""
    rest = [argument for argument in arguments if argument != "--tidy"]
    try:
        if len(rest) == len(arguments):
            return run(rest)
        tidy(rest)
    except SealwatchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
