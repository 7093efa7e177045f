"""The index of a folder of georeferenced patches: python -m sealwatch.classifier.index FOLDER.

`index.csv` is what the workflow watches: after patches were added, removed or replaced, index the folder again, and the
network is trained again because the index changed.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import rasterio
from rasterio.warp import transform

from ..errors import ConfigError, RasterError, SealwatchError
from ..files import atomic_path
from ..keys import LAND_COVER_CLASSES
from ..progress import track
from .patches import INDEX_COLUMNS, pixel_digest, read_image


def write_index(folder: str | Path, images: str | Path | None = None) -> int:
    """Write `index.csv` of a folder: file, class, lon, lat and md5_pixels of every patch.

    Args:
        folder: where the index is written; its paths are relative to it.
        images: folder with one subfolder per class; by default `folder` itself.

    Returns:
        Number of patches.

    Raises:
        ConfigError: no folder of a class, or a class without patches.
        RasterError: an image without georeference, or that is no patch.
    """
    folder = Path(folder)
    images = Path(images or folder)
    rows = []
    files = [(name, file) for name in LAND_COVER_CLASSES for file in sorted((images / name).glob("*.tif"))]
    absent = sorted(set(LAND_COVER_CLASSES) - {name for name, _ in files})
    if absent:
        raise ConfigError(
            f"{images}: no *.tif in {', '.join(absent)}; every class needs a folder of its name"
        )
    for name, file in track(files, "patches indexed"):
        pixels, _ = read_image(file)
        with rasterio.open(file) as source:
            if source.crs is None or source.transform.is_identity:
                raise RasterError(f"{file}: has no georeference; write its place into index.csv by hand")
            x, y = source.xy((source.height - 1) / 2, (source.width - 1) / 2)
            (lon,), (lat,) = transform(source.crs, "EPSG:4326", [x], [y])
        place = file.relative_to(folder).as_posix()
        rows.append([place, name, f"{lon:.5f}", f"{lat:.5f}", pixel_digest(pixels)])
    with atomic_path(folder / "index.csv") as part, part.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow([*INDEX_COLUMNS, "md5_pixels"])
        table.writerows(sorted(rows))
    return len(rows)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m sealwatch.classifier.index FOLDER")
    try:
        print(f"{write_index(sys.argv[1])} patches indexed")
    except SealwatchError as error:
        raise SystemExit(f"sealwatch: error: {error}") from None
