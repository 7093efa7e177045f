"""The accuracy statement from labels in the database."""

import json

import psycopg
import pytest

from builders.sample_maps import write_zone
from sealwatch.publish.sampling.__main__ import main
from sealwatch.publish.sampling.draw import Design
from sealwatch.publish.sampling.store import close_sample, draw_sample


def test_the_command_states_what_the_latest_labels_say(database, tmp_path, capsys):
    zone = write_zone(tmp_path / "maps")
    draw_sample(
        database,
        "y2025",
        "Year 2025",
        [zone],
        Design({"change": 3, "buffer": 9, "stable": 12}, 7, 1, 0.3, None, 2, 3),
    )
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        f"results: {zone.change.parents[1]}\n"
        f"database: {{dsn_env: {database['dsn_env']}, schema: sealwatch, srid: {database['srid']}}}\n"
    )
    state = ["statement", "y2025", str(tmp_path / "out"), "--configfile", str(mine)]
    assert main(state) == 1
    assert "stratum change: 0 labelled units of 3 cells" in capsys.readouterr().err
    with psycopg.connect(database["dsn"], autocommit=True) as owner:
        owner.execute("SET search_path = sealwatch, public")
        units = owner.execute("SELECT unit, stratum FROM sample_unit ORDER BY unit").fetchall()
        of = {name: [u for u, stratum in units if stratum == name] for name in ("change", "buffer", "stable")}
        # One of three mapped changes is none, one of nine buffer cells changed; ana corrects her first label.
        labels = [(u, "ana", "change") for u in of["change"]]
        labels += [(u, "ana", "no change") for u in [of["change"][0], *of["buffer"][1:], *of["stable"]]]
        labels += [(of["buffer"][0], "ana", "change"), (of["buffer"][0], "bor", "change")]
        owner.cursor().executemany(
            "INSERT INTO interpretation (sample, unit, reviewer, label) VALUES ('y2025', %s, %s, %s)", labels
        )
    assert main(state) == 0
    said = capsys.readouterr().out
    assert "warning: the sample is open" in said
    found = json.loads((tmp_path / "out" / "statement.json").read_text())
    change = found["areas_km2"]["change"]
    # The change stratum is a census: its two changes are known, so only the omission of 27 buffer cells is estimated.
    assert change["value"] == pytest.approx((2 + 27 / 9) * 0.4096, abs=1e-5)
    assert change["mapped"] == pytest.approx(3 * 0.4096, abs=1e-5)
    variance = 27**2 * (1 - 9 / 27) * (1 / 9 * 8 / 9) / 8
    assert change["standard_error"] == pytest.approx(variance**0.5 * 0.4096, abs=1e-5)
    assert found["users_accuracy"]["change"]["low"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["agreement"] == [{"reviewer_a": "ana", "reviewer_b": "bor", "units": 1, "agreed": 1}]
    assert "Year 2025" in (tmp_path / "out" / "statement.md").read_text()
    close_sample(database, "y2025")
    assert main([*state, "--referee", "bor"]) == 0
    assert "the sample is open" not in capsys.readouterr().out
    assert main(["statement", "y2024", *state[2:]]) == 1
    assert "there is no sample y2024" in capsys.readouterr().err
