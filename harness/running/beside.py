"""Probes: what is read while one leg is loaded, and how it becomes part of the leg's record."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from harness.evidence.server_side import PROBES
from harness.leg import Leg
from harness.probes.access import Cache, Database
from harness.probes.metrics import MetricsProbe
from harness.probes.postgres import PostgresProbe
from harness.probes.reader import Reader, Row
from harness.probes.redis import RedisProbe
from harness.store import RunFolder


class Probes:
    """The probes of a leg: its processes, its services' own metrics, its databases and its caches.

    They begin before the load and end after it.
    """

    def __init__(
        self, processes: Reader, metrics: MetricsProbe, databases: Sequence[Database], caches: Sequence[Cache]
    ) -> None:
        self._processes, self._metrics = processes, metrics
        self._postgres, self._redis = PostgresProbe([*databases]), RedisProbe([*caches])
        self._servers = bool(databases or caches)
        self._begun = self._seconds = 0.0

    def __enter__(self) -> Self:
        """Begin to read."""
        with ExitStack() as undo:
            for probe in (self._processes, self._metrics, self._postgres, self._redis):
                undo.enter_context(probe)
            self._stack = undo.pop_all()
        self._begun = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading."""
        self._seconds = time.monotonic() - self._begun
        self._stack.close()

    def write(self, leg: Leg, folder: RunFolder) -> None:
        """Record what was read in a leg whose load is over."""
        servers = [*self._postgres.rows, *self._redis.rows, *self._costs()]
        for name, rows in {
            "processes": self._processes.rows,
            "metrics": self._metrics.rows,
            "servers": servers,
        }.items():
            folder.write_probe(leg, name, rows)
        if self._postgres.executions:
            folder.write_executions(leg, self._postgres.executions)
        folder.write_objects(leg, self._postgres.objects)
        folder.write_unread(leg, [*self._postgres.unread, *self._redis.unread])

    def _costs(self) -> list[Row]:
        """Monitoring overhead: CPU seconds of this process, milliseconds of the database server."""
        probes = (self._processes, self._metrics, self._postgres, self._redis)
        costs = {
            "probe_cpu_seconds": sum(probe.seconds for probe in probes),
            "probe_server_ms": self._postgres.server_ms,
            "probe_seconds": self._seconds,
        }
        at_ns = time.time_ns()
        return [(at_ns, PROBES, name, value) for name, value in costs.items()] if self._servers else []
