"""Cache-aside with exact invalidation: after an acknowledged write no older response is served.

A stored response names the topics that it depends on; a write names the topics that it changed. Redis keys:

    {space}:events           a number that grows with every invalidation
    {space}:generation       the number of the last event that affected everything; prefix of every response key
    {space}:mark:{topic}     the number of the last event of a topic, kept as long as a load can take
    {space}:about:{topic}    sorted set of the responses that depend on a topic, each with its threshold, kept as long
                             as the longest of them

A topic is an entity or a property (``content:7``, ``tag:jazz``). A change has a weight, and affects responses with a
threshold up to it: a list whose last entry scores 900 stays when a content of 12 gets a tag.

Why no stale response survives: a reader takes the event number *before* it loads, in the round trip of its lookup. It
stores only if no topic of the response was marked since; storing is one atomic script, invalidating another. Loads are
shared by (key, event number), so no request after a write joins a load from before it. An invalidation that Redis
did not execute is pending: this process reads no response until it has cleared everything. Redis itself must run
without persistence, because a restored snapshot misses later writes.

Why two ways to invalidate: deleting by topic keeps a hit at one MGET however many topics it has. For everything at
once a new generation costs the same for a hundred responses as for a hundred thousand, unlike KEYS or SCAN; entries of
the old generation are overwritten or expire.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from reference_app import cache_scripts
from reference_app.breaker import Breaker
from reference_app.cache import Loaded, Loader, note_lookup
from reference_app.errors import CircuitOpenError
from reference_app.flights import Flights
from reference_app.metrics import Metrics

logger = logging.getLogger(__name__)

_UNREACHABLE = (RedisError, OSError, CircuitOpenError)


class TopicCache:
    """The responses of one service, under keys with the prefix ``space:``."""

    def __init__(self, redis: Redis, space: str, metrics: Metrics, breaker: Breaker) -> None:
        self._redis = redis
        self._space = space
        self._metrics = metrics
        self._breaker = breaker
        self._store_script = redis.register_script(cache_scripts.STORE)
        self._invalidate_script = redis.register_script(cache_scripts.INVALIDATE)
        self._flights: Flights[bytes] = Flights()
        self._reachable = True
        self._clears_due = self._clears_done = 0
        self._clearing = asyncio.Lock()

    async def fetch(self, key: str, ttl_seconds: int, load: Loader) -> bytes:
        """The response stored under ``key``; else the result of ``load``, which is then stored."""
        body, token = await self._look_up(key)
        if body is not None:
            return body
        return await self._flights.join((key, token), lambda: self._fill(key, ttl_seconds, token, load))

    async def event_number(self) -> str | None:
        """A token to take before loading responses for ``store``; None while Redis is unavailable."""
        return (await self._read(f"{self._space}:events"))[1]

    async def store(self, key: str, ttl_seconds: int, token: str, loaded: Loaded) -> bool:
        """Store a response unless one of its topics changed since ``token``; whether it was stored."""
        arguments = [self._space, token, loaded.body, ttl_seconds, *_flat(loaded.topics)]
        try:
            with self._breaker.attempt():
                return bool(await self._store_script(keys=[key], args=arguments))
        except _UNREACHABLE as error:
            self._failed(error)
            return False

    async def invalidate(self, changes: Mapping[str, float]) -> None:
        """Remove responses that depend on the changed topics. Call it after the commit, before the acknowledgement."""
        self._flights.forget()
        try:
            with self._breaker.attempt():
                await self._invalidate_script(args=[self._space, 0, *_flat(changes)])
        except _UNREACHABLE as error:
            self._clears_due += 1
            self._failed(error)

    async def clear(self) -> None:
        """Remove all responses: after a change that affects most of them, and those of another release."""
        self._flights.forget()
        self._clears_due += 1
        try:
            with self._breaker.attempt():
                await self._clear_pending()
        except _UNREACHABLE as error:
            self._failed(error)

    async def _look_up(self, key: str) -> tuple[bytes | None, str | None]:
        body, token = await self._read(key)
        if token is not None:
            note_lookup(self._metrics, hit=body is not None)
        return body, token

    async def _read(self, key: str) -> tuple[bytes | None, str | None]:
        try:
            with self._breaker.attempt():
                if self._clears_due != self._clears_done:
                    await self._clear_pending()
                found = await self._redis.mget(key, f"{self._space}:events", f"{self._space}:generation")
        except _UNREACHABLE as error:
            self._failed(error)
            return None, None
        if not self._reachable:
            self._reachable = True
            logger.warning("the cache answers again")
        stored, event, generation = cast("list[bytes | None]", found)
        beginning = (generation or b"0") + b"\n"
        body = stored.removeprefix(beginning) if stored is not None and stored.startswith(beginning) else None
        return body, (event or b"0").decode()

    async def _fill(self, key: str, ttl_seconds: int, token: str | None, load: Loader) -> bytes:
        loaded = await load()
        if token is not None:
            await self.store(key, ttl_seconds, token, loaded)
        return loaded.body

    async def _clear_pending(self) -> None:
        """Begin a new generation after a failed invalidation; until then no response is read."""
        async with self._clearing:
            while (due := self._clears_due) != self._clears_done:
                await self._invalidate_script(args=[self._space, 1])
                self._clears_done = due

    def _failed(self, error: Exception) -> None:
        if self._reachable:
            logger.warning("the cache does not answer, going on without it: %s", error)
        self._reachable = False


def is_failure(error: Exception) -> bool:
    """Whether an error counts as a failure of the cache."""
    return isinstance(error, (RedisError, OSError))


def _flat(weights: Mapping[str, float]) -> list[str | float]:
    pairs: Iterable[tuple[str, float]] = weights.items()
    return list(chain.from_iterable(pairs))
