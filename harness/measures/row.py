"""Row: what one arm did in one block, stage and endpoint."""

import math
from dataclasses import dataclass

from harness.metric import LATENCIES, METRICS, Basis, Metric, Origin


@dataclass(frozen=True, slots=True)
class Row:
    """What one arm did in one block, stage and endpoint; ``None`` in these three means pooled over them.

    With a ``tag`` it is of the endpoints of that name together, and ``endpoint`` is ``None``.

    Rates are fractions; a value that could not be measured is ``None``, never 0. ``hits`` and ``lookups`` are the
    counts behind the cache-hit rate, ``design_effect`` is at least 1 and divides the counts of failures. What
    follows them is of whole legs and arms (rows of all stages and endpoints) or of processes, databases and
    what services tell (rows of all endpoints); ``readings`` are those of the plan, by name.
    """

    arm: str
    block: int | None
    stage: str | None
    endpoint: str | None
    requests: int
    failures: int
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    hit_p50_ms: float | None
    miss_p50_ms: float | None
    service_p50_ms: float | None
    service_p95_ms: float | None
    service_p99_ms: float | None
    max_ms: float | None
    mean_ms: float | None
    rps: float | None
    error_rate: float | None
    cache_hit_rate: float | None
    queries_per_request: float | None
    queries_per_miss: float | None
    db_ms_per_request: float | None
    db_ms_per_miss: float | None
    hits: int
    lookups: int
    seconds: float
    design_effect: float
    users_held: int | None = None
    rate_held: float | None = None
    rate_missed: float | None = None
    held_all: bool = False
    searched: bool = False
    ready_seconds: float | None = None
    detection_seconds: float | None = None
    recovery_seconds: float | None = None
    detected: bool = True
    recovered: bool = True
    indexes_created: int | None = None
    migration_seconds: float | None = None
    database_cpu: float | None = None
    cache_memory: float | None = None
    service_memory: float | None = None
    service_cpu: float | None = None
    db_statements_per_request: float | None = None
    db_rows_per_request: float | None = None
    db_blocks_per_request: float | None = None
    wal_bytes_per_request: float | None = None
    slow_statements: int | None = None
    trigger_ms_per_request: float | None = None
    readings: tuple[tuple[str, float], ...] = ()
    tag: str | None = None

    def value(self, metric: str) -> float | None:
        """The value of a metric of the registry or of a reading of the plan, in its stored unit."""
        if metric not in METRICS:
            return dict(self.readings).get(metric)
        found: float | None = getattr(self, f"{metric}_ms" if metric in LATENCIES else metric)
        return found

    def samples(self, metric: Metric) -> int:
        """How many samples the value of a metric is taken from."""
        match metric.basis:
            case Basis.REQUESTS:
                return self.requests
            case Basis.SUCCESSES:
                return self.requests - self.failures
            case Basis.LOOKUPS:
                return self.lookups
            case Basis.HITS:
                return self.hits
            case Basis.MISSES:
                return self.lookups - self.hits

    def at_least(self, metric: Metric) -> bool:
        """Whether the value of a metric is a lower bound."""
        bounds = {"recovery_seconds": not self.recovered, "detection_seconds": not self.detected}
        return bounds.get(metric.name, metric.origin is Origin.STRESS and self.held_all)

    def highest(self, metric: Metric) -> float | None:
        """The upper end of what a search left possible, infinite where the value is a lower bound; else ``None``."""
        if metric.name != "rate_held" or not self.searched:
            return None
        return math.inf if self.rate_missed is None else self.rate_missed
