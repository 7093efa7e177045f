"""Samples in the database: drawn whole, interpreted blind, only ever added to."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import geopandas as gpd
import psycopg
import pyogrio
import pytest
from databases import account
from desk_case import image
from psycopg import errors

from builders.sample_maps import WINDOW, write_zone
from sealwatch.files import write_json
from sealwatch.publish.migrate import migrate
from sealwatch.publish.sampling.__main__ import main
from sealwatch.publish.sampling.draw import Design
from sealwatch.publish.sampling.store import (
    SampleError,
    agreement,
    close_sample,
    draw_sample,
    export_sample,
    samples,
)

DESIGN = Design({"change": 3, "buffer": 9, "stable": 12}, 7, 1, 0.3, None, 2, 3)
SECRET = {
    "stratum",
    "map_label",
    "map_start_half",
    "seed",
    "sizes",
    "map_digest",
    "min_rise",
    "zone",
    "grid_row",
}


@pytest.fixture(scope="session")
def zone(tmp_path_factory):
    return write_zone(tmp_path_factory.mktemp("samples"))


@pytest.fixture
def drawn(database, zone):
    draw_sample(database, "first", "A first look", [zone], DESIGN)
    return database


@pytest.fixture
def sign_in(database):
    """Function that gives a connection of a new account of a role."""
    with ExitStack() as made:

        def open_as(name, ending):
            dsn = made.enter_context(account(database, name, ending))
            connection = made.enter_context(psycopg.connect(dsn, autocommit=True))
            connection.execute("SET search_path = sealwatch, public")
            return connection

        yield open_as


def label(connection, unit, value, reviewer, sample="first", half=""):
    connection.execute(
        "INSERT INTO interpretation (sample, unit, label, reviewer, start_half) VALUES (%s, %s, %s, %s, %s)",
        [sample, unit, value, reviewer, half],
    )


def ask(settings, query):
    with psycopg.connect(settings["dsn"]) as connection:
        connection.execute("SET search_path = sealwatch, public")
        return connection.execute(query).fetchall()


def test_strata_cells_and_areas_add_up_and_a_second_draw_changes_nothing(drawn, zone):
    again = draw_sample(drawn, "first", "A first look", [zone], DESIGN)
    assert not again.new
    assert [(s["stratum"], s["units"], s["cells"]) for s in again.strata] == [
        ("change", 3, 3),
        ("buffer", 9, 27),
        ("stable", 12, 76),
    ]
    (rest,) = ask(drawn, "SELECT outside_cells, unobserved_cells, other_zone_cells FROM sample")
    cells = WINDOW.height * WINDOW.width
    assert sum(s["cells"] for s in again.strata) + sum(rest) == cells
    assert sum(s["area_m2"] for s in again.strata) == (cells - sum(rest)) * 640.0**2
    # A unit is its cell on the ground: as large but for the scale of the database's projection.
    (ratio,) = ask(drawn, "SELECT min(ST_Area(geom)) / 409600, max(ST_Area(geom)) / 409600 FROM sample_unit")
    assert ratio == pytest.approx((1, 1), abs=2e-3)
    with pytest.raises(SampleError, match="another design or from other maps"):
        draw_sample(drawn, "first", "A first look", [zone], dataclasses.replace(DESIGN, seed=8))
    with pytest.raises(SampleError, match="lower-case letters"):
        draw_sample(drawn, "../first", "A first look", [zone], DESIGN)
    draw_sample(drawn, "second", "Another", [zone], dataclasses.replace(DESIGN, seed=None))
    draw_sample(drawn, "second", "Another", [zone], dataclasses.replace(DESIGN, seed=None))
    assert [s["sample"] for s in samples(drawn)] == ["first", "second"]


@pytest.mark.parametrize("ending", ["interpreter", "reviewer", "reader", "desk"])
def test_no_account_learns_the_stratum_of_a_unit_by_any_query(drawn, sign_in, ending):
    connection = sign_in(f"eva_{ending}", ending)
    columns = ask(
        drawn,
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'sealwatch' "
        "AND (table_name LIKE 'sample%' OR table_name LIKE 'unit%' OR table_name LIKE 'interpretation%')",
    )
    assert len({name for _, name in columns} & SECRET) == len(SECRET)
    for table, column in columns:
        try:
            connection.execute(f"SELECT {column} FROM sealwatch.{table}").fetchall()
            read = True
        except errors.InsufficientPrivilege:
            read = False
        assert not (read and column in SECRET), (table, column)
        assert not (read and ending in ("reviewer", "reader")), (table, column)
    for catalogue in ("pg_stats", "pg_stats_ext"):
        assert not connection.execute(f"SELECT 1 FROM {catalogue} WHERE tablename LIKE 'sample%'").fetchall()
    if ending == "interpreter":
        # A unit that lies on a candidate is one of stratum change, so candidates stay hidden as well.
        for table in ("polygon", "standing", "review", "release_polygon", "verdict"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(f"SELECT 1 FROM {table}")
    if ending in ("interpreter", "desk"):
        # Nor does the order in which rows lie on the disk say anything, nor a function that looks at each row.
        units = [row[0] for row in connection.execute("SELECT unit FROM unit_to_interpret")]
        assert units == list(range(1, 25))
        connection.execute(
            "CREATE FUNCTION pg_temp.peek(r unit_to_interpret) RETURNS boolean LANGUAGE plpgsql COST 0.0001 "
            "AS $$BEGIN RAISE NOTICE '%', r; RETURN true; END$$"
        )
        notices = []
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        connection.execute("SELECT unit FROM unit_to_interpret r WHERE pg_temp.peek(r)")
        assert len(notices) == 24
        assert not any("change" in text or "buffer" in text or "stable" in text for text in notices)


def test_labels_are_added_under_the_own_name_and_two_people_do_not_see_each_other(drawn, sign_in):
    eva, jan = sign_in("eva", "interpreter"), sign_in("jan", "interpreter")
    for unit in range(1, 5):
        label(eva, unit, "no change", "eva")
        label(jan, unit, "no change" if unit < 4 else "unsure", "jan")
    label(eva, 1, "change", "eva", half="2022H2")
    assert {row[0] for row in eva.execute("SELECT reviewer FROM interpretation")} == {"eva"}
    assert agreement(drawn, "first") == [{"reviewer_a": "eva", "reviewer_b": "jan", "units": 4, "agreed": 2}]
    assert samples(drawn)[0]["done"] == {"eva": 4, "jan": 4}
    assert ask(drawn, "SELECT count(*), count(DISTINCT db_user) FROM interpretation") == [(9, 2)]
    for statement in (
        "INSERT INTO interpretation (sample, unit, label, reviewer) VALUES ('first', 1, 'change', 'jan')",
        "INSERT INTO interpretation (sample, unit, label, reviewer, db_user) VALUES ('first', 1, 'change', 'eva', 'x')",
        "UPDATE interpretation SET label = 'unsure'",
        "DELETE FROM interpretation",
        "TRUNCATE interpretation",
        "INSERT INTO sample_closing (sample) VALUES ('first')",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            eva.execute(statement)
    for values in ((99, "change", ""), (1, "change", "2021H1"), (1, "change", "2022"), (1, "no change", "2022H2"),
                   (1, "maybe", "")):  # fmt: skip
        with pytest.raises((errors.ForeignKeyViolation, errors.CheckViolation)):
            label(eva, values[0], values[1], "eva", half=values[2])


def test_the_owner_cannot_rewrite_a_sample_either(drawn):
    with psycopg.connect(drawn["dsn"], autocommit=True) as owner:
        owner.execute("SET search_path = sealwatch, public")
        label(owner, 1, "change", "eva")
        for table in ("sample", "sample_stratum", "sample_unit", "interpretation"):
            for statement in (
                f"UPDATE {table} SET sample = sample",
                f"DELETE FROM {table}",
                f"TRUNCATE {table} CASCADE",
            ):
                with pytest.raises(errors.InsufficientPrivilege, match="never changed"):
                    owner.execute(statement)
        with pytest.raises(errors.InsufficientPrivilege, match="a drawn sample is never changed"):
            owner.execute(
                "INSERT INTO sample_unit SELECT sample, 99, stratum, map_label, map_start_half, zone, 1, 1, geom "
                "FROM sample_unit WHERE unit = 1"
            )


def test_a_closed_sample_takes_no_label_and_is_open_to_the_publisher(drawn, sign_in, tmp_path):
    eva, press = sign_in("eva", "interpreter"), sign_in("press", "publisher")
    label(eva, 1, "change", "eva", half="2022H2")
    label(eva, 1, "no change", "eva")
    everything = "SELECT count(*) FROM sample_unit JOIN sample_stratum USING (sample, stratum)"
    assert press.execute(everything).fetchone() == (0,)
    assert press.execute("SELECT count(*) FROM interpretation").fetchone() == (0,)
    assert close_sample(drawn, "first", "complete")
    assert not close_sample(drawn, "first")
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="is closed"):
        label(eva, 2, "change", "eva")
    assert eva.execute("SELECT count(*) FROM unit_to_interpret").fetchone() == (0,)
    assert press.execute(everything).fetchone() == (24,)
    assert press.execute("SELECT count(*) FROM interpretation").fetchone() == (2,)
    assert export_sample(drawn, "first", tmp_path / "first.gpkg") == 24
    units = gpd.read_file(tmp_path / "first.gpkg", layer="units")
    assert units.stratum.value_counts().to_dict() == {"stable": 12, "buffer": 9, "change": 3}
    assert units.crs.to_epsg() == drawn["srid"]
    labels = pyogrio.read_dataframe(tmp_path / "first.gpkg", layer="interpretations")
    assert labels[["unit", "reviewer", "label"]].to_numpy().tolist() == [[1, "eva", "no change"]]
    strata = pyogrio.read_dataframe(tmp_path / "first.gpkg", layer="strata")
    assert strata.cells.tolist() == [3, 27, 76]
    with pytest.raises(SampleError, match="no sample third"):
        close_sample(drawn, "third")


def test_a_killed_draw_leaves_nothing_and_the_next_one_is_whole(database, zone):
    migrate(database)
    code = (
        "from pathlib import Path\nfrom test_samples import DESIGN\n"
        "from sealwatch.publish.sampling.store import draw_sample\n"
        "from sealwatch.publish.sampling.strata import ZoneMap\n"
        f"draw_sample({database!r}, 'first', 'A first look', [ZoneMap(Path({str(zone.change)!r}), "
        f"Path({str(zone.grid)!r}))], DESIGN)"
    )
    with psycopg.connect(database["dsn"]) as owner:
        # The draw waits here with its sample and strata inserted, its units not.
        owner.execute("LOCK TABLE sealwatch.sample_unit IN ACCESS EXCLUSIVE MODE")
        folder = os.path.dirname(__file__)
        paths = [folder, *(p for p in sys.path if p)]
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        )
        with psycopg.connect(database["dsn"], autocommit=True) as watch:
            waits = (
                "SELECT 1 FROM pg_locks WHERE relation = 'sealwatch.sample_unit'::regclass AND NOT granted"
            )
            for _ in range(600):
                if process.poll() is not None or watch.execute(waits).fetchone():
                    break
                time.sleep(0.1)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert samples(database) == []
    assert ask(database, "SELECT count(*) FROM sample_stratum") == [(0,)]
    assert draw_sample(database, "first", "A first look", [zone], DESIGN).new
    assert ask(database, "SELECT count(*) FROM sample_unit") == [(24,)]


def test_two_people_label_a_sample_on_the_desk(desk, zone):
    draw_sample(desk.database, "desk", "On the desk", [zone], DESIGN)
    folder = desk.folder / "results" / "samples" / "desk" / "1"
    folder.mkdir(parents=True)
    image(folder / "sentinel2_before.tif", 10.0, 1)
    write_json(folder / "images.json", {"sentinel2_before": {"date": "2021-06-14"}})
    ana, bor, rea = (desk.sign_in(name) for name in ("ana", "bor", "rea"))
    assert ana.get("/api/samples").json() == [
        {"sample": "desk", "title": "On the desk", "units": 24, "done": 0}
    ]
    first = ana.get("/api/samples/desk/next").json()
    assert (first["unit"], first["left"], first["period"]) == (1, 24, ["2022H1", "2023H2"])
    assert set(first) == {"unit", "geometry", "bounds", "images", "period", "left"}
    assert set(first["images"]) == {"sentinel2_before"}
    tile = first["images"]["sentinel2_before"]["tiles"].format(z=10, x=553, y=364)
    assert ana.get(tile).headers["content-type"] == "image/png"
    unit = "/api/samples/desk/units/1"
    assert ana.post(unit, {"label": "change", "start_half": "2022H2"}).status_code == 201
    assert bor.post(unit, {"label": "no change", "reason": "a field"}).status_code == 201
    assert rea.post(unit, {"label": "change"}).status_code == 403
    assert ana.post(unit, {"label": "no change", "start_half": "2022H2"}).status_code == 422
    assert ana.post("/api/samples/desk/units/99", {"label": "change"}).status_code == 404
    assert ana.get("/api/samples/other/next").status_code == 404
    assert ana.get("/api/samples/desk/next").json()["unit"] == 2
    assert agreement(desk.database, "desk")[0] == {
        "reviewer_a": "ana", "reviewer_b": "bor", "units": 1, "agreed": 0,
    }  # fmt: skip
    for number in range(2, 25):
        ana.post(f"/api/samples/desk/units/{number}", {"label": "unsure"})
    assert ana.get("/api/samples/desk/next").status_code == 204
    close_sample(desk.database, "desk")
    assert bor.get("/api/samples/desk/next").status_code == 404
    assert bor.get("/api/samples").json() == []


def test_the_command_line_draws_lists_closes_and_exports(database, zone, tmp_path, capsys):
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        f"results: {zone.change.parents[1]}\n"
        f"database: {{dsn_env: {database['dsn_env']}, schema: sealwatch, srid: {database['srid']}}}\n"
    )
    sizes = ["--change", "2", "--buffer", "4", "--stable", "6", "--no-images"]
    for arguments in (["draw", "y2025", *sizes], ["draw", "y2025", *sizes], ["list"], ["close", "y2025"],
                      ["export", "y2025", str(tmp_path / "y2025.gpkg")]):  # fmt: skip
        assert main([*arguments, "--configfile", str(mine)]) == 0
    said = capsys.readouterr().out
    assert "sample y2025 drawn" in said
    assert "stays as it is" in said
    assert "y2025  open  2022H1 to 2023H2  12 units" in said
    assert "12 units written" in said
    assert main(["close", "y2024", "--configfile", str(mine)]) == 1
    assert "there is no sample y2024" in capsys.readouterr().err
