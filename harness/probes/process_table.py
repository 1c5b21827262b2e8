"""The processes of this machine at one moment, read once for all probes; and the cores they may use."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

HAS_PROC = Path("/proc/self/stat").exists()
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PPID, _CPU, _THREADS = 1, slice(11, 15), 17
"""Indexes of the fields of /proc/PID/stat that follow the name; see proc_pid_stat(5)."""


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
    ticks = sum(int(field) for field in fields[_CPU])
    return ProcessStatus(int(fields[_PPID]), ticks / _TICKS_PER_SECOND, int(fields[_THREADS]))


def _from_psutil() -> Iterator[tuple[int, ProcessStatus]]:
    for process in psutil.process_iter(["ppid", "cpu_times", "num_threads"]):
        parent, times, threads = (process.info[name] for name in ("ppid", "cpu_times", "num_threads"))
        if times is not None:  # access denied: another user's
            yield process.pid, ProcessStatus(parent, sum(times[:4]), threads or 0)
