"""Filling the cache at start, beside the requests that come already."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

import psycopg

from reference_app.errors import RequestError

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


class WarmUp:
    """Runs ``fill`` as a task until it succeeds once; ``done`` then."""

    def __init__(self, fill: Callable[[], Awaitable[bool]]) -> None:
        self._fill = fill
        self._task: asyncio.Task[None] | None = None
        self.done = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while not self.done:
            try:
                self.done = await self._fill()
            except (psycopg.Error, RequestError) as error:
                logger.warning("warm-up failed, trying again: %s", error)
            if not self.done:
                await asyncio.sleep(_RETRY_SECONDS)
