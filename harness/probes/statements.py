"""Counters of pg_stat_statements: differences between readings under load, and the cost of single requests.

_Sums are of finished executions of all sessions. The probes' own statements carry a mark: they are in no count of the
service, and their time is monitoring overhead.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from operator import add, sub
from typing import Any, Self

import psycopg

from harness.probes import statistics_views as views
from harness.probes.access import Connection, Database
from harness.record.executions import HIDDEN, ExecutionRow, Executions, executions_of
from harness.record.statements import MARK, Counts, fingerprint, normalised, reads_or_writes_rows, without_values

_DeltaKey = tuple[int, int, int | None]
_Sums = tuple[int, int, int, int, int, float, float]
_NOTHING: _Sums = (0, 0, 0, 0, 0, 0.0, 0.0)


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


class StatementDeltas:
    """The executions in some databases; ``services`` by OID of the database."""

    def __init__(self, schema: str, services: Mapping[int, str], own_database: int) -> None:
        self.texts: dict[int, str] = {}
        self.own_ms = 0.0
        """Server time of the probes' own statements since the first reading."""
        self.evictions = 0
        self.lost = False
        self._schema, self._services = schema, services
        self._databases = sorted({*services, own_database})
        self._own: set[int] = set()
        self._last: dict[_DeltaKey, _Sums] = {}
        self._last_ns = self._begun_ns = 0
        self._dealloc, self._since = 0, 0.0
        self._found: list[tuple[int, int, int, int | None, _Sums]] = []

    def read(self, connection: Connection, *, first: bool = False) -> None:
        """Take a reading; later ones are compared with the ``first``."""
        at_ns = time.time_ns()
        now = _together(connection.execute(views.statements(self._schema).encode(), [self._databases]).fetchall())
        ((dealloc, since),) = connection.execute(views.evicted(self._schema).encode()).fetchall()
        lost = not first and (since or 0.0) != self._since
        self.lost |= lost
        if first or lost:
            self._begun_ns = at_ns
        if not first and not lost:
            self.evictions += max(int(dealloc) - self._dealloc, 0)
        self._dealloc, self._since = int(dealloc), since or 0.0
        self._learn(connection, [key[2] for key in now if key[2] is not None and key[2] not in self.texts])
        if not first:
            self._compare(now, at_ns)
        self._last, self._last_ns = now, at_ns

    def executions(self) -> Executions:
        """All executions counted, by fingerprint; times in wall-clock ns."""
        counted = {queryid: text for queryid, text in self.texts.items() if reads_or_writes_rows(text)}
        prints = {queryid: fingerprint(text) for queryid, text in counted.items()}
        rows: list[ExecutionRow] = [
            (from_ns, at_ns, self._services[dbid], HIDDEN if queryid is None else prints[queryid], *counts)
            for from_ns, at_ns, dbid, queryid, counts in self._found
            if queryid is None or queryid in counted
        ]
        executed = {found[3] for found in self._found}
        texts = {prints[queryid]: normalised(text) for queryid, text in counted.items() if queryid in executed}
        return executions_of(rows, self._begun_ns, self._last_ns, texts)

    def _learn(self, connection: Connection, unknown: Sequence[int]) -> None:
        if not unknown:
            return
        for queryid, text in connection.execute(views.texts(self._schema).encode(), [list(unknown)]):
            if queryid is not None:
                self.texts[queryid] = text or ""
                if MARK in (text or ""):
                    self._own.add(queryid)

    def _compare(self, now: Mapping[_DeltaKey, _Sums], at_ns: int) -> None:
        for key, counts in now.items():
            dbid, _, queryid = key
            before = self._last.get(key, _NOTHING)
            if counts[0] < before[0]:  # evicted, then executed again
                before = _NOTHING
            if counts[0] == before[0]:
                continue
            if queryid in self._own:
                self.own_ms += counts[5] - before[5]
            elif dbid in self._services and (queryid is None or queryid in self.texts):
                slowest = counts[6] if counts[6] > before[6] else 0.0
                change = (*map(sub, counts[:6], before), slowest)
                self._found.append((self._last_ns, at_ns, dbid, queryid, change))


def _together(rows: Sequence[tuple[Any, ...]]) -> dict[_DeltaKey, _Sums]:
    """Sums of rows by key; hidden statements of a database and role have no queryid."""
    found: dict[_DeltaKey, _Sums] = {}
    for dbid, userid, queryid, *counts in rows:
        key = dbid, userid, queryid
        *sums, slowest = found.get(key, _NOTHING)
        found[key] = (*map(add, sums, counts), max(slowest, counts[-1]))
    return found


class StatementCounter:
    """Reads pg_stat_statements of all servers, without rowless statements such as SET; ``texts`` are by fingerprint."""

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
