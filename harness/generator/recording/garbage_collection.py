"""Pauses of Python's garbage collector, and what keeps them short.

A full collection visits every object of every user: a tenth of a second with ten thousand users, in which no response
is received. The objects of a user live as long as the user, so they are frozen and not visited again.
"""

import gc
import time
from typing import Any

THRESHOLDS = (20_000, 10, 10)


class GarbageCollectionMonitor:
    """Measures pauses from its creation on; ``longest_ms`` is the longest."""

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self._paused_ms = 0.0
        self._began = 0.0
        self._users = -1
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.append(self._on_collection)

    def paused_ms(self) -> float:
        """Sum of the pauses since the last call."""
        paused, self._paused_ms = self._paused_ms, 0.0
        return paused

    def freeze_new_users(self, users: int) -> None:
        """Freeze all objects when there are more users than at the last call."""
        if users > self._users:
            gc.freeze()
        self._users = users

    def close(self) -> None:
        gc.callbacks.remove(self._on_collection)

    def _on_collection(self, phase: str, _: dict[str, Any]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
            return
        pause_ms = (time.perf_counter() - self._began) * 1000
        self._paused_ms += pause_ms
        self.longest_ms = max(self.longest_ms, pause_ms)
