"""Sessions of a database that wait for a lock, the locks they hold, and the sessions that block them.

One query reads the sessions of the migration, and all others while any session waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.record.migration import PLANNED

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
