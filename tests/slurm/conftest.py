"""One private SLURM cluster per test session, and a checkout with the profile as its documentation sets it up."""

import shutil
import tempfile
from pathlib import Path

import pytest

from builders.slurm_checkout import Checkout
from builders.slurm_cluster import SlurmCluster, missing_packages


@pytest.fixture(scope="session")
def open_cluster():
    """A function that starts a cluster, with or without accounting, until the session ends."""
    # Not below pytest's own folder: munged wants every folder above its socket open to all users.
    parent = Path(tempfile.mkdtemp(prefix="sealwatch-slurm-"))
    parent.chmod(0o755)
    started = []

    def start(accounting=False):
        missing = missing_packages(accounting)
        if missing:
            pytest.skip(f"packages are not installed: {' '.join(missing)}")
        cluster = SlurmCluster(parent / f"cluster{len(started)}", accounting)
        started.append(cluster)
        cluster.start()
        return cluster

    yield start
    for cluster in started:
        cluster.stop()
    shutil.rmtree(parent)


@pytest.fixture(scope="session")
def cluster(open_cluster):
    """The cluster without accounting."""
    return open_cluster()


@pytest.fixture(scope="session")
def open_checkout(cluster, tmp_path_factory):
    """A function that makes a checkout with a site of its own."""
    parent = tmp_path_factory.mktemp("slurm")
    return lambda name: Checkout(parent / name, cluster)


@pytest.fixture(scope="session")
def checkout(open_checkout):
    """A checkout whose site has been worked through on this machine, without SLURM."""
    made = open_checkout("checkout")
    made.site.run()
    made.site.run()
    return made
