"""Known response headers, kept so that the same bytes are not parsed again.

Only a header that came with a whole body of its announced length is kept, with what the C parser made of it.
"""

from dataclasses import dataclass

from harness.generator.http.response_headers import ReportedWork, reported_in

HEADER_END = b"\r\n\r\n"
MAX_HEADERS = 512
_seen_once: set[bytes] = set()
_known: dict[bytes, "KnownHeader"] = {}
recall = _known.get
"""The known header of these bytes (without ``HEADER_END``), or ``None``."""


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
