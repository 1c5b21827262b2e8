"""PostgreSQL: the counters of the servers of a leg's databases under load, once a second.

Sessions and their wait events are read ten times a second. The probe changes nothing, and no error of it ends a run:
what it cannot read is in ``unread``, with what to do about it.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

import psycopg

from harness.probes.access import Database
from harness.probes.postgres_server import ServerWatch
from harness.probes.reader import Probe, beats
from harness.record.executions import together
from harness.record.readings import DATABASE, SERVER, UnavailableReading

EVERY_SECONDS, LOOK_SECONDS = 1.0, 0.1
PATIENCE_SECONDS = 10.0


class PostgresProbe(Probe):
    """Reads from the start of its block to the end. ``rows`` are ``(wall-clock ns, source, name, value)``.

    ``server_ms`` are those of the statements of the probe itself.
    """

    def __init__(self, databases: Sequence[Database]) -> None:
        super().__init__({}, PATIENCE_SECONDS)
        self._databases = databases
        self._watches: list[ServerWatch] = []

    def __enter__(self) -> Self:
        """Connect, and begin to read."""
        started = time.thread_time()
        for number, databases in enumerate(self._by_server(), start=1):
            name = f"{SERVER}{DATABASE}" + (f"-{number}" if number > 1 else "")
            watch = ServerWatch(name, databases)
            try:
                watch.begin()
            except psycopg.Error as error:
                watch.close_all()
                self._silent(databases[0], error)
                continue
            self._watches.append(watch)
            self._add_thread(f"{name} 1 Hz", partial(self._run, watch.read, EVERY_SECONDS))
            self._add_thread(f"{name} 10 Hz", partial(self._run, watch.look, LOOK_SECONDS))
        self._spent.append(time.thread_time() - started)
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading, and put together what was read."""
        super().__exit__(kind, error, trace)
        started = time.thread_time()
        hanging = any(thread.is_alive() for thread in self._threads)
        for watch in self._watches:
            try:
                if not hanging:
                    watch.end()
            except psycopg.Error as broken:
                self._silent(None, broken)
            finally:
                if not hanging:
                    watch.close_all()
            self._take(watch)
        self._spent.append(time.thread_time() - started)

    def _take(self, watch: ServerWatch) -> None:
        self.rows += watch.rows
        self.unread += watch.unread
        self.objects += watch.objects()
        if watch.statements:
            found = watch.statements.executions()
            self.executions = together([self.executions, found]) if self.executions else found
            self.server_ms += watch.statements.own_ms

    def _by_server(self) -> list[list[Database]]:
        """The databases by server; one that does not answer is left out and added to ``unread``."""
        found: dict[tuple[str, int], list[Database]] = {}
        for database in self._databases:
            try:
                with database.connect() as connection:
                    found.setdefault((connection.info.host, connection.info.port), []).append(database)
            except psycopg.Error as error:
                self._silent(database, error)
        return list(found.values())

    def _silent(self, database: Database | None, error: psycopg.Error) -> None:
        """Record that a server does not answer, without its message, which may contain an address or a name."""
        where = f"the database {database.name}" if database else "the database server"
        why = f"it does not answer ({type(error).__name__})"
        self.unread.append(
            UnavailableReading(DATABASE, "all counts", f"{where}: {why}", "let the address be reached from here")
        )

    def _run(self, read: Callable[[], None], every: float) -> None:
        for _ in beats(self._done, every, after=every):
            with suppress(psycopg.Error):  # it is away, which the environment notices; the next reading tries again
                read()
