"""One Redis client with short timeouts: a slow cache is no help."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

PATIENCE_SECONDS = 0.25


@asynccontextmanager
async def redis_client(url: str) -> AsyncIterator[Redis]:
    """Connect on first use; never retry, because callers work without the cache."""
    client = Redis.from_url(
        url,
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield client
    finally:
        await client.aclose()


async def answers(redis: Redis) -> bool:
    """Whether Redis answers a PING."""
    try:
        return bool(await redis.ping())
    except (RedisError, OSError):
        return False


async def memory_bytes(redis: Redis) -> int | None:
    """The memory that Redis uses; None while it is unavailable."""
    try:
        return int((await redis.info("memory"))["used_memory"])
    except (RedisError, OSError):
        return None
