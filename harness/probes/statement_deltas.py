"""Differences of pg_stat_statements between readings.

Counts are of finished executions of all sessions. The probes' own statements carry a mark: they are in no count of the
service, and their time is monitoring overhead.
"""

import time
from collections.abc import Mapping, Sequence
from operator import add, sub
from typing import Any

from harness.probes import statistics_views as views
from harness.probes.access import Connection
from harness.record.executions import HIDDEN, ExecutionRow, Executions, executions_of
from harness.record.statements import MARK, fingerprint, normalised, reads_or_writes_rows

Key = tuple[int, int, int | None]
Counts = tuple[int, int, int, int, int, float, float]
_NOTHING: Counts = (0, 0, 0, 0, 0, 0.0, 0.0)


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
        self._last: dict[Key, Counts] = {}
        self._last_ns = self._begun_ns = 0
        self._dealloc, self._since = 0, 0.0
        self._found: list[tuple[int, int, int, int | None, Counts]] = []

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

    def _compare(self, now: Mapping[Key, Counts], at_ns: int) -> None:
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


def _together(rows: Sequence[tuple[Any, ...]]) -> dict[Key, Counts]:
    """Sums of rows by key; hidden statements of a database and role have no queryid."""
    found: dict[Key, Counts] = {}
    for dbid, userid, queryid, *counts in rows:
        key = dbid, userid, queryid
        *sums, slowest = found.get(key, _NOTHING)
        found[key] = (*map(add, sums, counts), max(slowest, counts[-1]))
    return found
