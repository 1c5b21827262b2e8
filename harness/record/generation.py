"""Generation: what the generator and its workers report about a leg."""

from dataclasses import dataclass

from harness.plan.search import Searched
from harness.record.leg import Window


@dataclass(frozen=True, slots=True)
class GeneratorProcess:
    """One of several generator processes in a leg; clocks are monotonic, compared by pings.

    Attributes:
        worker: its name, ``worker 2 (host-b, pid 4711)``.
        requests: samples it wrote; those on disk, where it was lost.
        cpu_share: CPU seconds per second, the highest mean of a stage; ``None`` where it was lost.
        lag_p99_ms: event loop lag; ``None`` where it was lost.
        clock_offset_ms: the master's clock minus its own, before the load; samples are in the master's time.
        clock_uncertainty_ms: half the best round trip, a bound of the offset's error.
        clock_drift_ms: how much the offset differed after the load; ``None`` where it was lost.
    """

    worker: str
    host: str
    requests: int
    cpu_share: float | None
    lag_p99_ms: float | None
    clock_offset_ms: float
    clock_uncertainty_ms: float
    clock_drift_ms: float | None


@dataclass(frozen=True, slots=True)
class LostWorker:
    """A worker that was lost, in which leg and at which second."""

    worker: str
    leg: str
    second: float
    how: str


@dataclass(frozen=True, slots=True)
class OfferedLoad:
    """The arrivals of one open-loop stage, of all processes together.

    Attributes:
        planned: arrivals due.
        started: arrivals that a user started; only these are in the samples.
        late: arrivals that waited for a free user; the wait is in their latency.
        most_users: peak number of busy users.
    """

    stage: str
    planned: int
    started: int
    late: int
    most_users: int

    @property
    def dropped(self) -> int:
        """Arrivals not started before the end of the leg."""
        return self.planned - self.started


@dataclass(frozen=True, slots=True)
class Aborted:
    """The abort limit that ended a leg.

    Attributes:
        when: the limit as in the plan.
        second: seconds into the leg.
        value: of its metric over the window, in the metric's stored unit.
    """

    when: str
    stage: str | None
    endpoint: str | None
    second: float
    value: float


@dataclass(frozen=True, slots=True)
class Generation:
    """The generator's report about a leg.

    Attributes:
        origin: wall-clock time of the leg's origin, ISO 8601 in UTC.
        requests: samples written by all workers.
        cpu_share: CPU seconds per second, the highest mean of a stage, of the worst worker.
        lag_p99_ms: event loop lag, 99th percentile of probes every 20 ms, of the worst worker.
        user_errors: exceptions raised by tasks; their remaining requests are missing.
        workers: one entry per process; empty for a single process.
        lost: workers that were lost, which ended the leg.
        offered: the arrivals of open-loop stages, in order; empty in closed-loop plans.
        schedule_lag_p99_ms: scheduling delay of arrivals with a free user, 99th percentile, of the worst worker;
            ``None`` in closed-loop plans.
        gc_pause_ms: longest garbage collection pause.
        searched: the capacity search of a stage; its arrivals are in no other count.
        aborted: the limit that ended the leg early; ``None`` without one.
    """

    origin: str
    requests: int
    cpu_share: float
    lag_p99_ms: float
    windows: tuple[Window, ...]
    schema: int = 1
    user_errors: int = 0
    workers: tuple[GeneratorProcess, ...] = ()
    lost: tuple[LostWorker, ...] = ()
    offered: tuple[OfferedLoad, ...] = ()
    schedule_lag_p99_ms: float | None = None
    gc_pause_ms: float = 0.0
    searched: Searched | None = None
    aborted: Aborted | None = None

    @property
    def processes(self) -> int:
        return len(self.workers) or 1

    @property
    def hosts(self) -> int:
        return len({worker.host for worker in self.workers}) or 1
