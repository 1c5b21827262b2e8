"""Lock waits behind a migration on a real server with planned locks."""

import time
from dataclasses import replace

import psycopg
import pytest

from harness.environment.servers import MIGRATION_ROLE, Postgres, migration_url
from harness.probes.locks import LockProbe, LockSession, blocking_statements
from harness.record.migration import PLANNED, LockWait
from harness.record.statement_log import blocking_statement, logged_end, migration_log
from tests.servers.probes.migrating import database, migrate, writers

PLANTED = ("LOCK TABLE items IN ACCESS EXCLUSIVE MODE", "SELECT pg_sleep(0.5)")
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = 'planted' AND wait_event_type = 'Lock' AND query LIKE 'UPDATE items%'
"""


def hold_until_all_wait(server: Postgres, clients: int) -> float:
    """Hold the lock 500 ms longer than it takes until all clients wait for it; returns these ms or more."""
    with psycopg.connect(migration_url(server, "planted")) as migration, server.connect("planted") as observer:
        migration.execute(PLANTED[0])
        while observer.execute(WAITING).fetchone() != (clients,):
            time.sleep(0.005)
        all_wait = time.time()
        migration.execute(PLANTED[1])
        held_ms = (time.time() - all_wait) * 1000
        migration.commit()
    return held_ms


def test_a_planted_lock_of_500_ms_is_reported_ten_times_of_ten(server: Postgres) -> None:
    """On a machine of any speed: at least the time that all clients waited, at most what the slowest one measured."""
    own = database(server, "planted")
    with writers(server, "planted") as took:
        for _ in range(10):
            start, begun = server.log.stat().st_size, time.time()
            took.clear()
            with LockProbe(own, MIGRATION_ROLE) as probe:
                held_ms = hold_until_all_wait(server, clients=4)
                while sum(ms >= held_ms for ms in took) < 4:
                    time.sleep(0.005)
            with server.log.open() as log:
                log.seek(start)
                ran = migration_log(log.read(), begun, time.time()).statements
            waits = [logged_end(ran, wait) for wait in probe.seen.waits if wait.by_migration]
            assert {blocking_statement(ran, wait.head, wait.table, wait.ended) for wait in waits} == {PLANTED[0]}
            longest = max(waits, key=lambda wait: wait.ms)
            assert held_ms >= 500
            assert held_ms - longest.margin * 1000 <= longest.ms <= max(took) + longest.margin * 1000
            assert longest.margin < 0.05
            assert not probe.failed
            assert probe.seen.queue.depth == 4


def test_who_waits_behind_whom(server: Postgres) -> None:
    """A reader's transaction blocks the migration, which blocks the writers."""
    own = database(server, "chain")
    alter = "ALTER TABLE items ADD COLUMN colour text"
    with server.connect("chain") as reader, writers(server, "chain", 2), LockProbe(own, MIGRATION_ROLE) as probe:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM items")
        with psycopg.connect(server.url("chain")), pytest.raises(psycopg.errors.LockNotAvailable):
            migrate(server, "chain", "SET lock_timeout = '400ms'", alter)
        reader.execute("COMMIT")
    own_waits = [wait for wait in probe.seen.waits if wait.own]
    others = [wait for wait in probe.seen.waits if wait.by_migration]
    assert {(wait.mode, wait.table) for wait in own_waits} == {("AccessExclusiveLock", "items")}
    assert "SELECT count(*) FROM items" in own_waits[0].behind
    assert {(wait.head, wait.mode, wait.table) for wait in others} == {(alter, "RowExclusiveLock", "items")}
    assert all("SELECT count(*) FROM items" in wait.behind for wait in others)


def test_users_who_wait_for_each_other_are_not_the_migrations(server: Postgres) -> None:
    own = database(server, "others")
    with server.connect("others") as one, LockProbe(own, MIGRATION_ROLE) as probe:
        one.execute("BEGIN")
        one.execute("UPDATE items SET price = 0 WHERE id = 1")
        with writers(server, "others", 1):
            time.sleep(0.2)
            one.execute("COMMIT")
    assert probe.seen.waits
    assert not any(wait.by_migration or wait.own for wait in probe.seen.waits)


def test_what_a_migration_rewrites_writes_and_leaves_invalid(server: Postgres) -> None:
    own = database(server, "rewritten")
    with server.connect("rewritten") as connection:
        connection.execute("UPDATE items SET title = 'same' WHERE id < 3")
    with LockProbe(own, MIGRATION_ROLE) as probe:
        time.sleep(0.1)
        begun = time.time()
        with pytest.raises(psycopg.errors.UniqueViolation):
            migrate(
                server,
                "rewritten",
                "ALTER TABLE items ALTER COLUMN price TYPE bigint",
                "CREATE UNIQUE INDEX CONCURRENTLY items_by_title ON items (title)",
            )
        ended = time.time()
        time.sleep(0.1)
    space = probe.space(begun, ended)
    assert probe.rewritten() == ("items",)
    assert probe.invalid() == ("items_by_title",)
    assert space.wal > 100_000
    assert space.peak >= space.before > 0


def test_a_wait_is_by_the_migration_when_another_session_stands_behind_it() -> None:
    wait = LockWait(1, 0.0, 0.5, "ShareLock", "t", "x", own=False, head="ALTER TABLE t")
    assert (wait.ms, wait.by_migration) == (500.0, True)


def session(pid: int, *blockers: int, own: bool = False, name: str = "", text: str = "") -> LockSession:
    text = text or f"statement of {pid}"
    return LockSession(pid, own, name, 1.0, "active", text, bool(blockers), 1.0, "ShareLock", 0, blockers, ())


def test_who_waits_for_somebody_who_waits_for_the_migration_waits_for_it_too() -> None:
    planned = session(4, name=PLANNED)
    sessions = {one.pid: one for one in (session(1, 2), session(2, 3), session(3, 4, own=True), planned)}
    assert blocking_statements(sessions[1], sessions) == ("statement of 3", PLANNED)
    assert blocking_statements(sessions[2], sessions) == ("statement of 3", PLANNED)
    assert blocking_statements(sessions[3], sessions) == ("", PLANNED)


def test_a_circle_of_waits_is_gone_round_once() -> None:
    sessions = {one.pid: one for one in (session(1, 2), session(2, 1))}
    assert blocking_statements(sessions[1], sessions) == ("", "statement of 2")


def test_a_blocker_that_ends_before_the_wait_is_remembered(server: Postgres) -> None:
    probe = LockProbe(database(server, "remembered"), MIGRATION_ROLE)
    waiting, blocker = session(1, 2), session(2)
    probe._add_waits({1: waiting, 2: blocker}, 1.1)
    probe._add_waits({1: replace(waiting, blockers=())}, 1.2)
    probe._add_waits({}, 1.3)
    (wait,) = probe.seen.waits
    assert wait.behind == "statement of 2"
    assert 1.2 < wait.ended < 1.3
