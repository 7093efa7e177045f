"""A sample planned on the command line, in words."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import ConfigError
from .draw import Design, draw
from .intervals import Z
from .planner import Expectation, expected, figures, half_width, mapped_elsewhere, plan, sample_size
from .strata import STRATA, ZoneMap

_SHARES = {"change": 0.8, "buffer": 0.02, "stable": 0.001}
_HELP = {
    "change": "expected user's accuracy of change",
    "buffer": "expected share of the buffer's cells that changed",
    "stable": "expected share of stable cells that changed",
}
_WORDS = {
    "overall": "overall accuracy",
    "users": "user's accuracy of change",
    "producers": "producer's accuracy of change",
    "area": "area of change",
}


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Options of `plan`."""
    for name, share in _SHARES.items():
        parser.add_argument(
            f"--{name}-share",
            type=float,
            default=share,
            metavar="SHARE",
            help=f"{_HELP[name]} (default {share})",
        )
    parser.add_argument(
        "--area-km2", type=float, metavar="KM2", help="wanted half-width of the area of change"
    )
    for name in ("overall", "users", "producers"):
        parser.add_argument(
            f"--{name}", type=float, metavar="SHARE", help=f"wanted half-width of {_WORDS[name]}, e.g. 0.01"
        )
    parser.add_argument(
        "--units", type=int, nargs=3, metavar=("CHANGE", "BUFFER", "STABLE"), help="say what these units give"
    )
    parser.add_argument(
        "--minimum", type=int, default=50, metavar="N", help="units in each stratum at least (default 50)"
    )
    parser.add_argument(
        "--buffer-cells", type=int, default=2, help="width of the buffer in cells (default 2)"
    )
    parser.add_argument("--period", nargs=2, metavar="HALF", help="as for draw")


def plan_lines(
    chosen: argparse.Namespace, config: Mapping[str, Any], zones: Sequence[ZoneMap]
) -> Iterator[str]:
    """Plan from the change maps: what each stratum needs and the half-widths to expect.

    Raises:
        ConfigError: a number is out of range, or no half-width is wanted.
        RasterError: the maps cannot be read.
    """
    change = config["change"]
    population = draw(
        zones,
        Design(
            sizes=dict.fromkeys(STRATA, 1),
            seed=0,
            buffer_cells=chosen.buffer_cells,
            min_rise=change["min_rise"],
            period=tuple(chosen.period) if chosen.period else None,
            first_state=change["first_state"],
            persistence=change["persistence"],
        ),
    )
    shares = {name: getattr(chosen, f"{name}_share") for name in STRATA}
    expectation = Expectation(population.cells, shares)
    cells = sum(population.cells.values())
    total_km2 = cells * population.cell_size_m**2 / 1e6
    wanted = {n: v for n in ("overall", "users", "producers") if (v := getattr(chosen, n)) is not None}
    if chosen.area_km2 is not None:
        wanted["area"] = chosen.area_km2 / total_km2
    if chosen.units:
        found = expected(expectation, dict(zip(STRATA, chosen.units, strict=True)))
    elif wanted:
        found = plan(expectation, wanted, chosen.minimum)
    else:
        raise ConfigError("name a wanted half-width (--area-km2, --overall, --users, --producers) or --units")
    yield f"{cells} cells, {total_km2:.2f} km2, changes from {population.period[0]} to {population.period[1]}"
    for name, units in found.units.items():
        yield f"  {name}: {units} of {population.cells[name]} cells, {shares[name]:.2%} expected to have changed"
    yield f"{sum(found.units.values())} units; expected half-widths of the 95 % intervals:"
    for name, figure in figures(found.accuracy).items():
        if figure is not None:
            scale, unit = (total_km2, " km2") if name == "area" else (100, " %")
            yield (
                f"  {_WORDS[name]} {figure.value * scale:.2f}{unit}: +- {half_width(figure) * scale:.2f} "
                f"(normal +- {half_width(figure, 'normal') * scale:.2f})"
            )
    if not chosen.units:
        yield from _comparisons(expectation, wanted, chosen.minimum, cells)


def _comparisons(
    expectation: Expectation, wanted: Mapping[str, float], minimum: int, cells: int
) -> Iterator[str]:
    bare = plan(mapped_elsewhere(expectation), wanted, minimum)
    yield f"without a buffer: {sum(bare.units.values())} units"
    if "overall" in wanted:
        weights = [expectation.cells[name] / cells for name in STRATA]
        spread = [(p * (1 - p)) ** 0.5 for p in (expectation.change_share[name] for name in STRATA)]
        number = sample_size(weights, spread, wanted["overall"] / Z, cells)
        yield f"by equation 13 of Olofsson et al. (2014), overall accuracy alone, normal interval: {number} units"
