"""The registry of metrics: name, unit, better direction, origin, and where reports show them.

A new metric is a row here and, where no column of it computes the value, a function. No other module compares the name
of a metric with a literal.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import partial
from typing import Any


class Unit(StrEnum):
    """The unit a metric is stored in. Rates are fractions 0-1, never percent."""

    MS = "ms"
    PER_SECOND = "req/s"
    FRACTION = "fraction"
    COUNT = "count"  # a mean of counts
    WHOLE = "whole"  # a count
    USERS = "users"
    SECONDS = "s"
    MEGABYTES = "MB"


class Basis(StrEnum):
    """The samples that a value is computed from."""

    REQUESTS = "requests"
    SUCCESSES = "successes"
    LOOKUPS = "lookups"
    HITS = "hits"
    MISSES = "misses"


class Origin(StrEnum):
    """What a value is measured on, which decides where it exists."""

    REQUESTS = "requests"  # one in every stage and endpoint
    STRESS = "stress"  # one per leg, from all its stress stages
    START = "start"  # one per leg, from starting its service
    FAULT = "fault"  # one per leg, from the recovery after its faults
    PROCESSES = "processes"  # one in every stage, of the servers and services
    READINGS = "readings"  # one in every stage, from readings of the plan
    STATEMENTS = "statements"  # one in every stage, from pg_stat_statements
    TRIGGERS = "triggers"  # one in every stage, from pg_stat_user_functions
    MIGRATION = "migration"  # one per arm: each is migrated once in a run
    MIGRATION_UNDER_LOAD = "rehearsal"  # one per run: the migration under load

    @property
    def once(self) -> bool:
        """Whether it is measured once in a run: targets can limit it, and it has no change."""
        return self in {Origin.MIGRATION, Origin.MIGRATION_UNDER_LOAD}

    @property
    def from_probes(self) -> bool:
        """Whether probes read it, for all requests together."""
        return self in {Origin.PROCESSES, Origin.READINGS, Origin.STATEMENTS, Origin.TRIGGERS}


class ProcessRole(StrEnum):
    """The processes of a CPU or memory metric, by the source of their readings."""

    DATABASE = "postgres"
    CACHE = "redis"
    SERVICE = "service"  # all other sources together


class ShownIn(StrEnum):
    """The tables and charts that show some metrics."""

    STAGES = "stages"  # the columns of the report's stage tables
    SUMMARY = "summary"  # the columns of summary.md
    RUNS = "runs"  # harness compare
    BLOCKS = "blocks"  # the charts of a plan without targets
    PLACEBO = "placebo"
    STEPS = "steps"  # the attribution of a plan that names no metrics


class Scale(StrEnum):
    """The scale on which blocks of a metric are compared."""

    LOG = "log"  # ratio after/before, Student's t on block log ratios
    LOGIT = "logit"  # difference in points, Student's t on block logit differences
    PROPORTION = "proportion"  # difference in points, Wilson and Newcombe on effective counts


class Better(StrEnum):
    """The direction in which a change is an improvement."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCounts:
    """Counts of some requests; ``hits`` and ``lookups`` of the cache are of successes, ``seconds`` their duration."""

    requests: int
    failures: int
    hits: int = 0
    lookups: int = 0
    seconds: float = 0.0

    @property
    def successes(self) -> int:
        return self.requests - self.failures

    def samples(self, metric: "Metric") -> int:
        """The number of samples behind the value of a metric."""
        return {
            Basis.REQUESTS: self.requests,
            Basis.SUCCESSES: self.successes,
            Basis.LOOKUPS: self.lookups,
            Basis.HITS: self.hits,
            Basis.MISSES: self.lookups - self.hits,
        }[metric.basis]


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured quantity, as targets, reports and JSON files name it."""

    name: str  # in targets and JSON files
    label: str  # in reports
    unit: Unit
    scale: Scale = Scale.LOG
    better: Better = Better.LOWER
    quantile: Fraction | None = None  # of percentiles: the exact fraction of samples at or below it
    min_samples: int = 1  # that one leg needs for a value; fewer are INCONCLUSIVE
    finding_samples: int = 1  # that one leg needs; with fewer the value is indicative only
    basis: Basis = Basis.REQUESTS  # the kind of these samples
    origin: Origin = Origin.REQUESTS
    extreme: bool = False  # a maximum, which is judged leg by leg
    from_sending: bool = False  # service time: counts from when a request was sent, not from when it was due
    by_endpoint: bool = False  # whether the corpus of the plan measures it per endpoint, although probes read it
    from_counts: Callable[[RequestCounts], float | None] | None = None  # returns ``None`` without requests
    from_latencies: Callable[[Any], float] | None = None  # its value in ms from latencies in ns; no percentile
    header: str = ""  # the column of samples whose mean it is, from a response header
    of_misses: bool = False  # whether that mean is over cache misses only
    process: ProcessRole | None = None  # whose CPU (a fraction of all cores) or memory (MB) it is
    minimum_effect: str = ""  # the default minimum effect; empty where it is the ``effect`` of the plan
    missing: str = ""  # why a value is missing, for reports
    tables: frozenset[ShownIn] = frozenset()

    @property
    def latency(self) -> bool:
        """Whether it is a statistic of latencies or service times."""
        return self.quantile is not None or self.from_latencies is not None

    @property
    def key(self) -> str:
        """The key in the rows of ``summary.json``."""
        return f"{self.name}_ms" if self.latency else self.name

    @property
    def of_failures(self) -> bool:
        """Whether it is an error rate."""
        return self.scale is Scale.PROPORTION

    @property
    def searched(self) -> bool:
        """Whether a capacity search can use it: requests of a few seconds suffice, without cache headers."""
        return self.basis in {Basis.REQUESTS, Basis.SUCCESSES} and (self.latency or self.from_counts is not None)

    @property
    def live(self) -> bool:
        """Whether it is known during the load, so that an abort can limit it."""
        return self.searched and not self.from_sending and self.from_latencies is None

    @property
    def alerting(self) -> bool:
        """Whether an alert can use it, over windows of ten seconds."""
        fraction = self.from_counts is not None and self.unit is Unit.FRACTION
        return fraction or (self.live and self.latency) or self.origin in {Origin.PROCESSES, Origin.READINGS}

    @property
    def per_leg(self) -> bool:
        """Whether it has one value per leg or arm, and none per stage or endpoint."""
        return self.origin is not Origin.REQUESTS and not self.origin.from_probes

    @property
    def by_leg(self) -> bool:
        """Whether it has no interval and is judged leg by leg: load held in steps, a single recovery."""
        return self.origin in {Origin.STRESS, Origin.FAULT}

    def lacks(self, part: str) -> bool:
        """Whether it has no value for a single ``stage``, ``endpoint`` or ``tag``."""
        of_endpoint = part == "endpoint" and self.by_endpoint
        return self.per_leg or (part in {"endpoint", "tag"} and self.origin.from_probes and not of_endpoint)


Tables = frozenset[ShownIn]
NOWHERE: Tables = frozenset()
STAGES, RUNS, BLOCKS, PLACEBO, STEPS, SUMMARY = (
    frozenset({ShownIn[name]}) for name in ("STAGES", "RUNS", "BLOCKS", "PLACEBO", "STEPS", "SUMMARY")
)
EVERYWHERE = STAGES | RUNS | SUMMARY
LEAST_LOOKUPS = 100
"""Cache lookups that one leg needs for a hit rate: with fewer, the 0.5 added for log odds is a change by itself."""


def _percentile(name: str, label: str, quantile: str, tables: Tables = NOWHERE, **more: Any) -> Metric:  # noqa: ANN401 - fields of Metric
    exact = Fraction(quantile)
    least = math.ceil(math.log(0.05) / math.log(exact))  # the smallest n with q^n < 0.05: fewer give no upper bound
    solid = int(100 / (1 - exact))  # 100 samples beyond the percentile
    values = {"basis": Basis.SUCCESSES, **more}
    return Metric(
        name, label, Unit.MS, quantile=exact, min_samples=least, finding_samples=solid, tables=tables, **values
    )


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


_higher = partial(Metric, better=Better.HIGHER)
_share = partial(Metric, unit=Unit.FRACTION, tables=EVERYWHERE)
_queries = partial(Metric, unit=Unit.COUNT, header="queries")
_db_ms = partial(Metric, unit=Unit.MS, header="db_ms")
_usage = partial(Metric, origin=Origin.PROCESSES)
_cost = partial(Metric, unit=Unit.COUNT, origin=Origin.STATEMENTS, by_endpoint=True)
_once = partial(Metric, origin=Origin.MIGRATION_UNDER_LOAD)
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _percentile("p50", "P50", "0.50", EVERYWHERE | BLOCKS | PLACEBO),
        _percentile("p90", "P90", "0.90"),
        _percentile("p95", "P95", "0.95", EVERYWHERE | BLOCKS | PLACEBO | STEPS),
        _percentile("p99", "P99", "0.99", EVERYWHERE),
        _percentile("service_p50", "P50 of service time", "0.50", STAGES, from_sending=True),
        _percentile("service_p95", "P95 of service time", "0.95", STAGES | SUMMARY, from_sending=True),
        _percentile("service_p99", "P99 of service time", "0.99", STAGES, from_sending=True),
        Metric("max", "max", Unit.MS, basis=Basis.SUCCESSES, from_latencies=_maximum, extreme=True, tables=STAGES),
        Metric("mean", "mean", Unit.MS, basis=Basis.SUCCESSES, from_latencies=_mean),
        _higher("rps", "req/s", Unit.PER_SECOND, from_counts=_throughput, tables=EVERYWHERE | BLOCKS | STEPS),
        _share("error_rate", "error rate", scale=Scale.PROPORTION, from_counts=_error_rate, minimum_effect="0.1 pt"),
        _share(
            "cache_hit_rate",
            "cache hit rate",
            scale=Scale.LOGIT,
            better=Better.HIGHER,
            basis=Basis.LOOKUPS,
            min_samples=LEAST_LOOKUPS,
            from_counts=_hit_rate,
            minimum_effect="1 pt",
            missing="no response has a cache result (X-Cache)",
        ),
        _percentile("hit_p50", "P50 of cache hits", "0.50", STAGES, basis=Basis.HITS, missing="no cache hits"),
        _percentile("miss_p50", "P50 of cache misses", "0.50", STAGES, basis=Basis.MISSES, missing="no cache misses"),
        _queries(
            "queries_per_request",
            "queries per request",
            missing="no response reports its number of queries",
            tables=STAGES | STEPS,
        ),
        _queries(
            "queries_per_miss",
            "queries per cache miss",
            of_misses=True,
            missing="no cache miss reports its number of queries",
            tables=STAGES | RUNS,
        ),
        _db_ms("db_ms_per_request", "database time per request", basis=Basis.SUCCESSES, tables=PLACEBO),
        _db_ms("db_ms_per_miss", "database time per cache miss", basis=Basis.MISSES, of_misses=True),
        _usage("database_cpu", "database CPU", Unit.FRACTION, process=ProcessRole.DATABASE),
        _usage("service_cpu", "service CPU", Unit.FRACTION, process=ProcessRole.SERVICE),
        _usage("cache_memory", "cache memory", Unit.MEGABYTES, process=ProcessRole.CACHE),
        _usage("service_memory", "service memory", Unit.MEGABYTES, process=ProcessRole.SERVICE),
        _cost("db_statements_per_request", "statements per request"),
        _cost("db_rows_per_request", "rows per request"),
        _cost("db_blocks_per_request", "shared buffers read per request (8 kB blocks)"),
        _cost("wal_bytes_per_request", "WAL bytes per request"),
        Metric("slow_statements", "statements over 100 ms", Unit.WHOLE, origin=Origin.STATEMENTS),
        Metric("trigger_ms_per_request", "time in triggers per request", Unit.MS, origin=Origin.TRIGGERS),
        _higher("users_held", "users held", Unit.USERS, origin=Origin.STRESS, tables=RUNS),
        _higher("rate_held", "rate held", Unit.PER_SECOND, origin=Origin.STRESS, tables=RUNS),
        Metric("ready_seconds", "time to readiness", Unit.SECONDS, origin=Origin.START),
        Metric("detection_seconds", "time to detection", Unit.SECONDS, origin=Origin.FAULT),
        Metric("recovery_seconds", "time to recovery", Unit.SECONDS, origin=Origin.FAULT),
        _higher("indexes_created", "indexes created", Unit.WHOLE, origin=Origin.MIGRATION),
        Metric("migration_seconds", "migration time", Unit.SECONDS, origin=Origin.MIGRATION),
        _once("migration_stall_ms", "longest stall during the migration", Unit.MS),
        _once("migration_blocked_ms", "total wait caused by the migration", Unit.MS),
        _once("migration_failures", "failed requests during the migration", Unit.WHOLE),
        _once("rollback_stall_ms", "longest stall during the rollback", Unit.MS),
        _once("rollback_failures", "failed requests during the rollback", Unit.WHOLE),
    )
}
PERCENTILES = {
    m.name: m.quantile
    for m in METRICS.values()
    if m.quantile is not None and m.basis is Basis.SUCCESSES and not m.from_sending
}
LOADS_HELD = tuple(m.name for m in METRICS.values() if m.origin is Origin.STRESS)
"""A plan has one of them: rates in open-loop load, users in closed-loop load."""
HEADLINES = ("p95", "p50")
"""The latency that represents an endpoint or stage: the first of these with enough samples."""


def shown_in(table: ShownIn) -> tuple[Metric, ...]:
    """The metrics of a table or chart."""
    return tuple(metric for metric in METRICS.values() if table in metric.tables)


def held_metric(*, rates: bool) -> Metric:
    """The capacity metric: arrivals per second in open-loop load, users in closed-loop load."""
    return METRICS["rate_held" if rates else "users_held"]
