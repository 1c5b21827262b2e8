"""The migration and its rollback on a real server: whole, failing, deadlocked, endless, interrupted."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.environment.servers import MIGRATION_ROLE, Postgres
from harness.plan.file import parse_plan
from harness.plan.migration import MigrationTable
from harness.probes.access import Database
from harness.record.migration import DOWNGRADE, PLANNED, UPGRADE
from harness.record.run_folder import RunFolder
from harness.record.schema import differences, schema_of
from harness.run.context import Observer, RunContext, Source
from harness.run.migration_thread import MigrationThread
from tests.doubles import PLAN
from tests.servers.probes.migrating import SCRIPT, Migrated, database, writers

MIGRATED = parse_plan(
    PLAN.replace('kind = "local"', 'kind = "local"\nprovides = ["postgres"]\nmigrate = "migrate {revision}"')
    .replace("[arms.before]", '[arms.before]\nrevision = "down"')
    .replace("[arms.after]", '[arms.after]\nrevision = "up"')
)
CREATE, DROP = "CREATE INDEX items_by_price ON items (price)", "DROP INDEX items_by_price"


@pytest.fixture
def own(server: Postgres, request: pytest.FixtureRequest) -> Iterator[Database]:
    made = database(server, request.node.name[:40])
    yield made
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s OR application_name = %s"
    with server.connect() as connection:  # whatever happened, nothing of it is left
        assert connection.execute(sessions.encode(), (MIGRATION_ROLE, PLANNED)).fetchall() == [(0,)]


def directed(
    server: Postgres,
    own: Database,
    folder: Path,
    up: Sequence[str],
    down: Sequence[str] = (DROP,),
    *,
    seconds: float = 20.0,
    hold_seconds: float = 0.0,
) -> MigrationThread:
    during = MigrationTable(during=True, hold_seconds=hold_seconds, pause_seconds=0.1)
    environment = MIGRATED.environment.model_copy(update={"migrate": SCRIPT, "command_seconds": seconds})
    plan = MIGRATED.model_copy(update={"migration": during, "environment": environment})
    system: Any = Migrated(server, own, folder, {"up": up, "down": down})
    context = RunContext(Source(plan, "", folder / "plan.toml"), RunFolder(folder), system, Observer())
    return MigrationThread(context, during, folder / "finished")


def played(thread: MigrationThread) -> MigrationThread:
    with thread:
        thread.keep_time(60.0)
        thread._thread.join(60)
    assert thread.finished.exists()
    return thread


def schema(own: Database) -> dict[str, str]:
    with own.connect() as connection:

        def fetch(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query.encode()).fetchall()

        return schema_of(fetch)


def test_up_and_down_with_a_planned_transaction(server: Postgres, own: Database, tmp_path: Path) -> None:
    alter = "ALTER TABLE items ADD COLUMN colour text"
    before = schema(own)
    with writers(server, own.name, 2):
        thread = played(
            directed(server, own, tmp_path, [alter], ["ALTER TABLE items DROP COLUMN colour"], hold_seconds=0.5)
        )
    up, down = thread.steps
    assert (thread.failed, up.failed, up.unread) == ("", "", "")
    assert (up.way, down.way) == (UPGRADE, DOWNGRADE)
    assert [one.text for one in up.statements] == [alter]
    assert 400 <= (up.statements[0].ms or 0) < 10_000
    assert (up.statements[0].lock, up.statements[0].tables) in {("AccessExclusiveLock", ("items",)), ("", ())}
    assert 0.4 <= up.held < 10
    assert (up.queue.depth, up.queue.head) == (2, alter)
    assert PLANNED in {wait.behind for wait in up.waits}
    assert differences(before, schema(own)) == ()


def test_what_fails_halfway_is_not_rolled_back_and_what_it_leaves_is_named(
    server: Postgres, own: Database, tmp_path: Path
) -> None:
    before = schema(own)
    thread = played(directed(server, own, tmp_path, [CREATE, "DROP TABLE nothing"]))
    (up,) = thread.steps
    assert up.failed.startswith("failed (status 1): psycopg.errors.UndefinedTable")
    assert [(one.text, bool(one.error)) for one in up.statements] == [(CREATE, False), ("DROP TABLE nothing", True)]
    assert [difference.what for difference in differences(before, schema(own))] == ["index public.items_by_price"]


def test_what_never_ends_is_ended_and_its_session_too(server: Postgres, own: Database, tmp_path: Path) -> None:
    endless = "SELECT count(*) FROM generate_series(1, 10000000000)"
    thread = played(directed(server, own, tmp_path, [endless], seconds=1.5))
    (up,) = thread.steps
    assert up.failed == "took longer than 1.5 s"
    assert up.statements[-1].text == endless


def test_an_interrupt_ends_what_runs(server: Postgres, own: Database, tmp_path: Path) -> None:
    thread = directed(server, own, tmp_path, ["SELECT pg_sleep(600)"], hold_seconds=60.0)
    started = time.monotonic()
    with thread:  # as when an exception passes through
        thread.keep_time(60.0)
        while not tmp_path.joinpath("migration-under-load.log").exists():
            time.sleep(0.02)
    assert time.monotonic() - started < 20
    assert [step.failed for step in thread.steps] == ["was interrupted"]


def test_a_deadlock_that_a_client_loses_is_an_error_of_the_database(
    server: Postgres, own: Database, tmp_path: Path
) -> None:
    """The client holds what the migration wants next, and asks for what the migration holds."""
    with server.connect(own.name) as client:
        client.execute("SET deadlock_timeout = '100ms'")  # so that the client notices first
        client.execute("CREATE TABLE others (id int)")
        client.execute("ALTER TABLE others OWNER TO service")
        client.execute("BEGIN")
        client.execute("LOCK TABLE others IN ROW EXCLUSIVE MODE")
        up = ["BEGIN", CREATE, "ALTER TABLE others ADD COLUMN name text", "COMMIT"]
        thread = directed(server, own, tmp_path, up)
        with thread:
            thread.keep_time(60.0)
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while server.fetch(waiting) == [(0,)]:
                time.sleep(0.02)
            with pytest.raises(Exception, match="deadlock detected"):
                client.execute("UPDATE items SET price = 0 WHERE id = 1")
            client.execute("ROLLBACK")
            thread._thread.join(60)
    assert [step.failed for step in thread.steps] == ["", ""]
    assert thread.steps[0].errors == (("deadlock detected", 1),)


def test_a_table_that_cannot_be_held_is_named(server: Postgres, own: Database, tmp_path: Path) -> None:
    thread = directed(server, own, tmp_path, [CREATE])
    thread.table = MigrationTable(during=True, hold_tables=("nothing",))
    assert played(thread).failed.startswith("migration.hold_tables: nothing is not readable")
    assert thread.steps == []


def test_a_defect_is_no_silence(server: Postgres, own: Database, tmp_path: Path) -> None:
    thread = directed(server, own, tmp_path, [CREATE])
    environment: Any = Migrated(server, own, tmp_path, {})
    thread.context = replace(thread.context, environment=environment)
    assert played(thread).failed == "KeyError: 'up'"
