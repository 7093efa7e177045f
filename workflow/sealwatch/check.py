"""Composites and change rule done again by GRASS's own modules, on a sample of a zone.

The files are read by GRASS itself (r.external). Means are sums of r.series, modes its method `mode`,
neighbourhoods those of r.neighbors, the change rule one r.mapcalc expression; none of it shares code with the steps
that are checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import grass, hdf5
from .change.mapcalc import persistence_expression
from .composites.combine import OWN_SHARE
from .composites.maps import NO_CLASS
from .errors import CheckError, RasterError
from .files import write_json
from .grid import Window
from .keys import IMPERVIOUS_CLASSES, LAND_COVER_CLASSES
from .progress import track
from .sentinel2.area import read_zone_grid

_CODES = range(len(LAND_COVER_CLASSES))
_TOLERANCE = 1e-6
"""Of shares, which are stored as float32."""


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite to be made again.

    Attributes:
        path: its file.
        sources: the files it was made from.
        step: `month` or `half`.
        method: `probability` or `mode`.
        min_confidence: as in `composite`.
        majority_px: as in `composite`.
    """

    path: Path
    sources: Sequence[Path]
    step: str
    method: str
    min_confidence: float = 0.0
    majority_px: int = 1


def composites_of(
    results: str | Path,
    zone: str,
    months: Mapping[str, Sequence[str]],
    halves: Mapping[str, Sequence[str]],
    method: str,
    min_confidence: float,
    majority_px: int,
) -> list[Composite]:
    """Composites of a results folder.

    Args:
        results: folder of all products.
        zone: EPSG code.
        months: names of the mosaics by month.
        halves: months by half-year.
        method: of all composites.
        min_confidence: of the months.
        majority_px: of the months.
    """
    places = {kind: Path(results) / kind / zone for kind in ("mosaic", "month", "half")}
    of_months = [
        Composite(
            places["month"] / f"{month}.h5",
            [places["mosaic"] / f"{name}.h5" for name in names],
            "month",
            method,
            min_confidence,
            majority_px,
        )
        for month, names in months.items()
    ]
    of_halves = [
        Composite(places["half"] / f"{half}.h5", [places["month"] / f"{m}.h5" for m in names], "half", method)
        for half, names in halves.items()
    ]
    return of_months + of_halves


def check_zone(
    zone: str,
    zone_grid: str | Path,
    composites: Sequence[Composite],
    halves: Sequence[str | Path],
    change: str | Path,
    rule: Mapping[str, int],
    sample_cells: int | None,
    target: str | Path,
) -> None:
    """Do composites and changes again in GRASS and compare.

    Args:
        zone: EPSG code.
        zone_grid: grid file of the zone.
        composites: those to check.
        halves: all half-years in order of time, from which the changes were found.
        change: change map of the zone.
        rule: settings of the change rule, arguments of `persistence_expression`.
        sample_cells: edge of the square of cells that is compared, where most gains are; None takes the whole zone.
        target: JSON report, written when nothing differs.

    Raises:
        CheckError: a value differs; the message names the file and the first cells.
        GrassError: GRASS is missing or a module failed.
    """
    window, _ = read_zone_grid(zone_grid)
    rows, cols = _sample(change, window, sample_cells)
    checked: dict[str, int] = {}
    with grass.session(int(zone)) as session:
        version = session.read_pairs("g.version", flags="g").get("version", "")
        for item in track(composites, "composites checked"):
            checked[_label(item.path)] = _check_composite(session, window, rows, cols, item)
            session.run("g.remove", flags="f", type_="raster", pattern="*")
        session.set_region(window.part(rows, cols))
        checked[_label(change)] = _check_change(session, rows, cols, [Path(p) for p in halves], change, rule)
    report = {
        "zone": zone,
        "grass": version,
        "rows": [rows.start, rows.stop],
        "cols": [cols.start, cols.stop],
        "values_compared": checked,
        "differences": 0,
    }
    write_json(target, report)


def _label(path: str | Path) -> str:
    """Last parts of a path that name a product: `half/32633/2024H1.h5`, `change/32633.h5`."""
    parts = Path(path).parts
    return "/".join(parts[-2:] if parts[-2] == "change" else parts[-3:])


