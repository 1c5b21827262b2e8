"""Response headers: what caches and Server-Timing report of a request, and known headers that are not parsed again.

A cache result is that of the first of ``CACHE_FIELDS`` that has one. A field that comes several times is one list, as
RFC 9110 (5.3) has it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

CACHES = ("hit", "miss", "bypass")
ReportedWork = tuple[int, int, float]
"""Index in ``CACHES``, number of statements, their ms; negative where not reported."""

CACHE_FIELDS = ("Cache-Status", "X-Cache", "X-Cache-Status", "CF-Cache-Status")
_READ = (*CACHE_FIELDS, "Server-Timing")
_NAMES = {name.lower().encode(): name for name in _READ}
_LENGTHS = frozenset(map(len, _NAMES))
_RESULTS = {
    "hit": ("hit", "refreshhit", "tcp_hit", "tcp_mem_hit", "tcp_refresh_hit", "stale", "updating", "revalidated"),
    "miss": ("miss", "refreshmiss", "tcp_miss", "tcp_refresh_miss", "expired"),
    "bypass": ("bypass", "pass", "dynamic"),
}
_WORDS = {word: CACHES.index(result) for result, words in _RESULTS.items() for word in words}
"""The words of nginx, Varnish, Squid, CloudFront, Fastly and Cloudflare, by their index in ``CACHES``."""
_WORD = re.compile(r"(?:^|,)\s*([a-z_]+)")
_SERVED = re.compile(r";\s*hit(?:=\?1)?\s*(?:[;,]|$)")
_FORWARDED = re.compile(r";\s*fwd=([a-z-]+)")
_UNASKED = frozenset({"bypass", "method", "request"})  # reasons to forward a request without a lookup

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


def reported_headers(headers: Any) -> ReportedWork:  # noqa: ANN401 - the headers of any client, by any case of a name
    """The values among the headers of a client, whose ``get`` may return a list for a field that came several times."""
    found = {name: value for name in _READ if (value := headers.get(name)) is not None}
    joined = {name: value if isinstance(value, str) else ", ".join(value) for name, value in found.items()}
    return _reported(joined) if joined else NOT_REPORTED


def reported_in(fields: Iterable[tuple[bytes, bytes]]) -> ReportedWork:
    """The values among all fields of a response."""
    found: dict[str, str] = {}
    for field, value in fields:
        if len(field) in _LENGTHS and (name := _NAMES.get(field.lower())):  # the length spares some the lower()
            text = value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return _reported(found) if found else NOT_REPORTED


def _reported(found: dict[str, str]) -> ReportedWork:
    timing = found.get("Server-Timing")
    queries, db_ms = _database_work(timing) if timing else (-1, -1.0)
    for name in CACHE_FIELDS:
        if name in found and (result := _cache_result(name, found[name])) >= 0:
            return result, queries, db_ms
    return -1, queries, db_ms


@lru_cache(maxsize=512)
def _cache_result(name: str, value: str) -> int:
    """The index in ``CACHES``, -1 for none. A hit in any cache of a list answers the request."""
    value = value.lower()
    if name == "Cache-Status":  # RFC 9211
        reasons = set(_FORWARDED.findall(value))
        results = [0] if _SERVED.search(value) else [2 if reasons <= _UNASKED else 1] if reasons else []
    else:
        results = [_WORDS[word] for word in _WORD.findall(value) if word in _WORDS]
    return min(results, default=-1)


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
