"""What trigger functions took, as EXPLAIN (ANALYZE) says of the same execution; what is said where nobody counts."""

import time
from collections.abc import Iterator

import pytest

from harness.environment.servers import postgres_programs
from harness.probes.postgres import PostgresProbe
from tests.servers.probes.postgres_server import Server, programs_of, running

ROWS = 100
WORK = "SELECT md5(string_agg(kind::text, ',' ORDER BY kind, id)) FROM items"
ADDS = f"INSERT INTO {{table}} {WORK}; RETURN NEW"
FUNCTION = "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$"
FIRED = "CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {call}"
HELPER = f"CREATE FUNCTION digest() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN ({WORK}); END $$"
ON_UPDATE = FIRED.format(name="noted", when="AFTER UPDATE", table="items", call="note()")
ALONE = [FUNCTION.format(name="note", body=ADDS.format(table="notes")), ON_UPDATE]
NESTED = [
    *ALONE,
    FUNCTION.format(name="copy", body=ADDS.format(table="copies")),
    FIRED.format(name="copied", when="AFTER INSERT", table="notes", call="copy()"),
]
HELPED = [HELPER, FUNCTION.format(name="note", body="INSERT INTO notes SELECT digest(); RETURN NEW"), ON_UPDATE]
OWN = FIRED.format(
    name="indexed",
    when="BEFORE UPDATE",
    table="notes",
    call="tsvector_update_trigger(found, 'pg_catalog.english', note)",
)
IN_C = [
    "CREATE FUNCTION native() RETURNS trigger LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'",
    FIRED.format(name="natively", when="BEFORE DELETE", table="notes", call="native()"),
]
WRITE = f"UPDATE items SET kind = kind + 1 WHERE id <= {ROWS}"
CALLS = "SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions"
PATIENCE = 30


@pytest.fixture(scope="module", params=["embedded", "15", "14"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The embedded server, and older ones where they are installed; functions are not counted."""
    programs = postgres_programs() if request.param == "embedded" else programs_of(request.param)
    if programs is None:
        pytest.skip(f"no PostgreSQL {request.param} here; install it as Debian does, or set POSTGRES_{request.param}")
    with running(programs) as found:
        found.execute("CREATE EXTENSION pg_stat_statements")
        yield found


def renew(server: Server, *statements: str, counted: str | None = None) -> None:
    """A new database with tables, these triggers, and what its functions are counted by."""
    server.renew()
    made = "CREATE TABLE {} (note text, found tsvector)"
    server.execute(made.format("notes"), made.format("copies"), *statements, database="leg")
    if counted:
        server.execute(f"ALTER DATABASE leg SET track_functions = '{counted}'")


def written(server: Server, calls: int, user: str = "postgres") -> float:
    """Write once, and wait for the server to have counted it; milliseconds in triggers by EXPLAIN (ANALYZE)."""
    with server.connect("leg", user) as connection:
        ((((plan,)),),) = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {WRITE}".encode()).fetchall()
    deadline = time.monotonic() + PATIENCE
    with server.connect("leg") as connection:
        while connection.execute(CALLS.encode()).fetchall() != [(calls,)]:
            assert time.monotonic() < deadline, "never counted"
            time.sleep(0.05)
    return sum(float(one["Time"]) for one in plan["Triggers"])


def told(probe: PostgresProbe, name: str) -> list[float]:
    return [value for _, source, what, value in probe.rows if (source, what) == ("server:postgres", name)]


@pytest.mark.parametrize(
    ("made", "calls", "in_all"),
    [(ALONE, ROWS, ROWS), (NESTED, 2 * ROWS, 2 * ROWS), (HELPED, ROWS, 2 * ROWS)],
    ids=["alone", "one that fires another", "one that a helper works for"],
)
def test_the_time_is_that_of_explain(server: Server, made: list[str], calls: int, in_all: int) -> None:
    renew(server, *made, counted="all")
    with PostgresProbe([server.database()]) as probe:
        took = written(server, in_all)
    assert not probe.unread
    assert told(probe, "trigger_calls")[-1] - told(probe, "trigger_calls")[0] == calls
    assert told(probe, "trigger_ms")[-1] - told(probe, "trigger_ms")[0] == pytest.approx(took, rel=0.15)
    assert told(probe, "triggers_uncounted")[-1] == 0


def test_where_functions_are_not_counted_it_says_how_they_are(server: Server) -> None:
    renew(server, *ALONE)
    with PostgresProbe([server.database()]) as probe:
        written(server, 0)
    (missing,) = probe.unread
    assert (missing.what, missing.why) == (
        "the time in trigger functions",
        "track_functions is none, and the database has triggers",
    )
    assert "ALTER SYSTEM SET track_functions = 'pl' and SELECT pg_reload_conf()" in missing.fix
    assert not told(probe, "trigger_ms")
    assert told(probe, "triggers_uncounted")[-1] == 1
    server.execute("ALTER SYSTEM SET track_functions = 'pl'", "SELECT pg_reload_conf()")
    try:
        with PostgresProbe([server.database()]) as probe:
            written(server, ROWS)
    finally:
        server.execute("ALTER SYSTEM RESET track_functions", "SELECT pg_reload_conf()")
    assert not probe.unread
    assert told(probe, "trigger_calls")[-1] == ROWS


def test_what_is_set_for_a_role_is_known_once_that_role_has_fired_one(server: Server) -> None:
    renew(server, *ALONE, "GRANT ALL ON ALL TABLES IN SCHEMA public TO service")
    server.execute("ALTER ROLE service SET track_functions = 'pl'")
    try:
        with PostgresProbe([server.database()]) as silent:
            written(server, 0)
        with PostgresProbe([server.database()]) as probe:
            written(server, ROWS, "service")
    finally:
        server.execute("ALTER ROLE service RESET track_functions")
    assert ["single roles" in one.why for one in silent.unread] == [True]
    assert told(silent, "triggers_uncounted")[-1] == 1
    assert not probe.unread
    assert told(probe, "triggers_uncounted")[-1] == 0


@pytest.mark.parametrize("made", [[], [*ALONE, "ALTER TABLE items DISABLE TRIGGER noted"]])
def test_a_database_without_triggers_misses_nothing(server: Server, made: list[str]) -> None:
    renew(server, *made)
    with PostgresProbe([server.database()]) as probe:
        written(server, 0)
    assert not probe.unread
    assert {*told(probe, "triggers"), *told(probe, "triggers_uncounted"), *told(probe, "trigger_ms")} == {0.0}


def test_triggers_of_which_some_are_never_counted_are_told_in_part(server: Server) -> None:
    renew(server, *ALONE, *IN_C, OWN, counted="pl")
    with PostgresProbe([server.database()]) as probe:
        written(server, ROWS)
    assert [(one.what, one.why) for one in probe.unread] == [
        ("the time in trigger functions in C", "track_functions is pl, and some triggers call one"),
        (
            "the time in trigger functions of PostgreSQL's own",
            "PostgreSQL never counts these, and some triggers call one",
        ),
    ]
    assert told(probe, "triggers_uncounted")[-1] == 2
    assert told(probe, "trigger_calls")[-1] == ROWS
    renew(server, *ALONE, *IN_C)
    with PostgresProbe([server.database()]) as probe:
        pass
    assert ["track_functions = 'all'" in one.fix for one in probe.unread] == [True]
