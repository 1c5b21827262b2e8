"""Processes: CPU, threads and open files of each server and service of a leg, with its children, every second.

Memory, every third second, is what a process made, in shares where the system tells them (Linux): what processes share,
such as PostgreSQL's buffers, counts once and not once per process, and mapped files do not count, since their shares
change when any other process maps them. Elsewhere it is the resident set size.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import psutil

from harness.probes.reader import Reader
from harness.readings import CPU, DESCRIPTORS, MEMORY, THREADS

EVERY_SECONDS = 1.0
MEMORY_EVERY = 3
"""Readings between two of the memory, for which the system walks through the pages of a process."""
_MADE = ("Pss_Anon:", "Pss_Shmem:")


class HasPid(Protocol):
    """A process, which may become another one when it is started again."""

    @property
    def pid(self) -> int:
        """Its process id at this moment."""


class ProcessProbe(Reader):
    """Reads from the start of its block to the end. ``rows`` are ``(wall-clock ns, source, name, value)``.

    ``cpu_of_host`` is the share of all cores in use since the last reading; ``memory_bytes``, ``threads`` and
    ``descriptors`` (open files and sockets) are of that moment. All are summed over the tree of a process; the source
    is its name.
    """

    def __init__(self, roots: Mapping[str, HasPid]) -> None:
        super().__init__({"process probe": self._run})
        self._roots = roots
        self._cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._last: dict[str, tuple[float, float]] = {}

    def _run(self) -> None:
        due, number = time.monotonic(), 0
        while not self._done.wait(max(due - time.monotonic(), 0.0)):
            for name, root in self._roots.items():
                with suppress(psutil.Error):  # gone: that is for the environment's check to notice
                    self._read(name, psutil.Process(root.pid), weigh=number % MEMORY_EVERY == 0)
            due, number = due + EVERY_SECONDS, number + 1

    def _read(self, name: str, root: psutil.Process, *, weigh: bool) -> None:
        now, at_ns = time.monotonic(), time.time_ns()
        spent, memory, threads, descriptors = 0.0, 0, 0, 0
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):
                spent += sum(process.cpu_times()[:4])  # with what its ended children spent: a backend may live for ms
                memory += _memory_bytes(process) if weigh else 0
                threads += process.num_threads()
                descriptors += process.num_fds()
        if name in self._last:
            then, spent_then = self._last[name]
            self.rows.append((at_ns, name, CPU, max(spent - spent_then, 0.0) / (now - then) / self._cores))
        counted = {THREADS: threads, DESCRIPTORS: descriptors} | ({MEMORY: memory} if weigh else {})
        for what, value in counted.items():
            self.rows.append((at_ns, name, what, float(value)))
        self._last[name] = now, spent


def _memory_bytes(process: psutil.Process) -> int:
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as rollup:  # noqa: PTH123 - read often
            parts = [int(line.split()[1]) for line in rollup if line.startswith(_MADE)]
    except OSError:
        parts = []
    return sum(parts) * 1024 if parts else int(process.memory_info().rss)
