"""Loading outlines and registries into a real PostGIS, and measuring distances there."""

import json

import geopandas as gpd
import numpy as np
import pytest
from databases import rows
from outline_files import outlines, registry, write

from sealwatch.errors import ConfigError, DatabaseError, VectorError
from sealwatch.publish.database import connect
from sealwatch.publish.enrich import enrich, measure
from sealwatch.publish.load import load
from sealwatch.publish.migrate import migrate
from sealwatch.publish.registries import load_registries
from sealwatch.publish.review import decide, history, queue


def test_loading_twice_changes_nothing(database, tmp_path):
    paths = [
        write(outlines("A1", 2024, 30), tmp_path, "A1", 2024),
        write(outlines("B2", 2023, 0), tmp_path, "B2", 2023),
    ]
    load(paths, tmp_path / "load.json", database)
    first = rows(database, "SELECT *, xmin::text FROM polygon ORDER BY polygon_id")
    marker = (tmp_path / "load.json").read_bytes()
    load(paths, tmp_path / "load.json", database)
    assert rows(database, "SELECT *, xmin::text FROM polygon ORDER BY polygon_id") == first
    assert (tmp_path / "load.json").read_bytes() == marker
    assert len(first) == 30
    assert json.loads(marker)["sheets"]["B2_2023"]["polygons"] == 0


def test_a_rebuilt_sheet_keeps_decisions_and_withdraws_what_vanished(database, tmp_path):
    frame = outlines("A1", 2024, 6)
    ids = sorted(frame["polygon_id"])
    path = write(frame, tmp_path, "A1", 2024)
    load([path], tmp_path / "load.json", database)
    decide(database, ids, "accepted", "ana", "seen on the ground")

    changed = frame.sort_values("polygon_id", ignore_index=True)
    changed.loc[1, "start_half"] = "2022H2"
    changed.loc[2, "probability"] = 0.5
    write(changed.iloc[1:], tmp_path, "A1", 2024)
    load([path], tmp_path / "load.json", database)

    withdrawn = dict(rows(database, "SELECT polygon_id, withdrawn FROM polygon"))
    assert [name for name in ids if withdrawn[name]] == ids[:1]
    assert all(history(database, name)[0]["reviewer"] == "ana" for name in ids)
    assert [(row["polygon_id"], row["due"], row["cause"]) for row in queue(database)] == [
        (ids[0], "re-review", ["vanished"]),
        (ids[1], "re-review", ["period"]),
    ]

    write(frame, tmp_path, "A1", 2024)
    load([path], tmp_path / "load.json", database)
    assert queue(database) == []
    load([], tmp_path / "load.json", database)
    assert rows(database, "SELECT count(*) FROM polygon WHERE withdrawn") == [(6,)]


def test_distances_equal_shapely(database, tmp_path):
    frame = outlines("A1", 2024, 150, seed=3)
    load([write(frame, tmp_path, "A1", 2024)], tmp_path / "load.json", database)
    registries = {
        "cadastre": registry(tmp_path, "cadastre", 4),
        "land_use": registry(tmp_path, "land_use", 5, epsg=4326),
    }
    load_registries(registries, tmp_path / "registries.json", database)
    enrich(tmp_path / "enrich.json", database)
    mine = frame.to_crs(database["srid"]).set_index("polygon_id").geometry
    for name, source in registries.items():
        others = gpd.read_file(source["path"]).to_crs(database["srid"]).geometry
        found = dict(
            rows(database, f"SELECT polygon_id, distance_m FROM registry_distance WHERE registry = '{name}'")
        )
        expected = np.array([others.distance(shape).min() for shape in mine])
        np.testing.assert_allclose([found[key] for key in mine.index], expected, atol=1e-6)


