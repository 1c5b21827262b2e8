"""Lock probe: who waits in a database since when, behind which statement; what the migration holds, writes, leaves.

Forty looks a second, each one query over a connection of its own. The begin of a wait is the server's own, its end is
the middle between the last look that saw it and the next one.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Event, Thread
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg

from harness.probes.access import Connection, Database
from harness.probes.lock_sessions import SESSIONS, LockingSession, blocking_statements, session_of
from harness.record.migration import EXCLUSIVE, DiskUse, LockQueue, LockWait, MigrationStatement
from harness.record.statements import MARK

EVERY_SECONDS = 0.025
SPACE_EVERY = 16
"""Looks between two that also ask how much is on disk."""
TABLES = ("r", "p", "m")
_SPACE = """
    SELECT pg_database_size(current_database())
        + (SELECT coalesce(sum(size), 0) FROM pg_ls_tmpdir()) + (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir())
"""
_TABLES = """
    SELECT c.oid::int8, CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname,
        coalesce(pg_relation_filenode(c.oid), 0)::int8, c.relkind::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid >= 16384 AND c.relkind IN ('r', 'i', 'm', 'p', 'I') AND n.nspname NOT LIKE 'pg\\_%'
"""
_INVALID = """ SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1"""


class File(NamedTuple):
    """A table or an index, and the number of the file it is in; ``kind`` as of ``pg_class``."""

    name: str
    number: int
    kind: str


@dataclass(slots=True)
class Held:
    """The strongest lock that a session of the migration was seen to hold at a moment, and the tables it is on."""

    at: float
    mode: str
    tables: tuple[str, ...]


@dataclass(slots=True)
class LockSamples:
    """All that the looks of a passage saw."""

    waits: list[LockWait] = field(default_factory=list)
    active: dict[tuple[int, float], str] = field(default_factory=dict)
    """Statements of the migration by session and begin."""
    held: list[Held] = field(default_factory=list)
    queue: LockQueue = field(default_factory=LockQueue)
    wal: list[tuple[float, int]] = field(default_factory=list)
    space: list[tuple[float, int]] = field(default_factory=list)
    looks: int = 0
    look_seconds: float = 0.0
    own: set[int] = field(default_factory=set)


class LockProbe:
    """Looks at a database from the moment it is entered until it is left; ``role`` is whose sessions migrate."""

    def __init__(self, database: Database, role: str, *, every: float = EVERY_SECONDS) -> None:
        self.database, self.role, self.every = database, role, every
        self.seen = LockSamples()
        self.failed = ""
        self._open: dict[tuple[int, float], LockWait] = {}
        self._names: dict[int, str] = {}
        self._known: set[int] = set()
        self._over = Event()
        self._thread = Thread(target=self._watch, name="locks", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        with self.database.connect() as connection:
            self.files = _files(connection)
            self._known = set(self.files)
            self._names = _tables(self.files)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join(10)

    def rewritten(self) -> tuple[str, ...]:
        """The tables that have other files than when it was entered, and were there then."""
        with self.database.connect() as connection:
            now = _files(connection)
        kept = [file for oid, file in self.files.items() if oid in now and now[oid].number != file.number]
        return tuple(sorted(file.name for file in kept if file.kind in TABLES))

    def invalid(self) -> tuple[str, ...]:
        """The INVALID indexes that there are now."""
        with self.database.connect() as connection:
            return tuple(str(name) for (name,) in connection.execute(_marked(_INVALID)).fetchall())

    def space(self, begun: float, ended: float) -> DiskUse:
        """What was written between two moments, beside what the load writes."""
        wal, disk = self.seen.wal, self.seen.space
        before = [(at, lsn) for at, lsn in wal if at <= begun]
        after = [lsn for at, lsn in wal if at >= ended]
        rate = (before[-1][1] - before[0][1]) / (before[-1][0] - before[0][0]) if len(before) > 1 else 0.0
        return DiskUse(
            wal=after[0] - before[-1][1] if before and after else 0,
            wal_of_load=int(rate * (ended - begun)),
            before=next((size for at, size in reversed(disk) if at <= begun), disk[0][1] if disk else 0),
            peak=max((size for at, size in disk if begun <= at), default=0),
        )

    def _watch(self) -> None:
        try:
            with self.database.connect() as connection:
                number = 0
                while not self._over.is_set():
                    started = time.monotonic()
                    self._look(connection)
                    if number % SPACE_EVERY == 0:
                        self._look_at_space(connection)
                    number += 1
                    self._over.wait(max(self.every - (time.monotonic() - started), 0.001))
                self._look(connection)
                self._look_at_space(connection)
        except psycopg.Error as error:
            self.failed = str(error).strip().splitlines()[0] if str(error).strip() else "the connection broke"
        for wait in self._open.values():
            self.seen.waits.append(wait)

    def _look(self, connection: Connection) -> None:
        started = time.monotonic()
        rows = connection.execute(_marked(SESSIONS), {"role": self.role}).fetchall()
        self.seen.looks += 1
        self.seen.look_seconds += time.monotonic() - started
        now, wal = float(str(rows[0][0])), int(str(rows[0][1]))
        self.seen.wal.append((now, wal))
        sessions = {one.pid: one for row in rows if row[2] is not None for one in [session_of(row[2:])]}
        if any(lock[1] not in self._known for one in sessions.values() for lock in one.locks) or any(
            one.relation and one.relation not in self._known for one in sessions.values()
        ):
            self._known |= (found := _files(connection)).keys()
            self._names |= _tables(found)
        for one in sessions.values():
            if one.own:
                self._note_own(one, now)
        self._note_waits(sessions, now)

    def _look_at_space(self, connection: Connection) -> None:
        rows = connection.execute(_marked(_SPACE)).fetchall()
        self.seen.space.append((time.time(), int(str(rows[0][0]))))

    def _note_own(self, one: LockingSession, now: float) -> None:
        self.seen.own.add(one.pid)
        if one.state == "active":
            self.seen.active[one.pid, one.since] = one.text
        known = [(mode, self._names[oid]) for mode, oid in one.locks if oid in self._names and mode in EXCLUSIVE]
        if known:
            strongest = max(known, key=lambda lock: EXCLUSIVE.index(lock[0]))[0]
            self.seen.held.append(Held(now, strongest, tuple(sorted({t for mode, t in known if mode == strongest}))))

    def _note_waits(self, sessions: Mapping[int, LockingSession], now: float) -> None:
        found: dict[tuple[int, float], LockWait] = {}
        for one in sessions.values():
            if one.waits:
                since = one.waiting_since or next((k[1] for k in self._open if k[0] == one.pid), now)
                head, behind = blocking_statements(one, sessions)
                table = self._names.get(one.relation, "")
                found[one.pid, since] = LockWait(
                    one.pid, since, now, one.mode, table, one.text, one.own, head=head, behind=behind
                )
        for key, wait in self._open.items():
            if key not in found:
                self.seen.waits.append(replace(wait, ended=(wait.ended + now) / 2, margin=(now - wait.ended) / 2))
        for key in found:
            earlier = self._open.get(key)
            if earlier and earlier.head:  # what it began to wait for; later ones only keep the lock
                found[key] = replace(earlier, ended=now)
        self._open = found
        behind_us = [wait for wait in found.values() if wait.by_migration]
        if len(behind_us) > self.seen.queue.depth:
            heads = [wait.head for wait in behind_us]
            self.seen.queue = LockQueue(len(behind_us), now, max(set(heads), key=heads.count))


def with_locks(statements: Iterable[MigrationStatement], seen: LockSamples) -> list[MigrationStatement]:
    """Statements with the strongest lock that was held while each ran."""
    found = []
    for one in statements:
        during = [held for held in seen.held if one.begun <= held.at <= max(one.ended, one.begun)]
        if during:
            strongest = max(during, key=lambda held: EXCLUSIVE.index(held.mode)).mode
            tables = sorted({table for held in during if held.mode == strongest for table in held.tables})
            found.append(replace(one, lock=strongest, tables=tuple(tables)))
        else:
            found.append(one)
    return found


def _marked(query: str) -> bytes:
    return f"{MARK} {query}".encode()


def _files(connection: Connection) -> dict[int, File]:
    """Tables and indexes by their number."""
    rows: list[tuple[Any, ...]] = connection.execute(_marked(_TABLES)).fetchall()
    return {int(oid): File(str(name), int(file), str(kind)) for oid, name, file, kind in rows}


def _tables(files: Mapping[int, File]) -> dict[int, str]:
    """The names of the tables: a lock on an index bars nobody from its table."""
    return {oid: file.name for oid, file in files.items() if file.kind in TABLES}
