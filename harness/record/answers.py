"""Answers: the responses to a corpus of requests, in a canonical form that can be compared between arms.

Canonical JSON has sorted keys, numbers by value, no ignored keys and, where lists are unordered, sorted items. The base
URLs of the arm's own services become ``{service}``, since their ports differ. Everything else is compared byte by byte.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any

SCHEMA = 1
MAX_TEXT = 16_384
"""Characters of an answer that are kept, to show a difference; the digest covers all of it."""
FIRST_FAILED_STATUS = 500
PLAIN_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """One request and its response."""

    n: int  # its place in the corpus, from 1
    endpoint: str  # as in samples, ``GET /items/{id}``
    path: str  # path and query, without the values of ignored keys
    asked: str  # a digest of the request body, comparable within one run only
    status: int  # of HTTP; 0 without a response
    kind: str  # the media type, without its parameters
    digest: str  # of the whole canonical body; empty where there is none
    text: str  # its first ``MAX_TEXT`` characters
    whole: bool = True  # whether ``text`` is all of it
    error: str = ""  # why there is no body

    @property
    def failed(self) -> bool:
        """Whether there is no response to compare: none came, or its status is 5xx."""
        return not self.digest or self.status >= FIRST_FAILED_STATUS


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """All responses of one arm; the plan wanted ``wanted`` requests."""

    wanted: int
    answers: tuple[Answer, ...]
    user_errors: int = 0


class Number(str):
    """A number in canonical JSON: equal numbers have equal texts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class CanonicalForm:
    """The canonical form of an endpoint's responses; ``own`` maps base URLs of the arm's services to placeholders."""

    ignored: frozenset[str] = frozenset()
    in_any_order: bool = False
    own: Mapping[str, str] = field(default_factory=dict)

    def of(self, body: bytes, kind: str) -> str | bytes:
        """A body in canonical form; its bytes where it is no text."""
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
    """JSON with its numbers as ``Number``; raises ``ValueError`` when it is invalid, or an object has a key twice."""
    return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=Number, object_pairs_hook=_object)


def longest_list(text: str) -> int | None:
    """The length of the longest list in a JSON text; ``None`` where it is invalid or has no list."""
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
    """A JSON string; a lone surrogate, which UTF-8 cannot encode, becomes its escape."""
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def digest(content: str | bytes, key: str = "") -> str:
    """A digest of the content; with a ``key`` it cannot be recomputed without that key."""
    data = content.encode() if isinstance(content, str) else content
    return blake2b(data, digest_size=16, key=key.encode()).hexdigest()


def kept_text(content: str | bytes) -> tuple[str, bool]:
    """The part of a canonical form that is kept, and whether it is all of it."""
    if isinstance(content, bytes):
        return f"{len(content):,} bytes that are no text", False
    return content[:MAX_TEXT], len(content) <= MAX_TEXT


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _number(token: str) -> Number:
    """Canonical number: ``1.50``, ``15e-1`` and ``1.5`` are one, and so are ``-0.0`` and ``0``."""
    try:
        exact = Decimal(token).normalize(Context(prec=len(token), Emin=MIN_EMIN, Emax=MAX_EMAX))
    except InvalidOperation:
        return Number(token)
    sign, digits, exponent = exact.as_tuple()
    if not exact or not isinstance(exponent, int):
        return Number(token if exact else "0")
    written = f"{exact:f}" if abs(exponent) <= PLAIN_DIGITS else f"{'-' * sign}{''.join(map(str, digits))}e{exponent}"
    return Number(written)
