"""Stratified random samples for the accuracy statement: plan, draw, list, close and export one, estimate from one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import SealwatchError
from ...settings import merged
from .draw import Design
from .images import write_unit_images
from .planner_text import add_plan_options, plan_lines
from .reference import read_interpreted
from .statement import make_statement, write_statement
from .store import agreement, close_sample, draw_sample, export_sample, samples
from .strata import STRATA, ZoneMap


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m sealwatch.publish.sampling plan|draw|list|export|close|statement`."""
    chosen = _parser().parse_args(arguments)
    try:
        for line in _run(chosen, merged(chosen.configfile)):
            print(line, flush=True)
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(chosen: argparse.Namespace, config: Mapping[str, Any]) -> Iterator[str]:
    settings = config["database"]
    if chosen.action == "plan":
        yield from plan_lines(chosen, config, zone_maps(config["results"]))
    elif chosen.action == "draw":
        yield from _draw(chosen, config)
    elif chosen.action == "statement":
        yield from _statement(chosen, config)
    elif chosen.action == "list":
        for row in samples(settings):
            done = ", ".join(f"{name} {number}" for name, number in sorted(row["done"].items()))
            state = "closed" if row["closed_at"] else "open"
            yield (
                f"{row['sample']}  {state}  {row['period_start']} to {row['period_end']}  {row['units']} units  "
                f"{row['title']}  labelled: {done or 'none'}"
            )
            for pair in agreement(settings, row["sample"]):
                yield (
                    f"  {pair['reviewer_a']} and {pair['reviewer_b']}: the same label for {pair['agreed']} of "
                    f"{pair['units']} units"
                )
    elif chosen.action == "close":
        yield "closed" if close_sample(settings, chosen.sample, chosen.reason) else "was closed already"
    else:
        yield f"{export_sample(settings, chosen.sample, chosen.target)} units written to {chosen.target}"


def _draw(chosen: argparse.Namespace, config: Mapping[str, Any]) -> Iterator[str]:
    change = config["change"]
    design = Design(
        sizes={name: getattr(chosen, name) for name in STRATA},
        seed=chosen.seed,
        buffer_cells=chosen.buffer_cells,
        min_rise=change["min_rise"],
        period=tuple(chosen.period) if chosen.period else None,
        first_state=change["first_state"],
        persistence=change["persistence"],
    )
    drawn = draw_sample(
        config["database"], chosen.sample, chosen.title or chosen.sample, zone_maps(config["results"]), design
    )
    yield f"sample {chosen.sample} " + ("drawn" if drawn.new else "was drawn before and stays as it is")
    for row in drawn.strata:
        yield f"  {row['stratum']}: {row['units']} of {row['cells']} cells, {row['area_m2'] / 1e6:.2f} km2"
    if not chosen.no_images:
        yield f"images written for {write_unit_images(config, chosen.sample)} units"


def _statement(chosen: argparse.Namespace, config: Mapping[str, Any]) -> Iterator[str]:
    statement = make_statement(read_interpreted(config["database"], chosen.sample), chosen.referee)
    paths = write_statement(statement, chosen.target)
    for name, area in statement["areas_km2"].items():
        yield f"{name}: {area['value']:.2f} km2 ({area['low']:.2f} to {area['high']:.2f}), mapped {area['mapped']:.2f}"
    overall = statement["overall_accuracy"]
    yield f"overall accuracy: {overall['value']:.2%} ({overall['low']:.2%} to {overall['high']:.2%})"
    yield from (f"warning: {text}" for text in statement["warnings"])
    yield "written: " + ", ".join(map(str, paths))


def zone_maps(results: str | Path) -> list[ZoneMap]:
    """The maps of all zones below the results folder."""
    found = sorted(path for path in Path(results, "change").glob("*.h5") if path.stem.isdigit())
    return [ZoneMap(path, Path(results, "grid", path.name)) for path in found]


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--configfile", nargs="+", default=[], help="configuration files on top of config/config.yaml"
    )
    parser = argparse.ArgumentParser(prog="sealwatch.publish.sampling", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    add_plan_options(actions.add_parser("plan", parents=[common], help="how many units a sample needs"))
    draw = actions.add_parser("draw", parents=[common], help="draw a sample from the change maps")
    draw.add_argument("sample", help="name: lower-case letters, digits, hyphens")
    draw.add_argument("--title", default="", help="shown to those who interpret")
    for name in STRATA:
        draw.add_argument(f"--{name}", type=int, required=True, metavar="N", help=f"units of stratum {name}")
    draw.add_argument("--buffer-cells", type=int, default=2, help="width of the buffer in cells (default 2)")
    draw.add_argument("--seed", type=int, help="by default a random one; keep it from those who interpret")
    draw.add_argument(
        "--period", nargs=2, metavar="HALF", help="first and last half-year of a change, e.g. 2022H1 2023H2"
    )
    draw.add_argument("--no-images", action="store_true", help="without images of the units")
    actions.add_parser("list", parents=[common], help="samples, what was labelled, agreement of two people")
    close = actions.add_parser("close", parents=[common], help="take no further labels")
    close.add_argument("sample")
    close.add_argument("--reason", default="")
    export = actions.add_parser("export", parents=[common], help="units, strata and labels as GeoPackage")
    export.add_argument("sample")
    export.add_argument("target", type=Path)
    statement = actions.add_parser("statement", parents=[common], help="accuracies and areas with intervals")
    statement.add_argument("sample")
    statement.add_argument(
        "target", type=Path, help="folder for statement.json, statement.md and statement.csv"
    )
    statement.add_argument("--referee", metavar="NAME", help="reviewer whose labels count before all others")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
