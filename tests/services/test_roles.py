"""What the roles of the database may and may not do, as accounts that are signed in."""

from contextlib import ExitStack

import psycopg
import pytest
from databases import RULES, account
from outline_files import enriched, outlines, write

from sealwatch.errors import DatabaseError
from sealwatch.publish.load import load
from sealwatch.publish.release import make_release
from sealwatch.publish.review import decide, history, queue

SECRET = ("polygon", "polygon_version", "review", "verdict", "verdict_now", "standing", "re_review", "release",
          "release_polygon", "registry", "registry_distance", "registry_polygon", "review_rule", "enrichment",
          "polygon_generalised", "review_form", "registry_shape", "release_generalised", "schema_version",
          "sheet_load", "desk_account", "desk_session", "desk_attempt", "decision", "sample", "sample_unit",
          "sample_stratum", "interpretation", "unit_to_interpret")  # fmt: skip
OID = "(SELECT oid FROM pg_class WHERE relname = 'polygon' AND relkind = 'r')::regclass"
VIEWS = ("newly_sealed", "newly_sealed_1", "newly_sealed_generalised_5m", "releases")


@pytest.fixture
def database(database):
    return database | {"generalise_m": [5.0]}


@pytest.fixture
def signed_in(database, monkeypatch, tmp_path):
    """Function that signs an account of a role in; before, three polygons are loaded and one is released."""
    names = sorted(enriched(database, tmp_path, 3, RULES)["polygon_id"])
    decide(database, names[:1], "accepted", "dora")
    make_release(database, tmp_path / "release")
    with ExitStack() as made:

        def sign_in(name, ending):
            dsn = made.enter_context(account(database, name, ending))
            monkeypatch.setenv("SEALWATCH_TEST_DSN", dsn)
            connection = made.enter_context(psycopg.connect(dsn, autocommit=True))
            connection.execute("SET search_path = sealwatch, public")
            return connection, names

        yield sign_in


def refused(connection, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)
    return True


def test_the_service_reads_the_public_views_and_nothing_else(signed_in):
    connection, names = signed_in("web", "reader")
    with connection:
        found = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE nspname LIKE 'sealwatch%' AND relkind <> 'i' "
            "AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
        ).fetchall()
        assert sorted(name for (name,) in found) == [f"sealwatch_public.{view}" for view in VIEWS]
        for view in VIEWS[:3]:
            answer = connection.execute(f"SELECT * FROM sealwatch_public.{view}")
            assert not {"reviewer", "reason", "decided_at"} & {column.name for column in answer.description}
            assert [row[0] for row in answer] == names[:1]
        for table in SECRET:
            refused(connection, f"SELECT 1 FROM sealwatch.{table}")
        for statement in (
            "INSERT INTO sealwatch.review (polygon_id, state, reviewer) VALUES ('x', 'accepted', 'web')",
            "CREATE TABLE sealwatch.mine (a int)",
            "CREATE TABLE sealwatch_public.mine (a int)",
            "UPDATE sealwatch_public.newly_sealed SET sheet = ''",
            "DELETE FROM sealwatch_public.newly_sealed_1",
            "DROP VIEW sealwatch_public.newly_sealed",
            # Statistics of a table tell where its shapes lie.
            f"SELECT _postgis_stats({OID}, 'geom')",
            f"SELECT _postgis_selectivity({OID}, 'geom', 'POLYGON((0 0, 1 0, 1 1, 0 0))')",
            f"SELECT _postgis_index_extent({OID}, 'geom')",
            "SELECT query_to_xml('SELECT * FROM sealwatch.review', true, false, '')",
        ):
            refused(connection, statement)


def test_the_service_can_call_no_function_of_the_schema(database, signed_in):
    connection, _ = signed_in("web", "reader")
    with psycopg.connect(database["dsn"], autocommit=True) as owner, connection:
        # Beyond the closed schema: where somebody opened it by mistake, candidates still stay unknown.
        owner.execute("GRANT USAGE ON SCHEMA sealwatch TO sealwatch_reader")
        functions = owner.execute(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'sealwatch'::regnamespace "
            "AND prorettype <> 'trigger'::regtype"
        ).fetchall()
        callable_ones = [
            name
            for (name,) in functions
            if connection.execute("SELECT has_function_privilege(%s, 'EXECUTE')", [name]).fetchone()
            == (True,)
        ]
        assert callable_ones == ["sealwatch.half_start(text)", "sealwatch.half_end(text)"]
        for table in SECRET:
            refused(connection, f"SELECT 1 FROM sealwatch.{table}")


