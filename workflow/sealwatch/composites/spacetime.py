"""GRASS space-time raster datasets over the class maps of dates, months and half-years, packed in one archive."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import atomic_path
from ..keys import IMPERVIOUS_CLASSES, LAND_COVER_CLASSES, half_span, months_of
from ..progress import track
from .maps import CLASS_COLOURS

if TYPE_CHECKING:
    from ..grass import GrassSession

MAPSET = "series"

_TIMEOUT_S = 600  # of one temporal command

DATASETS = {
    "dates": "Land cover, satellites and days",
    "months": "Land cover, months",
    "halves": "Land cover, half-years",
    "binary": "Potentially impervious (1) or not (0), half-years",
}
"""Title of each dataset by its name."""

_CATEGORIES = "\n".join(f"{code}:{name}" for code, name in enumerate(LAND_COVER_CLASSES))
_IMPERVIOUS = [n for n, name in enumerate(LAND_COVER_CLASSES) if name in IMPERVIOUS_CLASSES]
_OTHER = [n for n in range(len(LAND_COVER_CLASSES)) if n not in _IMPERVIOUS]
_RECLASS = (
    f"{' '.join(map(str, _IMPERVIOUS))} = 1 impervious\n{' '.join(map(str, _OTHER))} = 0 other\n* = NULL\n"
)


def location_name(zone: str) -> str:
    """Name of the GRASS location in the archive."""
    return f"sealwatch_{zone}"


def build(
    zone: str,
    datasets: Mapping[str, Sequence[str | Path]],
    target: str | Path,
    pack: str = "link",
) -> None:
    """Bring the maps into a GRASS mapset, register them in time and pack the location as a tar archive.

    With `link` the rasters are links (`r.external`) to the HDF5 files under their absolute paths: the archive holds no
    pixel, opens wherever those files are in reach, and is led to a moved results folder by `relink`. With `copy` it
    holds the pixels and needs nothing beside it. The dataset `binary` is made of the half-years by r.reclass.

    Args:
        zone: EPSG code.
        datasets: files by granularity: `dates` (named `{date}_{platform}`), `months`, `halves`.
        target: `.tar.gz` to write.
        pack: `link` or `copy`.

    Raises:
        GrassError: GRASS is missing or a module failed.
    """
    from .. import grass

    with tempfile.TemporaryDirectory(prefix="sealwatch-spacetime-") as folder:
        with grass.session(int(zone), folder, location_name(zone), MAPSET) as session:
            for name, paths in datasets.items():
                spans = {}
                for path in track(paths, f"linking {name}" if pack == "link" else f"copying {name}"):
                    raster = raster_name(name, path)
                    session.import_raster(
                        f'NETCDF:"{Path(path).resolve()}":class', raster, link=pack == "link"
                    )
                    session.run("r.category", map=raster, separator=":", rules="-", stdin=_CATEGORIES)
                    spans[raster] = _span(name, Path(path).stem)
                if spans:
                    # The mapset opens with the maps' region, without which temporal modules see nothing.
                    session.run("g.region", raster=next(iter(spans)))
                _register(session, name, spans, CLASS_COLOURS)
            spans = {}
            for path in datasets.get("halves", []):
                raster = raster_name("binary", path)
                source = raster_name("halves", path)
                session.run("r.reclass", input=source, output=raster, rules="-", stdin=_RECLASS)
                spans[raster] = _span("halves", Path(path).stem)
            _register(session, "binary", spans, ("d9d9d9", "d7191c"))
        with atomic_path(target) as part, tarfile.open(part, "w:gz", compresslevel=6) as archive:
            archive.add(Path(folder) / location_name(zone), arcname=location_name(zone), filter=_lasting)


def raster_name(dataset: str, path: str | Path) -> str:
    """Name of a file's map in a dataset: `halves_2021H1`, `dates_2021_06_14_S2A`."""
    return f"{dataset}_{Path(path).stem}".replace("-", "_")


def _lasting(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The member, or None for what GRASS keeps of its sessions below the name of this machine."""
    return None if ".tmp" in Path(member.name).parts else member


def _register(
    session: GrassSession, name: str, spans: Mapping[str, tuple[str, str]], colours: Sequence[str]
) -> None:
    """Make a dataset of maps with their start and end; the maps get the colours of their codes."""
    if spans:
        rules = "\n".join(
            f"{code} {':'.join(str(int(colour[n : n + 2], 16)) for n in (0, 2, 4))}"
            for code, colour in enumerate(colours)
        )
        session.run("r.colors", map=list(spans), rules="-", stdin=rules)
    session.run(
        "t.create",
        type="strds",
        temporaltype="absolute",
        output=name,
        title=DATASETS[name],
        description="Class codes of Sealwatch" if name != "binary" else "1 and 0; NULL where not observed",
        semantictype="mean",
        timeout_s=_TIMEOUT_S,
    )
    if spans:
        listing = session.scratch / f"{name}.txt"
        listing.write_text(
            "".join(f"{m}|{start}|{end}\n" for m, (start, end) in spans.items()), encoding="utf-8"
        )
        session.run("t.register", input=name, file=listing, type="raster", timeout_s=_TIMEOUT_S)


def _next_month(month: str) -> str:
    """First day of the next month."""
    year, number = int(month[:4]), int(month[5:7])
    return f"{year + number // 12}-{number % 12 + 1:02d}-01"


def _span(name: str, stem: str) -> tuple[str, str]:
    """Start and end of a map's validity; the end is the first moment after it."""
    if name == "halves":
        return half_span(stem)[0], _next_month(months_of(stem)[-1])
    if name == "months":
        return f"{stem}-01", _next_month(stem)
    # Satellites of the same day must not share an instant, or the dataset has no valid topology.
    date, platform = stem.split("_")
    hour = ord(platform[2]) - ord("A")
    return f"{date} {hour:02d}:00:00", f"{date} {hour + 1:02d}:00:00"
