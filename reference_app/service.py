"""What a service tells the shared parts about itself, and how a release of it is put together.

queries    which of the two implementations asks the database
cache      topics instead of one generic cache, filled at start and refreshed
pool       connections that stay open instead of one per request
breaker    what fails is left alone for a while, and a fallback answers
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
from reference_app.fallback import OrElse, with_fallback, without_fallback
from reference_app.generic_cache import GenericCache
from reference_app.metrics import Metrics
from reference_app.redis_client import redis_client
from reference_app.settings import Settings, Step
from reference_app.topic_cache import TopicCache


class Cached(Protocol):
    """The cache around a service's queries."""

    async def refresh(self) -> bool:
        """Cache what is most likely to be asked for; whether it could be done. At start, and every hour."""
        ...

    async def rebuild(self) -> bool:
        """Do what is done once a day; whether it could be done."""
        ...


@runtime_checkable
class Renewing(Protocol):
    """A cache around queries of which the database keeps some answers, which become stale."""

    async def renew(self) -> bool:
        """Bring what the database keeps up to date, if it is not; whether it could be done. Every few seconds."""
        ...


Q = TypeVar("Q")
C = TypeVar("C", bound=Cached)


@dataclass(frozen=True, slots=True)
class Service(Generic[Q, C]):
    """One service: its two implementations, and what goes around them."""

    space: str
    """What its cache keys start with."""
    baseline: Callable[[Database], Q]
    optimized: Callable[[Database], Q]
    cached: Callable[[Q, Cache, OrElse], C]
    routes: Callable[[C], list[Route]]


@dataclass(frozen=True, slots=True)
class Running:
    """A release of a service that is up."""

    routes: list[Route]
    cached: Cached
    cache: Cache
    database: Database
    redis: Redis
    breakers: dict[str, Breaker]


@asynccontextmanager
async def running(service: Service[Q, C], settings: Settings, metrics: Metrics) -> AsyncIterator[Running]:
    """Open the connections of a release; they close at the end of the block."""
    steps, tolerance = settings.steps, settings.tolerance
    breakers: dict[str, Breaker] = {"database": NoBreaker(), "cache": NoBreaker()}
    if Step.BREAKER in steps:
        breakers["database"] = CircuitBreaker("database", databases.is_failure, tolerance)
        breakers["cache"] = CircuitBreaker("cache", topic_cache.is_failure, tolerance)
    open_database = Pool if Step.POOL in steps else ConnectionPerRequest
    async with redis_client(settings.redis_url) as redis, open_database(settings.database_url, metrics) as opened:
        database = GuardedDatabase(opened, breakers["database"])
        cache: Cache = GenericCache(redis, metrics)
        if Step.CACHE in steps:
            cache = TopicCache(redis, service.space, metrics, breakers["cache"])
        queries = (service.optimized if Step.QUERIES in steps else service.baseline)(database)
        or_else: OrElse = with_fallback if Step.BREAKER in steps else without_fallback
        cached = service.cached(queries, cache, or_else)
        yield Running(service.routes(cached), cached, cache, database, redis, breakers)
