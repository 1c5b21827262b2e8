"""Recorder: one row per request event; a thread writes the rows as Parquet parts."""

import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import numpy as np
import pyarrow as pa
from gevent.hub import getcurrent

from harness.generator.http.response_headers import CACHES, ReportedWork, reported_headers, reported_in
from harness.record.columns import names, numbers
from harness.record.samples import SCHEMA, write_part

if TYPE_CHECKING:
    from collections.abc import Callable

PART_ROWS = 100_000
MAX_ERRORS = 1000
FIRST_BAD_STATUS = 400
MAX_SIZE = 2**32 - 1
MAX_ERROR_CHARACTERS = 200


class Recorder:
    """Collects samples in columns of 26 bytes a row and writes them as Parquet parts of ``PART_ROWS`` rows.

    Values that few requests have (an error, reported headers) are stored with their row number and take no room in
    other rows. Times count from ``origin_ns`` on the monotonic clock, which may be in the future, and from
    ``wall_origin_ns`` on the wall clock, which Locust's start times are on.
    """

    def __init__(self, folder: Path, origin_ns: int | None = None) -> None:
        self.folder = folder
        self.origin_ns = time.perf_counter_ns() if origin_ns is None else origin_ns
        self.wall_origin_ns = time.time_ns() - (time.perf_counter_ns() - self.origin_ns)
        self.failures = 0
        self.recent_ms: list[float] = []
        self.due_by_greenlet: dict[Any, int] = {}
        """Due time of the next request of a greenlet, in ns since the origin; the request removes it."""
        self.listener: Callable[..., None] | None = None
        """``put`` of an abort watch or of a try of a capacity search."""
        self._flushed = 0
        self._endpoints: dict[tuple[str, str], int] = {}
        self._errors: dict[str, int] = {}
        self._parts = 0
        self._writing: list[Any] = []
        self._clear()

    def _clear(self) -> None:
        self._sent, self._duration = array("q"), array("q")
        self._endpoint, self._size, self._status = array("I"), array("I"), array("H")
        self._due, self._error, self._cache = _Sparse("q"), _Sparse("H"), _Sparse("B")
        self._queries, self._db_ms = _Sparse("i"), _Sparse("d")

    @property
    def requests(self) -> int:
        return self._flushed + len(self._sent)

    def now_ns(self) -> int:
        return time.perf_counter_ns() - self.origin_ns

    def second(self) -> float:
        return self.now_ns() / 1e9

    def on_request(  # noqa: PLR0913, PLR0917 - the event's own arguments
        self,
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        exception: BaseException | None = None,
        response: Any = None,  # noqa: ANN401 - whatever a client calls its response
        start_time: float | None = None,
        context: object = None,  # noqa: ARG002 - named, which spares a dictionary per request
        url: object = None,  # noqa: ARG002
        **_: object,
    ) -> None:
        """Add a request event of Locust; ``response_time`` in ms, not rounded."""
        duration_ns = round(response_time * 1e6)
        sent = getattr(response, "sent", None)
        if sent is not None:
            begun = int(sent * 1e9) - self.origin_ns
        elif start_time is not None:
            begun = int(start_time * 1e9) - self.wall_origin_ns
        else:
            begun = self.now_ns() - duration_ns
        status = getattr(response, "status_code", 0) or 0
        cache, queries, db_ms = _reported(response)
        error = -1 if exception is None else self._error_code(exception, status)
        endpoint = self._endpoints.setdefault((request_type, name), len(self._endpoints))
        size = min(response_length or 0, MAX_SIZE)
        # nothing below raises: a row is added as a whole or not at all
        row = len(self._sent)
        due = self.due_by_greenlet.pop(getcurrent(), None) if self.due_by_greenlet else None
        if due is not None:
            self._due.put(row, due)
        if self.listener is not None:
            called = f"{request_type} {name}".strip()
            self.listener(begun if due is None else due, begun, duration_ns, ok=error < 0, endpoint=called)
        self._sent.append(begun)
        self._duration.append(duration_ns)
        self._endpoint.append(endpoint)
        self._status.append(status)
        self._size.append(size)
        if cache >= 0:
            self._cache.put(row, cache)
        if queries >= 0:
            self._queries.put(row, queries)
        if db_ms >= 0:
            self._db_ms.put(row, db_ms)
        if error < 0:
            self.recent_ms.append(response_time)
        else:
            self._error.put(row, error)
            self.failures += 1
        if row + 1 >= PART_ROWS:
            self.flush()

    def _error_code(self, exception: BaseException, status: int) -> int:
        stated = type(exception).__name__ == "CatchResponseError"  # by the user file
        named = f"{type(exception).__name__}: {exception}"
        text = f"HTTP {status}" if status >= FIRST_BAD_STATUS and not stated else named[:MAX_ERROR_CHARACTERS]
        if text not in self._errors and len(self._errors) >= MAX_ERRORS:
            text = "further kinds of error"
        return self._errors.setdefault(text, len(self._errors))

    def flush(self) -> None:
        if not self._sent:
            return
        table = self._table()
        self._flushed += len(self._sent)
        self._clear()
        self._parts += 1
        self._writing.append(gevent.get_hub().threadpool.spawn(write_part, table, self.folder, self._parts))

    def close(self) -> None:
        """Write the rest and wait for every part; raises the error of a part that could not be written."""
        self.flush()
        for part in self._writing:
            part.get()

    def _table(self) -> pa.Table:
        endpoints = [f"{method} {name}".strip() for method, name in self._endpoints]
        rows = len(self._sent)
        columns = [
            numbers(self._due.over(np.array(self._sent)), np.int64),
            numbers(self._sent, np.int64),
            numbers(self._duration, np.int64),
            names(numbers(self._endpoint, np.int32), endpoints),
            numbers(self._status, np.int16),
            numbers(self._size, np.int64),
            names(self._error.column(rows, np.int32), list(self._errors)),
            names(self._cache.column(rows, np.int32), list(CACHES)),
            self._queries.column(rows, np.int32),
            self._db_ms.column(rows, np.float64),
        ]
        return pa.table(columns, schema=SCHEMA)


class _Sparse:
    """A column that is null in most rows."""

    def __init__(self, kind: str) -> None:
        self._rows = array("I")
        self._values: Any = array(kind)

    def put(self, row: int, value: float) -> None:
        self._rows.append(row)
        self._values.append(value)

    def over(self, values: Any) -> Any:  # noqa: ANN401 - a NumPy array
        """``values`` with the values of this column in their place."""
        values[self._rows] = self._values
        return values

    def column(self, rows: int, kind: Any) -> Any:  # noqa: ANN401 - pyarrow has no common type of types, or of arrays
        values, there = np.zeros(rows, dtype=kind), np.zeros(rows, dtype=bool)
        values[self._rows], there[self._rows] = self._values, True
        return numbers(values, kind, there)


def _reported(response: Any) -> ReportedWork:  # noqa: ANN401 - whatever a client calls its response
    known = getattr(response, "known_header", None)
    if known is not None:
        return known.reported  # type: ignore[no-any-return]
    fields = getattr(response, "raw_headers", None)
    if fields is not None:
        return reported_in(fields)
    return reported_headers(getattr(response, "headers", None) or {})
