"""Counters of pg_stat_statements by statement, for the database cost per request."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Self

import psycopg

from harness.probes.access import Connection, Database
from harness.record.statements import MARK, Counts, fingerprint, reads_or_writes_rows, without_values

Key = tuple[str | None, str]
"""A service and the fingerprint of a statement."""
_COUNTS = f"""{MARK}
    SELECT d.datname, s.queryid, sum(s.calls)::float8, sum(s.rows)::float8,
           sum(s.shared_blks_hit + s.local_blks_hit)::float8, sum(s.shared_blks_read + s.local_blks_read)::float8,
           sum(s.wal_bytes)::float8, sum(s.total_exec_time)
    FROM pg_stat_statements(false) s JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = ANY(%s) AND s.queryid IS NOT NULL
    GROUP BY 1, 2
"""  # noqa: S608 - of constants
_TEXTS = f"{MARK} SELECT queryid, min(query) FROM pg_stat_statements(true) WHERE queryid = ANY(%s) GROUP BY 1"  # noqa: S608


class StatementCounter:
    """Reads pg_stat_statements of all servers when ``read`` is called; ``texts`` are statements by fingerprint.

    Statements without rows, such as BEGIN and SET, and those of the harness are not counted.
    """

    def __init__(self, databases: Sequence[Database]) -> None:
        self.texts: dict[str, str] = {}
        self.missing = "" if databases else "no database is known"
        """Why nothing can be read; ``""`` if it can."""
        self._servers: dict[Any, dict[str, str | None]] = {}
        for database in databases:
            self._servers.setdefault(database.statistics, {})[database.name] = database.service
        self._connections: list[tuple[Connection, Mapping[str, str | None]]] = []
        self._known: dict[int, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Connect; if that fails, ``missing`` says why."""
        try:
            for connect, services in self._servers.items():
                self._connections.append((self._stack.enter_context(connect()), services))
            self.read()
        except psycopg.Error as error:
            self.missing = " ".join(str(error).split()) or type(error).__name__
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self) -> dict[Key, Counts]:
        """The counters since their last reset; raises ``psycopg.Error`` if the server refuses."""
        found: dict[Key, Counts] = {}
        for connection, services in self._connections:
            rows: list[Any] = connection.execute(_COUNTS, [list(services)]).fetchall()
            self._learn(connection, [row[1] for row in rows if row[1] not in self._known])
            for name, number, *counts in rows:
                if print_ := self._known[number]:
                    key = services[name], print_
                    found[key] = found.get(key, Counts()) + Counts(*counts)
        return found

    def _learn(self, connection: Connection, numbers: list[int]) -> None:
        """Read the texts of new query ids; a statement that is not counted gets no fingerprint."""
        if not numbers:
            return
        self._known |= dict.fromkeys(numbers, "")
        rows: list[Any] = connection.execute(_TEXTS, [numbers]).fetchall()
        for number, text in rows:
            if text and MARK not in text and reads_or_writes_rows(text):
                self._known[number] = fingerprint(text)
                self.texts.setdefault(self._known[number], without_values(text))


def increase(before: Mapping[Key, Counts], after: Mapping[Key, Counts]) -> dict[Key, Counts]:
    """The increase between two readings, without statements that did not run."""
    return {key: more for key, counts in after.items() if (more := counts - before.get(key, Counts()))}
