"""The counters of one PostgreSQL server, those that it refuses, its sessions, tables and indexes."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from harness.errors import first_line
from harness.probes import statistics_views as views
from harness.probes.access import NAME, Connection, Database
from harness.probes.statements import StatementDeltas
from harness.probes.triggers import TriggerTimes
from harness.record.readings import SERVER, UnavailableReading
from harness.record.statements import MARK

if TYPE_CHECKING:
    from harness.probes.reader import Row

Objects = dict[str, dict[str, dict[str, Any]]]
"""The counts of ``tables`` and of ``indexes`` by ``schema.name`` at one moment."""
PRESENT_VALUES = {"name", "table", "live_rows", "dead_rows", "bytes"}
SessionCount = tuple[str | None, str | None, str | None, int]
"""A row of ``views.sessions``: state, wait_event_type, wait_event, number of sessions."""
IN_TRANSACTION = "idle in transaction"
TICKS_PER_SIZE = 10
"""Readings per reading of the size, for which the server reads the size of every file."""
SLOW_SECONDS = 0.1
STATEMENT_TIMEOUT_MS = 5000
COLLECTED_SECONDS = 1.0
"""Delay of table and index statistics in PostgreSQL 14, which a separate process collects."""
_REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction)


def read_objects(connection: Connection) -> Objects:
    """Read the statistics of the connected database."""
    found: Objects = {}
    for kind, query in (("tables", views.TABLES), ("indexes", views.INDEXES)):
        rows = connection.cursor(row_factory=dict_row).execute(query.encode())
        found[kind] = {row["name"]: {key: value or 0 for key, value in row.items()} for row in rows}
    return found


def objects_since(first: Objects, last: Objects) -> dict[str, list[dict[str, Any]]]:
    """The increase of counts between two moments; other values are those of the last."""
    return {kind: [_since(now, first[kind].get(name, {})) for name, now in last[kind].items()] for kind in last}


def _since(now: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {key: value if key in PRESENT_VALUES else value - then.get(key, 0) for key, value in now.items()}


class Sessions:
    """The samples of one second."""

    def __init__(self) -> None:
        self._samples = 0
        self._max = self._max_blocked = 0
        self._states: Counter[str] = Counter()
        self._waits: Counter[str] = Counter()

    def add(self, rows: Iterable[SessionCount]) -> None:
        total = blocked = 0
        for state, kind, event, count in rows:
            total += count
            self._states[_named(state)] += count
            if state == "active":
                self._waits[f"{kind}:{event}" if kind else "CPU"] += count
                blocked += count if kind == "Lock" else 0
        self._samples += 1
        self._max, self._max_blocked = max(self._max, total), max(self._max_blocked, blocked)

    def readings(self) -> Iterator[tuple[str, float]]:
        """Means over the samples of a second, except the two maxima.

        ``connections`` is the maximum, ``blocked_sessions`` the maximum that waited for a lock,
        ``connections{state="…"}`` the mean in a state, ``waiting{for="…"}`` the mean with a wait event;
        ``CPU`` counts active sessions without a wait event.
        """
        if self._samples:
            yield "connections", float(self._max)
            yield "blocked_sessions", float(self._max_blocked)
            yield from ((f'connections{{state="{name}"}}', n / self._samples) for name, n in self._states.items())
            yield from ((f'waiting{{for="{name}"}}', n / self._samples) for name, n in self._waits.items())


def _named(state: str | None) -> str:
    return IN_TRANSACTION if (state or "").startswith(IN_TRANSACTION) else state or "unknown"


class ServerReader:
    """Reads one server with two threads and a connection each; ``rows`` as in ``Probe``."""

    def __init__(self, name: str, databases: Sequence[Database]) -> None:
        self.rows: list[Row] = []
        self.unread: list[UnavailableReading] = []
        self.statements: StatementDeltas | None = None
        self._name, self._databases = name, databases
        self._oids: dict[int, Database] = {}
        self._connections: dict[int, Connection] = {}
        self._counting: Connection | None = None
        self._sampling: Connection | None = None
        self._views: list[str] = []
        self._version = 0
        self._large: set[int] = set()
        self._sessions = Sessions()
        self._objects: dict[int, tuple[Objects, Objects | None]] = {}
        self._triggers: dict[int, TriggerTimes] = {}
        self._ticks = 0

    def begin(self) -> None:
        """Connect, read the privileges, take the first reading; raises ``psycopg.Error`` without an answer."""
        self._open()
        main = next(iter(self._connections.values()))
        ((role, version, may),) = main.execute(views.RIGHTS.encode()).fetchall()
        if not may:
            what = "the statements and sessions of other roles"
            self._add_unread(what, f"the role {role} must not read them", f'GRANT pg_read_all_stats TO "{role}"')
        self._version = int(version)
        self._views = views.server_views(self._version)
        self._find_statements()
        self._objects = {oid: (found, None) for oid, found in self._read_objects()}
        self._triggers = {oid: TriggerTimes(one) for oid, one in self._connections.items()}
        self.read(first=True)

    def read(self, *, first: bool = False) -> None:
        """Take the reading of one second; raises ``psycopg.Error`` without an answer, then connects again."""
        try:
            self._open()
            at_ns = time.time_ns()
            if self.statements and self._counting:
                self.statements.read(self._counting, first=first)
                self._add_rows(at_ns, self._name, [("statements_evicted", self.statements.evictions)])
            self._read_views(at_ns)
            sessions, self._sessions = self._sessions, Sessions()
            self._add_rows(at_ns, self._name, sessions.readings())
            self._ticks += 1
        except psycopg.OperationalError:
            self.close()
            raise

    def sample(self) -> None:
        """Sample the sessions, ten times a second; raises ``psycopg.Error`` without an answer, then connects again."""
        try:
            if self._sampling is None:
                self._sampling = _with_settings(self._databases[0].connect())
            self._sessions.add(self._sampling.execute(views.sessions(self._oids).encode()).fetchall())
        except psycopg.OperationalError:
            _close([self._sampling])
            self._sampling = None
            raise

    def end(self) -> None:
        self.read()
        if self.statements and self.statements.lost:
            why = "the server restarted during the leg, or somebody reset them"
            self._add_unread("all counts of statements", why, "run again without a reset")
        for oid, triggers in self._triggers.items():
            service = self._oids[oid].service
            for what, why, fix in triggers.missing():
                self._add_unread(f"{what} in the database of {service}" if service else what, why, fix)
        self._objects = {oid: (self._objects[oid][0], found) for oid, found in self._read_objects()}

    def close(self) -> None:
        """Close the connections of the readings."""
        _close([*self._connections.values(), self._counting])
        self._connections, self._counting = {}, None

    def close_all(self) -> None:
        self.close()
        _close([self._sampling])

    def objects(self) -> list[dict[str, Any]]:
        """The use of each table and index between the first reading and the last."""
        return [
            {"service": self._oids[oid].service, "name": self._oids[oid].name, **objects_since(first, last)}
            for oid, (first, last) in self._objects.items()
            if last is not None
        ]

    def _open(self) -> None:
        if self._connections:
            return
        for database in self._databases:
            connection = _with_settings(database.connect())
            oid = _one(connection, views.OID)
            self._connections[oid], self._oids[oid] = connection, database
        self._counting = _with_settings(self._databases[0].statistics())

    def _find_statements(self) -> None:
        connection, what = self._counting, "the counts of statements"
        schemas = connection.execute(views.EXTENSION.encode()).fetchall() if connection else []
        if connection is None or not schemas:
            where = connection.info.dbname if connection else "its database"
            fix = f"as its administrator, in the database {where}: CREATE EXTENSION pg_stat_statements"
            self._add_unread(what, "the extension pg_stat_statements is not installed", fix)
            return
        schema = str(schemas[0][0])
        own = _one(connection, views.OID)
        watch = StatementDeltas(schema, {oid: one.service or "" for oid, one in self._oids.items()}, own)
        try:
            watch.read(connection, first=True)
        except psycopg.errors.ObjectNotInPrerequisiteState:
            fix = "set shared_preload_libraries = 'pg_stat_statements' and restart the server"
            self._add_unread(what, "pg_stat_statements was not loaded when the server started", fix)
        except _REFUSED as error:
            fix = "GRANT pg_read_all_stats to the role; ALTER EXTENSION pg_stat_statements UPDATE"
            self._add_unread(what, first_line(error), fix)
        else:
            self.statements = watch

    def _read_views(self, at_ns: int) -> None:
        main = next(iter(self._connections.values()))
        for query in [*self._views]:
            try:
                self._add_rows(at_ns, self._name, _columns(main, query))
            except _REFUSED as error:
                self._views.remove(query)
                self._add_unread("some counts", first_line(error), "GRANT pg_monitor to the role that reads them")
        for row in main.cursor(row_factory=dict_row).execute(views.DATABASES.encode(), [[*self._oids]]):
            self._add_rows(at_ns, self._source(self._oids[row.pop("datid")]), row.items())
        for oid, connection in self._connections.items():
            self._read_database(at_ns, oid, connection)

    def _read_database(self, at_ns: int, oid: int, connection: Connection) -> None:
        """Read rows and size of a database: every tenth time if that takes long."""
        with_size = self._ticks % TICKS_PER_SIZE == 0
        queries = [views.ROWS] if with_size or oid not in self._large else []
        queries += [views.SIZE] if with_size else []
        for query in queries:
            begun = time.monotonic()
            self._add_rows(at_ns, self._source(self._oids[oid]), _columns(connection, query))
            if time.monotonic() - begun > SLOW_SECONDS:
                self._large.add(oid)
        self._add_rows(at_ns, self._source(self._oids[oid]), self._triggers[oid].read(connection))

    def _read_objects(self) -> list[tuple[int, Objects]]:
        if self._version < views.SHARED_SINCE:
            time.sleep(COLLECTED_SECONDS)
        return [(oid, read_objects(connection)) for oid, connection in self._connections.items()]

    def _add_rows(self, at_ns: int, source: str, values: Iterable[tuple[str, Any]]) -> None:
        self.rows += [(at_ns, source, name, float(value)) for name, value in values if value is not None]

    def _source(self, database: Database) -> str:
        return f"{self._name}/{database.service}" if database.service else self._name

    def _add_unread(self, what: str, why: str, fix: str) -> None:
        self.unread.append(UnavailableReading(self._name.removeprefix(SERVER), what, why, fix))


def _with_settings(connection: Connection) -> Connection:
    """Set application_name and statement_timeout, unless the connection has the name.

    Behind a pooler, SET would change the sessions of others; such connections get their name at the start.
    """
    if connection.info.parameter_status("application_name") == NAME:
        return connection
    connection.execute(f"SET {MARK} application_name = '{NAME}'".encode())
    connection.execute(f"SET {MARK} statement_timeout = {STATEMENT_TIMEOUT_MS}".encode())
    connection.execute(f"SET {MARK} jit = off".encode())
    return connection


def _columns(connection: Connection, query: str) -> Iterable[tuple[str, Any]]:
    return (connection.cursor(row_factory=dict_row).execute(query.encode()).fetchone() or {}).items()


def _one(connection: Connection, query: str) -> int:
    ((value,),) = connection.execute(query.encode()).fetchall()
    return int(value)


def _close(connections: Iterable[Connection | None]) -> None:
    for connection in connections:
        if connection is not None:
            connection.close()
