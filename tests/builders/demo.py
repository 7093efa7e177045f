"""The demo: world, services, workflow, review, release and comparison with the truth, from one command.

python -m builders.demo run FOLDER [--real DATA] | add-scene | add-orthophoto | serve | desk | stop FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders import comparison
from sealwatch.errors import SealwatchError, ServiceError
from sealwatch.files import write_json
from sealwatch.publish.cluster import Cluster
from sealwatch.publish.migrate import migrate
from sealwatch.publish.reader import make_reader
from sealwatch.publish.review import decide, queue
from sealwatch.publish.serve import configured, start
from sealwatch.publish.serve import stop as stop_services
from sealwatch.publish.server import WebServer, process_of, serving
from sealwatch.settings import merged

ROOT = Path(__file__).resolve().parents[2]
REVIEWER = "demo"
CHECKOUT = ("workflow", "config", "profiles", "scripts", "envs")
"""What Snakemake reads of the checkout."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo folder: `world/` (input and truth), `results/` (products), `services/` (database and servers)."""

    folder: Path
    config_file: Path

    @property
    def config(self) -> dict[str, Any]:
        """The defaults with the demo's configuration laid over them."""
        return merged([self.config_file])

    @property
    def results(self) -> Path:
        """Folder of the products."""
        return ROOT / self.config["results"]

    @property
    def stac_port(self) -> int:
        """Port of the STAC API; the images, the WFS and the database follow it."""
        return int(self.config["catalogue"]["url"].rsplit(":", 1)[1])

    @property
    def cluster(self) -> Cluster:
        """The private database cluster."""
        return Cluster(self.folder / "services/postgresql", self.stac_port + 3)

    @property
    def images(self) -> WebServer:
        """Server of the images."""
        return WebServer(
            self.folder / "services/images", self.stac_port + 1, files=self.folder / "world/assets"
        )

    @property
    def wfs(self) -> WebServer:
        """Server of the published polygons, signed in as the account that only reads them."""
        return WebServer(
            self.folder / "services/wfs",
            self.config["services"]["port"],
            mapfile=self.results / "publish/sealwatch.map",
            dsn=make_reader(self.cluster.dsn(), self.database["schema"]),
        )

    @property
    def public(self) -> Path:
        """Folder of the public services that `serve` leaves running."""
        return self.folder / "services/public"

    @property
    def database(self) -> dict[str, Any]:
        """Section `database` of the configuration."""
        return self.config["database"]

    def snakemake(self, *arguments: str) -> None:
        """Run Snakemake on the demo's configuration; its output goes to the terminal.

        Raises:
            ServiceError: it did not succeed.
        """
        command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", str(self.config_file)]
        if subprocess.run(command, cwd=ROOT, env=self.environment(), check=False).returncode:
            raise ServiceError(f"snakemake {' '.join(arguments)} failed; the lines above say why")

    def environment(self) -> dict[str, str]:
        """Environment of Snakemake: the database's address."""
        return os.environ | {self.database["dsn_env"]: self.cluster.dsn()}


def link_checkout(folder: Path, names: Sequence[str] = CHECKOUT) -> None:
    """Give a folder the workflow, so that it is a working directory of its own; what is there already stays."""
    for name in names:
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)


def open_demo(folder: str) -> Demo:
    """The demo whose configuration is `config/FOLDER.yaml`."""
    name = Path(folder).name
    return Demo(ROOT / folder, ROOT / f"config/{name}.yaml")


@contextmanager
def stac_api(demo: Demo) -> Iterator[None]:
    """Serve the world's items with stac-fastapi and pgstac for the length of the block."""
    log = demo.folder / "services/stac.log"
    stop_stac_api(demo)
    with open(log, "w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "builders.stac_server",
                "--dsn",
                demo.cluster.dsn("stac"),
                "--port",
                str(demo.stac_port),
            ],
            stdout=stream,
            stderr=stream,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "workflow"), str(ROOT / "tests")])},
            start_new_session=True,
        )
    _stac_pid(demo).write_text(str(process.pid))
    try:
        for _ in range(300):
            if process.poll() is not None:
                raise ServiceError(f"the STAC API ended at its start; {log} says why")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{demo.stac_port}/", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        else:
            raise ServiceError(f"the STAC API did not answer within a minute; {log} says why")
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
        _stac_pid(demo).unlink()


def _stac_pid(demo: Demo) -> Path:
    return demo.folder / "services/stac.pid"


def stop_stac_api(demo: Demo) -> None:
    """Stop the STAC API that a killed run left behind, if the process is still that one."""
    words = _stac_pid(demo), "builders.stac_server"
    if (pid := process_of(*words)) is not None:
        os.killpg(pid, signal.SIGTERM)
        while process_of(*words) is not None:
            time.sleep(0.1)
    _stac_pid(demo).unlink(missing_ok=True)


@contextmanager
def services(demo: Demo) -> Iterator[None]:
    """Database, STAC API and image server; stops those it started."""
    from builders.stac_server import load_items

    started = demo.cluster.start()
    try:
        load_items(demo.cluster.dsn("stac"), demo.folder / "world")
        with serving(demo.images), stac_api(demo):
            yield
    finally:
        if started:
            demo.cluster.stop()


def build_world(demo: Demo, real: str | None) -> None:
    """Build the synthetic or the staged real world, unless it stands already."""
    if real:
        from builders.real_world import build_real_world

        build_real_world(demo.folder / "world", demo.images.url, Path(real))
    else:
        from builders.world import build_world

        build_world(demo.folder / "world", demo.images.url)


