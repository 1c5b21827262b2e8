"""The registry of metrics: name, unit, better direction, what each is measured on, and where reports show it.

A new metric is one more row here and, where no column says how it is computed, a function that reads it. No other
module compares the name of a metric with a literal.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any


class Unit(StrEnum):
    """The unit a metric is stored in. Rates are fractions 0-1, never percent."""

    MS = "ms"
    PER_SECOND = "req/s"
    FRACTION = "fraction"
    COUNT = "count"  # a mean number of things
    WHOLE = "whole"  # a counted number of things
    USERS = "users"
    SECONDS = "s"
    MEGABYTES = "MB"


class Basis(StrEnum):
    """The samples that a value is taken from."""

    REQUESTS = "requests"
    SUCCESSES = "successes"
    LOOKUPS = "lookups"
    HITS = "hits"
    MISSES = "misses"


class Origin(StrEnum):
    """What a value is measured on, and so where there is one."""

    REQUESTS = "requests"  # one in every stage and endpoint
    STRESS = "stress"  # one per leg, from all its stress stages
    START = "start"  # one per leg, from starting its service
    FAULT = "fault"  # one per leg, from what followed its faults
    PROCESSES = "processes"  # one in every stage, of the servers and services
    READINGS = "readings"  # one in every stage, of what services tell of themselves
    STATEMENTS = "statements"  # one in every stage, of what the databases executed
    TRIGGERS = "triggers"  # one in every stage, of what trigger functions took in the databases
    MIGRATION = "migration"  # one per arm: it is migrated once in a run
    MIGRATION_UNDER_LOAD = "rehearsal"  # one per run: the migration is tried once while requests flow

    @property
    def once(self) -> bool:
        """Whether it is measured once in a run, so that it has a limit and no change."""
        return self in {Origin.MIGRATION, Origin.MIGRATION_UNDER_LOAD}

    @property
    def from_probes(self) -> bool:
        """Whether it is read beside the load, of all requests together."""
        return self in {Origin.PROCESSES, Origin.READINGS, Origin.STATEMENTS, Origin.TRIGGERS}


class ProcessRole(StrEnum):
    """The processes whose CPU or memory a metric is about, as readings name their source."""

    DATABASE = "postgres"
    CACHE = "redis"
    SERVICE = "service"  # all other sources together


class ShownIn(StrEnum):
    """The tables and charts that show a choice of metrics."""

    STAGES = "stages"  # the columns of the report's stage tables
    SUMMARY = "summary"  # the columns of summary.md
    RUNS = "runs"  # harness compare
    BLOCKS = "blocks"  # the charts of a plan without targets
    PLACEBO = "placebo"
    STEPS = "steps"  # the attribution of a plan that names no metrics


class Scale(StrEnum):
    """The scale on which blocks of a metric are compared, and so the form of its interval."""

    LOG = "log"  # ratio after/before, Student's t on block log ratios
    LOGIT = "logit"  # difference in points, Student's t on block logit differences
    PROPORTION = "proportion"  # difference in points, Wilson and Newcombe on effective counts


class Better(StrEnum):
    """The direction in which a change is an improvement."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCounts:
    """Counts of some requests, and the seconds in which they were made.

    ``hits`` and ``lookups`` are of successes that a cache answered, or was asked for.
    """

    requests: int
    failures: int
    hits: int = 0
    lookups: int = 0
    seconds: float = 0.0

    @property
    def successes(self) -> int:
        """Requests that did not fail."""
        return self.requests - self.failures

    def samples(self, metric: "Metric") -> int:
        """How many samples the value of a metric is taken from."""
        match metric.basis:
            case Basis.REQUESTS:
                return self.requests
            case Basis.SUCCESSES:
                return self.successes
            case Basis.LOOKUPS:
                return self.lookups
            case Basis.HITS:
                return self.hits
            case Basis.MISSES:
                return self.lookups - self.hits


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured quantity.

    Attributes:
        name: as targets and JSON files write it.
        label: as people read it.
        quantile: for percentiles, the exact fraction of samples at or below it.
        min_samples: samples that one leg needs before the metric says anything at all.
        finding_samples: samples that one leg needs before the metric is a finding rather than a description.
        basis: which samples these are.
        origin: what it is measured on.
        from_sending: whether it times a request from when it was sent, not from when it was due: service time.
        by_endpoint: of what is read beside the load, whether the corpus of the plan tells it of single endpoints.
        from_counts: its value, of what follows from counts of requests; ``None`` where these do not tell it.
        from_latencies: its value in ms from latencies in ns, at least one, of a latency that is no percentile.
        header: the column of samples that it is the mean of; services report it in a response header.
        of_misses: whether that is the mean over cache misses, and not over all responses.
        process: whose CPU (a fraction) or memory (in MB) it is.
        minimum_effect: the smallest change that counts unless the plan says another; empty where it is the plan's ``effect``.
        missing: why a cell has no value, as reports say it.
        tables: where it is shown.
    """

    name: str
    label: str
    unit: Unit
    scale: Scale
    better: Better
    quantile: Fraction | None = None
    min_samples: int = 1
    finding_samples: int = 1
    basis: Basis = Basis.REQUESTS
    origin: Origin = Origin.REQUESTS
    from_sending: bool = False
    by_endpoint: bool = False
    from_counts: Callable[[RequestCounts], float | None] | None = None
    from_latencies: Callable[[Any], float] | None = None
    header: str = ""
    of_misses: bool = False
    process: ProcessRole | None = None
    minimum_effect: str = ""
    missing: str = ""
    tables: frozenset[ShownIn] = frozenset()

    @property
    def latency(self) -> bool:
        """Whether it is a statistic of latencies or service times."""
        return self.quantile is not None or self.from_latencies is not None

    @property
    def key(self) -> str:
        """Its key in the rows of ``summary.json``."""
        return f"{self.name}_ms" if self.latency else self.name

    @property
    def of_failures(self) -> bool:
        """Whether it is the share of requests that failed."""
        return self.scale is Scale.PROPORTION

    @property
    def searched(self) -> bool:
        """Whether a capacity search can go by it: the requests of a few seconds tell it, without cache headers."""
        return self.basis in {Basis.REQUESTS, Basis.SUCCESSES} and (self.latency or self.from_counts is not None)

    @property
    def live(self) -> bool:
        """Whether it is known while the load runs, so that an abort can watch it."""
        return self.searched and not self.from_sending and self.from_latencies is None

    @property
    def alerting(self) -> bool:
        """Whether an alert can watch it, ten seconds at a time."""
        fraction = self.from_counts is not None and self.unit is Unit.FRACTION
        return fraction or (self.live and self.latency) or self.origin in {Origin.PROCESSES, Origin.READINGS}

    @property
    def per_leg(self) -> bool:
        """Whether it is one value of a whole leg or arm, and has none for a stage or an endpoint."""
        return self.origin is not Origin.REQUESTS and not self.origin.from_probes

    @property
    def by_leg(self) -> bool:
        """Whether it has no interval, and each leg is judged for itself: load held in steps, a single recovery."""
        return self.origin in {Origin.STRESS, Origin.FAULT}

    def lacks(self, part: str) -> bool:
        """Whether there is no value for a single ``stage``, ``endpoint`` or ``tag``."""
        of_endpoint = part == "endpoint" and self.by_endpoint
        return self.per_leg or (part in {"endpoint", "tag"} and self.origin.from_probes and not of_endpoint)


STAGES = frozenset({ShownIn.STAGES})
EVERYWHERE = STAGES | {ShownIn.SUMMARY, ShownIn.RUNS}


def _percentile(
    name: str,
    label: str,
    quantile: str,
    least: int,
    tables: frozenset[ShownIn] = frozenset(),
    *,
    basis: Basis = Basis.SUCCESSES,
    missing: str = "",
) -> Metric:
    exact = Fraction(quantile)
    solid = int(100 / (1 - exact))  # 100 samples beyond the percentile
    of_samples = Metric(name, label, Unit.MS, Scale.LOG, Better.LOWER, exact, least, solid, basis)
    return replace(of_samples, tables=tables, missing=missing)


def _of_service_time(latency: Metric) -> Metric:
    name, label = f"service_{latency.name}", f"{latency.label} of service time"
    return replace(latency, name=name, label=label, from_sending=True)


def _lower(name: str, label: str, unit: Unit, origin: Origin = Origin.REQUESTS) -> Metric:
    """A metric that is better when it is lower, and compared as a ratio."""
    return Metric(name, label, unit, Scale.LOG, Better.LOWER, origin=origin)


def _higher(name: str, label: str, unit: Unit, origin: Origin = Origin.REQUESTS) -> Metric:
    return replace(_lower(name, label, unit, origin), better=Better.HIGHER)


def _work(name: str, label: str) -> Metric:
    return replace(_lower(name, label, Unit.COUNT, Origin.STATEMENTS), by_endpoint=True)


def _used(process: ProcessRole, name: str, label: str, unit: Unit) -> Metric:
    return replace(_lower(name, label, unit, Origin.PROCESSES), process=process)


def _throughput(counts: RequestCounts) -> float | None:
    return counts.successes / counts.seconds if counts.seconds else None


def _error_rate(counts: RequestCounts) -> float | None:
    return counts.failures / counts.requests if counts.requests else None


def _hit_rate(counts: RequestCounts) -> float | None:
    return counts.hits / counts.lookups if counts.lookups else None


def _maximum(latency_ns: Any) -> float:  # noqa: ANN401 - an array of NumPy, which this module does not load
    return int(latency_ns.max()) / 1e6


def _mean(latency_ns: Any) -> float:  # noqa: ANN401 - the same
    return int(latency_ns.sum()) / (len(latency_ns) * 1_000_000)


# ``least`` of a percentile is the smallest n with q^n < 0.05: fewer samples cannot bound it from above.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _percentile("p50", "P50", "0.50", 5, EVERYWHERE | {ShownIn.BLOCKS, ShownIn.PLACEBO}),
        _percentile("p90", "P90", "0.90", 29),
        _percentile("p95", "P95", "0.95", 59, EVERYWHERE | {ShownIn.BLOCKS, ShownIn.PLACEBO, ShownIn.STEPS}),
        _percentile("p99", "P99", "0.99", 299, EVERYWHERE),
        _of_service_time(_percentile("p50", "P50", "0.50", 5, STAGES)),
        _of_service_time(_percentile("p95", "P95", "0.95", 59, STAGES | {ShownIn.SUMMARY})),
        _of_service_time(_percentile("p99", "P99", "0.99", 299, STAGES)),
        replace(_lower("max", "max", Unit.MS), basis=Basis.SUCCESSES, from_latencies=_maximum, tables=STAGES),
        replace(_lower("mean", "mean", Unit.MS), basis=Basis.SUCCESSES, from_latencies=_mean),
        replace(
            _higher("rps", "req/s", Unit.PER_SECOND),
            from_counts=_throughput,
            tables=EVERYWHERE | {ShownIn.BLOCKS, ShownIn.STEPS},
        ),
        Metric(
            "error_rate",
            "error rate",
            Unit.FRACTION,
            Scale.PROPORTION,
            Better.LOWER,
            from_counts=_error_rate,
            minimum_effect="0.1 pt",
            tables=EVERYWHERE,
        ),
        Metric(
            "cache_hit_rate",
            "cache-hit rate",
            Unit.FRACTION,
            Scale.LOGIT,
            Better.HIGHER,
            basis=Basis.LOOKUPS,
            from_counts=_hit_rate,
            minimum_effect="1 pt",
            missing="no response said whether the cache answered",
            tables=EVERYWHERE,
        ),
        _percentile(
            "hit_p50", "P50 of hits", "0.50", 5, STAGES, basis=Basis.HITS, missing="no answer came from the cache"
        ),
        _percentile(
            "miss_p50", "P50 of misses", "0.50", 5, STAGES, basis=Basis.MISSES, missing="no answer missed the cache"
        ),
        replace(
            _lower("queries_per_request", "queries per request", Unit.COUNT),
            header="queries",
            missing="no response said how many queries it took",
            tables=STAGES | {ShownIn.STEPS},
        ),
        replace(
            _lower("queries_per_miss", "queries per cache miss", Unit.COUNT),
            header="queries",
            of_misses=True,
            missing="no response that missed the cache said how many queries it took",
            tables=STAGES | {ShownIn.RUNS},
        ),
        replace(
            _lower("db_ms_per_request", "database time per request", Unit.MS),
            basis=Basis.SUCCESSES,
            header="db_ms",
            tables=frozenset({ShownIn.PLACEBO}),
        ),
        replace(
            _lower("db_ms_per_miss", "database time per cache miss", Unit.MS),
            basis=Basis.MISSES,
            header="db_ms",
            of_misses=True,
        ),
        _used(ProcessRole.DATABASE, "database_cpu", "database CPU", Unit.FRACTION),
        _used(ProcessRole.SERVICE, "service_cpu", "service CPU", Unit.FRACTION),
        _used(ProcessRole.CACHE, "cache_memory", "cache memory", Unit.MEGABYTES),
        _used(ProcessRole.SERVICE, "service_memory", "service memory", Unit.MEGABYTES),
        _work("db_statements_per_request", "statements per request"),
        _work("db_rows_per_request", "rows per request"),
        _work("db_blocks_per_request", "8 kB pages read per request"),
        _work("wal_bytes_per_request", "WAL bytes per request"),
        _lower("slow_statements", "statements over 100 ms", Unit.WHOLE, Origin.STATEMENTS),
        _lower("trigger_ms_per_request", "time in triggers per request", Unit.MS, Origin.TRIGGERS),
        replace(_higher("users_held", "users held", Unit.USERS, Origin.STRESS), tables=frozenset({ShownIn.RUNS})),
        replace(_higher("rate_held", "rate held", Unit.PER_SECOND, Origin.STRESS), tables=frozenset({ShownIn.RUNS})),
        _lower("ready_seconds", "time to readiness", Unit.SECONDS, Origin.START),
        _lower("detection_seconds", "time to detection", Unit.SECONDS, Origin.FAULT),
        _lower("recovery_seconds", "time to recovery", Unit.SECONDS, Origin.FAULT),
        _higher("indexes_created", "indexes created", Unit.WHOLE, Origin.MIGRATION),
        _lower("migration_seconds", "migration time", Unit.SECONDS, Origin.MIGRATION),
        _lower("migration_stall_ms", "longest stall by the migration", Unit.MS, Origin.MIGRATION_UNDER_LOAD),
        _lower(
            "migration_blocked_ms", "waiting of all requests by the migration", Unit.MS, Origin.MIGRATION_UNDER_LOAD
        ),
        _lower("migration_failures", "requests failed during the migration", Unit.WHOLE, Origin.MIGRATION_UNDER_LOAD),
        _lower("rollback_stall_ms", "longest stall by the rollback", Unit.MS, Origin.MIGRATION_UNDER_LOAD),
        _lower("rollback_failures", "requests failed during the rollback", Unit.WHOLE, Origin.MIGRATION_UNDER_LOAD),
    )
}
PERCENTILES: dict[str, Fraction] = {
    m.name: m.quantile
    for m in METRICS.values()
    if m.quantile is not None and m.basis is Basis.SUCCESSES and not m.from_sending
}
SERVICE_TIMES: dict[str, Fraction] = {
    m.name: m.quantile for m in METRICS.values() if m.quantile is not None and m.from_sending
}
LOADS_HELD = tuple(m.name for m in METRICS.values() if m.origin is Origin.STRESS)
"""A plan has one of them: a rate or users."""
HEADLINES = ("p95", "p50")
"""The latency that a place is described by: the first of these with samples enough."""


def shown_in(table: ShownIn) -> tuple[Metric, ...]:
    """The metrics of a table or chart."""
    return tuple(metric for metric in METRICS.values() if table in metric.tables)


def held_metric(*, rates: bool) -> Metric:
    """The load that an arm holds: arrivals per second in an open plan, users in a closed one."""
    return METRICS["rate_held" if rates else "users_held"]
