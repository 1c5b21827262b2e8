"""Garbage: how long Python's collector stops everything, and what keeps that short.

A full collection looks at every object of every user: a tenth of a second with ten thousand of them, in which no answer
is received. What a user is made of lives as long as the user, so it is set aside and not looked at again.
"""

import gc
import time
from typing import Any

THRESHOLDS = (20_000, 10, 10)


class GarbageCollectionMonitor:
    """Measures the pauses from when it is made; ``longest_ms`` is of all of them."""

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
        """The pauses since it was last asked."""
        paused, self._paused_ms = self._paused_ms, 0.0
        return paused

    def freeze_new_users(self, users: int) -> None:
        """Set aside what is there, when users have come since the last time."""
        if users > self._users:
            gc.freeze()
        self._users = users

    def close(self) -> None:
        """Measure no more."""
        gc.callbacks.remove(self._on_collection)

    def _on_collection(self, phase: str, _: dict[str, Any]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
            return
        pause_ms = (time.perf_counter() - self._began) * 1000
        self._paused_ms += pause_ms
        self.longest_ms = max(self.longest_ms, pause_ms)
