"""Self-watch: how much of a core the generator uses and how late its event loop is.

Its cost and its lateness are measurement error, so they are recorded beside what it measures.
"""

import time
from collections.abc import Sequence

import gevent
import numpy as np

from harness.readings import GENERATOR
from harness.trial import Window

PROBE_SECONDS = 0.02


class SelfWatch:
    """Reads the generator's CPU share once a second and its event-loop lag every 20 ms."""

    def __init__(self, origin_ns: int) -> None:
        self.origin_ns = origin_ns
        self.rows: list[tuple[int, str, str, float]] = []
        self.lags_ms: list[float] = []
        self.user_errors = 0
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def on_user_error(self, **_: object) -> None:
        """Count an exception that a task of a user raised; Locust logs it and goes on."""
        self.user_errors += 1

    def watch_lag(self) -> None:
        """Run for ever in a greenlet: how much longer than asked does a pause take?"""
        while True:
            asked = time.perf_counter() + PROBE_SECONDS
            gevent.sleep(PROBE_SECONDS)
            self.lags_ms.append((time.perf_counter() - asked) * 1000)

    def read(self, users: int) -> None:
        """Take one reading of CPU share and users."""
        cpu, wall = time.process_time(), time.perf_counter()
        at_ns = time.perf_counter_ns() - self.origin_ns
        self.rows.append((at_ns, GENERATOR, "cpu_share", (cpu - self._cpu) / max(wall - self._wall, 1e-9)))
        self.rows.append((at_ns, GENERATOR, "users", float(users)))
        self._cpu, self._wall = cpu, wall

    def cpu_share(self, windows: Sequence[Window]) -> float:
        """The highest mean CPU share of a stage."""
        shares = [(at / 1e9, value) for at, _, name, value in self.rows if name == "cpu_share"]
        means = [
            float(np.mean(inside))
            for window in windows
            if (inside := [share for at, share in shares if window.start < at <= window.end + 1])
        ]
        return max(means, default=0.0)

    def lag_p99_ms(self) -> float:
        """99th percentile of the event loop's lateness in ms."""
        return float(np.percentile(self.lags_ms, 99, method="inverted_cdf")) if self.lags_ms else 0.0
