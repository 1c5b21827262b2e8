"""Self-watch: how much of a core the generator uses, how late its event loop is, how long it pauses for garbage.

Its cost and its lateness are measurement error, so they are recorded beside what it measures.
"""

import time
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import gevent
import numpy as np

from harness.generator.recording.garbage_collection import GarbageCollectionMonitor
from harness.generator.recording.latency_histogram import bucket, quantile
from harness.record.leg import Window
from harness.record.readings import GENERATOR

PROBE_SECONDS = 0.02


class DispatcherStatus(Protocol):
    """What is read of who gives out arrivals."""

    @property
    def busy_users(self) -> int:
        """Users that are busy with an arrival."""

    @property
    def waiting_arrivals(self) -> int:
        """Arrivals that nobody has begun with yet."""

    @property
    def lag_p99_ms(self) -> float:
        """How late arrivals began, 99th percentile so far."""


class SelfMonitor:
    """Reads the event-loop lag every 20 ms, and once a second everything else; of an open plan's dispatcher too."""

    def __init__(self, origin_ns: int, dispatcher: DispatcherStatus | None = None) -> None:
        self.origin_ns, self.dispatcher = origin_ns, dispatcher
        self.garbage = GarbageCollectionMonitor()
        self.at_ns = array("q")  # of each reading; columns, because a long run has many
        self.values: dict[str, array[float]] = {}
        self.user_errors = 0
        self.records_lag = True
        """Whether lateness counts: in a search each try is judged by its own."""
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        self._users = 0
        self._lags: Counter[int] = Counter()
        self._longest_lag_ms = 0.0

    @property
    def users(self) -> int:
        """Users that make load: of an open plan those at work, as they were at the last reading."""
        return self.dispatcher.busy_users if self.dispatcher is not None else self._users

    def on_user_error(self, **_: object) -> None:
        """Count an exception that a task of a user raised; Locust logs it and goes on."""
        self.user_errors += 1

    def measure_lag(self) -> None:
        """Run for ever in a greenlet: how much longer than asked does a pause take?"""
        while True:
            asked = time.perf_counter() + PROBE_SECONDS
            gevent.sleep(PROBE_SECONDS)
            self.add_lag((time.perf_counter() - asked) * 1000)

    def add_lag(self, lag_ms: float) -> None:
        """Take in how late the event loop was."""
        if self.records_lag:
            self._lags[bucket(lag_ms)] += 1
        self._longest_lag_ms = max(self._longest_lag_ms, lag_ms)

    def read(self, users: int) -> None:
        """Take one reading of CPU share, users and pauses, and of an open plan's arrivals."""
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
        """The highest mean CPU share of a stage; a reading belongs to the stage in which its middle is."""
        read = [(at / 1e9, value) for at, value in zip(self.at_ns, self.values.get("cpu_share", ()), strict=False)]
        begun = [read[0][0] - 1, *(at for at, _ in read)] if read else []
        shares = [((start + at) / 2, value) for start, (at, value) in zip(begun, read, strict=False)]
        means = [
            float(np.mean(inside))
            for window in windows
            if (inside := [share for middle, share in shares if window.start <= middle < window.end])
        ]
        return max(means, default=0.0)

    def lag_p99_ms(self) -> float:
        """99th percentile of the event loop's lateness in ms, to 2 %."""
        return quantile(self._lags, 0.99) or 0.0
