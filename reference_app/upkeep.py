"""Background jobs of a service: fill the cache at start, refresh it every hour, rebuild it every night.

A service with a materialized view also refreshes it when it is stale, at most every ten seconds.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, Self

import psycopg
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from reference_app.errors import RequestError
from reference_app.metrics import Metrics
from reference_app.service import C, Cached, Q, Renewing, Service, running
from reference_app.settings import Settings

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_LATE_SECONDS = 600
RENEWAL_SECONDS = 10


class Upkeep:
    """Runs the jobs within its block; ``is_warm`` after the cache was filled."""

    def __init__(self, cached: Cached, metrics: Metrics | None = None) -> None:
        self._cached = cached
        self._metrics = metrics or Metrics()
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": _LATE_SECONDS}
        )
        self._warming: asyncio.Task[None] | None = None
        self.is_warm = False

    async def refresh(self) -> bool:
        """The hourly job; whether it succeeded. A failure is tried again at the next time."""
        return await self._attempt("refresh", self._cached.refresh)

    async def rebuild(self) -> bool:
        """The nightly job; whether it succeeded."""
        return await self._attempt("rebuild", self._cached.rebuild)

    def schedule(self) -> list[Any]:
        """The scheduled jobs ``refresh``, ``rebuild`` and perhaps ``renew``, each with its trigger."""
        jobs: list[Any] = self._scheduler.get_jobs()
        return jobs

    async def __aenter__(self) -> Self:
        self._warming = asyncio.create_task(self._warm_up())
        self._scheduler.add_job(self.refresh, "cron", id="refresh", minute=0)
        self._scheduler.add_job(self.rebuild, "cron", id="rebuild", hour=0, minute=5)
        if isinstance(self._cached, Renewing):
            often = {"seconds": RENEWAL_SECONDS, "next_run_time": datetime.now(UTC)}
            self._scheduler.add_job(self._attempt, "interval", ["renew", self._cached.renew], id="renew", **often)
        self._scheduler.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._scheduler.shutdown(wait=False)
        if self._warming is not None:
            self._warming.cancel()
            with suppress(asyncio.CancelledError):
                await self._warming

    async def _warm_up(self) -> None:
        while not self.is_warm:
            self.is_warm = await self.refresh()
            if not self.is_warm:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _attempt(self, name: str, work: Callable[[], Awaitable[bool]]) -> bool:
        try:
            done = await work()
        except (psycopg.Error, RequestError) as error:
            logger.warning("%s failed: %s", name, error)
            done = False
        else:
            if not done:
                logger.warning("%s failed: the cache does not answer", name)
        self._metrics.observe_upkeep(name, done=done)
        return done


async def once(service: Service[Q, C], settings: Settings, work: Literal["refresh", "rebuild"]) -> bool:
    """Run one of the jobs from the command line, beside the serving processes; whether it succeeded."""
    async with running(service, settings, Metrics()) as release:
        return await (release.cached.refresh if work == "refresh" else release.cached.rebuild)()
