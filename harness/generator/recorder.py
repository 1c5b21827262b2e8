"""Recorder: every request event becomes one row; parts are written by a thread, off the hot path."""

import re
import time
from array import array
from pathlib import Path
from typing import Any

import gevent
import numpy as np
import pyarrow as pa

from harness.samples import SCHEMA, write_part

PART_ROWS = 100_000
MOST_ERRORS = 1000
MOST_ERROR_CHARACTERS = 200
_DATABASE = re.compile(r"(?:^|,)\s*db\s*;([^,]*)")
_DURATION = re.compile(r"\bdur=(\d+(?:\.\d+)?)")
_QUERIES = re.compile(r"\bdesc=\"?(\d+)")
_CACHE = {None: -1, "hit": 0, "miss": 1, "bypass": 2}


class Recorder:
    """Collects samples in columns and writes them as Parquet parts.

    Time is counted from ``origin_ns``, taken when the recorder is made: on the monotonic clock, and on the wall clock
    because Locust stamps the start of a request with it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wall_origin_ns = time.time_ns()
        self.origin_ns = time.perf_counter_ns()
        self.requests = 0
        self.failures = 0
        self.recent_ms: list[float] = []
        self._endpoints: dict[tuple[str, str], int] = {}
        self._errors: dict[str, int] = {}
        self._parts = 0
        self._writing: list[Any] = []
        self._clear()

    def _clear(self) -> None:
        self._sent, self._duration, self._size = array("q"), array("q"), array("q")
        self._endpoint, self._error, self._queries = array("i"), array("i"), array("i")
        self._status, self._cache, self._db_ms = array("h"), array("b"), array("d")

    def now_ns(self) -> int:
        """Nanoseconds since the origin."""
        return time.perf_counter_ns() - self.origin_ns

    def on_request(  # noqa: PLR0917 - the event's own arguments, by keyword
        self,
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        response: object = None,
        exception: BaseException | None = None,
        start_time: float | None = None,
        **_: object,
    ) -> None:
        """Take in one request event of Locust; ``response_time`` is exact, in ms."""
        duration_ns = round(response_time * 1e6)
        begun = self.now_ns() - duration_ns if start_time is None else int(start_time * 1e9) - self.wall_origin_ns
        status = getattr(response, "status_code", 0) or 0
        error = -1 if exception is None else self._error_code(exception, status)
        headers = getattr(response, "headers", None) or {}
        cache = _CACHE.get(headers.get("X-Cache"), -1)
        queries, db_ms = _database_work(headers.get("Server-Timing"))
        endpoint = self._endpoints.setdefault((request_type, name), len(self._endpoints))
        # nothing below raises: a row is taken in whole or not at all
        self._sent.append(begun)
        self._duration.append(duration_ns)
        self._endpoint.append(endpoint)
        self._status.append(status)
        self._size.append(response_length or 0)
        self._error.append(error)
        self._cache.append(cache)
        self._db_ms.append(db_ms)
        self._queries.append(queries)
        self.requests += 1
        if exception is None:
            self.recent_ms.append(response_time)
        else:
            self.failures += 1
        if len(self._sent) >= PART_ROWS:
            self.flush()

    def _error_code(self, exception: BaseException, status: int) -> int:
        said = type(exception).__name__ == "CatchResponseError"  # the user file's own words
        text = f"HTTP {status}" if status and not said else f"{type(exception).__name__}: {exception}"
        text = text[:MOST_ERROR_CHARACTERS]
        if text not in self._errors and len(self._errors) >= MOST_ERRORS:
            text = "further kinds of error"
        return self._errors.setdefault(text, len(self._errors))

    def flush(self) -> None:
        """Hand what is collected to a writing thread."""
        if not self._sent:
            return
        table = self._table()
        self._clear()
        self._parts += 1
        self._writing.append(gevent.get_hub().threadpool.spawn(write_part, table, self.folder, self._parts))

    def close(self) -> None:
        """Write the rest and wait for every part; a part that could not be written raises."""
        self.flush()
        for part in self._writing:
            part.get()

    def _table(self) -> pa.Table:
        endpoints = [f"{method} {name}".strip() for method, name in self._endpoints]
        sent = _column(self._sent)
        columns = [
            sent,
            sent,
            _column(self._duration),
            _dictionary(self._endpoint, endpoints),
            _column(self._status),
            _column(self._size),
            _dictionary(self._error, list(self._errors)),
            _dictionary(self._cache, [name for name in _CACHE if name]),
            _column(self._queries, missing=True),
            _column(self._db_ms, missing=True),
        ]
        arrays = [column.cast(field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        return pa.table(arrays, schema=SCHEMA)


def _database_work(timing: str | None) -> tuple[int, float]:
    """Statements and their ms from ``db;dur=12.5;desc="3 queries"`` of a Server-Timing header; -1 where not said."""
    entry = _DATABASE.search(timing) if timing else None
    if entry is None:
        return -1, -1.0
    duration, queries = _DURATION.search(entry[1]), _QUERIES.search(entry[1])
    return int(queries[1]) if queries else -1, float(duration[1]) if duration else -1.0


def _column(values: "array[int] | array[float]", *, missing: bool = False) -> Any:  # noqa: ANN401 - pyarrow has no common type of arrays
    """A column; with ``missing`` a negative value is null."""
    numbers = np.array(values)
    return pa.array(numbers, mask=numbers < 0 if missing else None)


def _dictionary(codes: "array[int]", names: list[str]) -> Any:  # noqa: ANN401 - pyarrow has no common type of arrays
    """A dictionary column; code -1 is null."""
    numbers = np.array(codes, dtype=np.int32)
    indices: Any = pa.array(numbers, mask=numbers < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, type=pa.string()))
