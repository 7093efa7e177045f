"""What the report page of a finished demo is made from, for pages with other facts than the run's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from builders.demo import Demo
from sealwatch.catalogue.inventory import read_inventory
from sealwatch.catalogue.rejections import rejected_by_tile
from sealwatch.report.sources import Facts, Products
from sealwatch.settings import shaping


def products(demo: Demo) -> Products:
    """All files of the page, but for what only its provenance shows."""
    results, config = demo.results, demo.config
    found = {
        name: sorted(path for path in results.glob(pattern) if not path.name.startswith("."))
        for name, pattern in (
            ("grids", "grid/*.h5"),
            ("cells", "change/*.h5"),
            ("events", "change/[0-9]*[0-9].gpkg"),
            ("evidence", "change/*_evidence.gpkg"),
            ("halves", "half/*/*.h5"),
            ("months", "month/*/*.h5"),
            ("maps", "report/map_*.png"),
        )
    }
    flagged = sorted(path.stem for path in (results / "flags").glob("*.json"))
    return Products(
        area=config["area_of_interest"],
        sheets=config["orthophoto"]["sheets"],
        segmentations=[results / f"segmentation/{key}.h5" for key in flagged],
        outlines=[results / f"outline/{key}.gpkg" for key in flagged],
        pictures=[results / f"review/{key}" for key in flagged],
        figures=results / "report/summary.json",
        **found,
    )


def facts(demo: Demo, **other: Any) -> Facts:
    """Facts of the run, with others in their place."""
    config = demo.config
    period = config["period"]["start"], config["period"]["end"]
    tiles = config["catalogue"]["tiles"]
    own = Facts(
        title=config["services"]["title"],
        project=config["project"],
        attribution=config["attribution"],
        licence=config["services"]["licence"],
        period=period,
        srid=config["database"]["srid"],
        scenes=read_inventory(demo.results / "inventory", tiles, *period).scenes,
        rejected=rejected_by_tile(demo.results / "catalogue/report.json"),
        settings=shaping(config),
        most_events=config["report"]["events"],
        figures=json.loads(Path(demo.results / "report/summary.json").read_text()),
        registries={name: source.get("kind", "objects") for name, source in config["registries"].items()},
    )
    return replace(own, **other)
