"""Trial: all that one leg recorded, and Setup: the fingerprint of what was measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from harness.executions import Executions
from harness.parts.search import Searched
from harness.parts.stage import Stage
from harness.samples import SCHEMA

Order = tuple[tuple[str, ...], ...]
"""The arms of each block, in the order they are measured."""
VARYING_FACTS = ("load_before", "memory_bytes", "harness", "database size")


@dataclass(frozen=True, slots=True)
class Leg:
    """One measurement of one arm: its place in the order of the run."""

    number: int
    block: int
    arm: str

    @property
    def title(self) -> str:
        """The name of its folder, ``03-after``."""
        return f"{self.number:02d}-{self.arm}"


def legs_of(order: Sequence[Sequence[str]], *, sequential: bool = False) -> list[Leg]:
    """The legs of an order of blocks, numbered from 1 as they run.

    Block by block; ``sequential``, all legs of an arm before those of the next, a block being the k-th leg of each.
    """
    places = [(block, arm) for block, arms in enumerate(order, start=1) for arm in arms]
    if sequential:
        arms = list(order[0]) if order else []
        places.sort(key=lambda place: arms.index(place[1]))
    return [Leg(number, block, arm) for number, (block, arm) in enumerate(places, start=1)]


@dataclass(frozen=True, slots=True)
class Window:
    """When a stage ran, in seconds since the leg's origin; what is summarised starts at ``measured_from``.

    ``rate`` is in arrivals per second, ``None`` in a closed stage; in an open one ``users`` is the most at work.
    """

    stage: str
    kind: str
    start: float
    measured_from: float
    end: float
    users: int
    rate: float | None = None

    @property
    def seconds(self) -> float:
        """The length of what is summarised."""
        return self.end - self.measured_from


@dataclass(frozen=True, slots=True)
class Contribution:
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
class Loss:
    """A worker that was lost, and how many seconds into which leg."""

    worker: str
    leg: str
    second: float
    how: str


@dataclass(frozen=True, slots=True)
class Incident:
    """What happened to a container or a server by itself, and how many seconds after its leg's services were ready.

    ``restarted`` says that a server of this machine began anew, so that what it knew is gone.
    """

    leg: str
    service: str
    what: str
    second: float
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
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
    workers: tuple[Contribution, ...] = ()
    lost: tuple[Loss, ...] = ()
    offered: tuple[Offered, ...] = ()
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


@dataclass(frozen=True, slots=True)
class Startup:
    """How an arm came up for a leg.

    Attributes:
        host: base URL of its first service, or of its only one, as the plan writes it: ``${NAME}`` is not filled in.
        ready_seconds: from starting the processes to the last service's readiness; ``None`` where they ran already.
        urls: base URL of each service that has a name.
    """

    host: str
    ready_seconds: float | None
    urls: dict[str, str] = field(default_factory=dict)
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """All that one leg recorded; ``ready_seconds`` is ``None`` where an older harness did not record it.

    ``executions`` is ``None`` where no database was asked what it executed.
    """

    leg: Leg
    generation: Generation
    samples: pa.Table
    readings: pa.Table
    ready_seconds: float | None = None
    executions: Executions | None = None

    def without_samples(self) -> "Trial":
        """The rest of it, which is small."""
        return replace(self, samples=SCHEMA.empty_table())


@dataclass(frozen=True, slots=True)
class Migration:
    """What bringing an arm's database, that of a service where they have names, to its revision took and made.

    ``index_seconds`` are what the statements took that built indexes by themselves, as far as the server counted them.
    """

    arm: str
    revision: str | None
    seconds: float
    indexes_created: tuple[str, ...] = ()
    size_before_bytes: int | None = None
    size_after_bytes: int | None = None
    service: str | None = None
    index_seconds: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Setup:
    """The fingerprint of what was measured.

    ``order`` has the arms of each block; ``sequential`` says that the blocks were not run one after the other, but all
    legs of an arm before those of the next. The last ``again`` blocks measure once more what had failed.
    ``sealed`` says that a leg is complete with its seal, and not before.
    """

    started: str
    plan_name: str
    plan_fingerprint: str
    users_fingerprint: str
    seed_fingerprint: str | None
    order: Order
    order_seed: int
    legs_planned: int
    versions: dict[str, str] = field(default_factory=dict)
    host: dict[str, str | int | float] = field(default_factory=dict)
    row_counts: dict[str, int] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    schema: int = 1
    profile: str | None = None
    processes: int = 1
    sequential: bool = False
    again: int = 0
    sealed: bool = False

    @property
    def legs(self) -> list[Leg]:
        """The planned legs, as they run."""
        return legs_of(self.order, sequential=self.sequential)

    @property
    def legs_first(self) -> list[Leg]:
        """The legs of the run itself, without what was measured once more."""
        return [leg for leg in self.legs if leg.block <= len(self.order) - self.again]

    @property
    def legs_again(self) -> list[Leg]:
        """The legs among them that measure once more what had failed."""
        return [leg for leg in self.legs if leg.block > len(self.order) - self.again]


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on both clocks of the harness: wall-clock and monotonic seconds."""

    wall: float
    monotonic: float


