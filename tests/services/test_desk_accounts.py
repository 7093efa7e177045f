"""Accounts, signing in and out, and the limit on attempts."""

import io
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from builders.review_desk import PASSWORD, ROOT
from sealwatch.desk import accounts
from sealwatch.desk.__main__ import main
from sealwatch.desk.sessions import ATTEMPTS_PER_ADDRESS, ATTEMPTS_PER_NAME, WINDOW_S
from sealwatch.publish.database import connect

SESSION = "/api/session"


@pytest.fixture(autouse=True)
def no_attempts(desk):
    desk.rows("DELETE FROM desk_attempt")
    yield
    desk.rows("DELETE FROM desk_attempt")


@pytest.fixture
def account(desk, monkeypatch, capsys):
    """Function that runs the command line on accounts; returns its exit status and what it printed."""
    monkeypatch.chdir(ROOT)

    def run(*words, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
        status = main(["account", *words, "--configfile", str(desk.folder / "desk.yaml")])
        return status, "".join(capsys.readouterr())

    return run


def attempt(desk, name, password, person=None, **more):
    return (person or desk.sign_in(None)).post(SESSION, {"name": name, "password": password}, **more)


def test_the_command_line_makes_and_changes_accounts(desk, account):
    assert account("add", "cene", "--role", "reader", typed="correct horse battery") == (0, "")
    answer = attempt(desk, " Cene", "correct horse battery")
    assert (answer.status_code, answer.json()["name"], answer.json()["role"]) == (200, "cene", "reader")
    assert account("role", "cene", "publisher")[0] == 0
    person = desk.sign_in(None)
    assert attempt(desk, "cene", "correct horse battery", person).json()["role"] == "publisher"
    status, listing = account("list")
    assert (status, "cene  publisher\n" in listing) == (0, True)
    assert "argon2" not in listing

    assert account("lock", "cene")[0] == 0
    assert person.get(SESSION).status_code == 401
    assert attempt(desk, "cene", "correct horse battery").status_code == 401
    assert "cene  publisher  locked" in account("list")[1]
    assert account("unlock", "cene")[0] == 0
    assert person.get(SESSION).status_code == 401
    assert attempt(desk, "cene", "correct horse battery", person).status_code == 200

    assert account("password", "cene", typed="another long password")[0] == 0
    assert person.get(SESSION).status_code == 401
    assert attempt(desk, "cene", "correct horse battery").status_code == 401
    assert attempt(desk, "cene", "another long password").status_code == 200


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (["add", "dana"], "short", "12 to 1024 characters"),
        (["add", "Dana"], PASSWORD, "small letter"),
        (["add", "d'; DROP TABLE review; --"], PASSWORD, "small letter"),
        (["add", "ana"], PASSWORD, "exists already"),
        (["lock", "nobody"], "", "unknown account nobody"),
        (["password", "ana"], "short", "12 to 1024 characters"),
    ],
)
def test_the_command_line_says_what_is_wrong(desk, account, words, typed, said):
    status, text = account(*words, typed=typed)
    assert (status, said in text) == (1, True), text
    assert not typed or typed not in text
    assert attempt(desk, "ana", PASSWORD).status_code == 200


def test_a_password_is_the_same_from_every_keyboard(desk, account):
    account("add", "eva", typed="Z\u030celezna cesta 12")
    assert attempt(desk, "eva", "\u017delezna cesta 12").status_code == 200


def test_the_database_holds_neither_passwords_nor_tokens(desk):
    person = desk.sign_in("ana")
    token = person.cookies["sealwatch_session"]
    attempt(desk, "my secret typed into the wrong field", PASSWORD)
    for table in ("desk_account", "desk_session", "desk_attempt"):
        text = str(desk.rows(f"SELECT t::text FROM {table} t"))
        for secret in (PASSWORD, token, person.headers["X-CSRF-Token"], "my secret"):
            assert secret not in text
    hashes = [row[0] for row in desk.rows("SELECT password_hash FROM desk_account")]
    assert all(re.match(r"\$argon2id\$v=19\$m=65536,t=3,p=4\$", value) for value in hashes)
    assert len(set(hashes)) == len(hashes)


def test_a_session_is_new_at_every_sign_in_and_ends(desk):
    person = desk.sign_in(None)
    person.cookies.set("sealwatch_session", "chosen-by-somebody-else", domain="127.0.0.1")
    answer = attempt(desk, "ana", PASSWORD, person)
    first = person.cookies.get("sealwatch_session", domain="127.0.0.1", path="/")
    assert first
    assert first != "chosen-by-somebody-else"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    attempt(desk, "ana", PASSWORD, person)
    second = person.cookies.get("sealwatch_session", domain="127.0.0.1", path="/")
    assert second != first
    nobody = desk.sign_in(None)
    assert nobody.get(SESSION, cookies={"sealwatch_session": first}).status_code == 401
    assert nobody.get(SESSION, cookies={"sealwatch_session": second}).status_code == 200

    ana = desk.sign_in("ana")
    token = ana.cookies["sealwatch_session"]
    assert ana.delete(SESSION).status_code == 204
    assert nobody.get(SESSION, cookies={"sealwatch_session": token}).status_code == 401


