"""The long transaction that a plan keeps open when its migration begins, as a report or a backup would."""

import time
from contextlib import suppress
from typing import Self

import psycopg
from psycopg import sql

from harness.errors import EnvironmentFailedError, first_line
from harness.probes.access import Connection, Database
from harness.record.migration import PLANNED
from harness.record.statements import MARK

_LARGEST = """
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    ORDER BY pg_table_size(c.oid) DESC LIMIT 10
"""


class LongTransaction:
    """A transaction that read one row of each table (default: the 10 largest) and keeps its snapshot.

    ``held``: seconds that it was open since the first call of ``keep_time``.
    """

    def __init__(self, database: Database, seconds: float, tables: tuple[str, ...] = ()) -> None:
        self.database, self.seconds, self.tables = database, seconds, tables
        self.held = 0.0
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
        tables = self.tables or tuple(
            str(name) for (name,) in connection.execute(f"{MARK} {_LARGEST}".encode()).fetchall()
        )
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