@dataclass(frozen=True, slots=True)
class Seal:
    """What closes the record of a leg, so that what changes afterwards is seen.

    Attributes:
        leg: the leg's title.
        begun: when its load was about to begin.
        ended: when its load was over.
        facts: what has to be as it was when the run began, by the names of ``facts_of_setup``.
        setup: of the setup as it was then, the SHA-256 of what does not change while further blocks are begun.
        files: the SHA-256 of each file of the record, by its path in the run folder; also of those of the whole run.
    """

    leg: str
    begun: Moment
    ended: Moment
    facts: dict[str, str | int | float] = field(default_factory=dict)
    setup: str = ""
    files: dict[str, str] = field(default_factory=dict)
    schema: int = 1


def facts_of_setup(host: dict[str, str | int | float], users_fingerprint: str) -> dict[str, str | int | float]:
    """The facts of a setup that may not change while the legs are measured."""
    steady = {f"host {name}": value for name, value in host.items() if name not in VARYING_FACTS}
    return {**steady, "user files": users_fingerprint}


def differing_facts(one: Setup, other: Setup) -> list[str]:
    """The facts that two runs must share to be comparable and do not, each as ``name: one, other``."""
    pairs: list[tuple[str, object, object]] = [
        ("profile", one.profile, other.profile),
        ("user files", one.users_fingerprint, other.users_fingerprint),
        ("seed", one.seed_fingerprint, other.seed_fingerprint),
        ("processes of the load", one.processes, other.processes),
        ("sequential", one.sequential, other.sequential),
    ]
    for title, left, right in (
        ("host", one.host, other.host),
        ("version of", one.versions, other.versions),
        ("setting", one.settings, other.settings),
        ("rows of", one.row_counts, other.row_counts),
    ):
        names = [name for name in dict.fromkeys([*left, *right]) if name.partition(",")[0] not in VARYING_FACTS]
        pairs += [(f"{title} {name}", left.get(name), right.get(name)) for name in names]
    return [f"{name}: {a}, {b}" for name, a, b in pairs if a != b]


def windows_of(stages: tuple[Stage, ...], until: float = math.inf) -> tuple[Window, ...]:
    """The windows of the stages, back to back from 0, as planned, or as they were where the load ended early.

    Nothing of a search is summarised: its loads are others in each arm, and its tries speak for themselves.
    """
    windows, start = [], 0.0
    for stage in stages:
        if start >= until:
            break
        end = min(start + stage.seconds, until)
        measured_from = min(start + stage.warmup_seconds, end) if stage.search is None else end
        windows.append(Window(stage.title, stage.kind.value, start, measured_from, end, stage.users, stage.rate))
        start = end
    return tuple(windows)