def review(demo: Demo) -> int:
    """Accept every candidate, as the demo's stand-in for a person; decisions already taken stay."""
    os.environ[demo.database["dsn_env"]] = demo.cluster.dsn()
    waiting = [row["polygon_id"] for row in queue(demo.database)]
    if waiting:
        decide(demo.database, waiting, "accepted", REVIEWER, "accepted unseen by the demo")
    return len(waiting)


def run(demo: Demo, real: str | None = None) -> dict[str, Any]:
    """Everything, with a summary at the end; returns the figures of `results/summary.json`."""
    begin = time.monotonic()
    (demo.folder / "services").mkdir(parents=True, exist_ok=True)
    say("building the world" + (" from real imagery" if real else ""))
    build_world(demo, real)
    say("starting database, STAC API and image server")
    with services(demo):
        say("refreshing the inventory from the STAC API")
        demo.snakemake("catalogue", "--cores", "1")
        say("running the workflow")
        demo.snakemake("--cores", "all")
        say("reviewing and releasing")
        print(f"{review(demo)} candidates accepted", flush=True)
        demo.snakemake("release", "--cores", "1")
        with serving(demo.wfs):
            figures = comparison.compare(demo.folder / "world", demo.results, demo.wfs.wfs_url)
    seconds = round(time.monotonic() - begin, 1)
    figures = write_figures(demo.results / "summary.json", figures, seconds)
    say("done")
    print(comparison.for_a_reader(figures))
    print(f"figures  {demo.results / 'summary.json'}")
    print(f"report   {demo.results / 'report/index.html'}")
    print(
        "service  make serve" + ("" if demo.folder.name == "demo" else f" DEMO={demo.folder.name}"),
        flush=True,
    )
    return figures


def write_figures(target: Path, figures: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Write the figures with their run time, unless a run that found nothing to do gives the same ones again."""
    if target.exists():
        before = json.loads(target.read_text(encoding="utf-8"))
        if before | {"seconds": None} == figures | {"seconds": None}:
            return before
    figures["seconds"] = seconds
    write_json(target, figures)
    return figures


def add_scene(demo: Demo) -> None:
    """Add one scene to the catalogue, refresh the inventory and show what a run would do."""
    from builders.extra_scene import add_scene as add

    item = add(demo.folder / "world", demo.images.url)
    say(f"added {item['id']}")
    with services(demo):
        demo.snakemake("catalogue", "--cores", "1")
        demo.snakemake("-n", "--quiet", "rules")


def add_orthophoto(demo: Demo) -> None:
    """Add one flight of two sheets to the index, flag anew and show what a run would do."""
    from builders.extra_flight import add_flight

    flight = add_flight(demo.folder / "world")
    say(f"added {flight.changed} (under a confirmed change) and {flight.unchanged} (without change)")
    demo.snakemake("flag_sheets", "--cores", "1")
    demo.snakemake("-n", "--quiet", "rules")


def serve(demo: Demo) -> None:
    """Leave database, WFS, WMS and OGC API running and say how to use them."""
    demo.cluster.start()
    dsn = make_reader(demo.cluster.dsn(), demo.database["schema"])
    start(demo.public, [demo.config_file], {demo.config["services"]["dsn_env"]: dsn})
    service = configured(demo.public, [demo.config_file])
    print(
        f"WFS 2.0  {service.wfs_url}?SERVICE=WFS&REQUEST=GetCapabilities\n"
        f"WMS      {service.wfs_url}?SERVICE=WMS&REQUEST=GetCapabilities\n"
        f"OGC API  {service.ogc_url}/\n"
        f"QGIS     Layer > Add Layer > Add WFS Layer > New: URL {service.wfs_url}, version 2.0, layer newly_sealed\n"
        f"GDAL     ogrinfo WFS:{service.wfs_url}\n"
        "stop     make stop",
        flush=True,
    )


def desk(demo: Demo) -> None:
    """Run the review desk with an account for the demo's reviewer until it is interrupted."""
    from sealwatch.desk import accounts

    demo.cluster.start()
    os.environ |= demo.environment()
    migrate(demo.database)
    password = secrets.token_urlsafe(12)
    if REVIEWER in [name for name, _, _ in accounts.listed(demo.database)]:
        accounts.set_password(demo.database, REVIEWER, password)
    else:
        accounts.add(demo.database, REVIEWER, "reviewer", password)
    where = demo.config["desk"]
    print(
        f"review   http://{where['host']}:{where['port']}/   name {REVIEWER}, password {password}   (Ctrl-C ends it)",
        flush=True,
    )
    command = [sys.executable, "-m", "sealwatch.desk", "serve", "--configfile", str(demo.config_file)]
    with suppress(KeyboardInterrupt):
        subprocess.run(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")}, check=False
        )


def stop(demo: Demo) -> None:
    """Stop what `serve` or an interrupted run left."""
    if demo.config_file.is_file() and demo.folder.is_dir():
        stop_services(demo.public)
        WebServer(demo.folder / "services/wfs", demo.config["services"]["port"]).stop()
        demo.images.stop()
        stop_stac_api(demo)
        demo.cluster.stop()


def say(text: str) -> None:
    """One line that tells where the demo stands."""
    print(f"== {text}", flush=True)


_ACTIONS = {
    "add-scene": add_scene,
    "add-orthophoto": add_orthophoto,
    "serve": serve,
    "desk": desk,
    "stop": stop,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["run", *_ACTIONS])
    parser.add_argument("folder", help="demo or demo-real, beside config/")
    parser.add_argument("--real", metavar="DATA", help="folder of real imagery")
    given = parser.parse_args(arguments)
    try:
        demo = open_demo(given.folder)
        if given.action == "run":
            run(demo, given.real)
        else:
            _ACTIONS[given.action](demo)
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
