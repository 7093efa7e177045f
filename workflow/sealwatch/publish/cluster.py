"""A private PostgreSQL/PostGIS cluster in a folder, for the demo and the tests.

It listens on loopback only and lets every local user in without a password, so it is meant for a machine of
one's own; production gives the DSN of an administered database instead.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from ..errors import DatabaseError, SealwatchError
from . import accounts

HOST = "127.0.0.1"
ACCOUNT = "postgres"
DATABASES = ("sealwatch", "stac")

_SETTINGS = f"""
listen_addresses = '{HOST}'
unix_socket_directories = ''
shared_buffers = 128MB
work_mem = 16MB
max_connections = 60
jit = off
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster whose data lie below `folder` and which listens on `port` of 127.0.0.1."""

    folder: Path
    port: int

    @property
    def home(self) -> Path:
        """Folder of the data: `folder`, or one below postgres's home if that account cannot enter it.

        PostgreSQL refuses to run as root, so root runs it as user postgres.
        """
        folder = self.folder.resolve()
        if not accounts.is_root():
            return folder
        if not accounts.exists(ACCOUNT):
            raise DatabaseError("no system user 'postgres'; install PostgreSQL: apt-get install postgresql")
        folder.mkdir(parents=True, exist_ok=True)
        if accounts.can_enter(ACCOUNT, folder.parent):
            return folder
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        return Path("/var/lib/postgresql") / f"sealwatch-{digest}"

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "data"

    def dsn(self, database: str = DATABASES[0]) -> str:
        """Connection URL of a database of this cluster; it holds no password."""
        return f"postgresql://{ACCOUNT}@{HOST}:{self.port}/{database}"

    def running_port(self) -> int | None:
        """Port the server of this data directory listens on, or None when it does not run."""
        if (
            not (self.data / "PG_VERSION").is_file()
            or self._run("pg_ctl", "-D", self.data, "status").returncode
        ):
            return None
        return int((self.data / "postmaster.pid").read_text().splitlines()[3])

    def start(self, databases: Sequence[str] = DATABASES) -> bool:
        """Start the server unless it runs, and create `databases` with PostGIS where they are missing.

        Returns:
            True when this call started the server.

        Raises:
            DatabaseError: PostgreSQL or PostGIS is not installed, or the server does not start.
        """
        home = self.home
        home.mkdir(parents=True, exist_ok=True)
        if accounts.is_root():
            accounts.give(home, ACCOUNT)
        if home != self.folder.resolve():
            print(f"user {ACCOUNT} cannot enter {self.folder}: the database lies in {home}", file=sys.stderr)
        if not (self.data / "PG_VERSION").is_file():
            self._create()
        port = self.running_port()
        if port is None:
            self._launch()
        elif port != self.port:
            raise DatabaseError(
                f"{self.folder}: the cluster already runs on port {port}, not {self.port}; "
                f"stop it first or use {port}"
            )
        for database in databases:
            self._ensure(database)
        return port is None

    def stop(self, mode: str = "fast") -> bool:
        """Stop the server of this folder; return whether it ran. No other server is touched.

        Args:
            mode: pg_ctl's: `fast` ends all sessions, `immediate` drops everything as a crash does.
        """
        if self.running_port() is None:
            return False
        self._checked("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")
        return True

    def _create(self) -> None:
        self._checked(
            "initdb", "-D", self.data, "-U", ACCOUNT, "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8"
        )
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as stream:
            stream.write(_SETTINGS)

    def _launch(self) -> None:
        log = self.home / "server.log"
        done = self._run("pg_ctl", "-D", self.data, "-l", log, "-o", f"-p {self.port}", "-w", "start")
        if done.returncode:
            text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else done.stderr
            if "Address already in use" in text.rsplit("starting PostgreSQL", 1)[-1]:
                raise DatabaseError(
                    f"port {self.port} is taken; end what listens there (make stop ends a demo's services), or "
                    "choose another port for the database"
                )
            raise DatabaseError(f"PostgreSQL did not start in {self.home}; its log is {log}")

    def _ensure(self, database: str) -> None:
        try:
            with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
                found = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [database]
                ).fetchone()
                if not found:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
            with psycopg.connect(self.dsn(database), autocommit=True) as connection:
                connection.execute(
                    "SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS postgis"
                )
        except psycopg.Error as error:
            raise DatabaseError(
                f"database {database} on port {self.port} cannot be prepared: {error}"
            ) from error

    def _run(self, tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        account = ACCOUNT if accounts.is_root() else None
        return subprocess.run(
            [str(self._programs() / tool), *map(str, arguments)],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.home), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **accounts.run_as(account),
        )

    def _checked(self, tool: str, *arguments: str | Path) -> None:
        done = self._run(tool, *arguments)
        if done.returncode:
            raise DatabaseError(f"{tool} failed in {self.home}: {(done.stderr or done.stdout).strip()}")

    def _programs(self) -> Path:
        """Folder of the newest PostgreSQL with PostGIS, or of the version the data were made with."""
        version = self.data / "PG_VERSION"
        wanted = version.read_text().strip() if version.is_file() else r"\d+"
        found = [
            int(path.parts[4])
            for path in Path("/usr/share/postgresql").glob("*/extension/postgis.control")
            if re.fullmatch(wanted, path.parts[4])
        ]
        if not found:
            raise DatabaseError(
                f"no PostgreSQL {wanted if version.is_file() else ''} with PostGIS on this machine; "
                "install it: apt-get install postgresql postgresql-15-postgis-3 (or your release's version)"
            )
        return Path(f"/usr/lib/postgresql/{max(found)}/bin")


@contextmanager
def running(cluster: Cluster, databases: Sequence[str] = DATABASES) -> Iterator[Cluster]:
    """Have `cluster` running inside the block; it is stopped afterwards only if this call started it."""
    started = cluster.start(databases)
    try:
        yield cluster
    finally:
        if started:
            cluster.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m sealwatch.publish.cluster start|stop|dsn FOLDER [--port N]`."""
    parser = argparse.ArgumentParser(prog="sealwatch.publish.cluster", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "dsn"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=15432)
    parser.add_argument("--database", default=DATABASES[0], help="database whose DSN is printed")
    chosen = parser.parse_args(arguments)
    cluster = Cluster(chosen.folder, chosen.port)
    try:
        if chosen.action == "stop":
            cluster.stop()
            return 0
        if chosen.action == "start":
            cluster.start()
        print(cluster.dsn(chosen.database))
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
