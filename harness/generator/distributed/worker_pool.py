"""The workers of a leg as the master knows them: processes, reports, which take bounded memory, and their account."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.generator.distributed.sample_transfer import Inbox
from harness.generator.recording.latency_histogram import quantile
from harness.generator.schedule.abort_watch import AbortWatch
from harness.record.generation import Generation, GeneratorProcess, LostWorker, OfferedLoad
from harness.record.leg import Window
from harness.record.readings import GENERATOR, write_readings

MAX_CHARACTERS = 300
READINGS_AT_ONCE = 5000


class LocalWorkers:
    """The worker processes of this machine."""

    def __init__(self, address: str, scratch: Path) -> None:
        self.address, self.scratch = address, scratch
        self._started: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, count: int) -> None:
        """Start ``count`` workers; each ends when its standard input closes, so none outlives the master."""
        for slot in range(1, count + 1):
            folder = self.scratch / str(slot)
            folder.mkdir(parents=True)
            command = [sys.executable, "-m", "harness.generator", "work", "--master", self.address]
            command += ["--slot", str(slot), "--scratch", str(folder)]
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            self._started[child.pid] = child

    def ended(self) -> dict[int, str]:
        """How workers ended, by process id."""
        codes = {pid: code for pid, child in self._started.items() if (code := child.poll()) is not None}
        return {
            pid: f"ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended by itself with status {code}"
            for pid, code in codes.items()
        }

    def end(self, seconds: float = 5.0) -> None:
        deadline = time.monotonic() + seconds
        for child in self._started.values():
            try:
                child.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


@dataclass(slots=True)
class PoolWorker:
    """One worker, and what it last reported."""

    client: str
    host: str
    pid: int
    slot: int
    version: str
    index: int = -1
    inbox: Inbox | None = None
    clock: dict[str, int] | None = None
    requests: int = 0
    failures: int = 0
    recent: "Counter[int]" = field(default_factory=Counter)
    done: dict[str, Any] | None = None
    lost: str = ""
    lost_second: float = 0.0

    @property
    def number(self) -> int:
        """Number from 1 on; 0 before numbers are given."""
        return self.index + 1

    @property
    def name(self) -> str:
        return f"worker {self.number} ({self.host}, pid {self.pid})"

    def lose(self, how: str, second: float) -> None:
        """Mark it as lost, ``second`` seconds into the leg."""
        printable = "".join(letter if letter.isprintable() else " " for letter in how)
        self.lost, self.lost_second = printable[:MAX_CHARACTERS] or "for no reason given", max(second, 0.0)


class WorkerPool:
    """The workers that said hello; at most ``wanted``."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.workers: dict[str, PoolWorker] = {}

    def add(self, client: str, data: dict[str, Any]) -> bool:
        """Add a worker that said hello; returns False when no more are wanted."""
        if len(self.workers) >= self.wanted:
            return False
        host = re.sub(r"[^A-Za-z0-9._-]", "?", str(data["host"]))[:60]
        self.workers[client] = PoolWorker(client, host, int(data["pid"]), int(data["slot"]), str(data["version"]))
        return True

    @property
    def complete(self) -> bool:
        return len(self.workers) == self.wanted

    @property
    def in_order(self) -> list[PoolWorker]:
        return sorted(self.workers.values(), key=lambda worker: worker.index)

    @property
    def present(self) -> list[PoolWorker]:
        return [worker for worker in self.in_order if not worker.lost]

    def dismiss_lost(self) -> None:
        """Remove workers lost before the load, so that others can replace them."""
        self.workers = {client: worker for client, worker in self.workers.items() if not worker.lost}

    def number(self) -> None:
        """Number the workers by machine and slot, so that numbers are the same in every leg."""
        workers = sorted(self.workers.values(), key=lambda worker: (worker.host, worker.slot, worker.pid))
        for index, worker in enumerate(workers):
            worker.index = index


