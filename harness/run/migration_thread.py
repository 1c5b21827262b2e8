"""The thread that runs migration and rollback beside the generator, and the long transaction that is open meanwhile."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Self

import psycopg
from psycopg import sql

from harness.environment.processes import ManagedProcess, describe_status, last_line
from harness.environment.servers import MIGRATION_ROLE
from harness.errors import EnvironmentFailedError, HarnessError, first_line
from harness.plan.environment import Local
from harness.plan.migration import MigrationTable
from harness.plan.model import Plan
from harness.probes.access import Connection, Database
from harness.probes.locks import LockProbe, LockSamples, with_locks
from harness.record.migration import DOWNGRADE, PLANNED, UPGRADE, LockQueue, LockWait, MigrationStatement, MigrationStep
from harness.record.statement_log import blocking_statement, logged_end, migration_log
from harness.record.statements import MARK
from harness.run.context import RunContext

_LARGEST = """
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    ORDER BY pg_table_size(c.oid) DESC LIMIT 10
"""
LEAD_SECONDS = 0.6
"""Between the start of lock probe and planned transaction and that of the migration."""
AFTER_SECONDS = 0.3
TAIL_SECONDS = 1.0
POLL_SECONDS = 0.01
SAME_SECONDS = 0.05
"""Begins in log and pg_stat_activity that differ by less are of one statement: their clocks differ."""
LOG_SECONDS = 1.0
TITLES = {UPGRADE: "migration under load", DOWNGRADE: "rollback under load"}
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"


class LongTransaction:
    """A transaction that read one row of each table (default: the 10 largest) and keeps its snapshot."""

    def __init__(self, database: Database, seconds: float, tables: tuple[str, ...] = ()) -> None:
        self.database, self.seconds, self.tables = database, seconds, tables
        self.held = 0.0  # seconds that it was open since the first call of ``keep_time``
        self._since: float | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        """Begin the transaction; raises ``EnvironmentFailedError`` if a table that the plan names cannot be read."""
        if not self.seconds:
            return self
        self._connection = self.database.connect()
        try:
            self._open(self._connection)
        except BaseException:
            self._end()
            raise
        return self

    def keep_time(self) -> None:
        """End it after its seconds, which begin with the first call."""
        if self._since is None:
            self._since = time.monotonic()
        if time.monotonic() - self._since >= self.seconds:
            self._end()

    def __exit__(self, *_: object) -> None:
        self._end()

    def _open(self, connection: Connection) -> None:
        connection.execute("SELECT set_config('application_name', %s, false)", (PLANNED,))
        tables = self.tables or [str(name) for (name,) in connection.execute(f"{MARK} {_LARGEST}".encode())]
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for table in tables:
            try:
                connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(*table.split("."))))
            except psycopg.Error as error:
                what = f"migration.hold_tables: {table} is not readable: {first_line(error)}"
                raise EnvironmentFailedError(what) from error

    def _end(self) -> None:
        if self._connection is None:
            return
        if self._since is not None:
            self.held = time.monotonic() - self._since
        with suppress(psycopg.Error):  # the server may be gone
            self._connection.execute("COMMIT")
        self._connection.close()
        self._connection = None


@dataclass(frozen=True, slots=True)
class MigrationCommands:
    """The commands of upgrade and downgrade, each with its target revision."""

    up: tuple[str, str]
    down: tuple[str, str]

    @classmethod
    def of(cls, plan: Plan) -> "MigrationCommands":
        table, migrate = plan.migration, plan.system(Local).migrate or ""
        before, after = plan.arms["before"].revision or "", plan.arms["after"].revision or ""
        down = (table.down if table else None) or before
        return cls((migrate, after), ((table.downgrade if table else None) or migrate, down))

    def steps(self, databases: Sequence[Database]) -> Iterator[tuple[str, Database, str, str]]:
        """Direction, database, command and revision, in order: all upgrades, then all downgrades in reverse."""
        yield from ((UPGRADE, database, *self.up) for database in databases)
        yield from ((DOWNGRADE, database, *self.down) for database in databases[::-1])


class MigrationThread:
    """Starts ``table.at`` seconds into the load; finally it creates the file ``finished``, which ends the load."""

    def __init__(self, context: RunContext, table: MigrationTable, finished: Path) -> None:
        self.context, self.table, self.finished = context, table, finished
        self.steps: list[MigrationStep] = []
        self.failed = ""
        self._go, self._cancel = Event(), Event()
        self._thread = Thread(target=self._run, name="migration", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel the rest and wait for the thread."""
        self._cancel.set()
        self._go.set()
        self._thread.join(60)

    def keep_time(self, second: float) -> None:
        """Take the elapsed seconds of the load."""
        if second >= self.table.at:
            self._go.set()

    def _run(self) -> None:
        try:
            self._go.wait()
            self._migrate()
        except (HarnessError, psycopg.Error, OSError) as error:
            self.failed = first_line(error)
        except Exception as error:  # noqa: BLE001 - an exception in a thread would be lost
            self.failed = f"{type(error).__name__}: {error}"
        finally:
            with suppress(OSError):
                self.finished.touch()

    def _migrate(self) -> None:
        databases = list(self.context.environment.databases())
        commands = MigrationCommands.of(self.context.plan).steps(databases)
        for number, (way, database, command, revision) in enumerate(commands, start=1):
            if self._cancel.is_set() or any(step.failed for step in self.steps):
                return
            self.context.observer.say(TITLES[way] + (f": {database.service}" if database.service else ""))
            self.steps.append(self._step(way, database, command, revision))
            if number == len(databases):
                self._cancel.wait(self.table.pause_seconds)
        self._cancel.wait(TAIL_SECONDS)

    def _step(self, way: str, database: Database, command: str, revision: str) -> MigrationStep:
        """Run one command on one database while the lock probe reads and the planned transaction is open."""
        environment = self.context.environment
        transaction = LongTransaction(database, self.table.hold_seconds, self.table.hold_tables)
        with LockProbe(database, MIGRATION_ROLE) as probe, transaction:
            self._cancel.wait(LEAD_SECONDS)
            log = environment.statement_log()
            start = log.stat().st_size
            begun = time.time()
            process = environment.start_migration(database, command, revision, TITLES[way].replace(" ", "-"))
            failed = self._await(process, transaction, probe)
            if failed:
                with database.connect() as connection:  # else the server continues it
                    connection.execute(f"{MARK} {_END}".encode(), (MIGRATION_ROLE,))
            ended = time.time()
            self._cancel.wait(AFTER_SECONDS)
        seen, logged = probe.seen, migration_log(_text_from(log, start), begun, ended + LOG_SECONDS)
        statements = with_locks(_with_unfinished(logged.statements, seen), seen)
        waits = [logged_end(statements, _with_cause(wait, statements)) for wait in seen.waits if wait.own or wait.head]
        return MigrationStep(
            way=way,
            service=database.service,
            revision=revision,
            begun=begun,
            ended=ended,
            failed=failed,
            held=transaction.held,
            statements=tuple(statements),
            waits=tuple(waits),
            queue=_with_head(seen.queue, waits),
            space=probe.space(begun, ended),
            rewritten=probe.rewritten(),
            invalid=probe.invalid(),
            errors=logged.errors_of_others,
            looks=seen.looks,
            look_ms=seen.look_seconds / seen.looks * 1000 if seen.looks else 0.0,
            unread=_unread(probe, logged.statements),
        )

    def _await(self, process: ManagedProcess, transaction: LongTransaction, probe: LockProbe) -> str:
        """Wait for a command to end; returns why it failed, ``""`` if it did not."""
        seconds = self.context.plan.environment.command_seconds
        deadline = time.monotonic() + seconds
        while (status := process.popen.poll()) is None:
            if probe.seen.own:
                transaction.keep_time()
            if self._cancel.wait(POLL_SECONDS) or time.monotonic() > deadline:
                process.end(seconds=2.0)
                return "was interrupted" if self._cancel.is_set() else f"took longer than {seconds:g} s"
        process.end(seconds=2.0)  # background processes of the command
        return (
            f"failed ({describe_status(status)}): {last_line(process.log.read_text(errors='replace'))}"
            if status
            else ""
        )


