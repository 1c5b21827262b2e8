"""Answer: what one request brought, in the form in which the answers of two arms are compared.

JSON is written with its keys in order, numbers as their value, without ignored keys, and where lists may come in any
order with these sorted. The base URLs of the arm's own services are written as ``{service}``: they differ by a port.
Everything else is compared byte by byte.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any

SCHEMA = 1
MAX_TEXT = 16_384
"""So many characters of an answer are kept, to show a difference; all of it goes into the digest."""
FIRST_FAILED_STATUS = 500
PLAIN_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request was and brought.

    Attributes:
        n: its place among the requests, from 1 on.
        endpoint: as samples name it, ``GET /items/{id}``.
        path: path and query, without the values of ignored keys.
        asked: a digest of the request's body, which only digests of the same run can be compared with.
        status: of HTTP; 0 where there was no answer.
        kind: the media type, without its parameters.
        digest: of the whole answer in its canonical form; empty where there is nothing to compare.
        text: its first ``MAX_TEXT`` characters.
        whole: whether that is all.
        error: why there is nothing to compare.
    """

    n: int
    endpoint: str
    path: str
    asked: str
    status: int
    kind: str
    digest: str
    text: str
    whole: bool = True
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether it is no answer to compare with: none came, or the service said that it failed."""
        return not self.digest or self.status >= FIRST_FAILED_STATUS


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """All that one arm was asked: ``wanted`` requests, fewer where its users made fewer."""

    wanted: int
    answers: tuple[Answer, ...]
    user_errors: int = 0


class Number(str):
    """A number as canonical JSON writes it; what is equal as a number is equal as a text."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class CanonicalForm:
    """In which form answers of an endpoint are compared.

    ``own`` are the base URLs of the arm's services, each with what stands for it.
    """

    ignored: frozenset[str] = frozenset()
    in_any_order: bool = False
    own: Mapping[str, str] = field(default_factory=dict)

    def of(self, body: bytes, kind: str) -> str | bytes:
        """A body in canonical form: a text, or the bytes themselves where they are none."""
        if not kind or "json" in kind:
            try:
                return self._written(parsed(body.decode()))
            except (ValueError, RecursionError):  # says it is JSON, and is not
                pass
        try:
            return self.named(body.decode())
        except UnicodeDecodeError:
            return body

    def named(self, text: str) -> str:
        """A text with the base URLs of the arm's own services replaced."""
        for url, name in self.own.items():
            if url in text:
                text = re.sub(re.escape(url) + r"(?![\w:-])(?!\.\w)", name, text)
        return text

    def _written(self, value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
        match value:
            case dict():
                kept = sorted((key, inner) for key, inner in value.items() if key not in self.ignored)
                return "{" + ",".join(f"{quoted(key)}:{self._written(inner)}" for key, inner in kept) + "}"
            case list():
                items = [self._written(inner) for inner in value]
                return "[" + ",".join(sorted(items) if self.in_any_order else items) + "]"
            case Number():
                return value
            case str():
                return quoted(self.named(value))
            case _:
                return json.dumps(value)


def parsed(text: str) -> Any:  # noqa: ANN401 - whatever JSON can say
    """JSON with its numbers as ``Number``.

    Raises:
        ValueError: when it is none, or an object has a key twice.
    """
    return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=Number, object_pairs_hook=_object)


def longest_list(text: str) -> int | None:
    """The length of the longest list in a JSON text; ``None`` where it is none, or has no list."""
    try:
        queue, longest = [json.loads(text)], None
    except (ValueError, RecursionError):
        return None
    while queue:
        value = queue.pop()
        if isinstance(value, list):
            longest = max(longest or 0, len(value))
        queue += value if isinstance(value, list) else value.values() if isinstance(value, dict) else []
    return longest


def quoted(text: str) -> str:
    """A JSON string; half of a surrogate pair, which no file could hold, as its escape."""
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def digest(content: str | bytes, key: str = "") -> str:
    """A digest of what is compared; with a ``key``, one that says nothing to who has no key."""
    data = content.encode() if isinstance(content, str) else content
    return blake2b(data, digest_size=16, key=key.encode()).hexdigest()


def kept_text(content: str | bytes) -> tuple[str, bool]:
    """As much of a canonical form as is kept, and whether it is all of it."""
    if isinstance(content, bytes):
        return f"{len(content):,} bytes that are no text", False
    return content[:MAX_TEXT], len(content) <= MAX_TEXT


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _number(token: str) -> Number:
    """``1.50``, ``15e-1`` and ``1.5`` are one number, and so are ``-0.0`` and ``0``."""
    try:
        sign, digits, exponent = Decimal(token).as_tuple()
    except InvalidOperation:
        return Number(token)
    if not isinstance(exponent, int):
        return Number(token)
    written = "".join(map(str, digits)).lstrip("0")
    short = written.rstrip("0")
    exponent += len(written) - len(short)
    if not short:
        return Number("0")
    if 0 <= exponent <= PLAIN_DIGITS:
        plain = short + "0" * exponent
    elif -PLAIN_DIGITS <= exponent < 0:
        padded = short.rjust(1 - exponent, "0")
        plain = f"{padded[:exponent]}.{padded[exponent:]}"
    else:
        plain = f"{short}e{exponent}"
    return Number("-" * sign + plain)
