"""A private SLURM cluster in a folder: three virtual nodes on this machine, on loopback, without systemd or cgroups.

Two CPU nodes in the partition `cpu`; one node in the partition `gpu` whose one GPU is /dev/null, since SLURM wants a
character device. Only processes started here are stopped, by their handles.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from builders.ports import free_port
from builders.slurm_accounting import Accounting
from builders.waiting import wait_for

PACKAGES = {"munged": "munge", "slurmctld": "slurmctld", "slurmd": "slurmd", "squeue": "slurm-client"}
"""Debian package of each program a cluster needs."""

_ACCOUNTING = {
    "slurmdbd": "slurmdbd",
    "mariadbd": "mariadb-server-core",
    "my_print_defaults": "mariadb-client-core",
}

NODES = {"cpu1": "cpu", "cpu2": "cpu", "gpu1": "gpu"}
"""Partition of each node."""

_CONFIGURATION = """
ClusterName=sealwatch
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=20
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
EnforcePartLimits=ALL
GresTypes=gpu
KillWait=2
MinJobAge=7200
SlurmctldTimeout=30
PropagateResourceLimits=NONE
{accounting}
{nodes}
PartitionName=cpu Nodes=cpu1,cpu2 Default=YES MaxTime=480 DefMemPerCPU=500
PartitionName=gpu Nodes=gpu1 MaxTime=480 DefMemPerCPU=500
"""


def missing_packages(accounting: bool = False) -> list[str]:
    """Debian packages that a cluster needs and that are not installed."""
    wanted = PACKAGES | (_ACCOUNTING if accounting else {})
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    return [package for program, package in wanted.items() if not shutil.which(program, path=path)]


@contextmanager
def private_cluster(accounting: bool = False) -> Iterator[SlurmCluster]:
    """A cluster that runs for the length of the block."""
    # Not below pytest's own folder: munged wants every folder above its socket open to all users.
    parent = Path(tempfile.mkdtemp(prefix="sealwatch-slurm-"))
    parent.chmod(0o755)
    cluster = SlurmCluster(parent / "cluster", accounting)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(parent)


class SlurmCluster:
    """A cluster whose keys, configuration, state and logs lie in `folder`, which any user may enter."""

    def __init__(self, folder: Path, accounting: bool = False) -> None:
        self.folder = folder
        self._ports = iter([free_port() for _ in range(6)])
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("munge", "state", "bin", *(f"spool/{node}" for node in NODES)):
            (folder / name).mkdir(parents=True)
        self._accounting = Accounting(folder, next(self._ports), next(self._ports)) if accounting else None
        self._write_configuration()

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which SLURM's programs talk to this cluster."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"], "/usr/sbin"])
        own = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
        return own | {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def call(self, *command: str) -> str:
        """Output of one of SLURM's programs."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start all daemons and wait until every node is idle."""
        self._spawn("munged", "--foreground", f"--key-file={self._key()}", *self._munge_files())
        wait_for("munged", (self.folder / "munge/socket").exists)
        if self._accounting:
            self._accounting.start(self._spawn, self.call)
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        wait_for("the nodes", lambda: set(self.call("sinfo", "-hN", "-o", "%t").split()) == {"idle"})

    def start_node(self, node: str) -> None:
        """Start the slurmd of a node."""
        self._spawn("slurmd", "-D", "-N", node, name=node)

    def kill_node(self, node: str) -> None:
        """End a node with all that runs on it, as a loss of power would, and tell the controller."""
        jobs = self.call("squeue", "--noheader", "--nodelist", node, "--format", "%i").split()
        process = self._running.pop(node)
        process.kill()
        process.wait(20)
        for job in jobs:
            own = list(self.processes_of(job))
            watchers = {parent for process in own if (parent := process.parent()).name() == "slurmstepd"}
            # Those of SLURM first, or they report that the others ended.
            for process in [*watchers, *own]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=killed")

    def start_controller(self) -> None:
        """Start slurmctld and wait until it answers."""
        self._spawn("slurmctld", "-D")
        wait_for("slurmctld", self._answers)

    def stop_controller(self) -> None:
        """Stop slurmctld; it saves its jobs."""
        process = self._running.pop("slurmctld")
        process.terminate()
        process.wait(20)

    def stop(self) -> None:
        """Cancel what is left of the jobs and stop what was started here, in reverse."""
        if "slurmctld" in self._running and self._answers():
            self.call("scancel", "--user", getpass.getuser())
            wait_for("the jobs to end", lambda: not self.call("squeue", "-h").strip())
        for process in reversed(list(self._running.values())):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)
        self._running.clear()

    def jobs(self) -> list[dict[str, str]]:
        """All jobs of the last two hours as `scontrol --details show job` gives them, field by field."""
        lines = self.call("scontrol", "--oneliner", "--details", "show", "job").splitlines()
        return [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if line.startswith("JobId=")]

    def jobs_of(self, rule: str) -> list[dict[str, str]]:
        """Jobs of a rule or of a group of its jobs, by the comment that Snakemake's plugin gives them."""
        return [job for job in self.jobs() if re.search(rf"_{rule}(_wildcards_|$)", job["Comment"])]

    def processes_of(self, job_id: str) -> Iterator[psutil.Process]:
        """Processes of a job, without those of SLURM that watch over them."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                own = process.environ()
                if own.get("SLURM_JOB_ID") == job_id and str(self.folder / "bin") in own.get("PATH", ""):
                    yield process

    def _answers(self) -> bool:
        done = subprocess.run(["scontrol", "ping"], env=self.environment, capture_output=True, check=False)
        return done.returncode == 0

    def _spawn(self, program: str, *arguments: str, name: str | None = None) -> None:
        with open(self.folder / f"{name or program}.log", "ab") as log:
            self._running[name or program] = subprocess.Popen(
                [program, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )

    def _key(self) -> Path:
        key = self.folder / "munge/key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(secrets.token_bytes(1024))
        return key

    def _munge_files(self) -> Sequence[str]:
        names = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        return [f"--{option}={self.folder}/munge/{name}" for option, name in names.items()]

    def _write_configuration(self) -> None:
        host = socket.gethostname().split(".")[0]
        nodes = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={next(self._ports)} CPUs=8 "
            f"RealMemory=16000{' Gres=gpu:fake:1' if partition == 'gpu' else ''} State=UNKNOWN"
            for node, partition in NODES.items()
        ]
        text = _CONFIGURATION.format(
            host=host,
            port=next(self._ports),
            user=getpass.getuser(),
            folder=self.folder,
            nodes="\n".join(nodes),
            accounting=self._accounting.settings if self._accounting else "",
        )
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text("NodeName=gpu1 Name=gpu Type=fake File=/dev/null\n")
        (self.folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        # In a job Snakemake's plugin drops SLURM_CONF; a real cluster has /etc/slurm/slurm.conf.
        for name in ("sacct", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun"):
            program = self.folder / "bin" / name
            program.write_text(
                f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf\nexport SLURM_CONF\nexec {shutil.which(name)} "$@"\n'
            )
            program.chmod(0o755)
