"""A cache without a strategy: one TTL for everything, no care for who loads, and any write empties it.

The code that writes cannot know which answers a write touched, so it clears them all; that is always right and leaves
few answers to be found. It relies on having a Redis database number of its own.
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
    """Get, put, clear."""

    def __init__(self, redis: Redis, metrics: Metrics) -> None:
        self._redis = redis
        self._metrics = metrics
        self._reachable = True

    async def fetch(self, key: str, ttl_seconds: int, load: Loader) -> bytes:  # noqa: ARG002 - one TTL for everything
        """The stored answer, or else what ``load`` returns."""
        body = await self._get(key)
        if body is None:
            body = (await load()).body
            await self._put(key, body)
        return body

    async def invalidate(self, changes: Mapping[str, float]) -> None:  # noqa: ARG002 - any change is every change
        """Forget every answer."""
        await self.clear()

    async def clear(self) -> None:
        """Forget every answer."""
        try:
            await self._redis.flushdb()
        except (RedisError, OSError) as error:
            self._failed(error)

    async def event_number(self) -> str | None:
        """There are no events: whoever fills this cache beforehand fills nothing."""
        return ""

    async def store(self, key: str, ttl_seconds: int, token: str, loaded: Loaded) -> bool:  # noqa: ARG002 - see above
        """Nothing is kept before somebody asks for it."""
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
