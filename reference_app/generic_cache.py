"""The baseline cache: one TTL for everything, no single flight, and every write clears it.

The writing code does not know which responses a write affects, so it clears all of them; that is always correct and
lowers the hit rate. It needs its own Redis database number.
"""

import logging
from collections.abc import Mapping
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from reference_app.cache import Loaded, Loader, note_lookup
from reference_app.metrics import Metrics

logger = logging.getLogger(__name__)

TTL_SECONDS = 60


class GenericCache:
    """A cache that every write clears."""

    def __init__(self, redis: Redis, metrics: Metrics) -> None:
        self._redis = redis
        self._metrics = metrics
        self._reachable = True

    async def fetch(self, key: str, ttl_seconds: int, load: Loader) -> bytes:  # noqa: ARG002 - one TTL for everything
        """The stored response, or else the result of ``load``."""
        body = await self._get(key)
        if body is None:
            body = (await load()).body
            await self._put(key, body)
        return body

    async def invalidate(self, changes: Mapping[str, float]) -> None:  # noqa: ARG002 - every change clears all
        """Remove all responses."""
        await self.clear()

    async def clear(self) -> None:
        """Remove all responses."""
        try:
            await self._redis.flushdb()
        except (RedisError, OSError) as error:
            self._failed(error)

    async def event_number(self) -> str | None:
        """None: this cache is never filled in advance."""
        return ""

    async def store(self, key: str, ttl_seconds: int, token: str, loaded: Loaded) -> bool:  # noqa: ARG002 - see above
        """Store nothing in advance."""
        return False

    async def _get(self, key: str) -> bytes | None:
        try:
            body = cast("bytes | None", await self._redis.get(key))
        except (RedisError, OSError) as error:
            self._failed(error)
            return None
        self._reachable = True
        note_lookup(self._metrics, hit=body is not None)
        return body

    async def _put(self, key: str, body: bytes) -> None:
        try:
            await self._redis.set(key, body, ex=TTL_SECONDS)
        except (RedisError, OSError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self._reachable:
            logger.warning("the cache does not answer, going on without it: %s", error)
        self._reachable = False