def _sample(change: str | Path, window: Window, edge: int | None) -> tuple[slice, slice]:
    """Rows and columns of the square with most gains, or, without any, with most observed cells."""
    if edge is None:
        return slice(0, window.height), slice(0, window.width)
    with hdf5.read(change) as file:
        gains = (file["start"][:] > 0).any(axis=0)
        observed = file["state"][:] != NO_CLASS
    if gains.shape != window.shape:
        raise RasterError(f"{change}: its grid is not the zone's; delete it and run again")
    score = gains * 1e6 + observed
    firsts = [np.arange(0, size, edge) for size in window.shape]
    sums = np.add.reduceat(np.add.reduceat(score, firsts[0], axis=0), firsts[1], axis=1)
    row, col = (int(n) * edge for n in np.unravel_index(sums.argmax(), sums.shape))
    return slice(row, min(row + edge, window.height)), slice(col, min(col + edge, window.width))


def _widened(part: slice, reach: int, size: int) -> slice:
    return slice(max(part.start - reach, 0), min(part.stop + reach, size))


def _check_composite(
    session: grass.GrassSession, window: Window, rows: slice, cols: slice, item: Composite
) -> int:
    reach = item.majority_px // 2
    wide = _widened(rows, reach, window.height), _widened(cols, reach, window.width)
    session.set_region(window.part(*wide))
    inner = (
        slice(rows.start - wide[0].start, rows.stop - wide[0].start),
        slice(cols.start - wide[1].start, cols.stop - wide[1].start),
    )
    with hdf5.read(item.path) as file:
        ours = {name: file[name][..., rows, cols] for name in ("class", "probability", "observations")}
    if not item.sources:
        theirs = {
            "class": np.full_like(ours["class"], NO_CLASS),
            "probability": np.full_like(ours["probability"], np.nan),
            "observations": np.zeros_like(ours["observations"]),
        }
    else:
        made = _composite_in_grass(session, item)
        theirs = {name: data[..., *inner] for name, data in made.items()}
    near = np.isclose(theirs["probability"], ours["probability"], rtol=0, atol=_TOLERANCE, equal_nan=True)
    _compare(item.path, "probability", ours["probability"], theirs["probability"], near, rows, cols)
    equal = ours["class"] == theirs["class"]
    if item.majority_px > 1:
        # r.neighbors adds in another order: of two classes that are equal but for rounding either may win.
        own = np.take_along_axis(
            theirs["probability"], np.minimum(ours["class"], 9)[None].astype(int), axis=0
        )[0]
        equal |= own >= np.nan_to_num(theirs["probability"]).max(axis=0) - _TOLERANCE
    _compare(item.path, "class", ours["class"], theirs["class"], equal, rows, cols)
    equal = ours["observations"] == theirs["observations"]
    _compare(item.path, "observations", ours["observations"], theirs["observations"], equal, rows, cols)
    return sum(data.size for data in ours.values())


