"""The examples of deploy/ name what there is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sealwatch.desk.__main__ import main as desk
from sealwatch.publish.serve import main as services
from sealwatch.scheduled.__main__ import BUSY
from sealwatch.scheduled.__main__ import main as scheduled

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "module", "main"),
    [
        ("services", "sealwatch.publish.serve", services),
        ("desk", "sealwatch.desk", desk),
        ("run", "sealwatch.scheduled", scheduled),
    ],
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
        assert path.startswith((".venv", ".snakemake")) or (ROOT / path).exists(), path
    if shutil.which("systemd-analyze"):
        unit = tmp_path / f"sealwatch-{name}.service"
        unit.write_text(text.replace("/opt/sealwatch/.venv/bin/python", "/usr/bin/python3"))
        done = subprocess.run(
            ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
        )
        assert f"sealwatch-{name}" not in done.stderr, done.stderr


def test_the_timer_and_the_crontab_start_a_scheduled_run(tmp_path):
    service = (ROOT / "deploy/sealwatch-run.service").read_text()
    assert f"SuccessExitStatus={BUSY} 130\n" in service
    if shutil.which("systemd-analyze"):
        (tmp_path / "sealwatch-run.service").write_text(
            service.replace("/opt/sealwatch/.venv/bin/python", "/usr/bin/python3")
        )
        timer = tmp_path / "sealwatch-run.timer"
        timer.write_text((ROOT / "deploy/sealwatch-run.timer").read_text())
        done = subprocess.run(
            ["systemd-analyze", "verify", timer], capture_output=True, text=True, check=False
        )
        assert "sealwatch-run" not in done.stderr, done.stderr
    (line,) = re.findall(r"^30 1 \* \* \* (.*)$", (ROOT / "deploy/crontab.example").read_text(), re.MULTILINE)
    (tmp_path / "run.env").write_text("SEALWATCH_WEBHOOK_URL='https://hooks.example.org/a b'\n")
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$SEALWATCH_WEBHOOK_URL" "$PYTHONPATH" "$@"\n')
    python.chmod(0o755)
    line = line.replace("/opt/sealwatch", str(tmp_path)).replace("/etc/sealwatch", str(tmp_path))
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    secret, path, *command = done.stdout.splitlines()
    assert (secret, path) == ("https://hooks.example.org/a b", "workflow")
    assert command[:2] == ["-m", "sealwatch.scheduled"]
    with pytest.raises(SystemExit) as shown:
        scheduled([*command[2:], "--help"])
    assert shown.value.code == 0


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
