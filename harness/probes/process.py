"""CPU, memory, threads and open files of each server and service of a leg, including child processes.

Memory is the proportional set size (PSS) of anonymous and shared memory on Linux: memory that processes share, such as
PostgreSQL's shared buffers, counts once. Mapped files are left out, because their share changes when another process
maps them. On other systems it is the resident set size.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from harness.probes.access import HasPid
from harness.probes.reader import Probe, ticks
from harness.record.readings import CPU, DESCRIPTORS, MEMORY, THREADS

HAS_PROC = Path("/proc/self/stat").exists()
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PPID, _CPU, _THREADS = 1, slice(11, 15), 17
"""Indexes of the fields of /proc/PID/stat that follow the name; see proc_pid_stat(5)."""
INTERVAL_SECONDS = 1.0
MEMORY_SECONDS, MEMORY_SHARE = 2.5, 0.001
"""Minimum interval of the memory readings, and the maximum share of a core that they use: the kernel walks the page
tables of every process."""
_MADE = ("Pss_Anon:", "Pss_Shmem:")


def usable_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process; ``cpu_seconds`` include those of its children that have ended."""

    parent: int
    cpu_seconds: float
    threads: int


class ProcessTable:
    """Every process by its id; ``/proc`` is read in a quarter of the time that psutil needs."""

    def __init__(self, processes: dict[int, ProcessStatus]) -> None:
        self.processes = processes
        self._children: dict[int, list[int]] = {}
        for pid, process in processes.items():
            self._children.setdefault(process.parent, []).append(pid)

    @classmethod
    def read(cls) -> Self:
        return cls(dict(_from_proc() if HAS_PROC else _from_psutil()))

    def tree(self, root: int) -> dict[int, ProcessStatus]:
        """A process and its descendants by id; empty if it is gone."""
        found: dict[int, ProcessStatus] = {}
        waiting = [root] if root in self.processes else []
        while waiting:
            pid = waiting.pop()
            found[pid] = self.processes[pid]
            waiting += [child for child in self._children.get(pid, ()) if child not in found]
        return found


def _from_proc() -> Iterator[tuple[int, ProcessStatus]]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - a Path for each doubles the time
        if name.isdigit():
            with suppress(OSError):  # it has ended
                yield int(name), _parsed(_content(f"/proc/{name}/stat"))


def _content(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 4096)
    finally:
        os.close(file)


def _parsed(stat: bytes) -> ProcessStatus:
    """Parse ``/proc/PID/stat``; the process name in it may contain spaces and brackets."""
    fields = stat[stat.rindex(b")") + 2 :].split()
    spent = sum(int(field) for field in fields[_CPU])
    return ProcessStatus(int(fields[_PPID]), spent / _TICKS_PER_SECOND, int(fields[_THREADS]))


def _from_psutil() -> Iterator[tuple[int, ProcessStatus]]:
    for process in psutil.process_iter(["ppid", "cpu_times", "num_threads"]):
        parent, times, threads = (process.info[name] for name in ("ppid", "cpu_times", "num_threads"))
        if times is not None:  # access denied: another user's
            yield process.pid, ProcessStatus(parent, sum(times[:4]), threads or 0)


class ProcessProbe(Probe):
    """``cpu_of_host``: share of all cores since the last reading; else present values; sums over all descendants."""

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
                if tree := table.tree(root.pid):  # the environment's check reports one that ended
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
    with suppress(OSError, psutil.Error):  # ended, or another user's
        return len(os.listdir(f"/proc/{pid}/fd")) if HAS_PROC else psutil.Process(pid).num_fds()  # noqa: PTH208
    return 0


def _memory_bytes(pid: int) -> int:
    with suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:  # noqa: PTH123
        if parts := [int(line.split()[1]) for line in rollup if line.startswith(_MADE)]:
            return sum(parts) * 1024
    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0
