"""Response headers: what X-Cache and Server-Timing report of a request, and known headers that are not parsed again."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

CACHES = ("hit", "miss", "bypass")
ReportedWork = tuple[int, int, float]
"""Index in ``CACHES``, number of statements, their ms; negative where not reported."""

NOT_REPORTED: ReportedWork = (-1, -1, -1.0)
_DATABASE = re.compile(r"(?:^|,)\s*db\s*;([^,]*)")
_DURATION = re.compile(r"\bdur=(\d+(?:\.\d+)?)")
_QUERIES = re.compile(r"\bdesc=\"?(\d+)")


HEADER_END = b"\r\n\r\n"
MAX_HEADERS = 512
_seen_once: set[bytes] = set()
_known: dict[bytes, "KnownHeader"] = {}
recall = _known.get
"""The known header of these bytes (without ``HEADER_END``), or ``None``."""


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


@dataclass(frozen=True, slots=True)
class KnownHeader:
    """A parsed header before a body of ``length`` bytes, after which the connection could be reused."""

    status: int
    fields: list[tuple[bytes, bytes]]
    length: int
    reported: ReportedWork
    sets_cookies: bool


def remember(response: bytes, status: int, fields: list[tuple[bytes, bytes]], length: int) -> None:
    """Keep the header of a complete response with a body of that length, the second time it comes."""
    head, end, body = response.partition(HEADER_END)
    if not end or len(body) != length:
        return
    if head not in _seen_once:
        if len(_seen_once) >= MAX_HEADERS:
            _seen_once.clear()
        _seen_once.add(head)
        return
    if len(_known) >= MAX_HEADERS:
        _known.clear()
    cookies = any(name.lower() == b"set-cookie" for name, _ in fields)
    _known[head] = KnownHeader(status, fields.copy(), length, reported_in(fields), cookies)
