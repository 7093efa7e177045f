"""The examples of deploy/ name what there is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sealwatch.publish.serve import main

ROOT = Path(__file__).parents[2]


def test_the_unit_is_valid_and_runs_the_project_s_own_command(tmp_path):
    text = (ROOT / "deploy/sealwatch-services.service").read_text()
    command = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)[1].split()
    assert command[1:4] == ["-m", "sealwatch.publish.serve", "run"]
    with pytest.raises(SystemExit) as shown:
        main([*command[3:5], "--help"])
    assert shown.value.code == 0
    for path in re.findall(r"/opt/sealwatch/([\w./-]+)", text):
        assert path.startswith(".venv") or (ROOT / path).exists(), path
    if shutil.which("systemd-analyze"):
        unit = tmp_path / "sealwatch-services.service"
        unit.write_text(text.replace("/opt/sealwatch/.venv/bin/python", "/usr/bin/python3"))
        done = subprocess.run(
            ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
        )
        assert "sealwatch-services" not in done.stderr, done.stderr


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
