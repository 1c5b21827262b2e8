"""/health/* and /metrics, the same for every service."""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_app import database as databases
from reference_app import redis_client
from reference_app.answers import JSON, encode
from reference_app.metrics import Metrics
from reference_app.service import Running
from reference_app.upkeep import Upkeep

LEAST_HIT_RATE = 0.75
LEAST_LOOKUPS = 100  # too few for a hit rate
MOST_CACHE_BYTES = 400 * 1024 * 1024


class Health:
    """Health endpoints for orchestrators, load generators and operators."""

    def __init__(self, release: Running, metrics: Metrics, upkeep: Upkeep | None) -> None:
        self._release = release
        self._metrics = metrics
        self._upkeep = upkeep

    def routes(self) -> list[Route]:
        """The routes that the application mounts beside those of the service."""
        return [
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/health/database", self.database),
            Route("/metrics", self.prometheus),
            Route("/metrics/cache", self.cache),
        ]

    async def live(self, _: Request) -> Response:
        """Liveness: the process runs."""
        return JSON(encode({"status": "live"}))

    async def ready(self, _: Request) -> Response:
        """Readiness: database and cache respond, and the cache is warm."""
        checks = {
            "database": await databases.answers(self._release.database),
            "cache": await redis_client.answers(self._release.redis),
            "warm": self._upkeep is None or self._upkeep.is_warm,
        }
        ready = all(checks.values())
        return JSON(encode({"status": "ready" if ready else "not ready", "checks": checks}), 200 if ready else 503)

    async def database(self, _: Request) -> Response:
        """Database status, connections and circuit breakers."""
        breakers = {name: breaker.state for name, breaker in self._release.breakers.items()}
        up = await databases.answers(self._release.database)
        status = "up" if up else "down"
        body = {"status": status, "pool": asdict(self._release.database.figures()), "breakers": breakers}
        return JSON(encode(body), 200 if up else 503)

    async def prometheus(self, _: Request) -> Response:
        """All metrics, in the Prometheus text format."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def cache(self, _: Request) -> Response:
        """Hits, misses and hit rate of this process, the memory of Redis, and alerts on them."""
        figures = self._metrics.cache_figures()
        rate, memory = figures.hit_rate, await redis_client.memory_bytes(self._release.redis)
        low = rate is not None and figures.lookups >= LEAST_LOOKUPS and rate < LEAST_HIT_RATE
        alerts = {
            "hit_rate": {"below": LEAST_HIT_RATE, "raised": low},
            "memory_bytes": {"above": MOST_CACHE_BYTES, "raised": memory is not None and memory > MOST_CACHE_BYTES},
        }
        body = {**asdict(figures), "hit_rate": rate, "memory_bytes": memory, "alerts": alerts}
        return JSON(encode(body))
