"""The registry of metrics: what each is called, its unit, and which way is better.

Nothing else in the project asks ``if metric == "rps"``: a new metric is one more row here.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction


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
    REHEARSAL = "rehearsal"  # one per run: the migration is tried once while requests flow

    @property
    def once(self) -> bool:
        """Whether it is measured once in a run, so that it has a limit and no change."""
        return self in {Origin.MIGRATION, Origin.REHEARSAL}

    @property
    def beside(self) -> bool:
        """Whether it is read beside the load, of all requests together."""
        return self in {Origin.PROCESSES, Origin.READINGS, Origin.STATEMENTS, Origin.TRIGGERS}


class Scale(StrEnum):
    """The scale on which blocks of a metric are compared, and so the form of its interval."""

    LOG = "log"  # ratio after/before, Student's t on block log ratios
    LOGIT = "logit"  # difference in points, Student's t on block logit differences
    PROPORTION = "proportion"  # difference in points, Wilson and Newcombe on effective counts


class Better(StrEnum):
    """The direction in which a change is an improvement."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured quantity.

    Attributes:
        name: as targets and JSON files write it.
        label: as people read it.
        quantile: for percentiles, the exact fraction of samples at or below it.
        least: samples that one leg needs before the metric says anything at all.
        solid: samples that one leg needs before the metric is a finding rather than a description.
        basis: which samples these are.
        origin: what it is measured on.
        from_sending: whether it times a request from when it was sent, not from when it was due: service time.
        of_corpus: of what is read beside the load, whether the corpus of the plan tells it of single endpoints.
    """

    name: str
    label: str
    unit: Unit
    scale: Scale
    better: Better
    quantile: Fraction | None = None
    least: int = 1
    solid: int = 1
    basis: Basis = Basis.REQUESTS
    origin: Origin = Origin.REQUESTS
    from_sending: bool = False
    of_corpus: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is one value of a whole leg or arm, and has none for a stage or an endpoint."""
        return self.origin is not Origin.REQUESTS and not self.origin.beside

    @property
    def by_leg(self) -> bool:
        """Whether it has no interval, and each leg is judged for itself: load held in steps, a single recovery."""
        return self.origin in {Origin.STRESS, Origin.FAULT}

    def lacks(self, part: str) -> bool:
        """Whether there is no value for a single ``stage``, ``endpoint`` or ``tag``."""
        return self.whole or (part in {"endpoint", "tag"} and self.origin.beside and not self._told_of(part))

    def _told_of(self, part: str) -> bool:
        return part == "endpoint" and self.of_corpus


def _percentile(name: str, label: str, quantile: str, least: int, basis: Basis = Basis.SUCCESSES) -> Metric:
    exact = Fraction(quantile)
    solid = int(100 / (1 - exact))  # 100 samples beyond the percentile
    return Metric(name, label, Unit.MS, Scale.LOG, Better.LOWER, exact, least, solid, basis)


def _of_service_time(latency: Metric) -> Metric:
    name, label = f"service_{latency.name}", f"{latency.label} of service time"
    return replace(latency, name=name, label=label, from_sending=True)


def _work(name: str, label: str) -> Metric:
    return Metric(name, label, Unit.COUNT, Scale.LOG, Better.LOWER, origin=Origin.STATEMENTS, of_corpus=True)


def _of_rehearsal(name: str, label: str, unit: Unit) -> Metric:
    return Metric(name, label, unit, Scale.LOG, Better.LOWER, origin=Origin.REHEARSAL)


