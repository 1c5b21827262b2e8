"""The ASGI application of a service in one release: routes, health, metrics and measurement."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.types import ASGIApp

from reference_app import services
from reference_app.answers import EXCEPTION_HANDLERS
from reference_app.health import Health
from reference_app.measurement import Measurement
from reference_app.metrics import Metrics
from reference_app.service import running
from reference_app.settings import Settings, Step
from reference_app.upkeep import Upkeep


def application(name: str, settings: Settings) -> ASGIApp:
    """The ASGI application of service ``name``. Connections are opened at its start-up and closed at its shutdown."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            release = await stack.enter_async_context(running(services.find(name), settings, metrics))
            await release.cache.clear()  # entries of another release
            upkeep = None
            if settings.steps & {Step.CACHE, Step.BREAKER}:  # both need a warm cache
                upkeep = await stack.enter_async_context(Upkeep(release.cached, metrics))
            metrics.watch(release.database, release.breakers)
            app.router.routes[:] = [*release.routes, *Health(release, metrics, upkeep).routes()]
            yield

    return Measurement(Starlette(lifespan=lifespan, exception_handlers=EXCEPTION_HANDLERS), metrics)
