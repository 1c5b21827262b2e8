"""Generation: what the generator and its workers report about a leg."""

from dataclasses import dataclass

from harness.plan.search import Searched
from harness.record.leg import Window


@dataclass(frozen=True, slots=True)
class GeneratorProcess:
    """One of several generator processes in a leg; clocks are monotonic, compared by pings."""

    worker: str  # its name, ``worker 2 (host-b, pid 4711)``
    host: str
    requests: int  # samples it wrote; those on disk, where it was lost
    cpu_share: float | None  # CPU seconds per second, the highest mean of a stage; ``None`` where it was lost
    lag_p99_ms: float | None  # event loop lag; ``None`` where it was lost
    clock_offset_ms: float  # the master's clock minus its own, before the load; samples are in the master's time
    clock_uncertainty_ms: float  # half the best round trip, a bound of the offset's error
    clock_drift_ms: float | None  # how much the offset differed after the load; ``None`` where it was lost


@dataclass(frozen=True, slots=True)
class LostWorker:
    """A worker that was lost, in which leg and at which second."""

    worker: str
    leg: str
    second: float
    how: str


@dataclass(frozen=True, slots=True)
class OfferedLoad:
    """The arrivals of one open-loop stage, of all processes together."""

    stage: str
    planned: int  # arrivals due
    started: int  # arrivals that a user started; only these are in the samples
    late: int  # arrivals that waited for a free user; the wait is in their latency
    most_users: int  # peak number of busy users

    @property
    def dropped(self) -> int:
        """Arrivals not started before the end of the leg."""
        return self.planned - self.started


@dataclass(frozen=True, slots=True)
class Aborted:
    """The abort limit that ended a leg."""

    when: str  # the limit as in the plan
    stage: str | None
    endpoint: str | None
    second: float  # seconds into the leg
    value: float  # of its metric over the window, in the metric's stored unit


@dataclass(frozen=True, slots=True)
class Generation:
    """The generator's report about a leg; percentiles and shares are those of the worst worker."""

    origin: str  # wall-clock time of the leg's origin, ISO 8601 in UTC
    requests: int  # samples written by all workers
    cpu_share: float  # CPU seconds per second, the highest mean of a stage
    lag_p99_ms: float  # event loop lag, 99th percentile of probes every 20 ms
    windows: tuple[Window, ...]
    schema: int = 1
    user_errors: int = 0  # exceptions raised by tasks; their remaining requests are missing
    workers: tuple[GeneratorProcess, ...] = ()  # one entry per process; empty for a single process
    lost: tuple[LostWorker, ...] = ()  # workers that were lost, which ended the leg
    offered: tuple[OfferedLoad, ...] = ()  # the arrivals of open-loop stages, in order; empty in closed-loop plans
    schedule_lag_p99_ms: float | None = None  # delay of arrivals with a free user; ``None`` in closed-loop plans
    gc_pause_ms: float = 0.0  # longest garbage collection pause
    searched: Searched | None = None  # the capacity search of a stage; its arrivals are in no other count
    aborted: Aborted | None = None  # the limit that ended the leg early; ``None`` without one

    @property
    def processes(self) -> int:
        return len(self.workers) or 1

    @property
    def hosts(self) -> int:
        return len({worker.host for worker in self.workers}) or 1
