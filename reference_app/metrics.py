"""The metrics behind /metrics and /metrics/cache, in one registry per process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from reference_app.breaker import State

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.5, 1, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """Database connections at this moment. ``limit`` is None without a maximum."""

    size: int
    in_use: int
    waiting: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """Cache lookups of this process."""

    hits: int
    misses: int

    @property
    def lookups(self) -> int:
        """Hits and misses together."""
        return self.hits + self.misses

    @property
    def hit_rate(self) -> float | None:
        """The hit rate; None without lookups."""
        return self.hits / self.lookups if self.lookups else None


class HasFigures(Protocol):
    """An object that holds connections."""

    def figures(self) -> PoolFigures:
        """The number of connections at this moment."""
        ...


class HasState(Protocol):
    """An object with the state of a circuit breaker."""

    @property
    def state(self) -> State:
        """The state at this moment."""
        ...


class Metrics:
    """Counters of the service, and their text form."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests", "Answers given.", ["route", "method", "status"], registry=self._registry
        )
        self._request_seconds = Histogram(
            "http_request_seconds",
            "From the first byte of the request to the last of the answer.",
            ["route", "method"],
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self.cache_hits = Counter("cache_hits", "Look-ups that found an answer.", registry=self._registry)
        self.cache_misses = Counter("cache_misses", "Look-ups that found none.", registry=self._registry)
        self.queries = Counter("database_queries", "Statements executed.", registry=self._registry)
        self.query_seconds = Counter("database_query_seconds", "Time spent in statements.", registry=self._registry)
        self.slow_queries = Counter("database_slow_queries", "Statements of 100 ms and more.", registry=self._registry)
        self.upkeep_runs = Counter(
            "upkeep_runs", "What the service does unasked: turns.", ["work", "outcome"], registry=self._registry
        )
        self.upkeep_failures = Gauge(
            "upkeep_failures", "Turns that failed since one succeeded.", ["work"], registry=self._registry
        )
        self.upkeep_age = Gauge("upkeep_age_seconds", "Time since a turn succeeded.", ["work"], registry=self._registry)
        self._cache_counts = [0, 0]
        ProcessCollector(registry=self._registry)

    def observe_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one response."""
        self._requests.labels(route, method, status).inc()
        self._request_seconds.labels(route, method).observe(seconds)

    def observe_lookup(self, *, hit: bool) -> None:
        """Count one cache lookup."""
        (self.cache_hits if hit else self.cache_misses).inc()
        self._cache_counts[hit] += 1

    def observe_query(self, seconds: float) -> None:
        """Count one statement."""
        self.queries.inc()
        self.query_seconds.inc(seconds)

    def observe_upkeep(self, work: str, *, done: bool) -> None:
        """Count one execution of a background job."""
        self.upkeep_runs.labels(work, "done" if done else "failed").inc()
        if not done:
            self.upkeep_failures.labels(work).inc()
            return
        at = monotonic()
        self.upkeep_failures.labels(work).set(0)
        self.upkeep_age.labels(work).set_function(lambda: monotonic() - at)

    def watch(self, pool: HasFigures, breakers: Mapping[str, HasState]) -> None:
        """Export the figures of ``pool`` and the states of ``breakers`` from now on."""
        self._registry.register(_PoolCollector(pool))
        self._registry.register(_BreakerCollector(breakers))

    def cache_figures(self) -> CacheFigures:
        """The cache lookups so far."""
        misses, hits = self._cache_counts
        return CacheFigures(hits, misses)

    def text(self) -> bytes:
        """The Prometheus exposition format."""
        return generate_latest(self._registry)


class _PoolCollector(Collector):
    def __init__(self, pool: HasFigures) -> None:
        self._pool = pool

    def collect(self) -> Iterable[Metric]:
        figures = self._pool.figures()
        yield GaugeMetricFamily("database_pool_size", "Open connections.", figures.size)
        yield GaugeMetricFamily("database_pool_in_use", "Connections serving a request.", figures.in_use)
        yield GaugeMetricFamily("database_pool_waiting", "Requests waiting for a connection.", figures.waiting)
        if figures.limit is not None:
            yield GaugeMetricFamily("database_pool_limit", "The most connections there can be.", figures.limit)


class _BreakerCollector(Collector):
    def __init__(self, breakers: Mapping[str, HasState]) -> None:
        self._breakers = breakers

    def collect(self) -> Iterable[Metric]:
        open_ = GaugeMetricFamily("breaker_open", "1 open, 0.5 half open, 0 closed.", labels=["guards"])
        for name, breaker in self._breakers.items():
            open_.add_metric([name], {State.CLOSED: 0, State.HALF_OPEN: 0.5, State.OPEN: 1}[breaker.state])
        yield open_
