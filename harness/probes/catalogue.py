"""Indexes and foreign keys in the catalogue of a database, the use of each index, and build times."""

import re
from typing import Any

import psycopg
from psycopg.rows import dict_row

from harness.probes.access import Connection
from harness.record.catalogue import Catalogue, ForeignKey, Index, IndexKey, IndexScans

_INDEXES = """/* harness */
    SELECT i.indexrelid AS oid, i.indnkeyatts AS key_count,
           concat_ws('.', nullif(n.nspname, 'public'), c.relname) AS name,
           concat_ws('.', nullif(tn.nspname, 'public'), t.relname) AS table, am.amname AS method,
           coalesce(pg_get_expr(i.indpred, i.indrelid, true), '') AS predicate, i.indisunique AS unique,
           i.indisprimary AS primary, k.conname AS constraint, i.indisreplident AS replica_identity,
           i.indisvalid AND i.indisready AND i.indislive AS valid,
           nullif(concat_ws('.', nullif(pn.nspname, 'public'), p.relname), '') AS parent,
           coalesce(CASE c.relkind WHEN 'I' THEN
               (SELECT sum(pg_relation_size(relid))::bigint FROM pg_partition_tree(c.oid))
           ELSE pg_relation_size(c.oid) END, 0) AS size_bytes
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_am am ON am.oid = c.relam
    LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
    LEFT JOIN pg_class p ON p.oid = h.inhparent
    LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
    LEFT JOIN LATERAL (
        SELECT conname FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x') LIMIT 1
    ) k ON true
    WHERE n.nspname <> ALL (ARRAY['pg_catalog', 'information_schema', 'pg_toast']) AND n.nspname NOT LIKE 'pg_temp%'
    ORDER BY n.nspname, c.relname
"""
_KEYS = """/* harness */
    SELECT i.indexrelid, pg_get_indexdef(i.indexrelid, place.number::int, true),
           coalesce(o.opcname || coalesce(' ' || a.attoptions::text, ''), ''), coalesce(l.collname, ''),
           coalesce(i.indoption[place.number - 1] & 1, 0) = 1, coalesce(i.indoption[place.number - 1] & 2, 0) = 2
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL generate_series(1, i.indnatts::int) AS place(number)
    LEFT JOIN pg_opclass o ON o.oid = i.indclass[place.number - 1]
    LEFT JOIN pg_collation l ON l.oid = i.indcollation[place.number - 1]
    LEFT JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum = place.number
    WHERE n.nspname <> ALL (ARRAY['pg_catalog', 'information_schema', 'pg_toast']) AND n.nspname NOT LIKE 'pg_temp%'
    ORDER BY i.indexrelid, place.number
"""
_FOREIGN_KEYS = """/* harness */
    SELECT k.conname, concat_ws('.', nullif(n.nspname, 'public'), t.relname),
           concat_ws('.', nullif(pn.nspname, 'public'), p.relname),
           ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.conkey) WITH ORDINALITY AS c(number, place)
                 JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.number ORDER BY c.place)
    FROM pg_constraint k
    JOIN pg_class t ON t.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    JOIN pg_class p ON p.oid = k.confrelid
    JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE k.contype = 'f'
      AND n.nspname <> ALL (ARRAY['pg_catalog', 'information_schema', 'pg_toast']) AND n.nspname NOT LIKE 'pg_temp%'
    ORDER BY n.nspname, k.conname
"""
_USES = """/* harness */
    SELECT concat_ws('.', nullif(schemaname, 'public'), indexrelname), coalesce(idx_scan, 0), coalesce(idx_tup_read, 0)
    FROM pg_stat_user_indexes
"""
_BUILT = """/* harness */
    SELECT query, total_exec_time / 1000 FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %s) AND query ~* '\\mcreate\\M.*\\mindex\\M'
"""
_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_CREATE = re.compile(
    rf"\bcreate\s+(?:unique\s+)?index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?({_NAME})\s+on\s+"
    rf"(?:only\s+)?(?:({_NAME})\s*\.\s*)?{_NAME}",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)


def read_catalogue(connection: Connection, service: str | None = None) -> Catalogue:
    """The indexes and foreign keys of the connected database."""
    keys: dict[Any, list[IndexKey]] = {}
    for oid, *values in connection.execute(_KEYS.encode()):
        keys.setdefault(oid, []).append(IndexKey(*values))
    indexes = []
    for row in connection.cursor(row_factory=dict_row).execute(_INDEXES.encode()):
        own, count = keys[row.pop("oid")], row.pop("key_count")
        include = tuple(key.text for key in own[count:])
        indexes.append(Index(**row, keys=tuple(own[:count]), include=include, service=service))
    foreign = [
        ForeignKey(name, table, tuple(columns), parent, service)
        for name, table, parent, columns in connection.execute(_FOREIGN_KEYS.encode())
    ]
    return Catalogue(tuple(indexes), tuple(foreign))


def read_uses(connection: Connection) -> dict[str, IndexScans]:
    """Scans of each index of the connected database since its statistics were reset."""
    return {name: IndexScans(scans, entries) for name, scans, entries in connection.execute(_USES.encode())}


def read_build_seconds(connection: Connection, database: str) -> dict[str, float]:
    """Build seconds by index, from pg_stat_statements; those of constraints have none; ``{}`` without the extension."""
    try:
        rows = connection.execute(_BUILT.encode(), (database,)).fetchall()
    except psycopg.Error:
        return {}
    found: dict[str, float] = {}
    for query, seconds in rows:
        if name := index_created(str(query)):
            found[name] = found.get(name, 0.0) + float(seconds)
    return found


def index_created(statement: str) -> str | None:
    """The name of the index that a statement creates; with its schema unless that is ``public``."""
    match = _CREATE.search(_COMMENT.sub(" ", statement))
    if match is None:
        return None
    name, schema = (_unquoted(text) for text in (match[1], match[2] or "public"))
    return name if schema == "public" else f"{schema}.{name}"


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