@pytest.mark.parametrize(
    "column", ["expires_at = now() - interval '1 second'", "seen_at = now() - interval '61 min'"]
)
def test_an_old_session_is_over(desk, column):
    ana = desk.sign_in("ana")
    item = ana.waiting(limit=1)[0]
    desk.rows(f"UPDATE desk_session SET {column} WHERE account = 'ana'")
    assert ana.get("/api/queue").status_code == 401
    assert ana.decide(item, "accepted").status_code == 401


def test_a_session_that_is_used_stays(desk):
    ana = desk.sign_in("ana")
    desk.rows("UPDATE desk_session SET seen_at = now() - interval '59 min' WHERE account = 'ana'")
    assert ana.get("/api/queue").status_code == 200
    assert desk.rows(
        "SELECT bool_or(now() - seen_at < interval '1 min') FROM desk_session WHERE account = 'ana'"
    ) == [(True,)]


def test_guessing_is_slowed_down_by_name(desk):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: attempt(desk, "bor", f"wrong {n}").status_code, range(12)))
    assert sorted(answers) == [401] * ATTEMPTS_PER_NAME + [429] * (12 - ATTEMPTS_PER_NAME)
    blocked = attempt(desk, "bor", PASSWORD)
    assert blocked.status_code == 429
    assert 0 < int(blocked.headers["retry-after"]) <= WINDOW_S + 1
    assert attempt(desk, "ana", PASSWORD).status_code == 200
    desk.rows("UPDATE desk_attempt SET attempted_at = now() - make_interval(secs => %s)", WINDOW_S + 1)
    assert attempt(desk, "bor", PASSWORD).status_code == 200


def test_guessing_is_slowed_down_by_address(desk):
    # As after failures at many names, from the address all requests of this test come from.
    desk.rows(
        "INSERT INTO desk_attempt (name_sha256, address) SELECT sha256(n::text::bytea), '127.0.0.1' "
        "FROM generate_series(1, %s) n",
        ATTEMPTS_PER_ADDRESS - 1,
    )
    assert attempt(desk, "nobody", "wrong").status_code == 401
    assert attempt(desk, "ana", PASSWORD, headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 429
    desk.rows("DELETE FROM desk_attempt WHERE name_sha256 = sha256('1'::bytea)")
    assert attempt(desk, "ana", PASSWORD).status_code == 200


def test_an_unknown_name_takes_as_long_as_a_wrong_password(desk):
    seconds = {"bor": [], "nobody-here": []}
    for _ in range(4):
        for name, taken in seconds.items():
            start = time.perf_counter()
            answer = attempt(desk, name, "a wrong password")
            taken.append(time.perf_counter() - start)
            assert answer.json() == {"detail": "name or password is wrong"}
    known, unknown = (min(taken) for taken in seconds.values())
    # Without the comparison an unknown name would be answered in a few milliseconds.
    assert unknown > 0.5 * known, statistics.mean(seconds["bor"])


def test_the_desks_role_cannot_change_accounts_and_no_other_role_reads_them(desk):
    with connect(desk.database) as connection:
        for role in ("desk", "reader", "reviewer", "publisher"):
            connection.execute(f"SET ROLE sealwatch_{role}")
            refused = ["INSERT INTO sealwatch.desk_account VALUES ('eve', 'publisher', 'x')",
                       "DELETE FROM sealwatch.desk_account", "UPDATE sealwatch.desk_account SET role = 'publisher'",
                       "DELETE FROM sealwatch.review", "UPDATE sealwatch.polygon SET withdrawn = true"]  # fmt: skip
            if role != "desk":
                refused += [
                    f"SELECT 1 FROM sealwatch.desk_{table}" for table in ("account", "session", "attempt")
                ]
            for statement in refused:
                with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                    connection.execute(statement)
        connection.execute("RESET ROLE")


def test_an_account_that_is_not_of_the_desks_role_is_told_so(desk, monkeypatch, capsys):
    desk.rows("CREATE ROLE desk_stranger LOGIN")
    try:
        stranger = desk.database["dsn"].replace("postgres@", "desk_stranger@")
        monkeypatch.setenv(desk.database["dsn_env"], stranger)
        monkeypatch.chdir(ROOT)
        assert main(["serve", "--configfile", str(desk.folder / "desk.yaml")]) == 1
        assert "GRANT sealwatch_desk" in capsys.readouterr().err
    finally:
        desk.rows("DROP ROLE desk_stranger")


def test_passwords_are_no_arguments():
    with pytest.raises(SystemExit):
        main(["account", "add", "fay", "--password", PASSWORD])
    assert accounts.MIN_PASSWORD >= 12
