"""What one request did, gathered while it runs.

The database and the cache write here without knowing of HTTP; measurement.py reads it when the answer leaves. A
context variable carries it, so a loader that runs as a task of its own still counts for the request that started it.
"""

from collections.abc import MutableMapping
from contextvars import ContextVar
from enum import StrEnum
from typing import Any


class CacheOutcome(StrEnum):
    """The value of the X-Cache header."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"


class Exchange:
    """Statements, seconds in the database, the cache look-up, and whether a fallback answered."""

    __slots__ = ("cache", "fallback", "scope", "statement_seconds", "statements")

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self.scope = scope
        self.statements = 0
        self.statement_seconds = 0.0
        self.cache = CacheOutcome.BYPASS
        self.fallback = False

    @property
    def route(self) -> str:
        """The template of the route, such as ``/content/{content_id}``; unbounded paths never become labels."""
        route = self.scope.get("route")
        return getattr(route, "path", "unmatched")


current_exchange: ContextVar[Exchange | None] = ContextVar("current_exchange", default=None)
