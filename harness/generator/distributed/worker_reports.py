"""The workers' reports, as the master stores them; memory is bounded however long the run."""

from collections import Counter
from pathlib import Path
from typing import Any

from harness.generator.distributed.worker_pool import WorkerPool
from harness.generator.recording.latency_histogram import quantile
from harness.generator.schedule.abort_watch import AbortWatch
from harness.record.readings import GENERATOR, write_readings

READINGS_AT_ONCE = 5000


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
