"""/health/* and /metrics, the same for every service."""

from collections.abc import Callable
from dataclasses import asdict

from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_app import database as databases
from reference_app import redis_client
from reference_app.answers import JSON, encode
from reference_app.database import Database
from reference_app.metrics import Metrics


class Health:
    """What an orchestrator, a load generator and a person on call ask."""

    def __init__(self, database: Database, redis: Redis, metrics: Metrics, is_warm: Callable[[], bool]) -> None:
        self._database = database
        self._redis = redis
        self._metrics = metrics
        self._is_warm = is_warm

    def routes(self) -> list[Route]:
        """The routes, for the application to mount beside the service's own."""
        return [
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/health/database", self.database),
            Route("/metrics", self.prometheus),
            Route("/metrics/cache", self.cache),
        ]

    async def live(self, _: Request) -> Response:
        """The process runs."""
        return JSON(encode({"status": "live"}))

    async def ready(self, _: Request) -> Response:
        """Send requests here: the database and the cache answer, and the cache is warm."""
        checks = {
            "database": await databases.answers(self._database),
            "cache": await redis_client.answers(self._redis),
            "warm": self._is_warm(),
        }
        ready = all(checks.values())
        return JSON(encode({"status": "ready" if ready else "not ready", "checks": checks}), 200 if ready else 503)

    async def database(self, _: Request) -> Response:
        """Whether the database answers, and its connections."""
        up = await databases.answers(self._database)
        body = {"status": "up" if up else "down", "pool": asdict(self._database.figures())}
        return JSON(encode(body), 200 if up else 503)

    async def prometheus(self, _: Request) -> Response:
        """Everything, in the Prometheus text format."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def cache(self, _: Request) -> Response:
        """Hits, misses and the hit rate of this process."""
        return JSON(encode(self._metrics.cache_figures()))
