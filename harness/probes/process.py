"""Processes: CPU, threads and open files of each server and service of a leg, with its children, every second.

Memory, read more seldom, is what a process made, in shares where the system tells them (Linux): what processes share,
such as PostgreSQL's buffers, counts once and not once per process, and mapped files do not count, since their shares
change when any other process maps them. Elsewhere it is the resident set size.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress

import psutil

from harness.probes.access import HasPid
from harness.probes.process_table import HAS_PROC, ProcessStatus, ProcessTable, usable_cores
from harness.probes.reader import Probe, ticks
from harness.record.readings import CPU, DESCRIPTORS, MEMORY, THREADS

INTERVAL_SECONDS = 1.0
MEMORY_SECONDS, MEMORY_SHARE = 2.5, 0.001
"""Least time between two readings of the memory, for which the system walks through the pages of a process, and the
most of a core that they take: the more processes share the more pages, the longer it takes."""
_MADE = ("Pss_Anon:", "Pss_Shmem:")


class ProcessProbe(Probe):
    """Reads from the start of its block to the end. ``rows`` are ``(wall-clock ns, source, name, value)``.

    ``cpu_of_host`` is the share of all cores in use since the last reading; ``memory_bytes``, ``threads`` and
    ``descriptors`` (open files and sockets) are of that moment. All are summed over the tree of a process; the source
    is its name.
    """

    record = "processes"

    def __init__(self, roots: Mapping[str, HasPid]) -> None:
        super().__init__({"process probe": self._run})
        self._roots = roots
        self._cores = usable_cores()
        self._last: dict[str, tuple[float, float]] = {}
        self._memory_due: dict[str, float] = {}

    def _run(self) -> None:
        for _ in ticks(self._done, INTERVAL_SECONDS):
            now, at_ns, table = time.monotonic(), time.time_ns(), ProcessTable.read()
            for name, root in self._roots.items():
                if tree := table.tree(root.pid):  # one that is gone is for the environment's check to notice
                    self._read_tree(name, tree, now, at_ns)

    def _read_tree(self, name: str, tree: Mapping[int, ProcessStatus], now: float, at_ns: int) -> None:
        spent = sum(process.cpu_seconds for process in tree.values())
        values = {
            THREADS: sum(process.threads for process in tree.values()),
            DESCRIPTORS: sum(_descriptors(pid) for pid in tree),
        }
        if now >= self._memory_due.get(name, now):
            begun = time.thread_time()
            values[MEMORY] = sum(_memory_bytes(pid) for pid in tree)
            taken = time.thread_time() - begun
            self._memory_due[name] = now + max(MEMORY_SECONDS, taken / MEMORY_SHARE)
        if name in self._last:
            then, spent_then = self._last[name]
            self.rows.append((at_ns, name, CPU, max(spent - spent_then, 0.0) / (now - then) / self._cores))
        self.rows += [(at_ns, name, what, float(value)) for what, value in values.items()]
        self._last[name] = now, spent


def _descriptors(pid: int) -> int:
    with suppress(OSError, psutil.Error):  # it has ended, or is somebody else's
        return len(os.listdir(f"/proc/{pid}/fd")) if HAS_PROC else psutil.Process(pid).num_fds()  # noqa: PTH208
    return 0


def _memory_bytes(pid: int) -> int:
    with suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:  # noqa: PTH123
        if parts := [int(line.split()[1]) for line in rollup if line.startswith(_MADE)]:
            return sum(parts) * 1024
    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0
