"""Where tests run when several processes share them: a file stays together, and so does what uses one service."""

from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests for `--dist loadgroup`; the finished demo takes longest and begins first.

    First of all such hooks, because pytest-xdist reads the groups in its own.
    """
    for item in items:
        if "demo" in getattr(item, "fixturenames", ()):
            group = "demo"
        elif item.path.parent.name == "services":
            group = "services"
        else:
            group = str(Path(item.path.parent.name) / item.path.name)
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: "demo" not in getattr(item, "fixturenames", ()))
