"""PostgreSQL: what the servers of a leg's databases count while it is under load, once a second.

Sessions and what they wait for are looked at ten times a second. Nothing of it is changed, and nothing of it ends a
run: what cannot be read is told in ``unread``, with what would have it told.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import psycopg

from harness.evidence.unread import Unread
from harness.executions import Executions, together
from harness.probes.access import Database
from harness.probes.reader import beats
from harness.probes.server_watch import ServerWatch
from harness.readings import DATABASE, SERVER

if TYPE_CHECKING:
    from harness.probes.reader import Row

EVERY_SECONDS, LOOK_SECONDS = 1.0, 0.1
PATIENCE_SECONDS = 10.0


class PostgresProbe:
    """Reads from the start of its block to the end. ``rows`` are ``(wall-clock ns, source, name, value)``.

    ``seconds`` is the CPU that reading cost this process, ``server_ms`` the time of the server.
    """

    def __init__(self, databases: Sequence[Database]) -> None:
        self.rows: list[Row] = []
        self.unread: list[Unread] = []
        self.executions: Executions | None = None
        self.objects: list[dict[str, Any]] = []
        self.seconds = self.server_ms = 0.0
        self._databases = databases
        self._watches: list[ServerWatch] = []
        self._done = threading.Event()
        self._threads: list[threading.Thread] = []

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
            self._threads += [
                threading.Thread(target=self._run, args=(watch.read, EVERY_SECONDS), name=f"{name} 1 Hz", daemon=True),
                threading.Thread(target=self._run, args=(watch.look, LOOK_SECONDS), name=f"{name} 10 Hz", daemon=True),
            ]
        self.seconds += time.thread_time() - started
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading, and put together what was read."""
        self._done.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
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
        self.seconds += time.thread_time() - started

    def _take(self, watch: ServerWatch) -> None:
        self.rows += watch.rows
        self.unread += watch.unread
        self.objects += watch.objects()
        if watch.statements:
            found = watch.statements.executions()
            self.executions = together([self.executions, found]) if self.executions else found
            self.server_ms += watch.statements.own_ms

    def _by_server(self) -> list[list[Database]]:
        """The databases, those of one server together; one that does not answer is told and left out."""
        found: dict[tuple[str, int], list[Database]] = {}
        for database in self._databases:
            try:
                with database.connect() as connection:
                    found.setdefault((connection.info.host, connection.info.port), []).append(database)
            except psycopg.Error as error:
                self._silent(database, error)
        return list(found.values())

    def _silent(self, database: Database | None, error: psycopg.Error) -> None:
        """Say that a server does not answer, but not what it said: that may have an address or a name in it."""
        where = f"the database {database.name}" if database else "the database server"
        why = f"it does not answer ({type(error).__name__})"
        self.unread.append(Unread(DATABASE, "all counts", f"{where}: {why}", "let the address be reached from here"))

    def _run(self, read: Callable[[], None], every: float) -> None:
        for _ in beats(self._done, every, after=every):
            started = time.thread_time()
            with suppress(psycopg.Error):  # it is away, which the environment notices; the next reading tries again
                read()
            self.seconds += time.thread_time() - started
