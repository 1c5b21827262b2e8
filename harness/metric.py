"""The registry of metrics: what each is called, its unit, and which way is better.

Nothing else in the project asks ``if metric == "rps"``: a new metric is one more row here.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Unit(StrEnum):
    """The unit a metric is stored in. Rates are fractions 0-1, never percent."""

    MS = "ms"
    PER_SECOND = "req/s"
    FRACTION = "fraction"
    COUNT = "count"


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
    """

    name: str
    label: str
    unit: Unit
    scale: Scale
    better: Better
    quantile: Fraction | None = None
    least: int = 1
    solid: int = 1


def _percentile(name: str, label: str, quantile: str, least: int) -> Metric:
    exact = Fraction(quantile)
    solid = int(100 / (1 - exact))  # 100 samples beyond the percentile
    return Metric(name, label, Unit.MS, Scale.LOG, Better.LOWER, exact, least, solid)


# ``least`` of a percentile is the smallest n with q^n < 0.05: fewer samples cannot bound it from above.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _percentile("p50", "P50", "0.50", 5),
        _percentile("p90", "P90", "0.90", 29),
        _percentile("p95", "P95", "0.95", 59),
        _percentile("p99", "P99", "0.99", 299),
        Metric("max", "max", Unit.MS, Scale.LOG, Better.LOWER),
        Metric("mean", "mean", Unit.MS, Scale.LOG, Better.LOWER),
        Metric("rps", "req/s", Unit.PER_SECOND, Scale.LOG, Better.HIGHER),
        Metric("error_rate", "error rate", Unit.FRACTION, Scale.PROPORTION, Better.LOWER),
        Metric("cache_hit_rate", "cache-hit rate", Unit.FRACTION, Scale.LOGIT, Better.HIGHER),
        Metric("queries_per_request", "queries per request", Unit.COUNT, Scale.LOG, Better.LOWER),
        Metric("queries_per_miss", "queries per cache miss", Unit.COUNT, Scale.LOG, Better.LOWER),
        Metric("db_ms_per_request", "database time per request", Unit.MS, Scale.LOG, Better.LOWER),
    )
}
LATENCIES = frozenset(m.name for m in METRICS.values() if m.quantile is not None) | {"max", "mean"}
PERCENTILES: dict[str, Fraction] = {m.name: m.quantile for m in METRICS.values() if m.quantile is not None}
