"""Plans for a country: the paper's inventory, and what Snakemake lists for a small one, to the last new scene."""

from dataclasses import replace

import pytest

from builders import national
from builders.plans import dry_run, finish
from sealwatch.catalogue.inventory import read_inventory
from sealwatch.keys import half_range, month_range

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def country(tmp_path_factory):
    return national.build(tmp_path_factory.mktemp("country"), size=national.SMALL)


def test_the_inventory_is_as_large_as_the_papers(tmp_path):
    made = national.build(tmp_path, size=replace(national.PAPER, sheets=200))
    tiles = sorted({tile for tile, _, _ in made.scenes})
    read = read_inventory(made.results / "inventory", tiles, *national.PERIOD, [])
    assert len(tiles) == 7
    assert len(read.scenes) == len(set(made.scenes)) == 1532
    assert made.dates == len(read.mosaics("32633")) == 421
    assert len(read.mosaics_of_month) == 69 == len(month_range(*national.PERIOD)) - 1


def test_the_plan_from_nothing_lists_every_job_of_the_inventory(country):
    jobs = dry_run(country).jobs
    assert jobs["ingest"] == jobs["classify"] == len(country.scenes) == 60
    assert jobs["mosaic"] == country.dates == 40
    assert jobs["month"] == len(month_range(*national.PERIOD)) == 70
    assert jobs["half"] == len(half_range(*national.PERIOD)) == 12
    many = {"ingest", "classify", "mosaic", "month", "half", "total"}
    assert {number for name, number in jobs.items() if name not in many} == {1}


def test_a_finished_country_has_nothing_to_do_and_one_new_scene_brings_twelve_jobs(country):
    finish(country)
    assert "Nothing to be done" in dry_run(country).text
    country.add_scene()
    plan = dry_run(country)
    assert plan.jobs == dict.fromkeys([*national.ONE_SCENE, "all"], 1) | {"total": 13}
