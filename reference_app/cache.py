"""The interface of a response cache. ``generic_cache`` is the baseline, ``topic_cache`` the optimized one."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from reference_app.exchange import CacheOutcome, current_exchange
from reference_app.metrics import Metrics

ALWAYS = float("-inf")  # a threshold that every change reaches
EVERYTHING = float("inf")  # a weight that reaches every threshold


@dataclass(frozen=True, slots=True)
class Loaded:
    """An encoded response and the topics it depends on, each with the weight from which a change affects it."""

    body: bytes
    topics: Mapping[str, float]


Loader = Callable[[], Coroutine[Any, Any, Loaded]]


class Cache(Protocol):
    """Encoded responses by key."""

    async def fetch(self, key: str, ttl_seconds: int, load: Loader) -> bytes:
        """The response stored under ``key``; else the result of ``load``, which is then stored."""
        ...

    async def invalidate(self, changes: Mapping[str, float]) -> None:
        """Remove responses that depend on the changed topics. Call it after the commit, before the acknowledgement."""
        ...

    async def clear(self) -> None:
        """Remove all stored responses."""
        ...

    async def event_number(self) -> str | None:
        """A token to take before loading responses for ``store``; None while the cache is unavailable."""
        ...

    async def store(self, key: str, ttl_seconds: int, token: str, loaded: Loaded) -> bool:
        """Store a response unless one of its topics changed since ``token``; whether it was stored."""
        ...


async def fill(cache: Cache, ttl_seconds: int, load: Callable[[], Awaitable[Mapping[str, Loaded]]]) -> bool:
    """Load and store responses in advance; False while the cache is unavailable."""
    token = await cache.event_number()
    if token is None:
        return False
    for key, loaded in (await load()).items():
        await cache.store(key, ttl_seconds, token, loaded)
    return True


def note_lookup(metrics: Metrics, *, hit: bool) -> None:
    """Count a lookup in the metrics and in the request."""
    metrics.observe_lookup(hit=hit)
    exchange = current_exchange.get()
    if exchange is not None:
        exchange.cache = CacheOutcome.HIT if hit else CacheOutcome.MISS


def always(topics: Iterable[str]) -> dict[str, float]:
    """Topics of which every change affects the response."""
    return dict.fromkeys(topics, ALWAYS)


def touched(*topics: str) -> dict[str, float]:
    """Changes that affect every response about their topics."""
    return dict.fromkeys(topics, EVERYTHING)
