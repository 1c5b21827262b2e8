"""Counters of one request, collected while it runs.

Database and cache write them without access to HTTP; measurement.py reads them when the response is sent. A context
variable carries them, so a loader in its own task still counts for the request that started it.
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
    """Statements, database seconds, the cache lookup, and whether a fallback was served."""

    __slots__ = ("cache", "fallback", "scope", "statement_seconds", "statements")

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self.scope = scope
        self.statements = 0
        self.statement_seconds = 0.0
        self.cache = CacheOutcome.BYPASS
        self.fallback = False

    @property
    def route(self) -> str:
        """The route template, such as ``/content/{content_id}``; unknown paths never become labels."""
        route = self.scope.get("route")
        return getattr(route, "path", "unmatched")


current_exchange: ContextVar[Exchange | None] = ContextVar("current_exchange", default=None)
