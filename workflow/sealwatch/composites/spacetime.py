"""GRASS space-time raster datasets over the class maps of dates, months and half-years."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..files import atomic_path
from ..keys import half_span, months_of
from ..progress import track

MAPSET = "series"


def location_name(zone: str) -> str:
    """Name of the GRASS location in the archive."""
    return f"sealwatch_{zone}"


def _month_end(month: str) -> str:
    """First day of the next month."""
    year, number = int(month[:4]), int(month[5:7])
    return f"{year + number // 12}-{number % 12 + 1:02d}-01"


def build(
    zone: str, datasets: Mapping[str, Sequence[str | Path]], target: str | Path, timeout_s: float = 600
) -> None:
    """Link the maps into a GRASS mapset, register them in time and pack the location as a tar archive.

    The rasters are links (`r.external`) to the HDF5 files, so the archive holds no pixel twice and must be opened where
    the files lie.

    Args:
        zone: EPSG code.
        datasets: files by granularity: `dates` (named `{date}_{platform}`), `months`, `halves`.
        target: `.tar.gz` to write.
        timeout_s: limit for one temporal command.

    Raises:
        GrassError: GRASS is missing or a module failed.
    """
    from .. import grass

    with tempfile.TemporaryDirectory(prefix="sealwatch-spacetime-") as folder:
        with grass.session(int(zone), folder, location_name(zone), MAPSET) as session:
            for name, paths in datasets.items():
                lines = []
                for path in track(paths, f"linking {name}"):
                    stem = Path(path).stem
                    raster = f"{name}_{stem}".replace("-", "_")
                    session.import_raster(f'NETCDF:"{Path(path).resolve()}":class', raster, link=True)
                    lines.append("|".join([raster, *_span(name, stem)]))
                if lines:
                    # The mapset opens with the maps' region, without which temporal modules see nothing.
                    session.run("g.region", raster=lines[0].split("|")[0])
                session.run(
                    "t.create",
                    type="strds",
                    temporaltype="absolute",
                    output=name,
                    title=f"Land cover, {name}",
                    description="Class codes of Sealwatch",
                    semantictype="mean",
                    timeout_s=timeout_s,
                )
                if lines:
                    listing = session.scratch / f"{name}.txt"
                    listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
                    session.run("t.register", input=name, file=listing, type="raster", timeout_s=timeout_s)
        with atomic_path(target) as part, tarfile.open(part, "w:gz") as archive:
            archive.add(Path(folder) / location_name(zone), arcname=location_name(zone))


def _span(name: str, stem: str) -> tuple[str, str]:
    """Start and end of a map's validity; the end is the first moment after it."""
    if name == "halves":
        return half_span(stem)[0], _month_end(months_of(stem)[-1])
    if name == "months":
        return f"{stem}-01", _month_end(stem)
    # Satellites of the same day must not share an instant, or the dataset has no valid topology.
    date, platform = stem.split("_")
    hour = ord(platform[2]) - ord("A")
    return f"{date} {hour:02d}:00:00", f"{date} {hour + 1:02d}:00:00"
