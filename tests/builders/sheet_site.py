"""A site of tiny orthophotos on which the rules from confirmed change to outlines run, as their index grows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import yaml

from builders.demo import ROOT
from builders.tiny_sheet import EPSG, Block, event, shape_of, write_index, write_photo, write_training
from sealwatch.orthophoto.flags import EVENT_FIELDS

SIZE = 160
OLD, NEW = (20, 34, 30, 40), (90, 60, 50, 60)
TRAINING = {
    "sealed": OLD,
    "low_vegetation": (55, 60, 30, 90),
    "medium_high_vegetation": (5, 4, 150, 24),
}
WEST, EAST, FAR = (0, 0, SIZE, 100), (0, 80, SIZE, 80), (0, 0, 4, 4)
"""Footprints: two overlap below the event, which spares the third."""

RULES = "flag_sheets prepare_sheet label_sheet train_forest segment outline".split()  # noqa: SIM905


class SheetSite:
    """Orthophotos with their index, and a confirmed event in place of the maps before it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, folder / "results"
        self.rows: list[tuple[str, int, str, str]] = []
        self.blocks: list[Block] = []
        config = yaml.safe_load((ROOT / "config/demo.yaml").read_text().replace("demo/", f"{folder}/"))
        config |= {"results": str(self.results)}
        config["catalogue"]["tiles"] = ["33TVM"]
        forest = {"engine": "cpu", "n_estimators": 5, "samples_per_class": 500}
        config["orthophoto"] |= {"reference": None, "forest": forest}
        (folder / "my.yaml").write_text(yaml.safe_dump(config))
        (folder / "world").mkdir()
        write_training(folder / "world/training_polygons.gpkg", TRAINING, "W", 2019)
        cell = (8, 0, SIZE - 8, SIZE)
        values = {**{name: event(cell)[name] for name in EVENT_FIELDS}, "status": "confirmed"}
        change = self.results / f"change/{EPSG}.gpkg"
        change.parent.mkdir(parents=True)
        gpd.GeoDataFrame([values], geometry=[shape_of(cell)], crs=EPSG).to_file(change, layer="events")
        for sheet, year, footprint in (("W", 2019, WEST), ("W", 2022, WEST), ("E", 2022, EAST)):
            self.fly(sheet, year, footprint)
        self.fly("F", 2022, FAR)

    def fly(self, sheet: str, year: int, footprint: Block) -> None:
        """One more orthophoto; from 2021 on there is a new roof."""
        roofs = [OLD] if year < 2021 else [OLD, NEW]
        write_photo(self.folder / f"world/{sheet}{year}.tif", roofs, SIZE, seed=len(self.rows))
        self.rows.append((sheet, year, f"{year}-06-01", f"{sheet}{year}.tif"))
        self.blocks.append(footprint)
        write_index(self.folder / "world/sheets.gpkg", self.rows, self.blocks)

    def command(self, *options: str, only: tuple[str, ...] | None = None) -> list[str]:
        """Command line of Snakemake, up to the products `only` or else the outlines of all sheets flagged so far."""
        flagged = sorted((self.results / "flags").glob("*.json"))
        names = only or ("flags", *(f"outline/{path.stem}.gpkg" for path in flagged))
        targets = [str(self.results / name) for name in names]
        command = [sys.executable, "-m", "snakemake", *targets, *options]
        return [*command, "--configfile", str(self.folder / "my.yaml"), "--allowed-rules", *RULES]

    def run(self, *options: str, only: tuple[str, ...] | None = None) -> str:
        """Run Snakemake on this machine; returns what it says."""
        command = self.command("--cores", "1", "--nolock", *options, only=only)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
        text = done.stdout + done.stderr
        assert done.returncode == 0, text
        return text

    def products(self) -> list[Path]:
        """All products."""
        return [path for path in self.results.rglob("*") if path.suffix in (".h5", ".npz", ".gpkg")]

    def files(self) -> dict[str, int]:
        """Time of the last change of all products, by path."""
        return {str(path.relative_to(self.results)): path.stat().st_mtime_ns for path in self.products()}

    def contents(self) -> dict[str, bytes]:
        """Content of all products, by path."""
        return {str(path.relative_to(self.results)): path.read_bytes() for path in self.products()}
