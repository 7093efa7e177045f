"""QGIS without a screen, opened on a project and a database.

python -m builders.review_project FOLDER [PICTURE]    picture of a finished demo's review project
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from psycopg.conninfo import conninfo_to_dict

from builders.demo import ROOT, open_demo
from sealwatch.files import atomic_path
from sealwatch.publish.database import connect

PYTHON = "/usr/bin/python3"
"""Python of the system, which the package python3-qgis belongs to."""


class Session:
    """A running `qgis_session.py`; each call is answered, or fails with what QGIS wrote."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log
        assert self._answer()["opened"], self._log.read_text()

    def __call__(self, do: str, **arguments: Any) -> Any:
        """Do one of the session's actions and return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"QGIS ended:\n{self._log.read_text()}")
        return json.loads(line)


@contextmanager
def session(project: Path, dsn: str, service: str = "sealwatch") -> Iterator[Session]:
    """QGIS with `project` open, whose database is the one of `dsn` by the name of `service`."""
    with tempfile.TemporaryDirectory(prefix="sealwatch-qgis-") as home:
        parts = "\n".join(f"{key}={value}" for key, value in conninfo_to_dict(dsn).items())
        services, log = Path(home) / "pg_service.conf", Path(home) / "qgis.log"
        services.write_text(f"[{service}]\n{parts}\n")
        environment = {
            key: value
            for key, value in os.environ.items()
            if key not in ("PYTHONPATH", "VIRTUAL_ENV") and not key.lower().endswith("_proxy")
        }
        environment |= {"PGSERVICEFILE": str(services), "QT_QPA_PLATFORM": "offscreen", "HOME": home}
        environment |= {"XDG_RUNTIME_DIR": home}
        with (
            log.open("w") as said,
            subprocess.Popen(
                [PYTHON, str(ROOT / "tests/builders/qgis_session.py"), str(project)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=environment,
            ) as process,
        ):
            try:
                yield Session(process, log)
            finally:
                assert process.stdin is not None
                process.stdin.close()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()


def picture(folder: str, target: str = "docs/images/qgis_review.png") -> None:
    """Draw both themes around the largest polygon of a finished demo, and its form."""
    demo = open_demo(folder)
    started = demo.cluster.start()
    try:
        os.environ[demo.database["dsn_env"]] = demo.cluster.dsn()
        with connect(demo.database) as connection:
            row = connection.execute(
                "SELECT polygon_id FROM review_form ORDER BY area_m2 DESC LIMIT 1"
            ).fetchone()
        assert row is not None
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        with session(demo.results / "publish/review.qgs", demo.cluster.dsn()) as ask:
            assert ask("picture", polygon=row[0], target=str(Path(target).absolute()))["written"]
        with Image.open(target) as image:
            few_colours = image.convert("RGB").quantize(128)
        with atomic_path(Path(target)) as part:
            few_colours.save(part, "PNG", optimize=True)
    finally:
        if started:
            demo.cluster.stop()
    print(target)


if __name__ == "__main__":
    picture(*sys.argv[1:])
