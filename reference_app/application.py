"""A service in one release, put together: its routes, health and metrics, and the measurement around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.types import ASGIApp

from reference_app import services
from reference_app.answers import EXCEPTION_HANDLERS
from reference_app.health import Health
from reference_app.measurement import Measurement
from reference_app.metrics import Metrics
from reference_app.redis_client import redis_client
from reference_app.settings import Settings


def application(name: str, settings: Settings) -> ASGIApp:
    """The ASGI application of service ``name``. Connections are opened at its start-up and closed at its shutdown."""
    start = services.find(name).releases[settings.release]
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            redis_client(settings.redis_url) as redis,
            start(settings.database_url, redis, metrics) as running,
        ):
            metrics.watch_pool(running.database)
            health = Health(running.database, redis, metrics, running.is_warm)
            app.router.routes[:] = [*running.routes, *health.routes()]
            yield

    return Measurement(Starlette(lifespan=lifespan, exception_handlers=EXCEPTION_HANDLERS), metrics)
