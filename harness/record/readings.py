"""Readings: values read beside the load, one row each (when, from where, what, how much)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RunFolderError
from harness.metrics import ProcessRole
from harness.record.columns import names, numbers

DATABASE, CACHE, GENERATOR = ProcessRole.DATABASE.value, ProcessRole.CACHE.value, "generator"
"""Sources that are no service."""
CPU, MEMORY = "cpu_of_host", "memory_bytes"
THREADS, DESCRIPTORS = "threads", "descriptors"
FAULT = "fault_"
"""A reading ``fault_kill`` of a server or service is 1 when the fault began, and 0 when it was over."""
SERVER = "server:"
"""What a database server, a cache or a probe tells of itself has a source that begins so: ``server:postgres``."""


def of_generator(source: str) -> bool:
    """Whether a source is the generator: one process, or ``generator-2``, or ``generator-master``."""
    return source == GENERATOR or source.startswith(f"{GENERATOR}-")


def of_server(source: str) -> bool:
    """Whether a source is what a server tells of itself, and not what its processes use."""
    return source.startswith(SERVER)


SCHEMA = pa.schema(
    [
        pa.field("at_ns", pa.int64(), nullable=False),  # since the leg's origin
        pa.field("source", pa.dictionary(pa.int32(), pa.string()), nullable=False),  # "generator"
        pa.field("name", pa.dictionary(pa.int32(), pa.string()), nullable=False),  # "cpu_share"
        pa.field("value", pa.float64(), nullable=False),
    ],
    metadata={b"harness.readings": b"1"},
)


def write_readings(rows: list[tuple[int, str, str, float]], path: Path) -> None:
    """Write ``(at_ns, source, name, value)`` rows whole, then rename into place."""
    at, sources, labels, values = zip(*rows, strict=True) if rows else ((), (), (), ())
    arrays = [numbers(at, np.int64), _dictionary(sources), _dictionary(labels), numbers(values, np.float64)]
    partial = path.with_suffix(".partial")
    pq.write_table(pa.table(arrays, schema=SCHEMA), partial, compression="zstd")
    partial.rename(path)


def _dictionary(texts: Sequence[str]) -> Any:  # noqa: ANN401 - pyarrow has no common type of arrays
    codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    return names(numbers([codes[text] for text in texts], np.int32), list(codes))


def read_readings(path: Path) -> pa.Table:
    """Read a leg's readings; an empty table when there are none.

    Raises:
        RunFolderError: when the file is damaged.
    """
    if not path.exists():
        return SCHEMA.empty_table()
    try:
        return pq.read_table(path, partitioning=None).cast(SCHEMA)
    except (pa.ArrowException, OSError) as error:
        raise RunFolderError(f"{path}: damaged readings ({str(error).splitlines()[0]})") from error


CALLS, MS = "trigger_calls", "trigger_ms"
"""Readings that only rise: of all trigger functions of a database, since its statistics began."""


THERE, UNCOUNTED = "triggers", "triggers_uncounted"
"""Readings: how many triggers a database has that may fire, and of how many nobody counts the function."""


DATABASE_TELLS = "commits"
"""A reading that every database has."""
