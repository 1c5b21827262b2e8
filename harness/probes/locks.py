"""Lock waits of a database, and the locks, WAL and disk space of a migration.

The probe samples forty times a second, over a connection of its own. One query reads the sessions of the migration, and
all others while any session waits. The server reports the begin of a wait; its end is the middle between its last
sample and the next one.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Event, Thread
from typing import Any, NamedTuple, Self

import psycopg

from harness.errors import first_line
from harness.probes.access import Connection, Database
from harness.record.migration import EXCLUSIVE, PLANNED, DiskUse, LockQueue, LockWait, MigrationStatement
from harness.record.statements import MARK

SESSIONS = """
    WITH waiting AS MATERIALIZED (
        SELECT pid, extract(epoch FROM min(waitstart))::float8 AS since,
            (array_agg(mode))[1] AS mode, (array_agg(relation))[1]::int8 AS relation
        FROM pg_locks WHERE NOT granted GROUP BY pid
    )
    SELECT extract(epoch FROM clock_timestamp())::float8, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8,
        a.pid, coalesce(a.usename = %(role)s, false), coalesce(a.application_name, ''),
        coalesce(extract(epoch FROM a.query_start), 0)::float8, coalesce(a.state, ''), coalesce(a.query, ''),
        w.pid IS NOT NULL, w.since, coalesce(w.mode, ''), coalesce(w.relation, 0),
        CASE WHEN w.pid IS NOT NULL THEN pg_blocking_pids(a.pid) ELSE '{}' END,
        CASE WHEN a.usename = %(role)s THEN ARRAY(
            SELECT l.mode || ' ' || l.relation FROM pg_locks l
            WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND l.relation >= 16384
        ) ELSE '{}' END
    FROM (SELECT 1) AS once LEFT JOIN pg_stat_activity a ON a.datname = current_database()
        AND a.pid <> pg_backend_pid() AND (a.usename = %(role)s OR EXISTS (SELECT FROM waiting))
    LEFT JOIN waiting w ON w.pid = a.pid
