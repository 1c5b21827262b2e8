"""Queries of PostgreSQL's statistics views, for versions 14 and newer.

Each column is a reading with the name of the column. Counts are since the last reset of the statistics.
"""

from collections.abc import Iterable

from harness.probes.access import NAME
from harness.record.readings import TRIGGER_CALLS, TRIGGER_MS
from harness.record.statements import MARK

SHARED_SINCE, IO_SINCE, CHECKPOINTER_SINCE = 150_000, 160_000, 170_000


def server_views(version: int) -> list[str]:
    """Queries about the whole server: WAL, checkpoints and, since PostgreSQL 16, reads and writes."""
    found = [
        f"SELECT {MARK} wal_records, wal_fpi AS wal_full_pages, wal_bytes, wal_buffers_full FROM pg_stat_wal",
        f"SELECT {MARK} num_timed + num_requested AS checkpoints FROM pg_stat_checkpointer"
        if version >= CHECKPOINTER_SINCE
        else f"SELECT {MARK} checkpoints_timed + checkpoints_req AS checkpoints FROM pg_stat_bgwriter",
    ]
    if version >= IO_SINCE:
        found.append(
            f"SELECT {MARK} sum(reads) AS pages_read, sum(writes) AS pages_written, sum(extends) AS pages_added, "
            "sum(evictions) AS pages_evicted FROM pg_stat_io WHERE object = 'relation'"
        )
    return found


DATABASES = f"""
    SELECT {MARK} datid::bigint, xact_commit AS commits, xact_rollback AS rollbacks, blks_hit, blks_read,
           tup_returned AS rows_read, tup_fetched AS rows_fetched, deadlocks, temp_files, temp_bytes
    FROM pg_stat_database WHERE datid = ANY(%s)
"""
ROWS = f"""
    SELECT {MARK} coalesce(sum(greatest(s.n_live_tup, c.reltuples::bigint)), 0) AS live_rows,
           coalesce(sum(s.n_dead_tup), 0) AS dead_rows
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
"""
"""n_live_tup of a copied database starts at 0; reltuples is from the last ANALYZE."""
OID = f"SELECT {MARK} oid::bigint FROM pg_database WHERE datname = current_database()"
SIZE = f"SELECT {MARK} pg_database_size(current_database()) AS database_bytes"
TABLES = f"""
    SELECT {MARK} s.schemaname || '.' || s.relname AS name, s.seq_scan AS seq_scans,
           s.seq_tup_read AS rows_read_by_scans, s.idx_scan AS index_scans, s.idx_tup_fetch AS rows_fetched_by_indexes,
           s.n_tup_ins AS inserted, s.n_tup_upd AS updated, s.n_tup_hot_upd AS updated_in_page, s.n_tup_del AS deleted,
           s.n_live_tup AS live_rows, s.n_dead_tup AS dead_rows, io.heap_blks_hit AS pages_hit,
           io.heap_blks_read AS pages_read, pg_table_size(s.relid) AS bytes,
           s.vacuum_count + s.autovacuum_count AS vacuums, s.analyze_count + s.autoanalyze_count AS analyses
    FROM pg_stat_user_tables s JOIN pg_statio_user_tables io USING (relid) ORDER BY s.schemaname, s.relname
"""
INDEXES = f"""
    SELECT {MARK} s.schemaname || '.' || s.indexrelname AS name, s.schemaname || '.' || s.relname AS table,
           s.idx_scan AS scans, s.idx_tup_read AS entries_read, s.idx_tup_fetch AS rows_fetched,
           io.idx_blks_hit AS pages_hit, io.idx_blks_read AS pages_read, pg_relation_size(s.indexrelid) AS bytes
    FROM pg_stat_user_indexes s JOIN pg_statio_user_indexes io USING (indexrelid)
    ORDER BY s.schemaname, s.relname, s.indexrelname
"""
TRIGGERS = f"""
    SELECT {MARK} count(*)::int, count(*) FILTER (WHERE l.lanname = 'c')::int,
           count(*) FILTER (WHERE l.lanname = 'internal')::int
    FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
"""
"""Enabled triggers; those with functions in C; those with internal functions."""
TRACKED = f"""
    SELECT {MARK} CASE WHEN source IN ('user', 'database user') THEN 'none' ELSE setting END,
           ARRAY(SELECT split_part(said, '=', 2) FROM pg_db_role_setting d, unnest(d.setconfig) said
                 WHERE said LIKE 'track_functions=%' AND d.setrole <> 0
                   AND d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))
    FROM pg_settings WHERE name = 'track_functions'
"""
"""track_functions in the database, and its values for single roles."""
TRIGGER_TIME = f"""
    SELECT {MARK} coalesce(sum(s.calls) FILTER (WHERE p.prorettype = 'trigger'::regtype), 0)::bigint AS {TRIGGER_CALLS},
           least(coalesce(sum(s.total_time) FILTER (WHERE p.prorettype = 'trigger'::regtype), 0),
                 coalesce(sum(s.self_time), 0)) AS {TRIGGER_MS}
    FROM pg_stat_user_functions s JOIN pg_proc p ON p.oid = s.funcid
"""
RIGHTS = f"""
    SELECT {MARK} current_user, current_setting('server_version_num')::int,
           pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
"""
EXTENSION = f"""
    SELECT {MARK} quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements'
"""


def sessions(oids: Iterable[int]) -> str:
    """Sessions of databases by state and wait event; without parameters, which cost time at 10 Hz."""
    return f"""
        SELECT {MARK} state, wait_event_type, wait_event, count(*)::int
        FROM pg_stat_activity
        WHERE datid = ANY('{{{",".join(map(str, oids))}}}'::oid[])
          AND coalesce(backend_type, 'client backend') = 'client backend'
          AND application_name IS DISTINCT FROM '{NAME}'
        GROUP BY 1, 2, 3
    """


def statements(schema: str) -> str:
    """Counts of every statement of databases, without the texts, which are slow to read."""
    return f"""
        SELECT {MARK} dbid::bigint, userid::bigint, queryid, calls, rows, shared_blks_hit, shared_blks_read,
               wal_bytes::bigint, total_exec_time, max_exec_time
        FROM {schema}.pg_stat_statements(false) WHERE toplevel AND dbid = ANY(%s)
    """


def texts(schema: str) -> str:
    """The texts of some statements."""
    return f"SELECT {MARK} queryid, query FROM {schema}.pg_stat_statements(true) WHERE queryid = ANY(%s)"


def evicted(schema: str) -> str:
    """The number of evictions (dealloc), and the time of the last reset."""
    return f"SELECT {MARK} dealloc, extract(epoch FROM stats_reset)::float8 FROM {schema}.pg_stat_statements_info"
