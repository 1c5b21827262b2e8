"""Migration: bring a database of an arm to its revision, timed, and note what that made."""

from collections.abc import Callable

from harness.environment.servers import Postgres
from harness.trial import Migration

_INDEXES = "SELECT schemaname || '.' || indexname FROM pg_indexes WHERE schemaname NOT IN ('pg_catalog', 'pg_toast')"
_SIZE = "SELECT pg_database_size(current_database())"


def migrate(
    postgres: Postgres,
    database: str,
    arm: str,
    revision: str | None,
    apply: Callable[[], float] | None,
    *,
    service: str | None = None,
) -> Migration:
    """Apply a revision to a database; ``apply`` runs it and returns the seconds it took, ``None`` runs nothing.

    Raises:
        CommandError: from ``apply``.
    """
    indexes, size = _indexes(postgres, database), _size(postgres, database)
    seconds = apply() if apply else 0.0
    created = tuple(sorted(_indexes(postgres, database) - indexes))
    return Migration(arm, revision, seconds, created, size, _size(postgres, database), service)


def _indexes(postgres: Postgres, database: str) -> set[str]:
    return {str(name).removeprefix("public.") for (name,) in postgres.fetch(_INDEXES, database)}


def _size(postgres: Postgres, database: str) -> int:
    return int(str(postgres.fetch(_SIZE, database)[0][0]))
