"""Leads an unpacked GRASS location to the results folder, after either was moved.

python -m sealwatch.composites.relink LOCATION RESULTS
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ..errors import RasterError, SealwatchError
from ..files import write_text
from .spacetime import MAPSET

_LINK = re.compile(r'^file: NETCDF:"(?P<path>.+)":(?P<variable>\w+)$', re.MULTILINE)


def relink(location: str | Path, results: str | Path) -> int:
    """Point every linked map (r.external) at the same file of another results folder.

    GRASS keeps a link as text in the mapset's `cell_misc/<map>/gdal`; a file is known by the last three parts of its
    path, such as `half/32633/2024H1.h5`.

    Args:
        location: unpacked location, `sealwatch_{zone}`.
        results: folder that holds `mosaic`, `month` and `half`.

    Returns:
        Number of links.

    Raises:
        RasterError: the location has no links, or a file is not in the results folder; then nothing was changed.
    """
    texts = {}
    for link in sorted(Path(location).glob(f"{MAPSET}/cell_misc/*/gdal")):
        text = link.read_text(encoding="utf-8")
        found = _LINK.search(text)
        if found is None:
            raise RasterError(f"{link}: is no link to a map of Sealwatch; unpack the archive again")
        place = Path(results).resolve().joinpath(*Path(found["path"]).parts[-3:])
        if not place.is_file():
            raise RasterError(f"{place}: is not there; give the folder that holds mosaic, month and half")
        texts[link] = text.replace(found[0], f'file: NETCDF:"{place}":{found["variable"]}')
    if not texts:
        raise RasterError(
            f"{location}: mapset {MAPSET} has no linked maps; give the unpacked folder sealwatch_<zone>, "
            "made with spacetime.pack: link"
        )
    for link, text in texts.items():
        write_text(link, text)
    return len(texts)


def main(arguments: list[str]) -> int:
    """Command line."""
    if len(arguments) != 2:
        print("usage: python -m sealwatch.composites.relink LOCATION RESULTS", file=sys.stderr)
        return 2
    try:
        print(f"{relink(*arguments)} maps linked to {arguments[1]}")
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
