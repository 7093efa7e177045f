"""A web server: MapServer behind lighttpd's FastCGI, other services behind its proxy, static files in ranges."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ServiceError
from . import accounts
from .mapfile import PATH
from .webconfig import MAPSERV, copy_definition, finds_magnet, write_lighttpd, write_mapserver

ACCOUNT = "www-data"
READY_S = 20.0


@dataclass(frozen=True, slots=True)
class WebServer:
    """A lighttpd whose state lies in `folder`, on `host:port`.

    Args:
        folder: takes the state file and the logs.
        port: TCP port.
        host: address to listen on.
        mapfile: served by MapServer under `/ows`; None for static files alone.
        dsn: database the mapfile's layers read; needed with `mapfile`.
        files: folder served under `/`, with byte ranges; None for none.
        proxied: ports on loopback by the path they are reached under, e.g. `{"/ogc": 8082}`.
        trusted_proxies: addresses of reverse proxies in front, whose word for the client's address is taken.
    """

    folder: Path
    port: int
    host: str = "127.0.0.1"
    mapfile: Path | None = None
    dsn: str | None = None
    files: Path | None = None
    proxied: Mapping[str, int] = field(default_factory=dict)
    trusted_proxies: Sequence[str] = ()

    @property
    def url(self) -> str:
        """Address of the server, without a final slash."""
        return f"http://{self.host}:{self.port}"

    @property
    def wfs_url(self) -> str:
        """Address of the WFS and WMS."""
        return self.url + PATH

    def start(self) -> bool:
        """Start the server unless it runs, and wait until it answers.

        Returns:
            True when this call started it.

        Raises:
            ServiceError: a program is not installed, the port is taken, or nothing answers in time.
        """
        if self._running() is not None:
            self._wait()
            return False
        program = shutil.which("lighttpd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
        if program is None:
            raise ServiceError("lighttpd is not installed: apt-get install lighttpd")
        if self.mapfile is not None and not MAPSERV.exists():
            raise ServiceError("MapServer is not installed: apt-get install cgi-mapserver")
        if self.mapfile is not None and not finds_magnet(Path(program)):
            raise ServiceError("lighttpd's mod_magnet is not installed: apt-get install lighttpd-modules-lua")
        if self.mapfile is not None and not self.mapfile.is_file():
            raise ServiceError(f"{self.mapfile}: no such mapfile; run the workflow first")
        self.folder.mkdir(parents=True, exist_ok=True)
        runtime = Path(tempfile.mkdtemp(prefix="sealwatch-web-"))
        account = self._account(runtime)
        if self.mapfile is not None:
            write_mapserver(runtime, self.mapfile, self.dsn or "")
        write_lighttpd(
            runtime,
            self.host,
            self.port,
            root=self.files.resolve() if self.files else None,
            account=account,
            mapserver=self.mapfile is not None,
            proxied=self.proxied,
            trusted_proxies=self.trusted_proxies,
        )
        for entry in runtime.iterdir() if account else ():
            accounts.give(entry, account or "")
        done = subprocess.run(
            [program, "-f", str(runtime / "lighttpd.conf")],
            env={"PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            shutil.rmtree(runtime)
            if "Address already in use" in done.stderr:
                raise ServiceError(
                    f"port {self.port} is taken; end what listens there (make stop ends a demo's services), or "
                    "choose another port for the web server"
                )
            raise ServiceError(f"lighttpd did not start: {done.stderr.strip()}")
        self._state.write_text(json.dumps({"runtime": str(runtime)}), encoding="utf-8")
        try:
            self._wait()
        except ServiceError:
            self.stop()
            raise
        return True

    def stop(self) -> bool:
        """Stop this server with its MapServer processes, and no other; return whether it ran."""
        pid = self._running()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + 10
            while self._running() is not None and time.monotonic() < end:
                time.sleep(0.02)
        runtime = self._runtime()
        if runtime is not None:
            if (runtime / "web.log").exists():
                shutil.copyfile(runtime / "web.log", self.folder / f"web-{self.port}.log")
            shutil.rmtree(runtime, ignore_errors=True)
            self._state.unlink()
        return pid is not None

    def refresh(self) -> None:
        """Hand the files beside the mapfile, written anew since the start, to the running server."""
        runtime = self._runtime()
        if runtime is not None and self.mapfile is not None:
            copy_definition(runtime, self.mapfile)

    def _runtime(self) -> Path | None:
        if not self._state.exists():
            return None
        return Path(json.loads(self._state.read_text(encoding="utf-8"))["runtime"])

    @property
    def _state(self) -> Path:
        return self.folder / f"web-{self.port}.json"

    def _running(self) -> int | None:
        """Process id, where the process is still the lighttpd that this folder's state file speaks of."""
        runtime = self._runtime()
        return process_of(runtime / "lighttpd.pid", str(runtime / "lighttpd.conf")) if runtime else None

    def _account(self, runtime: Path) -> str | None:
        """Account to give up root for: www-data, where it can read the files to be served."""
        if not accounts.is_root() or not accounts.exists(ACCOUNT):
            return None
        accounts.give(runtime, ACCOUNT)
        if self.files is None or accounts.can_enter(ACCOUNT, self.files.resolve(), and_read=True):
            return ACCOUNT
        return None

    def _wait(self) -> None:
        """Wait until the server answers: the capabilities where it has a mapfile, anything where not."""
        query = "?SERVICE=WFS&VERSION=2.0.0&REQUEST=GetCapabilities"
        url = self.wfs_url + query if self.mapfile is not None else self.url + "/"
        end = time.monotonic() + READY_S
        answer = "nothing"
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(url, timeout=READY_S) as response:
                    answer = response.read().decode("utf-8", "replace")
            except urllib.error.HTTPError as error:
                answer = f"HTTP {error.code}"
            except OSError as error:
                answer = str(error)
            if self.mapfile is None and answer != "nothing" and "refused" not in answer:
                return
            if "WFS_Capabilities" in answer:
                return
            time.sleep(0.1)
        raise ServiceError(f"{url} does not answer as it must, but with: {' '.join(answer.split())[:300]}")


def process_of(pid_file: Path, *words: str) -> int | None:
    """The process id in a file, where that process still has all these words in its command line."""
    try:
        pid = int(pid_file.read_text())
        line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if all(word.encode() in line for word in words) else None


@contextmanager
def serving(server: WebServer) -> Iterator[WebServer]:
    """Have `server` running inside the block; it is stopped afterwards only if this call started it."""
    started = server.start()
    try:
        yield server
    finally:
        if started:
            server.stop()