def _composite_in_grass(session: grass.GrassSession, item: Composite) -> dict[str, np.ndarray]:
    """Class, probability and observations over the current region."""
    count = range(len(item.sources))
    least = repr(float(np.float32(item.min_confidence)))
    by_share = item.method == "probability"
    for n, path in enumerate(item.sources):
        _link(session, path, "class", f"class{n}")
        weight = "clear_fraction" if item.step == "month" else "observations"
        _link(session, path, weight, f"weight{n}")
        counts = f"!isnull(class{n})"
        if by_share or item.min_confidence > 0:
            _link(session, path, "probability", f"p{n}")
            highest = ", ".join(f"p{n}.{code + 1}" for code in _CODES)
            counts += f" && max({highest}) >= {least}" if item.min_confidence > 0 else ""
        if by_share:
            counts += f" && weight{n} > 0"
        vote = f"double(weight{n})" if by_share else "1.0"
        seen = "1" if item.step == "month" else f"weight{n}"
        lines = [f"c{n} = if({counts}, class{n}, null())", f"w{n} = if(isnull(c{n}), null(), {vote})"]
        lines.append(f"seen{n} = if(isnull(c{n}), 0, int({seen}))")
        for code in _CODES:
            value = f"double(p{n}.{code + 1}) * w{n}" if by_share else f"if(c{n} == {code}, 1.0, 0.0)"
            lines.append(f"s{n}.{code} = if(isnull(c{n}), null(), {value})")
        session.run("r.mapcalc", file="-", stdin="\n".join(lines))

    def series(prefix: str, output: str, method: str, suffix: str = "") -> None:
        session.run("r.series", input=[f"{prefix}{n}{suffix}" for n in count], output=output, method=method)

    series("w", "weight", "sum")
    series("seen", "observations", "sum")
    for code in _CODES:
        series("s", f"total.{code}", "sum", f".{code}")
    names = [f"mean.{code}" for code in _CODES]
    session.run(
        "r.mapcalc", file="-", stdin="\n".join(f"mean.{code} = total.{code} / weight" for code in _CODES)
    )
    if item.majority_px > 1:
        for code in _CODES:
            session.run(
                "r.neighbors",
                input=f"mean.{code}",
                output=f"around.{code}",
                method="average",
                size=item.majority_px,
            )
        pooled = f"{OWN_SHARE} * mean.{{0}} + {1 - OWN_SHARE} * around.{{0}}"
        lines = [f"pooled.{code} = if(isnull(weight), null(), {pooled.format(code)})" for code in _CODES]
        session.run("r.mapcalc", file="-", stdin="\n".join(lines))
        names = [f"pooled.{code}" for code in _CODES]
    if item.method == "mode" and item.majority_px == 1:
        series("c", "chosen", "mode")
    else:
        # Totals, not means, as rounding of the division could make two of them equal.
        ranked = names if item.majority_px > 1 else [f"total.{code}" for code in _CODES]
        choice = "null()"
        for code in reversed(_CODES):
            choice = f"if({ranked[code]} == highest, {code}, {choice})"
        session.run("r.mapcalc", file="-", stdin=f"highest = max({', '.join(ranked)})\nchosen = {choice}")
    return {
        "class": session.export_array("chosen", "uint8"),
        "probability": np.stack([session.export_array(name, "float32") for name in names]),
        "observations": session.export_array("observations", "int32"),
    }


def _check_change(
    session: grass.GrassSession,
    rows: slice,
    cols: slice,
    halves: Sequence[Path],
    change: str | Path,
    rule: Mapping[str, int],
) -> int:
    impervious = [str(n) for n, name in enumerate(LAND_COVER_CLASSES) if name in IMPERVIOUS_CLASSES]
    other = [str(n) for n, name in enumerate(LAND_COVER_CLASSES) if name not in IMPERVIOUS_CLASSES]
    reclass = f"{' '.join(impervious)} = 1\n{' '.join(other)} = 0\n* = NULL\n"
    names = []
    for n, path in enumerate(halves):
        _link(session, path, "class", f"half{n}")
        session.run("r.reclass", input=f"half{n}", output=f"binary{n}", rules="-", stdin=reclass)
        names.append(f"binary{n}")
    compared = 0
    with hdf5.read(change) as file:
        parts = [p for p in ("start", "confirmed", "reversal", "reversal_confirmed") if p in file]
        for event in range(1, file["start"].shape[0] + 1):
            for statement in persistence_expression(names, **rule, event=event, output="gain"):
                session.run("r.mapcalc", expression=statement, overwrite=True)
            for part in parts:
                ours = file[part][event - 1, rows, cols].astype("i4")
                theirs = session.export_array(f"gain_{part}", "int32")
                _compare(change, f"{part} of gain {event}", ours, theirs, ours == theirs, rows, cols)
                compared += ours.size
    return compared


def _link(session: grass.GrassSession, path: Path, variable: str, name: str) -> None:
    session.import_raster(f'NETCDF:"{path.resolve()}":{variable}', name, link=True)


def _compare(
    path: str | Path,
    name: str,
    ours: np.ndarray,
    theirs: np.ndarray,
    equal: np.ndarray,
    rows: slice,
    cols: slice,
) -> None:
    if equal.all():
        return
    places = np.argwhere(~equal)
    shown = [
        f"row {place[-2] + rows.start}, column {place[-1] + cols.start}: {ours[tuple(place)]:g}, in GRASS "
        f"{theirs[tuple(place)]:g}"
        for place in places[:3]
    ]
    raise CheckError(
        f"{path}: {name} is not what GRASS computes from the same files at {len(places)} of {equal.size} places "
        f"({'; '.join(shown)}); delete the file and run again, and report it if it stays"
    )
