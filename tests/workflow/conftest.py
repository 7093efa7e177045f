"""One finished demo for all tests that look at it or add to it."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from builders import demo as demo_module
from builders.demo import ROOT, Demo

PORT = 18580


@pytest.fixture(scope="session")
def demo():
    """A finished demo in a folder of its own, with its own ports."""
    # Not below pytest's own folder: that is closed to the servers' users when the tests run as root.
    parent = Path(tempfile.mkdtemp(prefix="sealwatch-demo-"))
    parent.chmod(0o755)
    folder = parent / "demo"
    folder.mkdir()
    config = yaml.safe_load((ROOT / "config/demo.yaml").read_text().replace("demo/", f"{folder}/"))
    config["catalogue"]["url"] = f"http://127.0.0.1:{PORT}"
    config["services"] |= {"port": PORT + 2, "ogc_api_port": PORT + 4}
    config["desk"]["port"] = PORT + 5
    config_file = folder / "demo.yaml"
    config_file.write_text(yaml.safe_dump(config))
    made = Demo(folder, config_file)
    try:
        demo_module.run(made)
        yield made
    finally:
        demo_module.stop(made)
        shutil.rmtree(parent)


@pytest.fixture(scope="session")
def dry_run(demo):
    """A function that gives the output of `snakemake -n`."""

    def plan():
        command = [sys.executable, "-m", "snakemake", "-n", "--configfile", str(demo.config_file)]
        done = subprocess.run(
            command, cwd=ROOT, env=demo.environment(), capture_output=True, text=True, check=True, timeout=300
        )
        return done.stdout + done.stderr

    return plan
