"""One private SLURM cluster per test session, and a checkout with the profile as its documentation sets it up."""

from contextlib import ExitStack

import pytest

from builders.slurm_checkout import Checkout
from builders.slurm_cluster import missing_packages, private_cluster


@pytest.fixture(scope="session")
def open_cluster():
    """A function that starts a cluster, with or without accounting, until the session ends."""
    with ExitStack() as running:

        def start(accounting=False):
            missing = missing_packages(accounting)
            if missing:
                pytest.skip(f"packages are not installed: {' '.join(missing)}")
            return running.enter_context(private_cluster(accounting))

        yield start


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
