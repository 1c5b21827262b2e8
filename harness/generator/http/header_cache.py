"""Header: what the header of an answer says, kept so that the same bytes are not parsed again.

A server often says the same header for a while. What the parser made of it once, with a body that came at the same time
and had the length it tells, it would make of it again: nothing else is kept, so nothing is decided here.
"""

from dataclasses import dataclass

from harness.generator.http.response_headers import ReportedWork, reported_in

HEADER_END = b"\r\n\r\n"
MAX_HEADERS = 512
_seen_once: set[bytes] = set()
_known: dict[bytes, "KnownHeader"] = {}
recall = _known.get
"""The header that bytes without their ``HEADER_END`` were before, or ``None``."""


@dataclass(frozen=True, slots=True)
class KnownHeader:
    """What an answer said before a body of ``length`` bytes; its connection could be used again."""

    status: int
    fields: list[tuple[bytes, bytes]]
    length: int
    reported: ReportedWork
    sets_cookies: bool


def remember(answer: bytes, status: int, fields: list[tuple[bytes, bytes]], length: int) -> None:
    """Keep the header of a whole answer with a body of that length, when it comes for the second time."""
    head, end, body = answer.partition(HEADER_END)
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