class WorkerReports:
    """Writes parts as they come, and readings ``READINGS_AT_ONCE`` at a time."""

    def __init__(self, out: Path, pool: WorkerPool, abort_watch: AbortWatch) -> None:
        self.out, self.pool, self.abort_watch = out, pool, abort_watch
        self._readings: list[tuple[int, str, str, float]] = []
        self._written = 0

    def take(self, client: str, report: dict[str, Any] | None) -> list[int]:
        """Store a worker's addition to Locust's report; returns the numbers of the parts that are on disk now."""
        worker = self.pool.workers.get(client)
        if not report or worker is None or worker.inbox is None or worker.lost:
            return []
        for number, content in report["parts"].items():
            worker.inbox.put(number, content)
        for at_ns, name, value in report["readings"]:
            self.read(at_ns, f"{GENERATOR}-{worker.number}", [(name, value)])
        worker.requests, worker.failures = report["requests"], report["failures"]
        worker.recent.update(report["recent"])
        self.abort_watch.merge(report["answers"])
        return list(report["parts"])

    def read(self, at_ns: int, source: str, values: list[tuple[str, float]]) -> None:
        self._readings += [(at_ns, source, name, float(value)) for name, value in values]
        if len(self._readings) >= READINGS_AT_ONCE:
            self.close()

    def close(self) -> None:
        self._written += 1
        write_readings(self._readings, self.out / f"readings-generator-{self._written:05d}.parquet")
        self._readings = []

    def progress(self) -> dict[str, Any]:
        """Requests and failures of all workers so far, and the P95 in ms since the last call."""
        workers = self.pool.workers.values()
        recent: Counter[int] = Counter()
        for worker in workers:
            recent += worker.recent
            worker.recent = Counter()
        return {
            "requests": sum(worker.requests for worker in workers),
            "failures": sum(worker.failures for worker in workers),
            "p95_ms": quantile(recent, 0.95),
        }


def generation_of(pool: WorkerPool, counted: int, origin: str, windows: tuple[Window, ...], leg: str) -> Generation:
    """The account of the leg ``leg``; exits when rows on disk, workers' counts and Locust's ``counted`` differ."""
    shares = [_contribution(worker) for worker in pool.in_order]
    lost = [worker for worker in pool.in_order if worker.lost]
    requests = sum(share.requests for share in shares)
    if not lost and counted != requests:
        sys.exit(f"{requests} samples arrived, Locust counted {counted}: samples were lost")
    done = [worker.done for worker in pool.in_order if worker.done]

    def worst(key: str) -> float:
        return max((float(one[key] or 0) for one in done), default=0.0)

    open_loop = any(one["schedule_lag_p99_ms"] is not None for one in done)
    return Generation(
        origin,
        requests,
        worst("cpu_share"),
        worst("lag_p99_ms"),
        windows,
        user_errors=sum(int(one["user_errors"]) for one in done),
        workers=tuple(shares),
        lost=tuple(LostWorker(worker.name, leg, round(worker.lost_second, 1), worker.lost) for worker in lost),
        offered=_together([[OfferedLoad(**part) for part in one["offered"]] for one in done]),
        schedule_lag_p99_ms=worst("schedule_lag_p99_ms") if open_loop else None,
        gc_pause_ms=worst("gc_pause_ms"),
    )


def _contribution(worker: PoolWorker) -> GeneratorProcess:
    rows = worker.inbox.rows() if worker.inbox else 0
    done = worker.done
    if done and not rows == done["requests"] == done["counted"]:
        counts = f"recorded {done['requests']}, Locust counted {done['counted']}"
        sys.exit(f"{worker.name}: {rows} samples arrived, it {counts}: samples were lost")
    clock = worker.clock or {"offset_ns": 0, "uncertainty_ns": 0}
    return GeneratorProcess(
        worker=worker.name,
        host=worker.host,
        requests=rows,
        cpu_share=done["cpu_share"] if done else None,
        lag_p99_ms=done["lag_p99_ms"] if done else None,
        clock_offset_ms=clock["offset_ns"] / 1e6,
        clock_uncertainty_ms=clock["uncertainty_ns"] / 1e6,
        clock_drift_ms=done["drift_ns"] / 1e6 if done else None,
    )


def _together(parts: Sequence[Sequence[OfferedLoad]]) -> tuple[OfferedLoad, ...]:
    counts = ("planned", "started", "late", "most_users")
    return tuple(
        OfferedLoad(stage[0].stage, *(sum(getattr(part, name) for part in stage) for name in counts))
        for stage in zip(*parts, strict=True)
    )
