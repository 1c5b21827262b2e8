"""Readings: values of probes, one row each (time, source, name, value), and readings that were unavailable."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from harness.finding import Finding
from harness.metrics import ProcessRole
from harness.record.columns import table_in, table_of, write_table

DATABASE, CACHE, GENERATOR = ProcessRole.DATABASE.value, ProcessRole.CACHE.value, "generator"
"""Sources that are no service."""
CPU, MEMORY = "cpu_of_host", "memory_bytes"
THREADS, DESCRIPTORS = "threads", "descriptors"
FAULT = "fault_"
"""The reading ``fault_kill`` of a server or service is 1 when the fault begins, and 0 when it ends."""
SERVER = "server:"
"""Sources of statistics of a server, a cache or the probes begin so: ``server:postgres``."""
TRIGGER_CALLS, TRIGGER_MS = "trigger_calls", "trigger_ms"
"""Counters of all trigger functions of a database."""
TRIGGERS, UNCOUNTED_TRIGGERS = "triggers", "triggers_uncounted"
"""The number of enabled triggers of a database, and of those whose function is not counted."""
COMMITS = "commits"
"""A reading that every database has."""


def of_generator(source: str) -> bool:
    """Whether a source is a generator process: ``generator``, ``generator-2`` or ``generator-master``."""
    return source == GENERATOR or source.startswith(f"{GENERATOR}-")


def of_server(source: str) -> bool:
    """Whether a source is a server's statistics, in contrast to its processes."""
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
    """Write ``(at_ns, source, name, value)`` rows to a temporary file and rename it into place."""
    write_table(table_of(rows, SCHEMA), path)


def read_readings(path: Path) -> pa.Table:
    """A leg's readings; an empty table without any. Raises ``RunFolderError`` when the file is damaged."""
    if not path.exists():
        return SCHEMA.empty_table()
    with table_in(path, "readings") as table:
        return table.cast(SCHEMA)


@dataclass(frozen=True, slots=True)
class UnavailableReading:
    """A reading of a ``server`` that was unavailable: what, why, and the remedy."""

    server: str
    what: str
    why: str
    fix: str


def unavailable_findings(unread: Iterable[UnavailableReading]) -> list[Finding]:
    """The caveats, without duplicates, in order."""
    return [
        Finding("NOT_READ", f"{one.what} of {one.server} could not be read: {one.why}", one.fix)
        for one in dict.fromkeys(unread)
    ]
