"""Counters of the PostgreSQL servers of a leg, once a second; sessions and wait events, ten times a second.

The probe changes nothing, and its errors never end a run: what it cannot read is in ``unread``, with what to do.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Self

import psycopg

from harness.probes.access import Database
from harness.probes.postgres_server import ServerReader
from harness.probes.reader import Probe, ticks
from harness.record.executions import together
from harness.record.readings import DATABASE, SERVER, UnavailableReading

INTERVAL_SECONDS, SAMPLE_SECONDS = 1.0, 0.1
JOIN_SECONDS = 10.0


class PostgresProbe(Probe):
    """``server_ms`` is the server time of the probe's own statements."""

    def __init__(self, databases: Sequence[Database]) -> None:
        super().__init__({}, JOIN_SECONDS)
        self._databases = databases
        self._readers: list[ServerReader] = []

    def __enter__(self) -> Self:
        started = time.thread_time()
        for number, databases in enumerate(self._by_server(), start=1):
            name = f"{SERVER}{DATABASE}" + (f"-{number}" if number > 1 else "")
            reader = ServerReader(name, databases)
            try:
                reader.begin()
            except psycopg.Error as error:
                reader.close_all()
                self._add_unavailable(databases[0], error)
                continue
            self._readers.append(reader)
            self._add_thread(f"{name} 1 Hz", partial(self._run, reader.read, INTERVAL_SECONDS))
            self._add_thread(f"{name} 10 Hz", partial(self._run, reader.sample, SAMPLE_SECONDS))
        self._spent.append(time.thread_time() - started)
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        """Stop reading and combine what the servers reported."""
        super().__exit__()
        started = time.thread_time()
        blocked = any(thread.is_alive() for thread in self._threads)
        for reader in self._readers:
            try:
                if not blocked:
                    reader.end()
            except psycopg.Error as broken:
                self._add_unavailable(None, broken)
            finally:
                if not blocked:
                    reader.close_all()
            self._take(reader)
        self._spent.append(time.thread_time() - started)

    def _take(self, reader: ServerReader) -> None:
        self.rows += reader.rows
        self.unread += reader.unread
        self.objects += reader.objects()
        if reader.statements:
            found = reader.statements.executions()
            self.executions = together([self.executions, found]) if self.executions else found
            self.server_ms += reader.statements.own_ms

    def _by_server(self) -> list[list[Database]]:
        """The databases by server; one that does not answer is added to ``unread``."""
        found: dict[tuple[str, int], list[Database]] = {}
        for database in self._databases:
            try:
                with database.connect() as connection:
                    found.setdefault((connection.info.host, connection.info.port), []).append(database)
            except psycopg.Error as error:
                self._add_unavailable(database, error)
        return list(found.values())

    def _add_unavailable(self, database: Database | None, error: psycopg.Error) -> None:
        """Add a server that does not answer to ``unread``, without its message: that may hold an address."""
        where = f"the database {database.name}" if database else "the database server"
        why = f"it does not answer ({type(error).__name__})"
        fix = "make its address reachable from here"
        self.unread.append(UnavailableReading(DATABASE, "all counts", f"{where}: {why}", fix))

    def _run(self, read: Callable[[], None], every: float) -> None:
        for _ in ticks(self._done, every, after=every):
            with suppress(psycopg.Error):  # the environment's check reports it; the next reading tries again
                read()
