"""Probes: what is read while one leg is loaded, and how it becomes part of the leg's record."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from harness.analysis.servers import PROBES
from harness.probes.reader import Probe, Row
from harness.record.leg import Leg
from harness.record.run_folder import RunFolder

RECORDS = ("processes", "metrics", "servers")


class Probes:
    """The probes of a leg, as the registry makes them.

    They begin before the load and end after it.
    """

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._probes = probes
        self._begun = self._seconds = 0.0

    def __enter__(self) -> Self:
        """Begin to read."""
        with ExitStack() as undo:
            for probe in self._probes:
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
        for record in RECORDS:
            rows = [row for probe in self._probes if probe.record == record for row in probe.rows]
            folder.write_probe(leg, record, rows + self._costs() if record == "servers" else rows)
        for probe in self._probes:
            if probe.executions:
                folder.write_executions(leg, probe.executions)
        folder.write_objects(leg, [one for probe in self._probes for one in probe.objects])
        folder.write_unavailable(leg, [one for probe in self._probes for one in probe.unread])

    def _costs(self) -> list[Row]:
        """Monitoring overhead: CPU seconds of this process, milliseconds of the database server."""
        if not any(probe.record == "servers" for probe in self._probes):
            return []
        costs = {
            "probe_cpu_seconds": sum(probe.seconds for probe in self._probes),
            "probe_server_ms": sum(probe.server_ms for probe in self._probes),
            "probe_seconds": self._seconds,
        }
        at_ns = time.time_ns()
        return [(at_ns, PROBES, name, value) for name, value in costs.items()]
