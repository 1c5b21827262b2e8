"""Executions: counts of each statement under load, one row per statement and reading."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.record.columns import numbers, table_in, table_of, write_table

FILE = "statements.parquet"
HIDDEN = "hidden"
"""The fingerprint of statements of other roles, whose texts are not visible."""
SCHEMA = pa.schema(
    [
        pa.field("from_ns", pa.int64(), nullable=False),  # the reading before, since the leg's origin
        pa.field("at_ns", pa.int64(), nullable=False),  # this reading
        pa.field("service", pa.dictionary(pa.int32(), pa.string()), nullable=False),  # empty where it has no name
        pa.field("fingerprint", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("calls", pa.int64(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("hit", pa.int64(), nullable=False),  # shared buffer hits (8 kB)
        pa.field("read", pa.int64(), nullable=False),  # buffers read from the operating system
        pa.field("wal", pa.int64(), nullable=False),  # bytes of WAL
        pa.field("ms", pa.float64(), nullable=False),
        pa.field("slowest_ms", pa.float64(), nullable=False),  # of these calls; 0 where none is known to be the slowest
    ]
)
_SPAN = b"harness.executions"
ExecutionRow = tuple[int, int, str, str, int, int, int, int, int, float, float]


@dataclass(frozen=True, slots=True)
class Executions:
    """Executed statements; complete between ``begun_ns`` and ``ended_ns``, since the leg's origin."""

    table: pa.Table
    begun_ns: int
    ended_ns: int
    texts: Mapping[str, str] = field(default_factory=dict)
    """The text of each fingerprint, without literal values."""

    def since(self, origin_ns: int) -> "Executions":
        """The same with times relative to another origin."""
        moved = self.table
        for name in ("from_ns", "at_ns"):
            index = moved.schema.get_field_index(name)
            at = numbers(moved[name].to_numpy() - origin_ns, np.int64)
            moved = moved.set_column(index, SCHEMA.field(name), at)
        return Executions(moved, self.begun_ns - origin_ns, self.ended_ns - origin_ns, self.texts)

    def covers(self, start: float, end: float) -> bool:
        """Whether the record is complete between two times, in seconds since the origin."""
        return self.begun_ns <= start * 1e9 and end * 1e9 <= self.ended_ns


def executions_of(
    rows: Sequence[ExecutionRow], begun_ns: int, ended_ns: int, texts: Mapping[str, str] | None = None
) -> Executions:
    """Rows as a table, complete between two moments."""
    return Executions(table_of(rows, SCHEMA), begun_ns, ended_ns, texts or {})


def together(found: Sequence[Executions]) -> Executions:
    """Those of several servers, between two moments at which all of them were read."""
    table = pa.concat_tables([one.table for one in found]).unify_dictionaries()
    texts = {key: text for one in found for key, text in one.texts.items()}
    return Executions(table, max(one.begun_ns for one in found), min(one.ended_ns for one in found), texts)


def write_executions(executions: Executions, path: Path) -> None:
    """Write the table, with the moments between which it is complete."""
    span = json.dumps({"schema": 1, "begun_ns": executions.begun_ns, "ended_ns": executions.ended_ns})
    write_table(executions.table.replace_schema_metadata({_SPAN: span.encode()}), path)


def read_executions(path: Path) -> Executions | None:
    """The executions of a leg; ``None`` where none were recorded. Raises ``RunFolderError`` when damaged."""
    if not path.exists():
        return None
    with table_in(path, "statement counts") as table:
        span: Mapping[str, int] = json.loads((table.schema.metadata or {})[_SPAN])
        return Executions(table.cast(SCHEMA), int(span["begun_ns"]), int(span["ended_ns"]))
