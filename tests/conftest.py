"""Where tests run when several processes share them: a file stays together, and so does what uses one service."""

import os
from pathlib import PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# OpenMP threads that wait for one another must sleep: there are more of them than processors, and by default they
# wait in busy loops, which takes two thirds of the processor time of a training.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class Together(LoadScopeScheduling):
    """Files that use the finished demo go to one process, those of one kind of cluster to one."""

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.split("::")[0])
        if path.name in ("test_demo.py", "test_demo_again.py", "test_second_year.py", "test_tutorial.py"):
            return "demo"
        return path.parent.name if path.parent.name in ("services", "slurm") else str(path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """The scheduler of all processes."""
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The finished demo takes longest and begins first, files of many small tests fill the gaps at the end."""
    items.sort(
        key=lambda item: ("demo" not in getattr(item, "fixturenames", ()), item.path.parent.name == "unit")
    )
