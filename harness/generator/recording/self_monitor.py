"""Measurements of the generator itself: CPU share, event-loop lag, garbage-collection pauses.

They are measurement error, so they are recorded beside the samples.
"""

import gc
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gevent
import numpy as np

from harness.generator.recording.latency_histogram import bucket, quantile
from harness.record.leg import Window
from harness.record.readings import GENERATOR

if TYPE_CHECKING:
    from harness.generator.schedule.dispatcher import Dispatcher

THRESHOLDS = (20_000, 10, 10)
PROBE_SECONDS = 0.02


class GarbageCollectionMonitor:
    """Measures pauses from its creation on; ``longest_ms`` is the longest.

    A full collection visits every object of every user: a tenth of a second with ten thousand users. The objects of a
    user live as long as the user, so they are frozen and not visited again.
    """

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


class SelfMonitor:
    """Measures the event-loop lag every 20 ms; once a second CPU, users, pauses and the dispatcher of an open plan."""

    def __init__(self, origin_ns: int, dispatcher: "Dispatcher | None" = None) -> None:
        self.origin_ns, self.dispatcher = origin_ns, dispatcher
        self.garbage = GarbageCollectionMonitor()
        self.at_ns = array("q")  # columns, because a long run has many readings
        self.values: dict[str, array[float]] = {}
        self.user_errors = 0
        self.records_lag = True
        """Whether lags count; each try of a capacity search is judged by its own scheduling delay."""
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        self._users = 0
        self._lags: Counter[int] = Counter()
        self._longest_lag_ms = 0.0

    @property
    def users(self) -> int:
        """Users that make load at the last reading: the busy ones of an open plan, else all."""
        return self.dispatcher.busy_users if self.dispatcher is not None else self._users

    def on_user_error(self, **_: object) -> None:
        """Count an exception raised by a task; Locust logs it and continues."""
        self.user_errors += 1

    def measure_lag(self) -> None:
        """Run forever in a greenlet: measure how much longer than requested a pause takes."""
        while True:
            due = time.perf_counter() + PROBE_SECONDS
            gevent.sleep(PROBE_SECONDS)
            self.add_lag((time.perf_counter() - due) * 1000)

    def add_lag(self, lag_ms: float) -> None:
        if self.records_lag:
            self._lags[bucket(lag_ms)] += 1
        self._longest_lag_ms = max(self._longest_lag_ms, lag_ms)

    def read(self, users: int) -> None:
        self._users = users
        cpu, wall = time.process_time(), time.perf_counter()
        found = {
            "cpu_share": (cpu - self._cpu) / max(wall - self._wall, 1e-9),
            "users": users,
            "gc_pause_ms": self.garbage.paused_ms(),
            "loop_lag_ms": self._longest_lag_ms,
        }
        if self.dispatcher is not None:
            found |= {
                "users_at_work": self.dispatcher.busy_users,
                "arrivals_waiting": self.dispatcher.waiting_arrivals,
                "schedule_lag_p99_ms": self.dispatcher.lag_p99_ms,
            }
        self.at_ns.append(time.perf_counter_ns() - self.origin_ns)
        for name, value in found.items():
            self.values.setdefault(name, array("d")).append(value)
        self._cpu, self._wall, self._longest_lag_ms = cpu, wall, 0.0
        self.garbage.freeze_new_users(users)

    def rows(self, first: int = 0) -> list[tuple[int, str, str, float]]:
        """The readings from number ``first`` on, as ``write_readings`` takes them."""
        columns = [(name, column[first:]) for name, column in self.values.items()]
        return [
            (at, GENERATOR, name, column[index])
            for index, at in enumerate(self.at_ns[first:])
            for name, column in columns
        ]

    def cpu_share(self, windows: Sequence[Window]) -> float:
        """The highest mean CPU share of a stage; a reading belongs to the stage of its middle."""
        read = [(at / 1e9, value) for at, value in zip(self.at_ns, self.values.get("cpu_share", ()), strict=False)]
        begun = [read[0][0] - 1, *(at for at, _ in read)] if read else []
        shares = [((start + at) / 2, value) for start, (at, value) in zip(begun, read, strict=False)]
        means = [
            float(np.mean(inside))
            for window in windows
            if (inside := [share for middle, share in shares if window.start <= middle < window.end])
        ]
        return max(means, default=0.0)

    def account(self, windows: Sequence[Window]) -> dict[str, Any]:
        """The fields of ``Generation`` that come from these measurements."""
        return {
            "user_errors": self.user_errors,
            "cpu_share": self.cpu_share(windows),
            "lag_p99_ms": self.lag_p99_ms(),
            "offered": self.dispatcher.offered() if self.dispatcher else (),
            "schedule_lag_p99_ms": self.dispatcher.lag_p99_ms if self.dispatcher else None,
            "gc_pause_ms": self.garbage.longest_ms,
        }

    def lag_p99_ms(self) -> float:
        """99th percentile of the event-loop lag in ms, to 2 %."""
        return quantile(self._lags, 0.99) or 0.0