def test_a_reviewer_decides_under_the_own_name_and_cannot_rewrite_history(database, signed_in):
    connection, names = signed_in("ana", "reviewer")
    with connection:
        assert [row["polygon_id"] for row in queue(database)] == names[1:]
        decide(database, names[1:2], "rejected", "ana", "a greenhouse")
        with pytest.raises(DatabaseError, match="row-level security"):
            decide(database, names[2:], "accepted", "bor")
        assert history(database, names[0])[0]["reviewer"] == "dora"
        for statement in (
            "UPDATE review SET state = 'accepted'",
            "DELETE FROM review",
            "TRUNCATE review CASCADE",
            "ALTER TABLE review DISABLE TRIGGER ALL",
            "INSERT INTO review (polygon_id, state, reviewer, decided_at) VALUES ('x', 'accepted', 'ana', now())",
            "INSERT INTO review (polygon_id, state, reviewer, db_user) VALUES ('x', 'accepted', 'ana', 'bor')",
            "UPDATE polygon SET area_m2 = 1",
            "UPDATE verdict SET due = ''",
            "DELETE FROM polygon_version",
            "UPDATE review_rule SET four_eyes = false",
            "INSERT INTO release (release, digest, polygons, registries) VALUES (9, '', 0, '{}')",
        ):
            refused(connection, statement)
    # A table of one's own under a known name must not mislead the functions that run with their owner's rights.
    connection = psycopg.connect(database["dsn"].replace("postgres@", "ana@"), autocommit=True)
    with connection:
        connection.execute("SET search_path = sealwatch, public")
        connection.execute("CREATE TEMP TABLE polygon_version (LIKE sealwatch.polygon_version)")
        connection.execute(
            "INSERT INTO review (polygon_id, state, reviewer) VALUES (%s, 'accepted', 'ana')", names[2:]
        )
        assert connection.execute("SELECT count(*) FROM polygon_version").fetchone() == (0,)
        assert connection.execute(
            "SELECT db_user FROM review ORDER BY review_id DESC LIMIT 1"
        ).fetchone() == ("ana",)


def test_the_desk_writes_for_its_accounts_and_the_publisher_only_releases(database, signed_in, tmp_path):
    connection, names = signed_in("desk_app", "desk")
    with connection:
        decide(database, names[1:2], "accepted", "some account")
        refused(connection, "DELETE FROM review")
        refused(
            connection, "INSERT INTO release (release, digest, polygons, registries) VALUES (9, '', 0, '{}')"
        )
    connection, _ = signed_in("press", "publisher")
    with connection:
        assert make_release(database, tmp_path / "release").polygons == 2
        for statement in (
            "INSERT INTO review (polygon_id, state, reviewer) VALUES ('x', 'accepted', 'press')",
            "UPDATE polygon SET withdrawn = true",
            "DELETE FROM release_polygon",
            "SELECT reviewer FROM review",
        ):
            refused(connection, statement)


def test_an_owner_that_may_not_create_roles_can_load_and_is_told(
    cluster, database, monkeypatch, tmp_path, capsys
):
    settings = database | {"schema": "village"}
    with psycopg.connect(database["dsn"], autocommit=True) as connection:
        connection.execute("CREATE ROLE village_loader LOGIN")
        connection.execute(f"GRANT CREATE ON DATABASE {connection.info.dbname} TO village_loader")
    try:
        monkeypatch.setenv("SEALWATCH_TEST_DSN", database["dsn"].replace("postgres@", "village_loader@"))
        load([write(outlines("A1", 2024, 3), tmp_path, "A1", 2024)], tmp_path / "load.json", settings, RULES)
        assert len(queue(settings)) == 3
        assert "roles village_reader, village_reviewer" in capsys.readouterr().err
    finally:
        with psycopg.connect(database["dsn"], autocommit=True) as connection:
            connection.execute("DROP OWNED BY village_loader CASCADE")
            connection.execute("DROP ROLE village_loader")
