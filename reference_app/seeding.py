"""Seeded tables into PostgreSQL through COPY: the same rows for the same scale, on any day and any machine."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from reference_app.errors import SetupError

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""The end of the seeded data."""

Column: TypeAlias = "pa.Array[Any]"
Numbers = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """The generated columns of a table by name, ``id`` included."""

    name: str
    columns: dict[str, Column]


def words(text: str) -> list[str]:
    """A vocabulary, given as one text."""
    return text.split()


def ids(count: int) -> Column:
    """The ids 1 to ``count``."""
    return pa.array(np.arange(1, count + 1))


def integers(below: int, count: int, random: np.random.Generator) -> Numbers:
    """``count`` uniform integers from 0 to ``below`` - 1."""
    return (random.random(count) * below).astype(np.int64)


def zipf_weights(count: int, exponent: float, random: np.random.Generator) -> Weights:
    """Zipf probabilities in random order, so that they do not follow the ids."""
    weights: Weights = 1 / np.arange(1, count + 1, dtype=np.float64) ** exponent
    shuffled: Weights = (weights / weights.sum())[np.argsort(random.random(count))]
    return shuffled


def draw(weights: Weights, count: int, random: np.random.Generator) -> Numbers:
    """``count`` indices by weight, with replacement."""
    drawn: Numbers = np.searchsorted(np.cumsum(weights), random.random(count) * weights.sum()).clip(
        max=len(weights) - 1
    )
    return drawn


def draw_distinct(weights: Weights, counts: Numbers, random: np.random.Generator) -> tuple[Numbers, Numbers]:
    """For each owner i ``counts[i]`` different indices by weight: the owners, and the index of each.

    Exponential races: taking the smallest -log(u) / weight draws without replacement.
    """
    races = -np.log(1 - random.random((len(counts), len(weights)))) / weights
    places = races.argsort(axis=1).argsort(axis=1)
    owners, indices = np.nonzero(places < counts[:, np.newaxis])
    return owners, indices


def moments(seconds_before_epoch: Weights) -> Column:
    """Timestamps from ages before the end of the data."""
    microseconds = int(EPOCH.timestamp() * 1e6) - (seconds_before_epoch * 1e6).astype(np.int64)
    return pa.array(microseconds, pa.timestamp("us", "UTC"))


def fill(connection: psycopg.Connection, tables: Iterable[Table]) -> dict[str, int]:
    """Load all tables in one transaction, then vacuum and analyze them. Returns the rows of each."""
    rows: dict[str, int] = {}
    with connection.transaction():
        generated = list(tables)
        names = [table.name for table in generated]
        _require_empty(connection, names)
        with _foreign_keys_set_aside(connection, names), _triggers_set_aside(connection, names):
            for table in generated:
                rows[table.name] = _copy(connection, table)
    connection.autocommit = True
    for name in names:
        connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(name)))
    _refresh_views(connection)
    return rows


def empty(connection: psycopg.Connection) -> bool:
    """Whether all tables except Alembic's are empty."""
    with connection.transaction():
        found = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
        looks = (sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(name)) for (name,) in found)
        return not any(connection.execute(look).fetchone() for look in looks)


def _refresh_views(connection: psycopg.Connection) -> None:
    """Refresh materialized views where the migration came before the data."""
    for (name,) in connection.execute("SELECT matviewname FROM pg_matviews WHERE schemaname = 'public'").fetchall():
        for work in ("REFRESH MATERIALIZED VIEW {}", "VACUUM (ANALYZE) {}"):
            connection.execute(sql.SQL(work).format(sql.Identifier(name)))


def _require_empty(connection: psycopg.Connection, names: list[str]) -> None:
    for name in names:
        try:
            filled = connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(name))).fetchone()
        except psycopg.errors.UndefinedTable:
            raise SetupError(
                f"there is no table {name}; run first: python -m reference_app migrate SERVICE 0001"
            ) from None
        if filled is not None:
            raise SetupError(f"table {name} is not empty; start over with: migrate SERVICE base, migrate SERVICE 0001")
    # COPY FREEZE is possible for a table emptied in the same transaction, and leaves nothing for VACUUM to rewrite.
    connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, names))))


@contextmanager
def _foreign_keys_set_aside(connection: psycopg.Connection, names: list[str]) -> Iterator[None]:
    """Check foreign keys once at the end instead of row by row: seconds instead of a minute."""
    keys = connection.execute(
        """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE contype = 'f' AND conrelid = ANY (%s::regclass[])
        ORDER BY oid
        """,
        (names,),
    ).fetchall()
    for table, name, _ in keys:
        connection.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name))
        )
    yield
    for table, name, definition in keys:
        connection.execute(
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
                sql.Identifier(table), sql.Identifier(name), sql.SQL(definition)
            )
        )


@contextmanager
def _triggers_set_aside(connection: psycopg.Connection, names: list[str]) -> Iterator[None]:
    """Disable triggers: the totals that they maintain are generated too, and agree with the rows."""
    for name in names:
        connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(name)))
    yield
    for name in names:
        connection.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(sql.Identifier(name)))


def _copy(connection: psycopg.Connection, table: Table) -> int:
    batch = pa.table(table.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, FREEZE)").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, table.columns))
    )
    encoded = pa.BufferOutputStream()
    csv.write_csv(batch, encoded, csv.WriteOptions(include_header=False))
    with connection.cursor().copy(statement) as copy:
        copy.write(memoryview(encoded.getvalue()))
    connection.execute(
        sql.SQL(
            "SELECT setval(pg_get_serial_sequence({}, 'id'), greatest(max(id), 1), max(id) IS NOT NULL) FROM {}"
        ).format(sql.Literal(table.name), sql.Identifier(table.name))
    )
    return batch.num_rows
