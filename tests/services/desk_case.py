"""The review desk as its users meet it: a process of its own, accounts, outlines, images and plots."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psycopg
import rasterio
import requests
import yaml
from outline_files import outlines, registry, write
from psycopg import sql
from rasterio.transform import from_origin

from sealwatch.desk import accounts
from sealwatch.files import write_json
from sealwatch.publish.enrich import enrich
from sealwatch.publish.load import load
from sealwatch.publish.registries import load_registries

ROOT = Path(__file__).parents[2]
PASSWORD = "a long enough password"
PEOPLE = {"rea": "reader", "ana": "reviewer", "bor": "reviewer", "pia": "publisher"}
SHEETS = {"A1": 40, "B2": 20}
PLOT = "32633-0-7-2022H1"


@dataclass
class Desk:
    """A desk on `port`; `database` is the section of the owner of the tables."""

    folder: Path
    port: int
    database: dict
    process: subprocess.Popen | None = None
    settings: dict = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "desk.log"

    def start(self, dsn: str | None = None, **settings: object) -> None:
        """Run `python -m sealwatch.desk serve` until it answers."""
        self.settings = {"port": self.port, **settings}
        keys = ("dsn_env", "schema", "srid")
        config = {
            "results": str(self.folder / "results"),
            "database": {key: self.database[key] for key in keys},
            "desk": self.settings,
        }
        path = self.folder / "desk.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        environment = os.environ | {
            self.database["dsn_env"]: dsn or self.database["dsn"],
            "PYTHONPATH": str(ROOT / "workflow"),
        }
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sealwatch.desk", "serve", "--openapi", "--configfile", str(path)],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                requests.get(self.url + "/api/session", timeout=5)
                return
            except requests.ConnectionError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text(encoding="utf-8"))

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End the process."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)

    def sign_in(self, name: str | None) -> "Person":
        """Somebody signed in, or nobody for None."""
        person = Person(self.url)
        if name is not None:
            answer = person.post("/api/session", {"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            person.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return person

    def rows(self, query: str, *values: object) -> list[tuple]:
        """Rows of a query by the owner of the tables."""
        with psycopg.connect(self.database["dsn"], autocommit=True) as connection:
            connection.execute(sql.SQL("SET search_path = {}, public").format(
                sql.Identifier(self.database["schema"])))  # fmt: skip
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []


class Person(requests.Session):
    """A browser's session with the desk."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def request(self, method, path, **more):
        return super().request(method, self.url + path, **({"timeout": 20, "allow_redirects": False} | more))

    def post(self, path, data=None, **more):
        return super().post(path, json=data, **more)

    def waiting(self, **filters: object) -> list[dict]:
        """Items of the first page of the queue."""
        answer = self.get("/api/queue", params=filters)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def decide(self, item: dict, state: str, **more: object) -> requests.Response:
        """Decide on an item of the queue as it was seen."""
        body = {"state": state, "reason": "", "evidence": item["evidence"]} | more
        return self.post(f"/api/polygons/{item['polygon_id']}/decisions", body)

    def seen(self, polygon_id: str) -> dict:
        """All that the desk tells of a polygon."""
        answer = self.get(f"/api/polygons/{polygon_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()


def fill(database: dict, folder: Path, rules: dict | None = None) -> None:
    """Load outlines of two sheets and a register, make accounts, images of sheet A1 and one plot."""
    paths = [write(outlines(s, 2024, n, seed=n), folder, s, 2024) for s, n in SHEETS.items()]
    load(paths, folder / "load.json", database, rules or {"area_change_share": 0.1, "four_eyes": False})
    load_registries({"cadastre": registry(folder, "cadastre", 4)}, folder / "registries.json", database)
    enrich(folder / "enrich.json", database)
    for name, role in PEOPLE.items():
        accounts.add(database, name, role, PASSWORD)
    review = folder / "results" / "review" / "A1_2024"
    review.mkdir(parents=True)
    for n, name in enumerate(("sentinel2_before", "sentinel2_after", "orthophoto_after")):
        image(review / f"{name}.tif", 10.0 if name.startswith("s") else 2.0, seed=n)
    dates = {
        "sentinel2_before": "2021-06-14",
        "sentinel2_after": "2024-06-12",
        "orthophoto_after": "2024-05-12",
    }
    write_json(review / "images.json", {name: {"date": date} for name, date in dates.items()})
    plots = folder / "results" / "change" / "32633_plots"
    plots.mkdir(parents=True)
    (plots / f"{PLOT}.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")


def image(path: Path, cell_m: float, seed: int) -> None:
    """A COG of 2 x 2 km in the south-west of the outlines, one in four pixels masked."""
    size = int(2000 / cell_m)
    pixels = np.random.default_rng(seed).integers(1, 255, (3, size, size), dtype="u1")
    pixels[:, : size // 2, : size // 2] = 0
    with rasterio.open(path, "w", driver="COG", count=3, width=size, height=size, dtype="uint8", crs="EPSG:32633",
                       transform=from_origin(460_000, 5_102_000, cell_m, cell_m), nodata=0, blocksize=256,
                       compress="deflate") as target:  # fmt: skip
        target.write(pixels)


def geojson(polygon: dict) -> dict:
    """Outline of a polygon as the desk tells it, as a plain Polygon."""
    return {"type": "Polygon", "coordinates": json.loads(json.dumps(polygon["geometry"]["coordinates"][0]))}
