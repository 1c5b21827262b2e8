"""The readings of real servers: every execution counted once, without the probe's own."""

import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from harness.environment.servers import postgres_programs
from harness.probes.postgres import PostgresProbe
from harness.record.executions import HIDDEN, Executions
from harness.record.readings import UnavailableReading
from harness.record.statements import fingerprint
from tests.servers.probes.postgres_server import Server, programs_of, running

READ, SLOW = "SELECT kind FROM items WHERE id = %s", "SELECT pg_sleep(%s)"
WRITE = "UPDATE items SET kind = kind + 1 WHERE id = %s"
TICKS = 3


@pytest.fixture(scope="module")
def newest() -> Iterator[Server]:
    """The embedded server."""
    with running(postgres_programs()) as server:
        server.execute("CREATE EXTENSION pg_stat_statements")
        yield server


@pytest.fixture(scope="module", params=["embedded", "15", "14"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The embedded server, and older ones where they are installed."""
    if request.param == "embedded":
        yield request.getfixturevalue("newest")
        return
    programs = programs_of(request.param)
    if programs is None:
        pytest.skip(f"no PostgreSQL {request.param} here; install it as Debian does, or set POSTGRES_{request.param}")
    with running(programs) as found:
        found.execute("CREATE EXTENSION pg_stat_statements")
        yield found


@pytest.fixture(scope="module")
def bare() -> Iterator[Server]:
    """An embedded server with the extension, but without its library loaded."""
    with running(postgres_programs(), preloaded="") as server:
        yield server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.probes.postgres.INTERVAL_SECONDS", 0.1)
    monkeypatch.setattr("harness.probes.postgres.SAMPLE_SECONDS", 0.02)


def watched(probe: PostgresProbe, work: Callable[[], None]) -> Executions:
    """The executions during a probe's readings."""
    with probe:
        work()
        deadline = time.monotonic() + 30
        while probe._readers[0]._ticks < TICKS and time.monotonic() < deadline:
            time.sleep(0.02)
    assert probe.executions is not None
    return probe.executions


def sums(found: Executions) -> dict[str, tuple[int, int, int]]:
    """Calls, rows and buffers by fingerprint."""
    table = found.table.to_pandas()
    table["pages"] = table["hit"] + table["read"]
    groups = table.groupby(table["fingerprint"].astype(str))[["calls", "rows", "pages"]].sum()
    return {str(key): (int(calls), int(rows), int(pages)) for key, calls, rows, pages in groups.itertuples()}


def last(probe: PostgresProbe) -> dict[str, float]:
    return {name: value for _, source, name, value in probe.rows if source == "server:postgres"}


def reading(server: Server, times: int, *more: str) -> Callable[[], None]:
    def work() -> None:
        with server.connect("leg", "service") as connection:
            for number in range(times):
                connection.execute(READ, [number + 1]).fetchall()
            for statement in more:
                connection.execute(statement.encode())

    return work


def test_every_execution_is_counted_once_and_none_of_the_probe_s_own(server: Server) -> None:
    server.renew()
    reading(server, 7)()  # before the probe, and not to be counted
    probe = PostgresProbe([server.database()])
    found = watched(probe, reading(server, 50, "UPDATE items SET kind = kind + 1 WHERE id = 5", "BEGIN", "COMMIT"))
    counted = sums(found)
    assert set(counted) == {fingerprint(READ), fingerprint(WRITE)}
    assert counted[fingerprint(READ)][:2] == (50, 50)
    assert counted[fingerprint(WRITE)][:2] == (1, 1)
    assert counted[fingerprint(READ)][2] >= 50
    assert set(found.texts) == set(counted)
    assert int(found.table["wal"].to_numpy().sum()) > 0
    assert not probe.unread
    assert probe.server_ms > 0
    assert probe.seconds > 0


def test_values_are_in_no_text_that_is_kept(newest: Server) -> None:
    newest.renew()
    said = ["COMMENT ON TABLE items IS 'hush'", "SELECT kind FROM items WHERE 'hush' = 'hush'"]
    found = watched(PostgresProbe([newest.database()]), reading(newest, 1, *said))
    assert len(found.texts) >= 2
    assert "hush" not in str(found.texts)


def test_the_longest_execution_is_known_where_none_before_was_longer(server: Server) -> None:
    server.renew()
    found = watched(
        PostgresProbe([server.database()]),
        reading(server, 1, "SELECT pg_sleep(0.12)", "SELECT pg_sleep(0.01)", "SELECT pg_sleep(0.01)"),
    )
    table = found.table.to_pandas()
    slow = table[table["fingerprint"].astype(str) == fingerprint(SLOW)]
    assert int(slow["calls"].sum()) == 3
    assert slow["slowest_ms"].max() >= 120
    again = watched(PostgresProbe([server.database()]), reading(server, 0, "SELECT pg_sleep(0.01)"))
    table = again.table.to_pandas()
    assert table[table["fingerprint"].astype(str) == fingerprint(SLOW)]["slowest_ms"].max() == 0  # was not the longest


def test_tables_and_indexes_say_what_they_were_used_for(server: Server) -> None:
    server.renew()
    probe = PostgresProbe([server.database()])
    watched(probe, reading(server, 40))
    (database,) = probe.objects
    indexes = {one["name"]: one for one in database["indexes"]}
    assert indexes["public.by_kind"]["scans"] == 0
    assert indexes["public.by_kind"]["table"] == "public.items"
    assert indexes["public.by_id"]["scans"] == 40
    assert indexes["public.by_id"]["bytes"] > 0
    (items,) = database["tables"]
    assert (items["name"], items["index_scans"], items["inserted"]) == ("public.items", 40, 0)


def test_readings_of_the_server_are_there_in_every_version(server: Server) -> None:
    server.renew()
    probe = PostgresProbe([server.database()])
    watched(probe, reading(server, 5))
    told = last(probe)
    names = {"wal_bytes", "checkpoints", "commits", "blks_hit", "dead_rows", "database_bytes", "connections"}
    assert names <= set(told)
    with server.connect() as connection:
        assert ("pages_read" in told) == (connection.info.server_version >= 160_000)
    assert all(value >= 0 for *_, value in probe.rows)


def test_a_session_that_waits_for_a_lock_is_seen(newest: Server) -> None:
    newest.renew()
    probe = PostgresProbe([newest.database()])

    def work() -> None:
        with newest.connect("leg", "service") as first, newest.connect("leg", "service") as second:
            first.execute(b"BEGIN")
            first.execute(WRITE, [1])
            waiting = threading.Thread(target=second.execute, args=(WRITE, [1]))
            waiting.start()
            deadline = time.monotonic() + 30
            while not any(name == "blocked_sessions" and value for _, _, name, value in probe._readers[0].rows):
                assert time.monotonic() < deadline, "no session waited"
                time.sleep(0.02)
            first.execute(b"COMMIT")
            waiting.join()

    watched(probe, work)
    assert max(value for _, _, name, value in probe.rows if name == "blocked_sessions") == 1
    assert any(name.startswith('waiting{for="Lock:') for _, _, name, _ in probe.rows)
    assert any(name == 'connections{state="idle in transaction"}' for _, _, name, _ in probe.rows)


def test_a_role_that_may_not_see_others_counts_them_together_and_says_how_it_may(server: Server) -> None:
    server.renew()
    probe = PostgresProbe([server.database("stranger")])
    found = watched(probe, reading(server, 50))
    assert sums(found)[HIDDEN][:2] == (50, 50)
    assert probe.unread == [
        UnavailableReading(
            "postgres",
            "the statements and sessions of other roles",
            "the role stranger must not read them",
            'GRANT pg_read_all_stats TO "stranger"',
        )
    ]
    server.execute(probe.unread[0].fix)
    try:
        probe = PostgresProbe([server.database("stranger")])
        assert [*sums(watched(probe, reading(server, 5)))] == [fingerprint(READ)]
        assert not probe.unread
    finally:
        server.execute("REVOKE pg_read_all_stats FROM stranger")


def test_without_the_extension_the_rest_is_read_and_the_fix_helps(bare: Server) -> None:
    bare.renew()
    bare.execute("DROP EXTENSION IF EXISTS pg_stat_statements")
    with PostgresProbe([bare.database()]) as probe:
        reading(bare, 5)()
    assert probe.executions is None
    assert "commits" in last(probe)
    (missing,) = probe.unread
    assert missing.fix.endswith("in the database postgres: CREATE EXTENSION pg_stat_statements")
    bare.execute("CREATE EXTENSION pg_stat_statements")
    with PostgresProbe([bare.database()]) as probe:
        pass
    (missing,) = probe.unread
    assert "shared_preload_libraries = 'pg_stat_statements'" in missing.fix
    assert probe.executions is None


def test_a_server_that_is_not_there_is_told_without_its_address(newest: Server) -> None:
    def refused() -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(newest.sockets), port=1, password="hidden", connect_timeout=1)

    gone = newest.database()
    with PostgresProbe([type(gone)(None, "leg", refused, refused)]) as probe:
        pass
    (missing,) = probe.unread
    assert "does not answer" in missing.why
    assert str(newest.sockets) not in str(missing)
    assert "hidden" not in str(missing)
    assert probe.rows == []


def test_counts_that_the_server_forgot_are_told(newest: Server) -> None:
    newest.renew()
    probe = PostgresProbe([newest.database()])
    many = [f"SELECT {', '.join(['id'] * number)} FROM items WHERE id = 1" for number in range(1, 160)]
    watched(probe, reading(newest, 0, *many))
    assert last(probe)["statements_evicted"] > 0


def test_counts_that_somebody_reset_leave_no_whole_stretch_behind(newest: Server) -> None:
    newest.renew()
    probe = PostgresProbe([newest.database()])
    begun = time.time_ns()

    def work() -> None:
        reading(newest, 5)()
        newest.execute("SELECT pg_stat_statements_reset()")
        reading(newest, 5)()

    found = watched(probe, work)
    assert found.begun_ns > begun
    assert ["restarted" in one.why for one in probe.unread] == [True]
    assert not found.covers(begun / 1e9, found.ended_ns / 1e9)


def test_connections_that_break_are_made_anew(newest: Server) -> None:
    newest.renew()
    probe = PostgresProbe([newest.database()])

    def work() -> None:
        reading(newest, 5)()
        newest.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'harness'")
        ticks = probe._readers[0]._ticks
        deadline = time.monotonic() + 30
        while probe._readers[0]._ticks < ticks + 2:
            assert time.monotonic() < deadline, "no reading any more"
            time.sleep(0.02)
        reading(newest, 6)()

    assert sums(watched(probe, work))[fingerprint(READ)][0] == 11
