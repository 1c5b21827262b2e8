"""Arm intervals: the interval of one arm's value of a metric, from one value per block."""

import math
from collections.abc import Callable, Sequence

from harness.analysis.row import Row
from harness.metrics import Metric, Scale
from harness.statistics.intervals import Interval, t_interval
from harness.statistics.proportions import expit, logit, wilson


def arm_interval(metric: Metric, legs: list[Row | None], pooled: Row | None) -> Interval | None:
    """Interval of one arm's value, for judging a limit; ``None`` unless every leg has a value."""
    rows = [row for row in legs if row is not None and row.value(metric.name) is not None]
    ends = [(row.value(metric.name), row.highest(metric)) for row in rows]
    if pooled is None or len(rows) != len(legs) or metric.by_leg:
        searched = pooled is not None and pooled.highest(metric) is not None and len(rows) == len(legs)
        return bracket_interval(ends) if searched else None
    if metric.scale is Scale.PROPORTION:
        return failure_share(pooled)
    if metric.scale is Scale.LOGIT:
        interval = t_interval([logit(row.hits, row.lookups) for row in rows if row.lookups])
        return transformed(interval, expit)
    values = [value for row in rows if (value := row.value(metric.name)) is not None]
    if min(values, default=0.0) <= 0:
        return t_interval(values)
    return transformed(t_interval([math.log(value) for value in values]), math.exp)


def bracket_interval(ends: Sequence[tuple[float | None, float | None]]) -> Interval | None:
    """Interval of values that are each known to lie between two ends; ``None`` for fewer than two.

    The position within the brackets is unknown and may be the same in all blocks, so averaging does not narrow them:
    the interval reaches from that of the lower ends to that of the upper ends.
    """
    known = [(low, high) for low, high in ends if low is not None and high is not None]
    logs = all(low > 0 for low, _ in known)
    into, back = (math.log, math.exp) if logs else (float, float)
    lower = t_interval([into(low) for low, _ in known])
    if lower is None:
        return None
    upper = t_interval([into(high) for _, high in known]) if all(high < math.inf for _, high in known) else None
    high = math.inf if upper is None else back(upper.high)
    return Interval(back(lower.value), back(lower.low) if logs else max(lower.low, 0.0), high)


def failure_share(row: Row) -> Interval | None:
    """The share of failed requests, with effective counts."""
    return wilson(row.failures / row.design_effect, row.requests / row.design_effect)


def transformed(interval: Interval | None, function: Callable[[float], float]) -> Interval | None:
    """An interval on another scale; ``function`` is increasing."""
    if interval is None:
        return None
    return Interval(function(interval.value), function(interval.low), function(interval.high))
