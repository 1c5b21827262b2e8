"""Indexes built CONCURRENTLY, and repaired after an interrupted attempt.

An interrupted CREATE INDEX CONCURRENTLY leaves an INVALID index: it costs every write, serves no query, and occupies
the name. Running the migration again drops it and builds it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

_INVALID = sa.text("""
    SELECT EXISTS (
        SELECT FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid
    )
""")


@dataclass(frozen=True, slots=True)
class Index:
    """An index, and the query that needs it, which becomes its comment in the database."""

    name: str
    on: str
    needed_by: str
    unique: bool = False


def create(indexes: Sequence[Index]) -> None:
    """Build each index without blocking writes. Valid ones stay."""
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        for index in indexes:
            if connection.execute(_INVALID, {"name": index.name}).scalar_one():
                op.execute(f"DROP INDEX CONCURRENTLY {index.name}")
            kind = "UNIQUE INDEX" if index.unique else "INDEX"
            op.execute(f"CREATE {kind} CONCURRENTLY IF NOT EXISTS {index.name} ON {index.on}")
            op.execute(f"COMMENT ON INDEX {index.name} IS '{index.needed_by}'")


def drop(indexes: Sequence[Index]) -> None:
    """Drop each index without blocking writes."""
    with op.get_context().autocommit_block():
        for index in reversed(indexes):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
