"""What a service asks of a cache of answers. ``generic_cache`` is the one before, ``topic_cache`` the one after."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from reference_app.exchange import CacheOutcome, current_exchange
from reference_app.metrics import Metrics

ALWAYS = float("-inf")  # a threshold that every change reaches
EVERYTHING = float("inf")  # a weight that reaches every threshold


@dataclass(frozen=True, slots=True)
class Loaded:
    """An answer, and the topics it depends on, each with the weight from which a change matters to it."""

    body: bytes
    topics: Mapping[str, float]


Loader = Callable[[], Coroutine[Any, Any, Loaded]]


class Cache(Protocol):
    """Encoded answers by key."""

    async def fetch(self, key: str, ttl_seconds: int, load: Loader) -> bytes:
        """The answer stored under ``key``, or else what ``load`` returns, stored for the next reader."""
        ...

    async def invalidate(self, changes: Mapping[str, float]) -> None:
        """Remove what depends on the topics that changed. Call it after the commit and before the acknowledgement."""
        ...

    async def clear(self) -> None:
        """Remove every answer."""
        ...

    async def event_number(self) -> str | None:
        """What to take before loading answers for ``store``; None while the cache does not answer."""
        ...

    async def store(self, key: str, ttl_seconds: int, token: str, loaded: Loaded) -> bool:
        """Keep an answer unless what it depends on has changed since ``token``; whether it was kept."""
        ...


async def fill(cache: Cache, ttl_seconds: int, load: Callable[[], Awaitable[Mapping[str, Loaded]]]) -> bool:
    """Store by key what ``load`` returns, before anybody asks for it; False while the cache does not answer."""
    token = await cache.event_number()
    if token is None:
        return False
    for key, loaded in (await load()).items():
        await cache.store(key, ttl_seconds, token, loaded)
    return True


def note_lookup(metrics: Metrics, *, hit: bool) -> None:
    """Count a look-up, and tell the request that made it."""
    metrics.observe_lookup(hit=hit)
    exchange = current_exchange.get()
    if exchange is not None:
        exchange.cache = CacheOutcome.HIT if hit else CacheOutcome.MISS


def always(topics: Iterable[str]) -> dict[str, float]:
    """The topics of an answer that any change of them touches."""
    return dict.fromkeys(topics, ALWAYS)


def touched(*topics: str) -> dict[str, float]:
    """Changes that touch every answer about their topics."""
    return dict.fromkeys(topics, EVERYTHING)
