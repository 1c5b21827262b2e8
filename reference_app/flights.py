"""One loader per key: whoever asks for a key that is being loaded waits for that load."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """The loads under way in this process."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    async def join(self, key: Hashable, load: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Start the load of ``key`` or wait for the one that runs.

        The load is a task of its own, so a client that goes away does not take the answer from those who wait.
        """
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(load())
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Let nobody join what was started before now; those who wait already are served."""
        self._under_way.clear()

    def _landed(self, key: Hashable, task: asyncio.Task[T]) -> None:
        if self._under_way.get(key) is task:
            del self._under_way[key]
        if not task.cancelled():
            task.exception()  # it reached whoever waited; if they all left, nobody else needs it
