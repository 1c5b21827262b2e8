"""Samples: one row per request, in Parquet parts.

A crash leaves only whole parts. Times are nanoseconds since the leg's origin. A failed request has an ``error``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import RunFolderError
from harness.record.columns import table_in, write_table

SCHEMA_VERSION = b"1"
SCHEMA = pa.schema(
    [
        pa.field("due_ns", pa.int64(), nullable=False),  # when the request was meant to start
        pa.field("sent_ns", pa.int64(), nullable=False),  # when it did
        pa.field("duration_ns", pa.int64(), nullable=False),  # from sending to the end of the answer
        pa.field("endpoint", pa.dictionary(pa.int32(), pa.string()), nullable=False),  # "GET /content/{id}"
        pa.field("status", pa.int16(), nullable=False),  # 0 when no answer came
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("error", pa.dictionary(pa.int32(), pa.string())),  # null: succeeded
        pa.field("cache", pa.dictionary(pa.int32(), pa.string())),  # X-Cache: hit, miss, bypass; null: not sent
        pa.field("queries", pa.int32()),  # statements the answer took, from Server-Timing; null: not sent
        pa.field("db_ms", pa.float64()),  # their time, from Server-Timing; null: not sent
    ],
    metadata={b"harness.samples": SCHEMA_VERSION},
)

_AS_STORED: dict[str, Any] = {  # half the bytes and a third of the time of the defaults
    "use_dictionary": ["endpoint", "error", "cache"],
    "column_encoding": dict.fromkeys(("due_ns", "sent_ns", "duration_ns", "size_bytes"), "DELTA_BINARY_PACKED"),
}


def write_part(table: pa.Table, folder: Path, number: int) -> Path:
    """Write one part; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_table(table, folder / f"{number:05d}.parquet", **_AS_STORED)


def read_samples(folder: Path) -> pa.Table:
    """All parts of a leg in order, as a table of ``SCHEMA`` with unified dictionaries; empty without parts.

    Raises ``RunFolderError`` naming a part that is damaged or has another schema.
    """
    parts = [_read_part(path) for path in sorted(folder.glob("*.parquet"))]
    if not parts:
        return SCHEMA.empty_table()
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks()


def latency_ns(table: pa.Table) -> NDArray[np.int64]:
    """Response time of each row: from when the request was due to the end of its response."""
    due, sent, duration = (table[name].to_numpy() for name in ("due_ns", "sent_ns", "duration_ns"))
    latency: NDArray[np.int64] = sent - due + duration
    return latency


def latency_ms(table: pa.Table) -> NDArray[np.float64]:
    """Response time of each row in ms."""
    latency: NDArray[np.float64] = latency_ns(table) / 1e6
    return latency


def succeeded(table: pa.Table) -> NDArray[np.bool_]:
    """Which requests have no error."""
    good: NDArray[np.bool_] = table["error"].is_null().to_numpy()
    return good


def endpoints(table: pa.Table) -> tuple[NDArray[np.int64], list[str]]:
    """The endpoint of each row as an index into a list of names, and the list."""
    column: Any = table["endpoint"].combine_chunks()
    return np.asarray(column.indices, dtype=np.int64), [str(name) for name in column.dictionary.to_pylist()]


def _read_part(path: Path) -> pa.Table:
    with table_in(path, "samples", "; measure this run again") as table:
        version = (table.schema.metadata or {}).get(b"harness.samples")
        if version != SCHEMA_VERSION:
            found = version.decode(errors="replace") if version else "none"
            raise RunFolderError(f"{path}: samples of schema {found}; this harness reads {SCHEMA_VERSION.decode()}")
        return table.cast(SCHEMA)
