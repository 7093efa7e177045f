"""The public services over releases, as the tests of clients, paging and attacks meet them."""

import json
import os
import shutil
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from databases import new_database
from outline_files import outlines, write

from builders.ports import free_port
from builders.releases import publish_rows
from sealwatch.publish.load import load
from sealwatch.publish.reader import make_reader
from sealwatch.publish.review import decide
from sealwatch.publish.serve import start, stop

SRID = 3794


@dataclass(frozen=True)
class Public:
    """The public services as `serve start` runs them, over two releases, with secrets in all tables behind."""

    url: str
    folder: Path
    settings: dict

    @property
    def wfs(self) -> str:
        return f"{self.url}/ows"

    @property
    def ogc(self) -> str:
        return f"{self.url}/ogc"

    def wfs_query(self, **query) -> str:
        text = urlencode({"SERVICE": "WFS", "VERSION": "2.0.0", **query}, quote_via=quote)
        with urllib.request.urlopen(f"{self.wfs}?{text}", timeout=120) as response:
            return response.read().decode()

    def release(self, count: int) -> int:
        """Make a release and wait until the running services show it."""
        number = publish_rows(self.settings, count)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if f'"release": {number}' in (self.folder / "sealwatch.release.json").read_text():
                time.sleep(0.3)
                return number
            time.sleep(0.1)
        raise AssertionError(f"release {number} is not served")


def secrets(settings: dict, folder: Path) -> None:
    """Candidates, reviewers and history that bear the word CANARY; none of it is ever released."""
    frame = outlines("CANARY", 2024, 12)
    load([write(frame, folder, "CANARY", 2024)], folder / "load.json", settings)
    decide(settings, sorted(frame["polygon_id"])[:4], "rejected", "CANARY reviewer", "CANARY reason")


@contextmanager
def released(cluster, name: str, counts: list[int], tolerances=(5, 20)):
    """Releases in a database of their own; gives a folder, the services' configuration and their DSN."""
    folder = Path(tempfile.mkdtemp(prefix="sealwatch-public-"))
    settings = {
        "dsn_env": f"OWNER_{name.upper()}",
        "schema": name,
        "srid": SRID,
        "generalise_m": list(tolerances),
    }
    os.environ[settings["dsn_env"]] = dsn = new_database(cluster, name)
    for count in counts:
        publish_rows(settings, count)
    secrets(settings, folder)
    ports = {"port": free_port(), "ogc_api_port": free_port()}
    config = {"services": ports | {"dsn_env": f"READER_{name.upper()}"}, "database": settings}
    try:
        # The server lets the account in without it; it stands for the password that must not show up anywhere.
        yield folder, config, make_reader(dsn, name) + " password=CANARYpassword"
    finally:
        shutil.rmtree(folder)


@contextmanager
def public_services(cluster, name: str, counts: list[int], tolerances=(5, 20)):
    with released(cluster, name, counts, tolerances) as (folder, config, dsn):
        (folder / "config.yaml").write_text(json.dumps(config))
        web = folder / "web"
        start(web, [folder / "config.yaml"], {config["services"]["dsn_env"]: dsn})
        try:
            yield Public(f"http://127.0.0.1:{config['services']['port']}", web, config["database"])
        finally:
            assert stop(web)
