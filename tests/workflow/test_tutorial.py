"""The tutorial, command by command, on the finished demo; runs after all others that use it."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from builders import demo as demo_module
from builders import docs_commands, rulegraph
from builders.demo import ROOT

pytestmark = pytest.mark.timeout(2700)

BLOCKS = [block for block in docs_commands.blocks() if block.language == "sh"]
POLYGON = "D2003-2024-5119374-498950"


@pytest.fixture(scope="module")
def stopped(demo):
    yield
    demo_module.stop(demo)


def on(demo, text):
    """A text of a page as it is for this demo: another folder, other ports."""
    base = demo.stac_port - 18480
    text = re.sub(r"\b1848\d\b", lambda m: str(int(m[0]) + base), text)
    text = text.replace("config/demo.yaml", str(demo.config_file))
    return re.sub(r"\bdemo/(results|world)", rf"{demo.folder}/\1", text)


def shell(demo, script):
    """Output of a script of a page, each line of which must succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", on(demo, script)],
        cwd=ROOT,
        env=demo.environment(),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, script + done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def reviewed(demo):
    """Start the review desk as `make review` does, take the demo's word for the account, and end it."""
    code = "import pathlib, sys; from builders.demo import Demo, desk; desk(Demo(*map(pathlib.Path, sys.argv[1:])))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(demo.folder), str(demo.config_file)],
        cwd=ROOT,
        env=demo.environment() | {"PYTHONPATH": f"{ROOT / 'workflow'}{os.pathsep}{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        address, name, password = re.match(
            r"review +(\S+) +name (\S+), password (\S+) ", process.stdout.readline()
        ).groups()
        body = json.dumps({"name": name, "password": password}).encode()
        request = urllib.request.Request(
            f"{address}api/session",
            body,
            {"Content-Type": "application/json", "Origin": address.rstrip("/")},
        )
        for _ in range(600):
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.status
            except urllib.error.URLError as error:
                if isinstance(error, urllib.error.HTTPError):
                    raise
                time.sleep(0.2)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    return None


INSTEAD = {
    "make demo": lambda demo: None,  # the fixture has done it
    "make demo-scene": lambda demo: None,  # test_demo does it
    "make review": lambda demo: reviewed(demo),
    "make serve": lambda demo: demo_module.serve(demo),
    "make stop": lambda demo: demo_module.stop(demo),
}
"""Commands that know the folders `demo` and `demo-real` alone, and what they call."""


def test_the_commands_of_the_tutorial(demo, stopped, capfd):
    printed = {}
    for block in (block for block in BLOCKS if block.page == "docs/tutorial.md"):
        rest = []
        for line in block.text.splitlines():
            if line in INSTEAD:
                printed[line] = INSTEAD[line](demo)
            else:
                rest.append(line)
        printed[block.text] = shell(demo, "\n".join(rest))

    def of(part):
        (text,) = (text for script, text in printed.items() if part in script)
        return text

    assert "Nothing to be done" in of("make plan")
    assert 'ID["EPSG",32633]' in of("gdalinfo")
    event = of("gpkg events")
    for value in ("HerbaceousVegetation", "Residential", "2022H1", "2022H2", "2023H2", "confirmed"):
        assert re.search(rf"= {value}$", event, re.M), value
    votes = re.findall(r"vote \(\w+\) = (\d)", of("evidence"))
    assert {"0", "1"} <= set(votes)
    assert "newly_sealed" in of("outline/D2003")
    assert printed["make review"] == 200
    assert "accepted unseen by the demo" in of("review history")
    newest = json.loads((demo.results / "release/current.json").read_text())["release"]
    changes = (demo.results / f"release/{newest}/CHANGELOG.md").read_text()
    assert POLYGON in changes
    assert "newly_sealed" in of("-so WFS:")
    collection = json.loads(re.search(r"\{.*\}", of("curl"), re.S)[0])
    assert len(collection["features"]) == 1
    assert (demo.results / "change/32633_plots/32633-7999-779-2022H2.svg").is_file()


def test_the_makefile_calls_what_the_tutorial_test_calls():
    for line in INSTEAD:
        action = {"review": "desk", "demo": "run"}.get(name := line.removeprefix("make "), name)
        text = subprocess.run(
            ["make", "-n", name], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        ).stdout
        assert f"builders.demo {action.removeprefix('demo-')}" in text.replace("demo add-", "demo "), line


def test_make_runs_a_configuration(demo):
    text = shell(demo, "make run CONFIG=config/demo.yaml CORES=1")
    assert "Nothing to be done" in text
    with demo_module.services(demo):
        text = shell(demo, "make catalogue CONFIG=config/demo.yaml")
    assert re.search(r"^tile-months failed +0$", text, re.M)


def test_the_series_opens_as_the_pages_say(demo, tmp_path):
    (script,) = {b.text for b in BLOCKS if b.page == "README.md" and "tar xzf" in b.text}
    script = script.replace("results/spacetime", "demo/results/spacetime")
    text = shell(demo, f"cd {shlex.quote(str(tmp_path))}\n{script}")
    assert re.search(r"number_of_maps|Number of registered maps", text)


def test_the_picture_of_the_rules_is_that_of_the_demo(demo):
    assert rulegraph.TARGET.read_text(encoding="utf-8") == rulegraph.drawing(demo), "run make rulegraph"
