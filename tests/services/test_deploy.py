"""The examples of deploy/ name what there is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sealwatch.desk.__main__ import main as desk
from sealwatch.publish.serve import main as services

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "module", "main"),
    [("services", "sealwatch.publish.serve", services), ("desk", "sealwatch.desk", desk)],
)
def test_the_units_are_valid_and_run_the_projects_own_commands(tmp_path, name, module, main):
    text = (ROOT / f"deploy/sealwatch-{name}.service").read_text()
    command = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)[1].split()
    assert command[1:3] == ["-m", module]
    assert command[-2] == "--configfile"
    with pytest.raises(SystemExit) as shown:
        main([*command[3:-2], "--help"])
    assert shown.value.code == 0
    for path in re.findall(r"/opt/sealwatch/([\w./-]+)", text):
        assert path.startswith(".venv") or (ROOT / path).exists(), path
    if shutil.which("systemd-analyze"):
        unit = tmp_path / f"sealwatch-{name}.service"
        unit.write_text(text.replace("/opt/sealwatch/.venv/bin/python", "/usr/bin/python3"))
        done = subprocess.run(
            ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
        )
        assert f"sealwatch-{name}" not in done.stderr, done.stderr


def test_the_container_is_made_of_files_and_packages_there_are():
    text = (ROOT / "deploy/Containerfile").read_text().replace("\\\n", " ")
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
    locked = {
        line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line
    }
    wanted = re.search(r"pip install .*-c requirements.lock (.*)", text)[1].split()
    assert {re.sub(r'["\[].*|"', "", name.strip('"')) for name in wanted} <= locked
    setup = (ROOT / "scripts/setup.sh").read_text()
    for package in ("cgi-mapserver", "lighttpd", "lighttpd-modules-lua"):
        assert package in text
        assert package in setup


def test_the_proxy_serves_the_paths_of_the_services():
    from sealwatch.publish.mapfile import PATH
    from sealwatch.publish.ogcapi import OGC_PATH

    text = (ROOT / "deploy/reverse-proxy.conf").read_text()
    assert f"({PATH[1:]}|{OGC_PATH[1:]})" in text
