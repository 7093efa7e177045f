"""Run again and again as scenes come, go and change, files are touched and runs killed: the products are those of a run
from nothing, and nothing is done in vain. All rules, on steps that only fold their inputs (builders.folded_steps)."""

import os
import shutil

import pytest

from builders.eventful_country import EventfulCountry
from builders.folded_steps import Runner, products

pytestmark = pytest.mark.timeout(900)

FIRST, END = map(int, os.environ.get("SEALWATCH_EVENT_SEEDS", "0-4").split("-"))
ROUNDS = 3


@pytest.fixture(scope="module")
def runner():
    return Runner()


@pytest.fixture(scope="module")
def begin(runner, tmp_path_factory):
    """A function that puts a country back to where it was after its first run."""
    folder = tmp_path_factory.mktemp("events")
    country = EventfulCountry(folder / "country", runner, seed=0)
    run, _ = country.run()
    assert run.code == 0, run.said
    country.keep(folder / "kept")
    return lambda seed: country.again(folder / "kept", seed)


@pytest.fixture
def elsewhere(tmp_path):
    yield tmp_path / "clean"
    shutil.rmtree(tmp_path)  # hundreds of countries would fill the disk


def run_again(country):
    run, needless = country.run()
    assert run.code == 0, (country.happened, run.said)
    assert [(step.rule, step.outputs[0]) for step in needless] == [], country.happened
    return run


@pytest.mark.parametrize("seed", range(FIRST, END))
def test_whatever_happens_the_products_are_those_of_a_run_from_nothing(begin, elsewhere, seed):
    country = begin(seed)
    for number in range(ROUNDS):
        for _ in range(1 + (seed + number) % 3):
            country.happen()
        run_again(country)
    assert run_again(country).steps == []
    run, expected = country.clean(elsewhere)
    assert run.code == 0, run.said
    made = products(country.folder)
    assert "report/index.html" in made
    assert {name for name in expected if made.get(name) != expected[name]} == set(), country.happened
