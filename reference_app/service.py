"""The description of a service, and how a release is assembled from steps.

queries    the optimized implementation of the queries instead of the baseline
cache      a cache with topics instead of the generic one, filled at start and every hour
pool       connections that stay open instead of one per request
breaker    circuit breakers around database and cache, with fallbacks
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from redis.asyncio import Redis
from starlette.routing import Route

from reference_app import database as databases
from reference_app import topic_cache
from reference_app.breaker import Breaker, CircuitBreaker, NoBreaker
from reference_app.cache import Cache
from reference_app.database import ConnectionPerRequest, Database, GuardedDatabase, Pool
from reference_app.fallback import FallbackPolicy, with_fallback, without_fallback
from reference_app.generic_cache import GenericCache
from reference_app.metrics import Metrics
from reference_app.redis_client import redis_client
from reference_app.settings import Settings, Step
from reference_app.topic_cache import TopicCache


class Cached(Protocol):
    """The cached queries of a service."""

    async def refresh(self) -> bool:
        """Cache the most requested entries, at start and every hour; whether it succeeded."""
        ...

    async def rebuild(self) -> bool:
        """Run the nightly job; whether it succeeded."""
        ...


@runtime_checkable
class Renewing(Protocol):
    """Cached queries with a materialized view that becomes stale."""

    async def renew(self) -> bool:
        """Refresh the view if it is stale, every few seconds; whether it succeeded."""
        ...


Q = TypeVar("Q")
C = TypeVar("C", bound=Cached)


@dataclass(frozen=True, slots=True)
class Service(Generic[Q, C]):
    """A service: its two implementations, cache and routes."""

    space: str
    """The prefix of its cache keys."""
    baseline: Callable[[Database], Q]
    optimized: Callable[[Database], Q]
    cached: Callable[[Q, Cache, FallbackPolicy], C]
    routes: Callable[[C], list[Route]]


@dataclass(frozen=True, slots=True)
class Running:
    """A running release of a service."""

    routes: list[Route]
    cached: Cached
    cache: Cache
    database: Database
    redis: Redis
    breakers: dict[str, Breaker]


@asynccontextmanager
async def running(service: Service[Q, C], settings: Settings, metrics: Metrics) -> AsyncIterator[Running]:
    """Open the connections of a release; they close at the end of the block."""
    steps, breaker_settings = settings.steps, settings.breaker_settings
    breakers: dict[str, Breaker] = {"database": NoBreaker(), "cache": NoBreaker()}
    if Step.BREAKER in steps:
        breakers["database"] = CircuitBreaker("database", databases.is_failure, breaker_settings)
        breakers["cache"] = CircuitBreaker("cache", topic_cache.is_failure, breaker_settings)
    open_database = Pool if Step.POOL in steps else ConnectionPerRequest
    async with redis_client(settings.redis_url) as redis, open_database(settings.database_url, metrics) as opened:
        database = GuardedDatabase(opened, breakers["database"])
        cache: Cache = GenericCache(redis, metrics)
        if Step.CACHE in steps:
            cache = TopicCache(redis, service.space, metrics, breakers["cache"])
        queries = (service.optimized if Step.QUERIES in steps else service.baseline)(database)
        policy: FallbackPolicy = with_fallback if Step.BREAKER in steps else without_fallback
        cached = service.cached(queries, cache, policy)
        yield Running(service.routes(cached), cached, cache, database, redis, breakers)
