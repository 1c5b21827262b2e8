"""A cache without a strategy: one TTL for everything, and any write empties it.

The code that writes cannot know which answers a write touched, so it clears them all; that is always right and leaves
few answers to be found. It relies on having a Redis database number of its own.
"""

import logging
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from reference_app.exchange import CacheOutcome, current_exchange
from reference_app.metrics import Metrics

logger = logging.getLogger(__name__)

TTL_SECONDS = 60


class GenericCache:
    """Get, put, clear."""

    def __init__(self, redis: Redis, metrics: Metrics) -> None:
        self._redis = redis
        self._metrics = metrics
        self._reachable = True

    async def get(self, key: str) -> bytes | None:
        """The stored answer, or None."""
        try:
            body = cast("bytes | None", await self._redis.get(key))
        except (RedisError, OSError) as error:
            self._failed(error)
            return None
        self._reachable = True
        hit = body is not None
        self._metrics.observe_lookup(hit=hit)
        exchange = current_exchange.get()
        if exchange is not None:
            exchange.cache = CacheOutcome.HIT if hit else CacheOutcome.MISS
        return body

    async def put(self, key: str, body: bytes) -> None:
        """Store an answer."""
        try:
            await self._redis.set(key, body, ex=TTL_SECONDS)
        except (RedisError, OSError) as error:
            self._failed(error)

    async def clear(self) -> None:
        """Forget every answer."""
        try:
            await self._redis.flushdb()
        except (RedisError, OSError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self._reachable:
            logger.warning("the cache does not answer, going on without it: %s", error)
        self._reachable = False