"""


INTERVAL_SECONDS = 0.025
SAMPLES_PER_SPACE = 16
"""Samples per reading of the disk space."""
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


@dataclass(slots=True)
class LockSession:
    """A session at one moment; ``own``: of the migration."""

    pid: int
    own: bool
    name: str
    since: float
    state: str
    text: str
    waits: bool
    waiting_since: float | None
    mode: str
    relation: int
    blockers: tuple[int, ...]
    locks: tuple[tuple[str, int], ...]


def blocking_statements(one: LockSession, sessions: Mapping[int, LockSession]) -> tuple[str, str]:
    """The statement of the migration that blocks a session, and the statement that blocks the migration.

    If the migration does not block the session: ``""``, and the statement that does.
    """
    chain, todo = [], list(one.blockers)
    met = {one.pid}
    while todo:
        pid = todo.pop(0)
        if pid in met:
            continue
        met.add(pid)
        if blocker := sessions.get(pid):
            chain.append(blocker)
            todo += blocker.blockers
    ours = next((blocker for blocker in chain if blocker.own), None)
    if one.own or ours is None:
        return "", _statement_of(chain[0]) if chain else ""
    first = next((sessions[pid] for pid in ours.blockers if pid in sessions), None)
    return ours.text, _statement_of(first) if first else ""


def _statement_of(session: LockSession) -> str:
    if session.name == PLANNED:
        return PLANNED
    idle = session.state.startswith("idle")
    return f"a transaction that is open and idle, last: {session.text}" if idle else session.text


def session_of(row: Sequence[Any]) -> LockSession:
    """The session of a row of ``SESSIONS`` without its first two columns, time and WAL position."""
    pairs = (one.rpartition(" ") for one in row[-1])
    values: Any = (*row[:-2], tuple(row[-2]), tuple((mode, int(oid)) for mode, _, oid in pairs))
    return LockSession(*values)


class RelationFile(NamedTuple):
    """A table or index and its filenode; ``kind`` is ``pg_class.relkind``."""

    name: str
    number: int
    kind: str


@dataclass(slots=True)
class HeldLock:
    """The strongest lock of a session of the migration at a moment, and its tables."""

    at: float
    mode: str
    tables: tuple[str, ...]


@dataclass(slots=True)
class LockSamples:
    """The samples of one migration step."""

    waits: list[LockWait] = field(default_factory=list)
    active: dict[tuple[int, float], str] = field(default_factory=dict)
    """Statements of the migration by session and begin."""
    held: list[HeldLock] = field(default_factory=list)
    queue: LockQueue = field(default_factory=LockQueue)
    wal: list[tuple[float, int]] = field(default_factory=list)
    space: list[tuple[float, int]] = field(default_factory=list)
    looks: int = 0
    look_seconds: float = 0.0
    own: set[int] = field(default_factory=set)


class LockProbe:
    """Samples the locks of a database; ``role``: the role of the migration."""

    def __init__(self, database: Database, role: str) -> None:
        self.database, self.role = database, role
        self.seen = LockSamples()
        self.failed = ""
        self._open: dict[tuple[int, float], LockWait] = {}
        self._names: dict[int, str] = {}
        self._known: set[int] = set()
        self._over = Event()
        self._thread = Thread(target=self._watch, name="locks", daemon=True)

    def __enter__(self) -> Self:
        with self.database.connect() as connection:
            self.files = _files(connection)
            self._known = set(self.files)
            self._names = _tables(self.files)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def rewritten(self) -> tuple[str, ...]:
        """Tables whose file changed since the start: the migration rewrote them."""
        with self.database.connect() as connection:
            now = _files(connection)
        kept = [file for oid, file in self.files.items() if oid in now and now[oid].number != file.number]
        return tuple(sorted(file.name for file in kept if file.kind in TABLES))

    def invalid(self) -> tuple[str, ...]:
        with self.database.connect() as connection:
            return tuple(str(name) for (name,) in connection.execute(_marked(_INVALID)).fetchall())

    def space(self, begun: float, ended: float) -> DiskUse:
        """WAL and disk used between two moments, with the WAL of the load at its rate before the first."""
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
                    self._sample(connection)
                    if number % SAMPLES_PER_SPACE == 0:
                        self._sample_space(connection)
                    number += 1
                    self._over.wait(max(INTERVAL_SECONDS - (time.monotonic() - started), 0.001))
                self._sample(connection)
                self._sample_space(connection)
        except psycopg.Error as error:
            self.failed = first_line(error)
        self.seen.waits += self._open.values()

    def _sample(self, connection: Connection) -> None:
        started = time.monotonic()
        rows = connection.execute(_marked(SESSIONS), {"role": self.role}).fetchall()
        self.seen.looks += 1
        self.seen.look_seconds += time.monotonic() - started
        now, wal = float(str(rows[0][0])), int(str(rows[0][1]))
        self.seen.wal.append((now, wal))
        sessions = {one.pid: one for row in rows if row[2] is not None for one in [session_of(row[2:])]}
        relations = {oid for one in sessions.values() for oid in (one.relation, *(oid for _, oid in one.locks)) if oid}
        if relations - self._known:
            self._known |= (found := _files(connection)).keys()
            self._names |= _tables(found)
        for one in sessions.values():
            if one.own:
                self._add_own(one, now)
        self._add_waits(sessions, now)

    def _sample_space(self, connection: Connection) -> None:
        rows = connection.execute(_marked(_SPACE)).fetchall()
        self.seen.space.append((time.time(), int(str(rows[0][0]))))

    def _add_own(self, one: LockSession, now: float) -> None:
        self.seen.own.add(one.pid)
        if one.state == "active":
            self.seen.active[one.pid, one.since] = one.text
        known = [(mode, self._names[oid]) for mode, oid in one.locks if oid in self._names and mode in EXCLUSIVE]
        if known:
            strongest = max(known, key=lambda lock: EXCLUSIVE.index(lock[0]))[0]
            tables = {table for mode, table in known if mode == strongest}
            self.seen.held.append(HeldLock(now, strongest, tuple(sorted(tables))))

    def _add_waits(self, sessions: Mapping[int, LockSession], now: float) -> None:
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
        for key, wait in found.items():
            earlier = self._open.get(key)
            # the first head caused the wait, later ones only hold the lock; and a blocker may end before the wait does
            if earlier and (earlier.head or not wait.behind):
                found[key] = replace(earlier, ended=now)
        self._open = found
        behind_us = [wait for wait in found.values() if wait.by_migration]
        if len(behind_us) > self.seen.queue.depth:
            heads = [wait.head for wait in behind_us]
            self.seen.queue = LockQueue(len(behind_us), now, max(set(heads), key=heads.count))


def with_locks(statements: Iterable[MigrationStatement], seen: LockSamples) -> list[MigrationStatement]:
    """The statements, each with the strongest lock held during it."""
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


def _files(connection: Connection) -> dict[int, RelationFile]:
    """Tables and indexes by OID."""
    rows: list[tuple[Any, ...]] = connection.execute(_marked(_TABLES)).fetchall()
    return {int(oid): RelationFile(str(name), int(file), str(kind)) for oid, name, file, kind in rows}


def _tables(files: Mapping[int, RelationFile]) -> dict[int, str]:
    """Names of tables by OID; a lock on an index does not block its table."""
    return {oid: file.name for oid, file in files.items() if file.kind in TABLES}
