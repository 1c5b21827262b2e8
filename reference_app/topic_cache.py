"""Cache-aside with exact invalidation: an answer once superseded and acknowledged is never served again.

What is stored says what it depends on; a write says what it changed. Beside the answers there are

    {space}:events           a number that grows with every invalidation
    {space}:generation       the number of the last event that touched everything; each answer begins with its own
    {space}:mark:{topic}     the number of the last event that touched a topic, for as long as a load can take
    {space}:about:{topic}    sorted set of the answers that depend on a topic, each with its threshold, for as long as
                             the longest of them

A topic is something an answer depends on (``content:7``, ``tag:jazz``). A change carries a weight, and reaches the
answers whose threshold is not above it: a list whose last entry scores 900 need not go when a content of 12 gets a tag.

Why no stale answer survives: a reader takes the event number *before* it loads, in the round trip of its look-up. It
stores only if no topic of the answer was marked since; storing is one atomic script, invalidating another. Loads are
shared by (key, event number), so nobody who asks after a write joins a load from before it. An invalidation that Redis
did not take is owed: no answer is looked at again until everything has been cleared. The debt is held by this process;
Redis itself must run without persistence, since a restored snapshot knows nothing of later writes.

Why both ways to invalidate: deleting by topic keeps a hit at one MGET however many topics it has. For everything at
once a generation costs the same for a hundred answers as for a hundred thousand, which KEYS or SCAN would not; what is
left of the old generation is overwritten or expires.
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
    """The answers of one service, under the keys that start with ``space:``."""

    def __init__(self, redis: Redis, space: str, metrics: Metrics, breaker: Breaker) -> None:
        self._redis = redis
        self._space = space
        self._metrics = metrics
        self._breaker = breaker
        self._store_script = redis.register_script(cache_scripts.STORE)
        self._invalidate_script = redis.register_script(cache_scripts.INVALIDATE)
        self._flights: Flights[bytes] = Flights()
        self._reachable = True
        self._debt = self._settled = 0
        self._settling = asyncio.Lock()

    async def fetch(self, key: str, ttl_seconds: int, load: Loader) -> bytes:
        """The answer stored under ``key``, or else what ``load`` returns, stored for the next reader."""
        body, token = await self._look_up(key)
        if body is not None:
            return body
        return await self._flights.join((key, token), lambda: self._fill(key, ttl_seconds, token, load))

    async def event_number(self) -> str | None:
        """What to take before loading answers for ``store``; None while Redis does not answer."""
        return (await self._read(f"{self._space}:events"))[1]

    async def store(self, key: str, ttl_seconds: int, token: str, loaded: Loaded) -> bool:
        """Keep an answer unless what it depends on has changed since ``token``; whether it was kept."""
        arguments = [self._space, token, loaded.body, ttl_seconds, *_flat(loaded.topics)]
        try:
            with self._breaker.attempt():
                return bool(await self._store_script(keys=[key], args=arguments))
        except _UNREACHABLE as error:
            self._failed(error)
            return False

    async def invalidate(self, changes: Mapping[str, float]) -> None:
        """Remove what depends on the topics that changed. Call it after the commit and before the acknowledgement."""
        self._flights.forget()
        try:
            with self._breaker.attempt():
                await self._invalidate_script(args=[self._space, 0, *_flat(changes)])
        except _UNREACHABLE as error:
            self._debt += 1
            self._failed(error)

    async def clear(self) -> None:
        """Remove every answer: after a change that touches most of them, and of what another release left behind."""
        self._flights.forget()
        self._debt += 1
        try:
            with self._breaker.attempt():
                await self._settle()
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
                if self._debt != self._settled:
                    await self._settle()
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

    async def _settle(self) -> None:
        """Begin a generation; while that is owed, nobody looks at the old one."""
        async with self._settling:
            while (owed := self._debt) != self._settled:
                await self._invalidate_script(args=[self._space, 1])
                self._settled = owed

    def _failed(self, error: Exception) -> None:
        if self._reachable:
            logger.warning("the cache does not answer, going on without it: %s", error)
        self._reachable = False


def is_failure(error: Exception) -> bool:
    """Whether an error speaks of the cache's health."""
    return isinstance(error, (RedisError, OSError))


def _flat(weights: Mapping[str, float]) -> list[str | float]:
    pairs: Iterable[tuple[str, float]] = weights.items()
    return list(chain.from_iterable(pairs))
