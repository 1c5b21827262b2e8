"""Indexes and foreign keys in the catalogue of a database, the use of each index, and build times."""

import re
from typing import Any

import psycopg

from harness.probes.access import Connection
from harness.record.catalogue import Catalogue, ForeignKey, Index, IndexKey, IndexScans

_INDEXES = """/* harness */
    SELECT i.indexrelid, n.nspname, c.relname, tn.nspname, t.relname, am.amname, i.indnkeyatts,
           pg_get_expr(i.indpred, i.indrelid, true), i.indisunique, i.indisprimary, i.indisreplident,
           i.indisvalid AND i.indisready AND i.indislive,
           CASE c.relkind WHEN 'I' THEN (SELECT sum(pg_relation_size(relid))::bigint FROM pg_partition_tree(c.oid))
           ELSE pg_relation_size(c.oid) END, k.conname, pn.nspname, p.relname
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
    SELECT i.indexrelid, place.number, pg_get_indexdef(i.indexrelid, place.number::int, true),
           o.opcname || coalesce(' ' || a.attoptions::text, ''), coalesce(l.collname, ''),
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
    SELECT k.conname, n.nspname, t.relname, pn.nspname, p.relname,
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
_USES = "/* harness */ SELECT schemaname, indexrelname, idx_scan, idx_tup_read FROM pg_stat_user_indexes"
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
    keys: dict[Any, list[tuple[str, IndexKey]]] = {}
    for oid, _, text, opclass, *options in connection.execute(_KEYS.encode()):
        keys.setdefault(oid, []).append((text, IndexKey(text, opclass or "", *options)))
    indexes = [
        Index(
            name=_named(schema, name),
            table=_named(table_schema, table),
            keys=tuple(key for _, key in keys[oid][:count]),
            method=method,
            include=tuple(text for text, _ in keys[oid][count:]),
            predicate=predicate or "",
            unique=unique,
            primary=primary,
            constraint=constraint,
            replica_identity=identity,
            valid=valid,
            parent=_named(parent_schema, parent) if parent else None,
            size_bytes=size or 0,
            service=service,
        )
        for (
            oid, schema, name, table_schema, table, method, count, predicate, unique, primary, identity, valid, size,
            constraint, parent_schema, parent,
        ) in connection.execute(_INDEXES.encode())
    ]  # fmt: skip
    foreign = [
        ForeignKey(name, _named(schema, table), tuple(columns), _named(parent_schema, parent), service)
        for name, schema, table, parent_schema, parent, columns in connection.execute(_FOREIGN_KEYS.encode())
    ]
    return Catalogue(tuple(indexes), tuple(foreign))


def read_uses(connection: Connection) -> dict[str, IndexScans]:
    """Scans of each index of the connected database since its statistics were reset."""
    rows = connection.execute(_USES.encode())
    return {
        _named(schema, name): IndexScans(int(scans or 0), int(entries or 0)) for schema, name, scans, entries in rows
    }


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
    return _named(schema, name)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _named(schema: str, name: str) -> str:
    return name if schema == "public" else f"{schema}.{name}"