def test_distances_are_measured_again_only_where_something_changed(database, tmp_path):
    frame = outlines("A1", 2024, 20)
    path = write(frame, tmp_path, "A1", 2024)
    load([path], tmp_path / "load.json", database)
    sources = {"cadastre": registry(tmp_path, "cadastre", 4), "land_use": registry(tmp_path, "land_use", 5)}
    load_registries(sources, tmp_path / "registries.json", database)
    enrich(tmp_path / "enrich.json", database)
    marker = (tmp_path / "enrich.json").read_bytes()

    frame.loc[3, "geometry"] = frame.geometry[3].buffer(5)
    write(frame, tmp_path, "A1", 2024)
    load([path], tmp_path / "load.json", database)
    sources["land_use"] = registry(tmp_path, "land_use", 6)
    load_registries(sources, tmp_path / "registries.json", database)
    with connect(database) as connection:
        assert (measure(connection, "cadastre"), measure(connection, "land_use")) == (1, 20)
        assert (measure(connection, "cadastre"), measure(connection, "land_use")) == (0, 0)
    enrich(tmp_path / "enrich.json", database)
    assert (tmp_path / "enrich.json").read_bytes() != marker

    del sources["land_use"]
    load_registries(sources, tmp_path / "registries.json", database)
    assert rows(database, "SELECT DISTINCT registry FROM registry_distance") == [("cadastre",)]


def test_migrations_are_applied_once_and_guard_the_crs(database):
    assert migrate(database) == migrate(database)
    with pytest.raises(ConfigError, match=r"database\.srid is 32633, but the schema holds EPSG:3794"):
        migrate({**database, "srid": 32633})
    with pytest.raises(ConfigError, match="not a projected CRS in metres"):
        migrate({**database, "srid": 4326})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.drop(columns="event_id"), r"lacks field\(s\) event_id"),
        (lambda f: f.assign(flight_date=None), "field flight_date is empty"),
        (lambda f: f.assign(polygon_id="same"), "polygon_id same occurs twice"),
        (lambda f: f.assign(year=1999), "not those of the file's name"),
    ],
)
def test_a_bad_outline_file_is_named(database, tmp_path, spoil, message):
    path = write(spoil(outlines("A1", 2024, 3)), tmp_path, "A1", 2024)
    with pytest.raises(VectorError, match=message) as caught:
        load([path], tmp_path / "load.json", database)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "load.json").exists()


def test_a_bad_registry_is_named(database, tmp_path):
    with pytest.raises(VectorError, match="no such vector source"):
        load_registries(
            {"cadastre": {"path": str(tmp_path / "x.gpkg"), "layer": None}}, tmp_path / "r.json", database
        )
    source = registry(tmp_path, "cadastre", 1)
    with pytest.raises(VectorError, match=r"registries\.cadastre: .*layer absent cannot be read"):
        load_registries({"cadastre": {**source, "layer": "absent"}}, tmp_path / "r.json", database)
    with pytest.raises(ConfigError, match="registries: 'Bad; name'"):
        load_registries({"Bad; name": source}, tmp_path / "r.json", database)


def test_a_dead_database_is_one_clear_line_without_the_password(monkeypatch, tmp_path):
    settings = {"dsn_env": "SEALWATCH_TEST_DSN", "schema": "sealwatch", "srid": 3794}
    monkeypatch.delenv("SEALWATCH_TEST_DSN", raising=False)
    with pytest.raises(DatabaseError, match=r"SEALWATCH_TEST_DSN .* is not set"):
        load([], tmp_path / "load.json", settings)
    monkeypatch.setenv("SEALWATCH_TEST_DSN", "postgresql://ana:secret@127.0.0.1:1/sealwatch")
    with pytest.raises(DatabaseError) as caught:
        load([], tmp_path / "load.json", settings)
    assert str(caught.value) == (
        'cannot connect to database "sealwatch" at 127.0.0.1:1; '
        "start the server or correct SEALWATCH_TEST_DSN"
    )


def test_an_empty_database_is_named(database):
    with pytest.raises(DatabaseError, match='schema "sealwatch" has not been loaded; run snakemake'):
        queue(database)
