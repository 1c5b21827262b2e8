"""The response headers X-Cache and Server-Timing: the cache result, statements and database time of a request."""

import re
from collections.abc import Iterable

CACHES = ("hit", "miss", "bypass")
ReportedWork = tuple[int, int, float]
"""Index in ``CACHES``, number of statements, their ms; negative where not reported."""

NOT_REPORTED: ReportedWork = (-1, -1, -1.0)
_DATABASE = re.compile(r"(?:^|,)\s*db\s*;([^,]*)")
_DURATION = re.compile(r"\bdur=(\d+(?:\.\d+)?)")
_QUERIES = re.compile(r"\bdesc=\"?(\d+)")


def reported_headers(cache: str | None, timing: str | None) -> ReportedWork:
    """The values of the two fields."""
    queries, db_ms = _database_work(timing) if timing else (-1, -1.0)
    return CACHES.index(cache) if cache in CACHES else -1, queries, db_ms


def reported_in(fields: Iterable[tuple[bytes, bytes]]) -> ReportedWork:
    """The values among all fields of a response."""
    cache = timing = None
    for field, value in fields:
        length = len(field)
        if length == 7 and field.lower() == b"x-cache":  # noqa: PLR2004 - spares the others the lower()
            cache = value.decode("latin-1")
        elif length == 13 and field.lower() == b"server-timing":  # noqa: PLR2004
            timing = value.decode("latin-1")
    return NOT_REPORTED if cache is timing is None else reported_headers(cache, timing)


def _database_work(timing: str) -> tuple[int, float]:
    """Statements and their ms from ``db;dur=12.5;desc="3 queries"`` of Server-Timing; -1 where absent."""
    entry = _DATABASE.search(timing)
    if entry is None:
        return -1, -1.0
    duration, queries = _DURATION.search(entry[1]), _QUERIES.search(entry[1])
    return int(queries[1]) if queries else -1, float(duration[1]) if duration else -1.0
