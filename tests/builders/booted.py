"""A Debian that has booted: systemd as process 1 of a container that shows this machine's own system.

What the container writes goes to memory and is gone with it. It shares the network, so that services of a test are on
its loopback too. The checkout is at /opt/sealwatch, as the units of deploy/ have it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from builders.demo import CHECKOUT, ROOT
from builders.waiting import wait_for


def can_boot() -> bool:
    """Whether this user may start such a container here; in most containers nobody may."""
    return (
        bool(shutil.which("systemd-nspawn"))
        and not subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode
    )


@contextmanager
def booted(binds: Mapping[Path, Path]) -> Iterator[Booted]:
    """A system that runs for the length of the block; `binds` are folders in it, by those of this machine."""
    folder = Path(tempfile.mkdtemp(prefix="sealwatch-booted-"))
    system = Booted(folder)
    try:
        system.lay()
        system.boot(binds)
        yield system
    finally:
        system.stop()
        folder.rmdir()


class Booted:
    """A system below `folder`.

    Attributes:
        root: its root folder; what is written there is seen in it.
        units: folder of the units that its administrator adds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = folder / "root"
        self.units = self.root / "etc/systemd/system"
        self._process: subprocess.Popen[bytes] | None = None

    def lay(self) -> None:
        """Lay memory over this machine's files, and a checkout with a Python that any user may read."""
        _do("mount", "-t", "tmpfs", "tmpfs", self._folder)
        for name in ("upper", "work", "root"):
            (self._folder / name).mkdir()
        layers = f"lowerdir=/,upperdir={self._folder}/upper,workdir={self._folder}/work"
        _do("mount", "-t", "overlay", "overlay", "-o", layers, self.root)
        for wants in ("etc", "usr/lib"):
            # No timer but those of the test: apt's own would work on the packages.
            shutil.rmtree(self.root / wants / "systemd/system/timers.target.wants", ignore_errors=True)
        shutil.rmtree(self.root / "opt/sealwatch", ignore_errors=True)
        environment = self.root / "opt/sealwatch/.venv"
        (environment / "bin").mkdir(parents=True)
        (environment / "pyvenv.cfg").write_text(
            "home = /opt/python/bin\ninclude-system-site-packages = false\n"
        )
        name = f"python{sys.version_info.major}.{sys.version_info.minor}"
        (environment / "bin/python").symlink_to(f"/opt/python/bin/{name}")
        # A Python below somebody's home finds its own library there and nowhere else.
        (self.root / "etc/ld.so.conf.d/000-python.conf").write_text("/opt/python/lib\n")

    def boot(self, binds: Mapping[Path, Path]) -> None:
        """Start it and wait until systemd has."""
        shown = {
            Path("/opt/python"): Path(sys.base_prefix),
            Path("/opt/sealwatch/.venv/lib"): Path(sys.prefix).resolve() / "lib",
            **{Path("/opt/sealwatch") / name: ROOT / name for name in CHECKOUT},
        }
        options = [f"--bind-ro={outside}:{inside}" for inside, outside in shown.items()]
        options += [f"--bind={outside}:{inside}" for outside, inside in binds.items()]
        with open(self._folder / "boot.log", "wb") as log:
            self._process = subprocess.Popen(
                [
                    "systemd-nspawn",
                    f"--directory={self.root}",
                    f"--machine=sealwatch-{os.getpid()}",
                    "--register=no",
                    "--keep-unit",
                    "--console=pipe",
                    *options,
                    "--boot",
                    "systemd.unit=basic.target",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for("the system to boot", self._is_up, 60)
        self.call("ldconfig")

    def call(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of root in the system, to its end."""
        done = subprocess.run(
            ["nsenter", f"--target={self._leader().pid}", "--all", *command],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            cwd="/",
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done

    def install(self, name: str, config: Mapping[str, Any], **variables: str) -> None:
        """Put a unit of deploy/ where systemd reads it, with its configuration and its file of variables."""
        shutil.copy(ROOT / f"deploy/{name}.service", self.units)
        settings = self.root / "etc/sealwatch"
        settings.mkdir(exist_ok=True)
        (settings / "config.yaml").write_text(yaml.safe_dump(dict(config)))
        secrets = settings / f"{name.removeprefix('sealwatch-')}.env"
        secrets.write_text("".join(f"{key}={value}\n" for key, value in variables.items()))
        secrets.chmod(0o600)
        self.call("systemctl", "daemon-reload")

    def install_run(self, config: Mapping[str, Any], **variables: str) -> None:
        """The nightly run, with the user and the folders that its unit asks for."""
        self.call("useradd", "--system", "sealwatch")
        for folder in ("/srv/sealwatch/results", "/opt/sealwatch/.snakemake"):
            self.call("install", "-d", "-o", "sealwatch", "-g", "sealwatch", folder)
        shutil.copy(ROOT / "deploy/sealwatch-run.timer", self.units)
        self.install("sealwatch-run", config, **variables)

    def change(self, unit: str, text: str) -> None:
        """Lay settings over those of a unit, as `systemctl edit` does."""
        folder = self.units / f"{unit}.d"
        folder.mkdir(exist_ok=True)
        (folder / "override.conf").write_text(text)
        self.call("systemctl", "daemon-reload")

    def start(self, unit: str) -> None:
        """Start a unit, and wait for its end where it has one.

        Raises:
            RuntimeError: it failed; the message is its journal.
        """
        if self.call("systemctl", "start", unit, check=False).returncode:
            raise RuntimeError(self.journal(unit))

    def journal(self, unit: str) -> str:
        """What a unit said, and systemd about it."""
        return self.call("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").stdout

    def stop(self) -> None:
        """Shut it down and take away what was laid."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        for mounted in (self.root, self._folder):
            if mounted.is_mount():
                _do("umount", mounted)

    def _leader(self) -> psutil.Process:
        assert self._process
        if self._process.poll() is not None:
            raise RuntimeError((self._folder / "boot.log").read_text(errors="replace")[-3000:])
        return psutil.Process(self._process.pid).children()[0]

    def _is_up(self) -> bool:
        try:
            said = self.call("systemctl", "is-active", "basic.target", check=False)
        except IndexError:
            return False  # the container has no process yet
        return said.stdout.strip() == "active"


def _do(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