def _text_from(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")


def _with_cause(wait: LockWait, ran: Sequence[MigrationStatement]) -> LockWait:
    return replace(wait, head=blocking_statement(ran, wait.head, wait.table, wait.ended)) if wait.head else wait


def _with_head(queue: LockQueue, waits: Sequence[LockWait]) -> LockQueue:
    """The queue with the statement that most of its sessions waited for."""
    heads = [wait.head for wait in waits if wait.by_migration and wait.begun <= queue.at <= wait.ended]
    return replace(queue, head=max(heads, key=heads.count)) if heads else queue


def _with_unfinished(ran: Sequence[MigrationStatement], seen: LockSamples) -> list[MigrationStatement]:
    """Logged statements, and those in pg_stat_activity without an end in the log; a failed one gets its begin there."""
    found = list(ran)
    for (_, since), text in sorted(seen.active.items(), key=lambda one: one[0][1]):
        known = [n for n, one in enumerate(found) if one.ms is not None and abs(one.begun - since) < SAME_SECONDS]
        broken = [n for n, one in enumerate(found) if one.error and one.begun >= since and one.text[:200] == text[:200]]
        if known:
            continue
        if broken:
            one = found[broken[0]]
            found[broken[0]] = MigrationStatement(since, (one.begun - since) * 1000, one.text, one.error)
        elif not any(one.begun <= since <= one.ended for one in found):
            found.append(MigrationStatement(since, None, text))
    return found


def _unread(probe: LockProbe, ran: Sequence[MigrationStatement]) -> str:
    if probe.failed:
        return f"waiting sessions could not be read: {probe.failed}"
    if not ran and not probe.seen.own:
        return "the migration had no session: its command must connect to DATABASE_URL"
    if not ran:
        return "the server's log has no statement of the migration: do not set log_line_prefix or log_destination"
    return ""
