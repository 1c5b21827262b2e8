"""Header: what the header of an answer says, kept so that the same bytes are not parsed again.

A server often says the same header for a while. What the parser made of it once, with a body that came at the same time
and had the length it tells, it would make of it again: nothing else is kept, so nothing is decided here.
"""

from dataclasses import dataclass

from harness.generator.http.response_headers import Told, told_by

END = b"\r\n\r\n"
MOST = 512
_once: set[bytes] = set()
_known: dict[bytes, "Header"] = {}
recall = _known.get
"""The header that bytes without their ``END`` were before, or ``None``."""


@dataclass(frozen=True, slots=True)
class Header:
    """What an answer said before a body of ``length`` bytes; its connection could be used again."""

    status: int
    fields: list[tuple[bytes, bytes]]
    length: int
    told: Told
    sets_cookies: bool


def remember(answer: bytes, status: int, fields: list[tuple[bytes, bytes]], length: int) -> None:
    """Keep the header of a whole answer with a body of that length, when it comes for the second time."""
    head, end, body = answer.partition(END)
    if not end or len(body) != length:
        return
    if head not in _once:
        if len(_once) >= MOST:
            _once.clear()
        _once.add(head)
        return
    if len(_known) >= MOST:
        _known.clear()
    cookies = any(name.lower() == b"set-cookie" for name, _ in fields)
    _known[head] = Header(status, fields.copy(), length, told_by(fields), cookies)
