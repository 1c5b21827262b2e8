"""Collection: what the master makes of the workers' reports; bounded, however long the run."""

from collections import Counter
from pathlib import Path
from typing import Any

from harness.generator.distributed.worker_pool import WorkerPool
from harness.generator.recording.latency_histogram import quantile
from harness.generator.schedule.abort_watch import AbortWatch
from harness.record.readings import GENERATOR, write_readings

READINGS_AT_ONCE = 5000


class Collection:
    """Parts go to disk as they come, readings whenever there are ``READINGS_AT_ONCE``."""

    def __init__(self, out: Path, crew: WorkerPool, danger: AbortWatch) -> None:
        self.out, self.crew, self.limit = out, crew, danger
        self._readings: list[tuple[int, str, str, float]] = []
        self._written = 0

    def take(self, client: str, report: dict[str, Any] | None) -> list[int]:
        """Take in what a worker added to its report; returns the numbers of the parts that are on disk now."""
        member = self.crew.members.get(client)
        if not report or member is None or member.intake is None or member.lost:
            return []
        for number, content in report["parts"].items():
            member.intake.put(number, content)
        for at_ns, name, value in report["readings"]:
            self.read(at_ns, f"{GENERATOR}-{member.number}", [(name, value)])
        member.requests, member.failures = report["requests"], report["failures"]
        member.recent.update(report["recent"])
        self.limit.merge(report["answers"])
        return list(report["parts"])

    def read(self, at_ns: int, source: str, values: list[tuple[str, float]]) -> None:
        """Keep readings of a source."""
        self._readings += [(at_ns, source, name, float(value)) for name, value in values]
        if len(self._readings) >= READINGS_AT_ONCE:
            self.close()

    def close(self) -> None:
        """Write the readings that are kept."""
        self._written += 1
        write_readings(self._readings, self.out / f"readings-generator-{self._written:05d}.parquet")
        self._readings = []

    def progress(self) -> dict[str, Any]:
        """Requests and failures of all workers so far, and the P95 of what was reported since the last call."""
        members = self.crew.members.values()
        recent: Counter[int] = Counter()
        for member in members:
            recent += member.recent
            member.recent = Counter()
        return {
            "requests": sum(member.requests for member in members),
            "failures": sum(member.failures for member in members),
            "p95_ms": quantile(recent, 0.95),
        }
