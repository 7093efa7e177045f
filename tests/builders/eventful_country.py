"""A small country of folded steps to which things happen: late and withdrawn scenes, killed runs, lost files."""

from __future__ import annotations

import copy
import io
import json
import os
import random
import shutil
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import geopandas as gpd
import yaml
from shapely.geometry import box

from builders.catalogue_items import Product
from builders.demo import link_checkout
from builders.folded_steps import CONFIG, Run, Runner, Step, products
from sealwatch.catalogue.refresh import refresh

TILES = ["33TVM", "33TWM"]
PERIOD = {"start": "2021-01-01", "end": "2021-12-31"}
BANDS = ["B02", "B04"]
PASSES = ("0117", "0304", "0420", "0608", "0712", "0815", "0926", "1103")
SHEETS = ("S3", "S4", "S5", "S6")
"""Their numbers are how many mosaics a half-year must hold to flag them; at first each has four."""

CATALOGUE = {
    "provider": "local", "url": "items", "collection": "", "signing": "none", "tiles": TILES, "exclude_months": [],
    "max_cloud_cover": 60, "parallel": 1, "timeout_s": 5, "max_retries": 0,
}  # fmt: skip


class EventfulCountry:
    """Sources, products, and what each job was last given.

    Args:
        folder: new folder.
        runner: of runs.
        seed: of the events.
        prepare: gives the folder its workflow and rules.
        engine: where the network and the forest work, `cpu` or `gpu`.
    """

    def __init__(
        self,
        folder: Path,
        runner: Runner,
        seed: int,
        prepare: Callable[[Path], None] = link_checkout,
        engine: str = "cpu",
    ) -> None:
        self.folder, self._runner, self._random = folder, runner, random.Random(seed)
        self.happened: list[str] = []
        self._flights = [(sheet, year) for sheet in SHEETS for year in (2019, 2021)]
        self._last: dict[tuple[str, ...], str] = {}
        self._unrecorded: set[tuple[str, ...]] = set()
        self._key_waits = False
        self._engine, self._settings = engine, {"min_area_m2": 50}
        for name in ("items", "sources"):
            (folder / name).mkdir(parents=True)
        self._products: dict[str, Product] = {}
        self._withdrawn: list[Product] = []
        for n, day in enumerate(PASSES):
            self._put(_scene(TILES[n % 2], f"2021{day}"))
        self._put(_scene(TILES[1], f"2021{PASSES[0]}"))
        _write_sources(folder / "sources")
        self._write_index()
        self._write_config()
        prepare(folder)
        _refresh(folder)

    def keep(self, aside: Path) -> None:
        """Copy the folder aside, to begin again from there."""
        shutil.copytree(self.folder, aside, symlinks=True)

    def again(self, aside: Path, seed: int) -> EventfulCountry:
        """The country as it was kept, in the same folder since some paths are absolute, for other events."""
        shutil.rmtree(self.folder)
        shutil.copytree(aside, self.folder, symlinks=True)
        other = copy.deepcopy(self)
        other._random = random.Random(seed)
        return other

    def events(self) -> list[str]:
        """Names of what may happen."""
        return sorted(name.removeprefix("do_") for name in dir(self) if name.startswith("do_"))

    def happen(self, name: str = "") -> None:
        """Let something happen: what is named, or anything."""
        name = name or self._random.choice(self.events())
        self.happened.append(f"{name} {getattr(self, f'do_{name}')() or ''}".strip())

    def run(self) -> tuple[Run, list[Step]]:
        """A run to the end; the steps of it that were not needed.

        A step is needless if it is given what it was given the last time and its products lay there. Where
        Snakemake's records were lost, it goes by times alone: then a step that is older than an input, and what
        follows from it, is excused. So is one whose input changed to and fro since it ran.
        """
        before = {path: os.stat(path).st_mtime_ns for path in self.folder.rglob("*") if path.exists()}
        run = self._runner.run(self.folder)
        needless, written, changed, excused = [], set[Path](), set[Path](), set[Path]()
        for step in run.steps:
            outputs = {self.folder / path for path in step.outputs}
            own = {self.folder / path for path in step.inputs}
            inputs = own | {path.parent for path in own}
            same = self._last.get(step.outputs) == step.digest and outputs <= before.keys()
            by_time = step.outputs in self._unrecorded and (
                inputs & written or _older(outputs, inputs, before)
            )
            if same and (by_time or inputs & excused or own & changed):
                excused |= outputs
            elif same:
                needless.append(step)
            else:
                changed |= outputs
            written |= outputs
        self._remember(run.steps)
        self._key_waits = False
        return run, needless

    def clean(self, folder: Path) -> tuple[Run, dict[str, bytes]]:
        """A run from nothing on the same sources elsewhere."""
        for name in ("items", "sources"):
            shutil.copytree(self.folder / name, folder / name)
        shutil.copyfile(self.folder / CONFIG, folder / CONFIG)
        link_checkout(folder)
        _refresh(folder)
        return self._runner.run(folder), products(folder)

    def do_new_scene(self) -> str:
        """A scene on a day after all others."""
        newest = max(product.start[:8] for product in self._products.values())
        day = date.fromisoformat(newest) + timedelta(self._random.randint(1, 5))
        return self._add(min(day, date.fromisoformat(PERIOD["end"])))

    def do_late_scene(self) -> str:
        """A scene on any day."""
        return self._add(date(2021, 1, 1) + timedelta(self._random.randrange(365)))

    def do_reprocessed_scene(self) -> str:
        """The same scene, processed again with a newer baseline."""
        name = self._random.choice(sorted(self._products))
        old = self._products[name]
        generated = f"{int(old.generated[:8]) + 10000}{old.generated[8:]}"
        self._put(replace(old, baseline="05.00", generated=generated))
        return name

    def do_withdrawn_scene(self) -> str:
        """A scene the catalogue no longer holds."""
        name = self._random.choice(sorted(self._products))
        self._withdrawn.append(self._products.pop(name))
        (self.folder / f"items/{name}.json").unlink()
        _refresh(self.folder)
        return name

    def do_restored_scene(self) -> str:
        """A withdrawn scene that is there again."""
        if not self._withdrawn:
            return "none"
        return self._put(self._withdrawn.pop(self._random.randrange(len(self._withdrawn))))

    def do_touched_product(self) -> str:
        """A product with a new time and the same bytes; of a folder the files in it, for of itself only time counts."""
        found = [path for path in (self.folder / "results").rglob("*") if path.is_file()]
        aside = {"inventory", ".snakemake_timestamp"}
        return self._touch([path for path in found if not aside & set(path.parts)])

    def do_touched_source(self) -> str:
        """A source or a file of the inventory with a new time and the same bytes."""
        sources = [*(self.folder / "sources").iterdir(), *(self.folder / "results/inventory").rglob("*.json")]
        return self._touch(sources)

    def do_lost_records(self) -> str:
        """Snakemake's records of what it has done are gone."""
        if self._key_waits:
            return "left alone: they alone tell what a changed key has not reached"
        shutil.rmtree(self.folder / ".snakemake", ignore_errors=True)
        self._unrecorded = set(self._last)
        return ""

    def do_new_orthophoto(self) -> str:
        """A row more in the index of orthophotos."""
        sheet, year = self._random.choice(SHEETS), 2022
        while (sheet, year) in self._flights:
            year += 1
        self._flights.append((sheet, year))
        self._write_index()
        return f"{sheet}_{year}"

    def do_changed_registry(self) -> None:
        """Other objects in a register."""
        (self.folder / "sources/cadastre.gpkg").write_text(str(self._random.random()))

    def do_changed_key(self) -> str:
        """Another value in the configuration, which shows by Snakemake's records alone."""
        if self._unrecorded:
            return "left alone: records are lost"
        self._settings["min_area_m2"] += 1
        self._key_waits = True
        self._write_config()
        return str(self._settings["min_area_m2"])

    def do_killed_run(self) -> str:
        """Something else happens, and the run after it is killed in one of its first jobs."""
        self.happen(self._random.choice([name for name in self.events() if name != "killed_run"]))
        kill = self._random.randint(1, 14), self._random.choice(["before", "within", "after"])
        run = self._runner.run(self.folder, "--cores", "1", kill=kill)
        self._remember(run.steps)
        if run.code is None:
            self._last.pop(run.steps[-1].outputs)
            assert self._runner.run(self.folder, "--unlock").code == 0
        return f"{kill[1]} job {kill[0]} of {len(run.steps)}"

    def _remember(self, steps: list[Step]) -> None:
        for step in steps:
            self._last[step.outputs] = step.digest
            self._unrecorded.discard(step.outputs)

    def _add(self, day: date) -> str:
        taken = {(product.tile, product.start[:8]) for product in self._products.values()}
        tile = self._random.choice(TILES)
        stamp = f"{day:%Y%m%d}"
        return "taken" if (tile, stamp) in taken else self._put(_scene(tile, stamp))

    def _put(self, product: Product) -> str:
        name = f"{product.tile}_{product.start[:8]}_{product.platform}"
        self._products[name] = product
        (self.folder / f"items/{name}.json").write_text(json.dumps(product.planetary_computer()))
        if (self.folder / CONFIG).exists():
            _refresh(self.folder)
        return name

    def _touch(self, paths: list[Path]) -> str:
        path = self._random.choice(sorted(paths))
        os.utime(path, (time.time(), time.time()))
        return str(path.relative_to(self.folder))

    def _write_index(self) -> None:
        rows = [
            {"sheet": sheet, "year": year, "flight_date": f"{year}-07-01", "path": f"{sheet}_{year}.tif"}
            for sheet, year in self._flights
        ]
        for row in rows:
            (self.folder / "sources" / row["path"]).touch()
        shapes = [box(i, 0, i + 1, 1) for i, _ in enumerate(rows)]
        gpd.GeoDataFrame(rows, geometry=shapes, crs=3794).to_file(
            self.folder / "sources/sheets.gpkg", layer="sheets"
        )

    def _write_config(self) -> None:
        config = {
            "project": "eventful",
            "area_of_interest": "sources/area.geojson",
            "period": PERIOD,
            "catalogue": {"tiles": TILES},
            "classifier": {"model": "sources/model.onnx", "device": self._engine},
            "orthophoto": {
                "sheets": "sources/sheets.gpkg",
                "training_polygons": "sources/training_polygons.gpkg",
                "forest": {"engine": self._engine},
                **self._settings,
            },
            "registries": {"cadastre": {"path": "sources/cadastre.gpkg", "layer": None}},
        }
        (self.folder / CONFIG).write_text(yaml.safe_dump(config))


def _older(outputs: set[Path], inputs: set[Path], times: dict[Path, int]) -> bool:
    oldest = min((times[path] for path in outputs if path in times), default=0)
    return any(times.get(path, 0) > oldest for path in inputs if not path.is_dir())


def _scene(tile: str, day: str) -> Product:
    return Product(
        tile=tile, start=f"{day}T100031", sensing=f"{day}T100311", generated=f"{day}T161207", cloud=1.0
    )


def _write_sources(folder: Path) -> None:
    for name in ("area.geojson", "model.onnx", "cadastre.gpkg"):
        (folder / name).write_text(name)
    classes = ["sealed", "low_vegetation", "medium_high_vegetation"]
    rows = {"class": classes, "sheet": [SHEETS[0]] * 3, "year": [2019] * 3}
    shapes = [box(i, 0, i + 1, 1) for i in range(3)]
    gpd.GeoDataFrame(rows, geometry=shapes, crs=3794).to_file(
        folder / "training_polygons.gpkg", layer="training_polygons"
    )


def _refresh(folder: Path) -> None:
    settings = CATALOGUE | {"url": str(folder / "items")}
    with redirect_stdout(io.StringIO()):
        refresh(settings, BANDS, PERIOD, "", folder / "results")
