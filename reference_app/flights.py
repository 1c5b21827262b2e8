"""One loader per key (single flight): concurrent requests for a key wait for the same load."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """The loads in progress in this process."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    async def join(self, key: Hashable, load: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Start the load of ``key``, or wait for the one in progress.

        The load is its own task, so that a disconnecting client does not cancel it for the others.
        """
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(load())
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Let no later request join the current loads; requests that wait already are served."""
        self._under_way.clear()

    def _landed(self, key: Hashable, task: asyncio.Task[T]) -> None:
        if self._under_way.get(key) is task:
            del self._under_way[key]
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it when every waiter has gone
