"""Generation: what the generator says of its own work in a leg, and of each of its workers."""

from dataclasses import dataclass

from harness.plan.search import Searched
from harness.record.leg import Window


@dataclass(frozen=True, slots=True)
class GeneratorProcess:
    """What one of several generator processes did in a leg; clocks are monotonic ones, compared by pings.

    Attributes:
        worker: its name, ``worker 2 (host-b, pid 4711)``.
        requests: rows it wrote; on disk, where it was lost.
        cpu_share: its CPU seconds per second, highest mean of a stage; ``None`` where it was lost.
        lag_p99_ms: how late its event loop was; ``None`` where it was lost.
        clock_offset_ms: the master's clock minus its own, before the load; its samples are in the master's time.
        clock_uncertainty_ms: half the best round trip: the true offset is no further away.
        clock_drift_ms: how far the offset was another after the load; ``None`` where it was lost.
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
    """A worker that was lost, and how many seconds into which leg."""

    worker: str
    leg: str
    second: float
    how: str


@dataclass(frozen=True, slots=True)
class OfferedLoad:
    """The arrivals of one open stage, of all processes together.

    Attributes:
        planned: arrivals that were due, also those that the generator was too slow to look at.
        started: those that a user began with, at once or late; the others are not in the samples.
        late: those that waited for a free user, their wait is in their latency: as many as the stage allows were at
            work, or (with fewer ``most_users``) further ones were still in their ``on_start``.
        most_users: the most users that were at work at once.
    """

    stage: str
    planned: int
    started: int
    late: int
    most_users: int

    @property
    def dropped(self) -> int:
        """Arrivals that had no user yet when the leg was over."""
        return self.planned - self.started


@dataclass(frozen=True, slots=True)
class Aborted:
    """Why the load of a leg was ended early.

    Attributes:
        when: the limit, as the plan says it; of one ``stage`` and ``endpoint`` or of all.
        second: how far into the leg it was broken.
        value: of its metric over the window, in the metric's stored unit.
    """

    when: str
    stage: str | None
    endpoint: str | None
    second: float
    value: float


@dataclass(frozen=True, slots=True)
class Generation:
    """What the generator says of its own work in a leg.

    Attributes:
        origin: wall-clock time of the leg's origin, ISO 8601 in UTC.
        requests: rows it wrote; of all workers.
        cpu_share: its CPU seconds per second, highest mean of a stage; that of the worst worker.
        lag_p99_ms: how late its event loop was, 99th percentile of probes every 20 ms; that of the worst worker.
        user_errors: exceptions that tasks of the users raised; what they would have asked is missing.
        workers: what each of several processes did; empty for one process alone.
        lost: workers that were lost, which ended the leg.
        offered: the arrivals of open stages, in the order the stages ran; empty in a closed plan.
        schedule_lag_p99_ms: how late arrivals began for which a user was free, 99th percentile; that of the worst
            worker, ``None`` in a closed plan.
        gc_pause_ms: the longest pause for garbage collection.
        searched: what a stage that searches did; what arrived in it is in no other count.
        aborted: the limit of the plan that ended the leg early; ``None``: it went on to its end.
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
        """How many processes made the load."""
        return len(self.workers) or 1

    @property
    def hosts(self) -> int:
        """On how many machines."""
        return len({worker.host for worker in self.workers}) or 1
