"""How a real server went about statements, and how it would."""

from pathlib import Path

import psycopg
import pytest

from harness.environment.servers import Postgres
from harness.evidence.query_plans import accesses
from harness.probes import query_plans as explain
from harness.probes.access import Database
from harness.probes.catalogue import read_catalogue, read_uses
from harness.probes.query_plans import AutoExplain, estimate, plans_in
from harness.record.statements import MARK, fingerprint, shown
from tests.servers.probes.conftest import Make
from tests.servers.probes.postgres_server import programs_of, running

FIND = "SELECT id FROM notes WHERE owner = $1 ORDER BY id DESC LIMIT 3"


@pytest.fixture(scope="module")
def notes(server: Postgres) -> Database:
    with server.connect() as connection:
        connection.execute("CREATE DATABASE notes")
    database = Database("notebook", "notes", lambda: server.connect("notes"), server.connect)
    with database.connect() as connection:
        connection.execute("CREATE TABLE notes AS SELECT i AS id, i % 100 AS owner FROM generate_series(1, 4000) i")
        connection.execute("ANALYZE")
    return database


def test_plans_of_statements_that_ran_in_sessions_old_and_new(notes: Database, server: Postgres) -> None:
    with notes.connect() as old, server.connect() as elsewhere:
        old.execute("SELECT 1")
        with AutoExplain([notes], server.log) as explaining:
            for owner in (7, 8, 7):
                old.execute("SELECT id FROM notes WHERE owner = %s ORDER BY id DESC LIMIT 3", (owner,))
            old.execute("SELECT 'secret' FROM notes WHERE id = 12345678")
            old.execute(f"{MARK} SELECT count(*) FROM notes".encode())
            elsewhere.execute("SELECT 99 FROM pg_class")
            with notes.connect() as fresh:
                fresh.execute("UPDATE notes SET owner = owner WHERE id = 5")
        old.execute("SELECT count(*) FROM notes")
        ((pages,),) = old.execute("SELECT pg_relation_size('notes') / 8192")
    assert not explaining.missing
    assert len(explaining.plans) == 3
    found = {plan.fingerprint: plan for plan in explaining.plans}
    find = found[fingerprint(FIND)]
    assert (find.calls, find.service, find.estimated) == (3, "notebook", False)
    assert [node.kind for node in find.root] == ["Limit", "Sort", "Seq Scan"]
    assert find.root.pages == pages
    assert find.root.examined == 4000
    assert find.ms
    assert "Update" in {node.how for plan in explaining.plans for node in plan.root}
    assert "12345678" not in repr(explaining.plans)
    assert "secret" not in repr(explaining.plans)
    with server.connect() as connection:
        assert connection.execute("SHOW auto_explain.log_min_duration").fetchall() == [("-1",)]
        left = connection.execute("SELECT name FROM pg_file_settings WHERE sourcefile ~ 'auto'").fetchall()
        assert left == []


@pytest.mark.parametrize("generic_since", [160_000, 999_999], ids=["generic", "prepared"])
def test_an_estimate_for_any_values(notes: Database, generic_since: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "GENERIC_PLAN_SINCE", generic_since)
    found = estimate(notes, FIND)
    assert found
    assert found.estimated
    assert found.fingerprint == fingerprint(FIND)
    assert [access.scan for access in accesses(found.root)] == ["Seq Scan"]
    assert found.root.pages is None
    changed = estimate(notes, "UPDATE notes SET owner = $2 WHERE id = $1;")
    assert changed
    assert changed.root.kind == "ModifyTable"
    with notes.connect() as connection:
        assert connection.execute("SELECT count(*) FROM notes WHERE owner IS NULL").fetchall() == [(0,)]
    for none in ("BEGIN", "VACUUM notes", "SELECT nowhere FROM notes", "COPY notes TO STDOUT", ""):
        assert estimate(notes, none) is None


@pytest.mark.parametrize("version", ["15", "14"])
def test_an_older_server_tells_its_indexes_and_how_it_would_find_rows(version: str) -> None:
    programs = programs_of(version)
    if programs is None:
        pytest.skip(f"no PostgreSQL {version} here; install it as Debian does, or set POSTGRES_{version}")
    with running(programs) as old:
        old.renew()
        database = old.database()
        with database.connect() as connection:
            catalogue = read_catalogue(connection)
            assert {index.shown for index in catalogue.indexes} == {"items (id)", "items (kind)"}
            assert set(read_uses(connection)) == {"by_id", "by_kind"}
        found = estimate(database, "SELECT kind FROM items WHERE id = $1")
        assert found
        assert [(access.relation, access.index) for access in accesses(found.root)] == [("items", "by_id")]
        with AutoExplain([database], Path("/nowhere")) as explaining:
            pass
        assert explaining.missing == "auto_explain is not loaded: add it to shared_preload_libraries"


def test_where_it_cannot_be_had_it_says_why(make: Make, server: Postgres) -> None:
    database = make("unexplained")
    with AutoExplain([database], None) as explaining:
        pass
    assert explaining.missing == "the server's log is not within reach"

    def refused() -> psycopg.Connection[tuple[object, ...]]:
        connection = server.connect()
        connection.execute("SET ROLE service")
        return connection

    with AutoExplain([Database(None, "unexplained", database.connect, refused)], server.log) as explaining:
        pass
    assert "permission denied" in explaining.missing


LOG = """\
2026-01-01 00:00:00.000 UTC [1] harness=shop LOG:  duration: 1.500 ms  plan:
\t{
\t  "Query Text": "SELECT 1 FROM a WHERE b = 'x\\ny'",
\t  "Plan": {"Node Type": "Result", "Actual Rows": 1, "Actual Loops": 1}
\t}
2026-01-01 00:00:00.000 UTC [1] harness=shop LOG:  duration: 1.500 ms  plan:
\t{
\t  "Query Text": "SELECT 2",
2026-01-01 00:00:00.000 UTC [1] harness=shop LOG:  duration: 2 ms  plan:
\tQuery Text: SELECT 3
\tResult  (cost=0.00..0.01 rows=1 width=4)
2026-01-01 00:00:00.000 UTC [1] harness=bank LOG:  duration: 2 ms  plan:
\t{"Query Text": "SELECT 4", "Plan": {"Node Type": "Result"}}
2026-01-01 00:00:00.000 UTC [1] LOG:  duration: 2 ms  plan:
\t{"Query Text": "SELECT 5", "Plan": {"Node Type": "Result"}}
2026-01-01 00:00:00.000 UTC [1] harness=shop LOG:  checkpoint complete
2026-01-01 00:00:00.000 UTC [1] harness=shop LOG:  duration: 3 ms  plan:
\t{"Query Text": "SELECT 6", "Plan": {"Node Ty"""


def test_what_is_cut_off_or_of_others_is_left_out() -> None:
    found = list(plans_in(LOG, {"shop": "s"}))
    assert [(session, plan.text, plan.service) for session, plan in found] == [
        ("1", shown("SELECT $1 FROM a WHERE b = $2"), "s"),
        ("1", shown("SELECT $1"), None),
    ]
