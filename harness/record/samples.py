"""Samples: the columnar record of requests, one row each, in Parquet parts.

A part is written whole under a temporary name and renamed into place, so a crash leaves only whole parts. Times are
nanoseconds since the leg's origin. A failed request is a row with an ``error``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.errors import RunFolderError

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
    "compression": "zstd",
    "use_dictionary": ["endpoint", "error", "cache"],
    "column_encoding": dict.fromkeys(("due_ns", "sent_ns", "duration_ns", "size_bytes"), "DELTA_BINARY_PACKED"),
}


def write_part(table: pa.Table, folder: Path, number: int) -> Path:
    """Write one part and rename it into place; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{number:05d}.parquet"
    partial = final.with_suffix(".partial")
    pq.write_table(table, partial, **_AS_STORED)
    return partial.rename(final)


def read_samples(folder: Path) -> pa.Table:
    """Read all parts of a leg in order; an empty table when there are none.

    Returns:
        A table of ``SCHEMA``, dictionaries unified across parts.

    Raises:
        RunFolderError: naming a part that is damaged or has another schema.
    """
    parts = [_read_part(path) for path in sorted(folder.glob("*.parquet"))]
    if not parts:
        return SCHEMA.empty_table()
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks()


def latency_ns(table: pa.Table) -> NDArray[np.int64]:
    """Response time of each row: from when the request was due to the end of its answer."""
    due, sent, duration = (table[name].to_numpy() for name in ("due_ns", "sent_ns", "duration_ns"))
    latency: NDArray[np.int64] = sent - due + duration
    return latency


def latency_ms(table: pa.Table) -> NDArray[np.float64]:
    """The same in ms."""
    latency: NDArray[np.float64] = latency_ns(table) / 1e6
    return latency


def endpoints(table: pa.Table) -> tuple[NDArray[np.int64], list[str]]:
    """The endpoint of each row as a place in a list of names, and the list."""
    column: Any = table["endpoint"].combine_chunks()
    return np.asarray(column.indices, dtype=np.int64), [str(name) for name in column.dictionary.to_pylist()]


def _read_part(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise RunFolderError(
            f"{path}: damaged samples ({str(error).splitlines()[0]}); measure this run again"
        ) from error
    version = (table.schema.metadata or {}).get(b"harness.samples")
    if version != SCHEMA_VERSION:
        found = version.decode(errors="replace") if version else "none"
        raise RunFolderError(f"{path}: samples of schema {found}; this harness reads {SCHEMA_VERSION.decode()}")
    return table.cast(SCHEMA)