# ``least`` of a percentile is the smallest n with q^n < 0.05: fewer samples cannot bound it from above.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _percentile("p50", "P50", "0.50", 5),
        _percentile("p90", "P90", "0.90", 29),
        _percentile("p95", "P95", "0.95", 59),
        _percentile("p99", "P99", "0.99", 299),
        _percentile("hit_p50", "P50 of hits", "0.50", 5, Basis.HITS),
        _percentile("miss_p50", "P50 of misses", "0.50", 5, Basis.MISSES),
        _of_service_time(_percentile("p50", "P50", "0.50", 5)),
        _of_service_time(_percentile("p95", "P95", "0.95", 59)),
        _of_service_time(_percentile("p99", "P99", "0.99", 299)),
        Metric("max", "max", Unit.MS, Scale.LOG, Better.LOWER, basis=Basis.SUCCESSES),
        Metric("mean", "mean", Unit.MS, Scale.LOG, Better.LOWER, basis=Basis.SUCCESSES),
        Metric("rps", "req/s", Unit.PER_SECOND, Scale.LOG, Better.HIGHER),
        Metric("error_rate", "error rate", Unit.FRACTION, Scale.PROPORTION, Better.LOWER),
        Metric("cache_hit_rate", "cache-hit rate", Unit.FRACTION, Scale.LOGIT, Better.HIGHER, basis=Basis.LOOKUPS),
        Metric("queries_per_request", "queries per request", Unit.COUNT, Scale.LOG, Better.LOWER),
        Metric("queries_per_miss", "queries per cache miss", Unit.COUNT, Scale.LOG, Better.LOWER),
        Metric(
            "db_ms_per_request", "database time per request", Unit.MS, Scale.LOG, Better.LOWER, basis=Basis.SUCCESSES
        ),
        Metric("db_ms_per_miss", "database time per cache miss", Unit.MS, Scale.LOG, Better.LOWER, basis=Basis.MISSES),
        Metric("database_cpu", "database CPU", Unit.FRACTION, Scale.LOG, Better.LOWER, origin=Origin.PROCESSES),
        Metric("service_cpu", "service CPU", Unit.FRACTION, Scale.LOG, Better.LOWER, origin=Origin.PROCESSES),
        Metric("cache_memory", "cache memory", Unit.MEGABYTES, Scale.LOG, Better.LOWER, origin=Origin.PROCESSES),
        Metric("service_memory", "service memory", Unit.MEGABYTES, Scale.LOG, Better.LOWER, origin=Origin.PROCESSES),
        _work("db_statements_per_request", "statements per request"),
        _work("db_rows_per_request", "rows per request"),
        _work("db_blocks_per_request", "8 kB pages read per request"),
        _work("wal_bytes_per_request", "WAL bytes per request"),
        Metric(
            "slow_statements",
            "statements over 100 ms",
            Unit.WHOLE,
            Scale.LOG,
            Better.LOWER,
            origin=Origin.STATEMENTS,
        ),
        Metric(
            "trigger_ms_per_request",
            "time in triggers per request",
            Unit.MS,
            Scale.LOG,
            Better.LOWER,
            origin=Origin.TRIGGERS,
        ),
        Metric("users_held", "users held", Unit.USERS, Scale.LOG, Better.HIGHER, origin=Origin.STRESS),
        Metric("rate_held", "rate held", Unit.PER_SECOND, Scale.LOG, Better.HIGHER, origin=Origin.STRESS),
        Metric("ready_seconds", "time to readiness", Unit.SECONDS, Scale.LOG, Better.LOWER, origin=Origin.START),
        Metric("detection_seconds", "time to detection", Unit.SECONDS, Scale.LOG, Better.LOWER, origin=Origin.FAULT),
        Metric("recovery_seconds", "time to recovery", Unit.SECONDS, Scale.LOG, Better.LOWER, origin=Origin.FAULT),
        Metric("indexes_created", "indexes created", Unit.WHOLE, Scale.LOG, Better.HIGHER, origin=Origin.MIGRATION),
        Metric("migration_seconds", "migration time", Unit.SECONDS, Scale.LOG, Better.LOWER, origin=Origin.MIGRATION),
        _of_rehearsal("migration_stall_ms", "longest stall by the migration", Unit.MS),
        _of_rehearsal("migration_blocked_ms", "waiting of all requests by the migration", Unit.MS),
        _of_rehearsal("migration_failures", "requests failed during the migration", Unit.WHOLE),
        _of_rehearsal("rollback_stall_ms", "longest stall by the rollback", Unit.MS),
        _of_rehearsal("rollback_failures", "requests failed during the rollback", Unit.WHOLE),
    )
}
LATENCIES = frozenset(m.name for m in METRICS.values() if m.quantile is not None) | {"max", "mean"}
PERCENTILES: dict[str, Fraction] = {
    m.name: m.quantile
    for m in METRICS.values()
    if m.quantile is not None and m.basis is Basis.SUCCESSES and not m.from_sending
}
SERVICE_TIMES: dict[str, Fraction] = {
    m.name: m.quantile for m in METRICS.values() if m.quantile is not None and m.from_sending
}
SEARCHED = (*PERCENTILES, *SERVICE_TIMES, "max", "mean", "rps", "error_rate")
"""What a search can go by: the requests of a few seconds tell it, without a look at servers or answers."""
