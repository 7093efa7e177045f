"""The review desk as its users meet it: a process of its own, and people signed in to it."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import requests
import yaml
from psycopg import sql

ROOT = Path(__file__).parents[2]
PASSWORD = "a long enough password"


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

    def start(self, dsn: str | None = None, *, openapi: bool = True, **settings: object) -> None:
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
                [
                    sys.executable,
                    "-m",
                    "sealwatch.desk",
                    "serve",
                    *["--openapi"][:openapi],
                    "--configfile",
                    str(path),
                ],
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
