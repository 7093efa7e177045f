"""All public services by one command: `python -m sealwatch.publish.serve run|start|stop FOLDER`.

`run` stays in the foreground, as systemd and containers want it; `start` leaves the same running behind and `stop`
ends it. It reads the database through the services' own account only, and follows new releases without a restart.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DatabaseError, SealwatchError, ServiceError
from ..settings import merged
from . import accounts
from .mapfile import public_url, service_url
from .mapserver import public_views, write_service
from .ogcapi import OGC_PATH
from .public import public_schema
from .reader import reader_dsn, reader_settings
from .server import ACCOUNT, READY_S, WebServer, process_of, serving

ROOT = Path(__file__).parents[3]
FOLLOW_S = 1.0


@dataclass(frozen=True, slots=True)
class PublicService:
    """WFS, WMS and OGC API on one address; logs and definition lie in `folder`.

    Args:
        folder: takes mapfile, state and logs.
        services: section `services` of the configuration.
        settings: section `database` of the configuration.
    """

    folder: Path
    services: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def wfs_url(self) -> str:
        """Address of WFS and WMS."""
        return service_url(self.services)

    @property
    def ogc_url(self) -> str:
        """Address of the OGC API."""
        return public_url(self.services) + OGC_PATH

    def run(self, ended: threading.Event) -> None:
        """Serve until `ended` is set.

        Raises:
            ServiceError: a server does not start, or the OGC API ended.
            DatabaseError: the services' account is not named or cannot read the public schema.
        """
        dsn = reader_dsn(self.services)
        mapfile = self.folder / "sealwatch.map"
        reader = reader_settings(self.services, self.settings)
        write_service(mapfile, self.services, reader)
        web = WebServer(
            self.folder,
            self.services["port"],
            host=self.services["host"],
            mapfile=mapfile,
            dsn=dsn,
            proxied={OGC_PATH: self.services["ogc_api_port"]},
            trusted_proxies=self.services["trusted_proxies"],
        )
        web.stop()  # of an earlier run that was killed
        with self._ogc_api() as process, serving(web):
            print(f"serving {self.wfs_url} and {self.ogc_url}", flush=True)
            shown: list[str] = []
            away = False
            while not ended.wait(FOLLOW_S):
                if process.poll() is not None:
                    raise ServiceError(f"the OGC API ended by itself; {self.folder / 'ogcapi.log'} says why")
                try:
                    now = public_views(reader)
                    # A release brings a view of its own; only then are its dates read.
                    if now != shown and write_service(mapfile, self.services, reader):
                        web.refresh()
                    shown, away = now, False
                except DatabaseError as error:
                    if not away:
                        print(f"sealwatch: {error}", file=sys.stderr, flush=True)
                    away = True

    @contextmanager
    def _ogc_api(self) -> Iterator[subprocess.Popen[bytes]]:
        port = self.services["ogc_api_port"]
        command = [sys.executable, "-m", "sealwatch.publish.ogcapi", "--port", str(port), "--dsn-env",
                   self.services["dsn_env"], "--schema", public_schema(self.settings["schema"]), "--url",
                   public_url(self.services)]  # fmt: skip
        log = self.folder / "ogcapi.log"
        with open(log, "wb") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=_environment(self.services["dsn_env"]),
                cwd="/",
                **_unprivileged(),
            )
        try:
            end = time.monotonic() + 3 * READY_S
            while not _answers(f"http://127.0.0.1:{port}{OGC_PATH}/conformance"):
                if process.poll() is not None or time.monotonic() > end:
                    raise ServiceError(f"the OGC API does not start on port {port}; {log} says why")
                time.sleep(0.1)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def start(folder: Path, files: Sequence[Path], environment: Mapping[str, str] | None = None) -> bool:
    """Leave the services running behind; return whether this call started them.

    Args:
        folder: folder of the services.
        files: configuration files over the defaults.
        environment: variables besides this process's own, e.g. the DSN.

    Raises:
        ServiceError: they do not answer in time.
    """
    if _running(folder) is not None:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    service = configured(folder, files)
    log = folder / "serve.log"
    command = [sys.executable, "-m", "sealwatch.publish.serve", "run", str(folder.resolve())]
    for file in files:
        command += ["--configfile", str(Path(file).resolve())]
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env={**os.environ, **_path(), **(environment or {})},
            start_new_session=True,
        )
    end = time.monotonic() + 5 * READY_S
    while not (_running(folder) is not None and b"serving" in log.read_bytes()):
        if process.poll() is not None or time.monotonic() > end:
            process.terminate()
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise ServiceError(
                f"{service.wfs_url} was not started: {lines[-1] if lines else 'no answer in time'}"
            )
        time.sleep(0.1)
    return True


def stop(folder: Path) -> bool:
    """End the services of `folder`, and no others; return whether they ran."""
    pid = _running(folder)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 2 * READY_S
    while _running(folder) is not None and time.monotonic() < end:
        time.sleep(0.05)
    return True


def configured(folder: Path, files: Sequence[Path]) -> PublicService:
    """The service of the default configuration with `files` laid over it.

    Raises:
        ConfigError: a file cannot be read, or a key is at fault.
    """
    config = merged(files)
    return PublicService(folder, config["services"], config["database"])


def _running(folder: Path) -> int | None:
    """Process id, where the process is still the one that serves from `folder`."""
    return process_of(folder / "serve.pid", "sealwatch.publish.serve", str(folder.resolve()))


def _path() -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "workflow"), os.environ.get("PYTHONPATH", "")]).rstrip(
            os.pathsep
        )
    }


def _environment(*names: str) -> dict[str, str]:
    """What the OGC API needs to know, and no other secret of this process."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PROJ_DATA", *names) if name in os.environ}
    return {**kept, **_path()}


def _unprivileged() -> dict[str, Any]:
    """As www-data when this is root, where that account can read Python and the package."""
    if not accounts.is_root() or not accounts.exists(ACCOUNT):
        return {}
    needed = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parent)
    able = all(accounts.can_enter(ACCOUNT, folder, and_read=True) for folder in needed)
    return accounts.run_as(ACCOUNT) if able else {}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="sealwatch.publish.serve", description=__doc__)
    parser.add_argument("action", choices=["run", "start", "stop"])
    parser.add_argument("folder", type=Path, help="folder of logs and state")
    parser.add_argument(
        "--configfile", type=Path, action="append", default=[], help="as Snakemake's; may be repeated"
    )
    given = parser.parse_args(arguments)
    try:
        if given.action == "stop":
            stop(given.folder)
        elif given.action == "start":
            start(given.folder, given.configfile)
        else:
            ended = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: ended.set())
            given.folder.mkdir(parents=True, exist_ok=True)
            state = given.folder / "serve.pid"
            state.write_text(str(os.getpid()), encoding="utf-8")
            try:
                configured(given.folder, given.configfile).run(ended)
            finally:
                state.unlink(missing_ok=True)
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
