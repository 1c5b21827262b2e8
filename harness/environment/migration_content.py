"""Migration: what a migration did to the databases of an arm."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.record.trial import Migration

_INDEXES = """
    SELECT n.nspname || '.' || c.relname
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE i.indisvalid AND n.nspname NOT IN ('pg_catalog', 'pg_toast')
"""
_SIZE = "SELECT pg_database_size(current_database())"


@dataclass(frozen=True, slots=True)
class Content:
    """The indexes that queries of a database may use, and its size in bytes; of several databases, their sum."""

    indexes: frozenset[str]
    size: int


def content(fetch: Callable[[str], list[tuple[object, ...]]]) -> Content:
    """The content of a database; ``fetch`` returns the rows of a query in it."""
    indexes = frozenset(str(name).removeprefix("public.") for (name,) in fetch(_INDEXES))
    return Content(indexes, int(str(fetch(_SIZE)[0][0])))


def migrated(
    arm: str,
    revision: str | None,
    seconds: float,
    before: Content,
    after: Content,
    *,
    service: str | None = None,
    index_seconds: Mapping[str, float] | None = None,
) -> Migration:
    """The migration between two contents; ``index_seconds`` is the build time by index."""
    created = tuple(sorted(after.indexes - before.indexes))
    built = tuple(sorted((index_seconds or {}).items()))
    return Migration(arm, revision, seconds, created, before.size, after.size, service, built)
