"""The accuracy statement from labels in memory, the plan from change maps, and coverage of the intervals."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from accuracy.statement_rows import Case, measure
from builders.sample_maps import write_zone
from sealwatch.publish.sampling.__main__ import main
from sealwatch.publish.sampling.estimate import EstimateError
from sealwatch.publish.sampling.reference import Interpreted, outcomes
from sealwatch.publish.sampling.statement import make_statement, write_statement
from sealwatch.publish.sampling.store import SampleError

CELL_M2 = 640.0**2
CELLS = {"change": 500, "buffer": 8_000, "stable": 41_500}
SHOWN = {"change": (80, 20), "buffer": (3, 97), "stable": (0, 200)}
"""Units of each stratum that show change and no change."""


def interpreted(shown=SHOWN, others=(), closed=True, agreement=()):
    """A sample with the units of `shown`, all labelled by ana and bor, then `others`: (stratum, labels)."""
    rows = [
        (stratum, {"ana": label, "bor": label})
        for stratum, numbers in shown.items()
        for label, number in zip(("change", "no change"), numbers, strict=True)
        for _ in range(number)
    ] + list(others)
    label_of = {"change": "change", "buffer": "no change", "stable": "no change"}
    units = pd.DataFrame(
        [(n, stratum, label_of[stratum]) for n, (stratum, _) in enumerate(rows, 1)],
        columns=["unit", "stratum", "map_label"],
    )
    labels = pd.DataFrame(
        [(n, who, label) for n, (_, given) in enumerate(rows, 1) for who, label in given.items()],
        columns=["unit", "reviewer", "label"],
    )
    strata = [
        {
            "stratum": name,
            "map_label": label_of[name],
            "cells": cells,
            "area_m2": cells * CELL_M2,
            "units": int((units["stratum"] == name).sum()),
        }
        for name, cells in CELLS.items()
    ]
    sample = {
        "sample": "y2025",
        "title": "Accuracy 2025",
        "period_start": "2022H1",
        "period_end": "2023H2",
        "cell_size_m": 640.0,
        "buffer_cells": 2,
        "map_digest": "sha256:0",
        "unobserved_cells": 10,
        "closed_at": "then" if closed else None,
    }
    return Interpreted(sample, strata, units, labels, list(agreement))


def test_areas_and_accuracies_follow_from_the_units():
    found = make_statement(interpreted())
    change = found["areas_km2"]["change"]
    cells = 500 * 0.8 + 8_000 * 0.03
    assert change["value"] == pytest.approx(cells * CELL_M2 / 1e6)
    assert change["mapped"] == pytest.approx(500 * CELL_M2 / 1e6)
    variance = 500**2 * 0.8 * 0.16 / 99 + 8_000**2 * (1 - 100 / 8_000) * 0.03 * 0.97 / 99
    assert change["standard_error"] == pytest.approx(np.sqrt(variance) * CELL_M2 / 1e6)
    assert change["low"] < change["value"] < change["high"]
    assert sum(a["value"] for a in found["areas_km2"].values()) == pytest.approx(found["area_km2"])
    assert found["users_accuracy"]["change"]["value"] == pytest.approx(0.8)
    assert found["producers_accuracy"]["change"]["value"] == pytest.approx(400 / cells)
    assert found["overall_accuracy"]["value"] == pytest.approx(1 - (100 + 240) / 50_000)
    assert found["matrix_units"] == [[80, 20], [3, 297]]
    assert np.sum(found["matrix_shares"]) == pytest.approx(1)
    assert found["unobserved_km2"] == pytest.approx(4.096)


def test_units_without_a_label_are_counted_named_and_bound_the_area():
    others = [
        ("stable", {}),
        ("stable", {"ana": "unsure"}),
        ("buffer", {"ana": "change", "bor": "no change"}),
    ]
    plain, found = make_statement(interpreted()), make_statement(interpreted(others=others, closed=False))
    assert found["areas_km2"]["change"]["value"] == pytest.approx(plain["areas_km2"]["change"]["value"])
    assert found["strata"][2]["unanswered"] == found["strata"][2]["unsure"] == 1
    bounds = found["change_km2_if_all_others"]
    most = 500 * 0.8 + 8_000 * 4 / 101 + 41_500 * 2 / 202
    assert bounds["change"] == pytest.approx(most * CELL_M2 / 1e6)
    assert bounds["no change"] < found["areas_km2"]["change"]["value"]
    assert plain["change_km2_if_all_others"] is None
    said = "\n".join(found["warnings"])
    assert "the sample is open" in said
    assert "stratum buffer: 1 of 101 units have no label (1 disputed)" in said
    assert "stratum stable: 2 of 202 units have no label (1 unsure, 1 unanswered)" in said
    assert "stratum stable: 0 units show change that the map lacks, and each stands for 84.99 km2" in said
    # A referee settles the dispute.
    settled = make_statement(interpreted(others=others), "ana")
    assert settled["strata"][1]["change"] == 4
    assert settled["strata"][1]["disputed"] == 0


def test_the_label_most_people_gave_counts():
    labels = pd.DataFrame(
        [
            (1, "ana", "change"), (1, "bor", "change"), (1, "cene", "no change"),
            (2, "ana", "unsure"), (2, "bor", "no change"),
            (3, "ana", "change"), (3, "bor", "no change"),
            (4, "ana", "unsure"),
        ],
        columns=["unit", "reviewer", "label"],
    )  # fmt: skip
    units = pd.Series([5, 4, 3, 2, 1])
    assert outcomes(units, labels).tolist() == ["unanswered", "unsure", "disputed", "no change", "change"]
    assert outcomes(units, labels, "cene").tolist()[-1] == "no change"
    assert outcomes(units, labels, "ana").tolist()[2] == "change"
    assert outcomes(units, labels.iloc[:0]).tolist() == ["unanswered"] * 5
    with pytest.raises(SampleError, match="--referee dana: has labelled no unit"):
        outcomes(units, labels, "dana")


def test_too_few_labels_stop_and_disagreement_and_small_strata_are_said():
    with pytest.raises(EstimateError, match="stratum stable: 1 labelled units of 41500 cells"):
        make_statement(interpreted(SHOWN | {"stable": (0, 1)}))
    pair = {"reviewer_a": "ana", "reviewer_b": "bor", "units": 40, "agreed": 30}
    said = "\n".join(make_statement(interpreted(SHOWN | {"change": (8, 2)}, agreement=[pair]))["warnings"])
    assert "stratum change: 10 labelled units; 50 or more are advised" in said
    assert "only 30 of 40 units" in said
    alone = [(name, {"ana": label}) for name in CELLS for label in ("change", "no change") for _ in range(60)]
    quiet = make_statement(interpreted(dict.fromkeys(CELLS, (0, 0)), others=alone))["warnings"]
    assert quiet == ["fewer than two people have labelled units: how sure the labels are is unknown"]


def test_page_table_and_json_say_the_same(tmp_path):
    statement = make_statement(interpreted(SHOWN | {"change": (0, 100), "buffer": (0, 100)}))
    paths = write_statement(statement, tmp_path)
    before = [p.read_bytes() for p in paths]
    write_statement(make_statement(interpreted(SHOWN | {"change": (0, 100), "buffer": (0, 100)})), tmp_path)
    assert [p.read_bytes() for p in paths] == before
    page, rows = paths[1].read_text(), list(csv.DictReader(io.StringIO(paths[2].read_text())))
    assert "| producer's accuracy | change | not defined: no unit has the class |" in page
    assert [r["value"] for r in rows if (r["figure"], r["class"]) == ("producer's accuracy", "change")] == [
        ""
    ]
    area = next(r for r in rows if r["figure"] == "area")
    assert float(area["high"]) == statement["areas_km2"]["change"]["high"] > 0
    assert f"{statement['areas_km2']['change']['high']:.2f} km2" in page


def test_the_command_plans_from_the_maps(tmp_path, capsys):
    zone = write_zone(tmp_path)
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"results: {zone.change.parents[1]}\n")
    common = ["--buffer-cells", "1", "--configfile", str(mine)]
    assert main(["plan", "--overall", "0.05", "--minimum", "2", *common]) == 0
    said = capsys.readouterr().out
    assert "106 cells, 43.42 km2, changes from 2022H1 to 2023H2" in said
    assert "of 76 cells, 0.10% expected to have changed" in said
    assert "without a buffer:" in said
    assert "by equation 13" in said
    assert main(["plan", "--units", "3", "10", "20", *common]) == 0
    assert "33 units; expected half-widths" in capsys.readouterr().out
    assert main(["plan", *common]) == 1
    assert "name a wanted half-width" in capsys.readouterr().err
    assert main(["plan", "--units", "4", "10", "20", *common]) == 1
    assert "--change: 4 units, but the stratum has 3 cells" in capsys.readouterr().err


def test_intervals_of_samples_from_random_countries_hold_the_truth():
    """Countries are drawn by a fixed seed; the bounds hold 99.9 % of what a coverage of 93 to 97 % gives."""
    case = {"case": Case({"change": 100, "buffer": 150, "stable": 350}, 2, "")}
    found = measure(150, 112, case, 3)
    for figure in ("area", "overall", "users", "producers"):
        coverage = found[("case", figure, "score")]
        assert coverage.n == 150
        assert binom.ppf(0.0005, 150, 0.93) <= coverage.hits <= binom.ppf(0.9995, 150, 0.97), figure
    # The normal interval of the same samples is too short: what the score limits are there for.
    assert found[("case", "area", "normal")].hits < binom.ppf(0.0005, 150, 0.93)
