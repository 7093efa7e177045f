"""A web server on loopback: MapServer behind lighttpd's FastCGI, and static files with range requests."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from ..errors import ServiceError
from . import accounts

PG_SERVICE = "sealwatch"
"""Name of the connection in the service file that the web server hands to MapServer."""

PATH = "/ows"
"""Path of the service below host and port."""

ACCOUNT = "www-data"
MAPSERV = Path("/usr/lib/cgi-bin/mapserv")
READY_S = 20.0


@dataclass(frozen=True, slots=True)
class WebServer:
    """A lighttpd whose state lies in `folder`, on `host:port`.

    Args:
        folder: takes the state file and the logs.
        port: TCP port.
        host: address to listen on.
        mapfile: served by MapServer under `/ows`; None for static files alone.
        dsn: database the mapfile's layer reads; needed with `mapfile`.
        files: folder served under `/`, with byte ranges; None for none.
    """

    folder: Path
    port: int
    host: str = "127.0.0.1"
    mapfile: Path | None = None
    dsn: str | None = None
    files: Path | None = None

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
        if self.mapfile is not None and not self.mapfile.is_file():
            raise ServiceError(f"{self.mapfile}: no such mapfile; run the workflow first")
        self.folder.mkdir(parents=True, exist_ok=True)
        runtime = Path(tempfile.mkdtemp(prefix="sealwatch-web-"))
        account = self._account(runtime)
        self._write_files(runtime, account)
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
                raise ServiceError(f"port {self.port} is taken; choose another port for the web server")
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
        if self._state.exists():
            runtime = Path(json.loads(self._state.read_text(encoding="utf-8"))["runtime"])
            if (runtime / "web.log").exists():
                shutil.copyfile(runtime / "web.log", self.folder / f"web-{self.port}.log")
            shutil.rmtree(runtime, ignore_errors=True)
            self._state.unlink()
        return pid is not None

    @property
    def _state(self) -> Path:
        return self.folder / f"web-{self.port}.json"

    def _running(self) -> int | None:
        """Process id, where the process is still the lighttpd that this folder's state file speaks of."""
        if not self._state.exists():
            return None
        runtime = Path(json.loads(self._state.read_text(encoding="utf-8"))["runtime"])
        try:
            pid = int((runtime / "lighttpd.pid").read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(runtime / "lighttpd.conf").encode() in words else None

    def _account(self, runtime: Path) -> str | None:
        """Account to give up root for: www-data, where it can read the files to be served."""
        if not accounts.is_root() or not accounts.exists(ACCOUNT):
            return None
        accounts.give(runtime, ACCOUNT)
        if self.files is None or accounts.can_enter(ACCOUNT, self.files.resolve(), and_read=True):
            return ACCOUNT
        return None

    def _write_files(self, runtime: Path, account: str | None) -> None:
        """Write the configuration into `runtime`, where the account that serves can read it."""
        log = runtime / "web.log"
        lines = [
            'server.modules = ("mod_setenv", "mod_fastcgi")',
            f'server.document-root = "{self.files.resolve() if self.files else runtime / "empty"}"',
            f'server.bind = "{self.host}"',
            f"server.port = {self.port}",
            f'server.pid-file = "{runtime / "lighttpd.pid"}"',
            f'server.errorlog = "{log}"',
            f'server.breakagelog = "{log}"',
            'mimetype.assign = (".tif" => "image/tiff", ".json" => "application/json",',
            '    "" => "application/octet-stream")',
        ]
        (runtime / "empty").mkdir()
        if account:
            lines += [f'server.username = "{account}"', f'server.groupname = "{account}"']
        if self.mapfile is not None:
            shutil.copyfile(self.mapfile, runtime / "sealwatch.map")
            _write_connection(runtime, self.dsn or "")
            (runtime / "mapserver.conf").write_text(_MAPSERVER.format(runtime=runtime), encoding="utf-8")
            lines.append(_FASTCGI.format(path=PATH, runtime=runtime, mapserv=MAPSERV))
        (runtime / "lighttpd.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        if account:
            for entry in runtime.iterdir():
                accounts.give(entry, account)

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


@contextmanager
def serving(server: WebServer) -> Iterator[WebServer]:
    """Have `server` running inside the block; it is stopped afterwards only if this call started it."""
    started = server.start()
    try:
        yield server
    finally:
        if started:
            server.stop()


def _write_connection(runtime: Path, dsn: str) -> None:
    """Write the libpq service file of a DSN, and beside it a password file where there is a password."""
    parts = conninfo_to_dict(dsn)
    password = parts.pop("password", None) or os.environ.get("PGPASSWORD")
    if password:
        passfile = runtime / "pgpass"
        escaped = str(password).replace("\\", "\\\\").replace(":", "\\:")
        passfile.touch(mode=0o600)
        passfile.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
        parts["passfile"] = str(passfile)
    lines = [f"[{PG_SERVICE}]", *(f"{key}={value}" for key, value in parts.items())]
    (runtime / "pg_service.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


_MAPSERVER = """CONFIG
    ENV
        MS_MAP_NO_PATH "1"
        MS_MAPFILE "{runtime}/sealwatch.map"
    END
END
"""

# MS_MAP_NO_PATH keeps requests from naming a mapfile. FastCGI gives each request an environment of its own,
# so what libpq is to find is set per request. An idle MapServer outlives the SIGTERM of its parent.
_FASTCGI = """setenv.add-environment = ("PGSERVICEFILE" => "{runtime}/pg_service.conf")
fastcgi.server = ("{path}" => ((
    "bin-path" => "{mapserv}",
    "socket" => "{runtime}/mapserv.socket",
    "check-local" => "disable",
    "max-procs" => 2,
    "kill-signal" => 9,
    "bin-copy-environment" => ("PATH"),
    "bin-environment" => (
        "MAPSERVER_CONFIG_FILE" => "{runtime}/mapserver.conf",
        "MS_MAPFILE" => "{runtime}/sealwatch.map",
    ),
)))"""
