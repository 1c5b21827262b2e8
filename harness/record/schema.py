"""Schema: the objects of a database and their definitions, for comparison."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.record.migration import SchemaDifference
from harness.record.statements import MARK

_MACROS = {
    "{ours}": "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\\_temp%'",
    "{named}": "n.nspname || '.' || c.relname",
    "{no_extension(c)}": "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')",
    "{no_extension(p)}": "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')",
}


def schema_of(fetch: Callable[[str], list[tuple[Any, ...]]]) -> dict[str, str]:
    """The definition of each object of a database, by its name; ``fetch`` runs a query.

    Objects are schemas, tables, columns and their order, constraints, indexes, triggers, views, sequences, functions,
    types, policies and extensions, with owners and privileges, without OIDs.
    """
    text = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    for name, meaning in _MACROS.items():
        text = text.replace(name, meaning)
    queries = (query.strip() for query in text.split(";"))
    return {str(what): str(how) for query in queries if query for what, how in fetch(f"{MARK} {query}")}


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[SchemaDifference, ...]:
    """The objects that differ between two schemas, by name."""
    names = sorted({*before, *after})
    return tuple(SchemaDifference(n, before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n))
