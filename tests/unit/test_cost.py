"""The estimate of what a country costs: as new as its sources, and its sums are right."""

import re

import pytest

from benchmarks.cost import FIRST, YEAR, make_page, products, read_rates, steps
from benchmarks.demo_rates import SCALED
from benchmarks.table import DOCS


def rows(text, title):
    """Cells of the first table below a title."""
    below = text.split(f"\n{title}\n", 1)[1].split("\n## ")[0]
    table = "".join(below.partition("|")[1:]).split("\n\n")[0].splitlines()
    return [[cell.strip("* ") for cell in line[1:-1].split("|")] for line in table[2:]]


def number(cell):
    return float(cell.replace(",", "")) if cell else 0.0


def test_the_page_is_made_of_the_rates_that_are_committed():
    assert (DOCS / "cost.md").read_text() == make_page(), "run make cost"


@pytest.mark.parametrize("title", ["## The first run", "## Each further year"])
def test_the_sums_of_the_steps_are_those_of_their_rows(title):
    *found, last = rows((DOCS / "cost.md").read_text(), title)
    for row in found:
        assert number(row[5]) == pytest.approx(number(row[1]) * number(row[3]) / 3600, rel=0.02)
    for column in (5, 6, 7):
        assert number(last[column]) == pytest.approx(sum(number(row[column]) for row in found), rel=0.01)
    assert number(last[6]) == pytest.approx(number(last[5]) / 16, rel=0.01)


def test_the_sum_on_disk_is_that_of_its_rows():
    *found, last = rows((DOCS / "cost.md").read_text(), "## Disk")
    for row in found:
        assert number(row[3]) == pytest.approx(number(row[1]) * number(row[2]), rel=0.01)
    assert number(last[3]) == pytest.approx(sum(number(row[3]) for row in found), rel=0.01)


def test_what_runs_once_is_every_rule_that_no_other_rate_stands_for():
    """Those with a benchmark file; the others, which are run by name, have none."""
    rules = "".join(path.read_text() for path in sorted((DOCS.parent / "workflow/rules").glob("*.smk")))
    _, *parts = re.split(r"^ *(?:rule|checkpoint) (\w+):$", rules, flags=re.MULTILINE)
    measured = {name for name, text in zip(parts[::2], parts[1::2], strict=True) if " benchmark:\n" in text}
    assert set(read_rates().other("once")) == measured - SCALED
    assert measured >= SCALED


def test_every_rate_has_a_source_and_follows_it():
    rates = read_rates()
    found = steps(FIRST, rates, training=True) + steps(YEAR, rates, training=False) + products(rates)
    for item in found:
        (cited,) = re.findall(r"^`(\w+)`$|^\[(\w+)\]\(#rates\)$|^(\d+ bytes a \w+): layout", item.source)
        row, other, layout = cited
        assert row in rates.rows or other in rates.others or layout, item
    before = steps(FIRST, rates, training=True)[0].core_h
    note = rates.rows["ingest_job_memory_tile"]["note"]
    cpu = float(re.search(r"([\d.]+) s CPU", note)[1])
    rates.rows["ingest_job_memory_tile"]["note"] = note.replace(f"{cpu:g} s CPU", f"{2 * cpu:g} s CPU")
    assert steps(FIRST, rates, training=True)[0].core_h == pytest.approx(2 * before)
    rates.rows["ingest_job_memory_tile"]["note"] = "no figure"
    with pytest.raises(SystemExit, match="make bench ONLY=ingest_job_memory_tile"):
        steps(FIRST, rates, training=True)
