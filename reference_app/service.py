"""What a service tells the shared parts about itself."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from redis.asyncio import Redis
from starlette.routing import Route

from reference_app.database import Database
from reference_app.metrics import Metrics
from reference_app.seeding import Table
from reference_app.settings import Release


@dataclass(frozen=True, slots=True)
class Running:
    """A release of a service that is up: its routes, its connections, and whether its cache is warm."""

    routes: list[Route]
    database: Database
    is_warm: Callable[[], bool]


Start = Callable[[str, Redis, Metrics], AbstractAsyncContextManager[Running]]
"""Takes the database URL; the release runs for the time of the block."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its releases, and the data to measure it with."""

    releases: Mapping[Release, Start]
    generate: Callable[[float], Iterable[Table]]
