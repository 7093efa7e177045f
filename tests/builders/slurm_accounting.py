"""Accounting of a private SLURM cluster: slurmdbd over a MariaDB of its own, on loopback."""

from __future__ import annotations

import getpass
import secrets
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from builders.waiting import wait_for

ACCOUNT = "monitoring"

_SLURMDBD = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={dbd_port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser={user}
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql_port}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_acct_db
"""


class Accounting:
    """MariaDB and slurmdbd whose data lie in `folder`."""

    def __init__(self, folder: Path, dbd_port: int, sql_port: int) -> None:
        self.folder, self.dbd_port, self.sql_port = folder, dbd_port, sql_port

    @property
    def settings(self) -> str:
        """Lines of slurm.conf."""
        return (
            "AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=localhost\n"
            f"AccountingStoragePort={self.dbd_port}\nAccountingStoragePass={self.folder}/munge/socket\n"
            "AccountingStorageTRES=gres/gpu\nAccountingStoreFlags=job_comment"
        )

    def start(self, spawn: Callable[..., None], call: Callable[..., str]) -> None:
        """Start both servers and enter the cluster, one account and this user."""
        user, data, socket = getpass.getuser(), self.folder / "mariadb", self.folder / "mariadb.socket"
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={data}", f"--user={user}", "--skip-test-db"],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        password = secrets.token_hex(12)
        users = (f"'slurm'@'{host}'" for host in ("localhost", "127.0.0.1"))
        self._secret("mariadb.sql", "CREATE DATABASE slurm_acct_db;\n" + "".join(
            f"CREATE USER {name} IDENTIFIED BY '{password}';\nGRANT ALL ON slurm_acct_db.* TO {name};\n"
            for name in users
        ))  # fmt: skip
        spawn(
            "mariadbd", "--no-defaults", f"--user={user}", f"--datadir={data}", f"--socket={socket}",
            f"--pid-file={self.folder}/mariadb.pid", f"--init-file={self.folder}/mariadb.sql",
            "--bind-address=127.0.0.1", f"--port={self.sql_port}", "--innodb-buffer-pool-size=64M",
            "--innodb-lock-wait-timeout=900", "--skip-log-bin",
        )  # fmt: skip
        wait_for("MariaDB", socket.exists)
        ports = {"dbd_port": self.dbd_port, "sql_port": self.sql_port}
        self._secret(
            "slurmdbd.conf", _SLURMDBD.format(folder=self.folder, user=user, password=password, **ports)
        )
        spawn("slurmdbd", "-D")

        def answers() -> bool:
            with suppress(RuntimeError):
                call("sacctmgr", "-n", "list", "cluster")
                return True
            return False

        wait_for("slurmdbd", answers)
        call("sacctmgr", "-i", "add", "cluster", "sealwatch")
        call("sacctmgr", "-i", "add", "account", ACCOUNT, "Cluster=sealwatch")
        call("sacctmgr", "-i", "add", "user", user, f"Account={ACCOUNT}", "Cluster=sealwatch")

    def _secret(self, name: str, text: str) -> None:
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(text)
